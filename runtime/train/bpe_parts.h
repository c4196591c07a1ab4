/* What the files of the BPE trainer share: sets of strings, and pieces with their counts. */
#ifndef TRIT_TRAIN_BPE_PARTS_H
#define TRIT_TRAIN_BPE_PARTS_H

#include "runtime/train/bpe.h"

/* Strings that differ, in the order in which they came; zeros: none. */
struct trit_train_set {
    struct trit_strings strings;
    size_t bytes_room, at_room;
    uint32_t *slots; /* number + 1, 0: empty; at most half full */
    size_t nslots;   /* a power of two */
};

/* The number of an equal string, which is text itself if there was none; false: no memory, or more
   than 2^32 bytes or strings. */
bool trit_train_set_add(struct trit_train_set *set, struct trit_text text, uint32_t *number);
void trit_train_set_free(struct trit_train_set *set);

struct trit_train_counts {
    struct trit_train_set pieces;
    uint64_t *counts; /* of each */
    size_t counts_room;
    struct trit_splitter *splitter;
    struct trit_split *split;
    struct trit_strings control;
    uint8_t *types;
    struct trit_specials specials;
};

#endif

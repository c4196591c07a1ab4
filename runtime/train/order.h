/* In which order texts are trained on, as pure functions: from which file sequence number i comes,
   how many came from that file before, and in which order a file's sequences come in an epoch. So a
   run that resumes needs no more than the number of its next sequence. */
#ifndef TRIT_TRAIN_ORDER_H
#define TRIT_TRAIN_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The place of i among 0 .. n-1 in a permutation that key tells; i < n <= 2^62. */
uint64_t trit_train_permute(uint64_t i, uint64_t n, uint64_t key);

/* Files come in a pattern that repeats after so many sequences: their shares are whole numbers of
   these. */
enum { TRIT_TRAIN_PERIOD = 1 << 16 };

struct trit_train_mix {
    struct trit_train_turn {
        uint32_t file, rank; /* rank: how many of that file stand before, in the pattern */
    } * pattern;             /* [TRIT_TRAIN_PERIOD] */
    uint32_t *each;          /* of each file: how often it stands there */
};

/* shares: of nfiles, above 0; their sum is 1. In any stretch of the pattern from its beginning no
   file is off its share by more than about one. False: no memory. */
bool trit_train_mix_create(struct trit_train_mix *mix, const double *shares, size_t nfiles);
void trit_train_mix_free(struct trit_train_mix *mix); /* one of zeros allowed */

/* The file of sequence number index; *before: how many of that file come before it. */
uint32_t trit_train_mix_at(const struct trit_train_mix *mix, uint64_t index, uint64_t *before);

#endif

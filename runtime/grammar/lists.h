/* Lists of places of a grammar that stand once, numbered by what they hold. Private to it. */
#ifndef TRIT_GRAMMAR_LISTS_H
#define TRIT_GRAMMAR_LISTS_H

#include "runtime/grammar/internal.h"

/* Lists of places, each once; list i is places[at[i]] .. places[at[i + 1]]. */
struct trit_lists {
    struct trit_place *places;
    uint32_t *at;
    uint32_t *slots; /* number + 1, 0: empty; a power of two of them, at most half full */
    size_t n, places_room, at_room, nslots;
};

struct trit_set {
    uint32_t run;
    uint8_t stop;
    bool complete;
};

uint64_t trit_place_hash(uint64_t hash, struct trit_place p);
size_t trit_lists_length(const struct trit_lists *l, size_t i);
/* The number of a list, a new one where it is not there; false: no memory. The seed, of a set
   whether it is complete, is part of what it holds; seeds: those of the lists so far, or NULL. */
bool trit_lists_intern(struct trit_lists *l, const struct trit_place *places, size_t n,
                       const struct trit_set *seeds, bool seed, uint32_t *number);
void trit_lists_free(struct trit_lists *l);

#endif

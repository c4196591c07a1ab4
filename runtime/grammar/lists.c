/* Lists of places that stand once: a table by their hash. */
#include "runtime/grammar/lists.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/random.h"

uint64_t trit_place_hash(uint64_t hash, struct trit_place p)
{
    return trit_random_mix(hash ^ ((uint64_t)p.state << 32 | p.stack));
}

static bool same_places(const struct trit_place *a, const struct trit_place *b, size_t n)
{
    return !n || !memcmp(a, b, n * sizeof *a);
}

size_t trit_lists_length(const struct trit_lists *l, size_t i)
{
    return l->at[i + 1] - l->at[i];
}

static uint64_t hash_list(const struct trit_place *places, size_t n, uint64_t seed)
{
    uint64_t hash = seed + n;
    for (size_t i = 0; i < n; i++)
        hash = trit_place_hash(hash, places[i]);
    return hash;
}

/* Slots of twice as many; seeds: a list's, or NULL. */
static bool rehash(struct trit_lists *l, const struct trit_set *seeds)
{
    const size_t wanted = l->nslots ? 2 * l->nslots : 256;
    uint32_t *slots = trit_alloc(wanted, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        const uint64_t seed = seeds ? seeds[i].complete : 0;
        size_t slot = hash_list(l->places + l->at[i], trit_lists_length(l, i), seed) & (wanted - 1);
        while (slots[slot])
            slot = (slot + 1) & (wanted - 1);
        slots[slot] = (uint32_t)i + 1;
    }
    free(l->slots);
    l->slots = slots;
    l->nslots = wanted;
    return true;
}

bool trit_lists_intern(struct trit_lists *l, const struct trit_place *places, size_t n,
                       const struct trit_set *seeds, bool seed, uint32_t *number)
{
    if (2 * (l->n + 1) > l->nslots && !rehash(l, seeds))
        return false;
    size_t slot = hash_list(places, n, seed) & (l->nslots - 1);
    for (; l->slots[slot]; slot = (slot + 1) & (l->nslots - 1)) {
        const uint32_t i = l->slots[slot] - 1;
        if (trit_lists_length(l, i) == n && (!seeds || seeds[i].complete == seed) &&
            same_places(l->places + l->at[i], places, n)) {
            *number = i;
            return true;
        }
    }
    const size_t used = l->n ? l->at[l->n] : 0;
    if (!trit_grow(&l->places, &l->places_room, used + n + 1, sizeof *l->places) ||
        !trit_grow(&l->at, &l->at_room, l->n + 2, sizeof *l->at))
        return false;
    if (n)
        memcpy(l->places + used, places, n * sizeof *places);
    l->at[l->n] = (uint32_t)used;
    l->at[l->n + 1] = (uint32_t)(used + n);
    l->slots[slot] = (uint32_t)l->n + 1;
    *number = (uint32_t)l->n++;
    return true;
}

void trit_lists_free(struct trit_lists *l)
{
    free(l->places);
    free(l->at);
    free(l->slots);
}

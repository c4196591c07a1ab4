/* The pattern of files, and permutations without a table. */
#include "runtime/train/order.h"

#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/base/random.h"

enum { ROUNDS = 6 };

/* One walk through a Feistel network on numbers of 2 * half bits, which is a bijection. */
static uint64_t feistel(uint64_t i, int half, uint64_t key)
{
    const uint64_t mask = (UINT64_C(1) << half) - 1;
    uint64_t left = i >> half, right = i & mask;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        const uint64_t next =
            left ^ (trit_random_mix(key ^ trit_random_mix(right * ROUNDS + round)) & mask);
        left = right;
        right = next;
    }
    return left << half | right;
}

/* What falls outside 0 .. n-1 is sent on until it comes back: the numbers inside are permuted. */
uint64_t trit_train_permute(uint64_t i, uint64_t n, uint64_t key)
{
    int half = 1;
    while (UINT64_C(1) << 2 * half < n)
        half++;
    do
        i = feistel(i, half, key);
    while (i >= n);
    return i;
}

/* The file that is furthest behind its share when n sequences are dealt; the first of equals. */
static uint32_t furthest_behind(const double *shares, const uint32_t *dealt, size_t nfiles,
                                size_t n)
{
    uint32_t best = 0;
    double most = -1e9;
    for (size_t f = 0; f < nfiles; f++) {
        const double behind = shares[f] * (double)(n + 1) - dealt[f];
        if (behind > most) {
            most = behind;
            best = (uint32_t)f;
        }
    }
    return best;
}

bool trit_train_mix_create(struct trit_train_mix *mix, const double *shares, size_t nfiles)
{
    mix->pattern = trit_alloc(TRIT_TRAIN_PERIOD, sizeof *mix->pattern);
    mix->each = trit_alloc(nfiles, sizeof *mix->each);
    if (!mix->pattern || !mix->each)
        return false;
    for (size_t i = 0; i < TRIT_TRAIN_PERIOD; i++) {
        const uint32_t f = furthest_behind(shares, mix->each, nfiles, i);
        mix->pattern[i].file = f;
        mix->pattern[i].rank = mix->each[f]++;
    }
    return true;
}

void trit_train_mix_free(struct trit_train_mix *mix)
{
    free(mix->pattern);
    free(mix->each);
    *mix = (struct trit_train_mix){ 0 };
}

uint32_t trit_train_mix_at(const struct trit_train_mix *mix, uint64_t index, uint64_t *before)
{
    const uint64_t period = index / TRIT_TRAIN_PERIOD;
    const struct trit_train_turn slot = mix->pattern[index % TRIT_TRAIN_PERIOD];
    *before = period * mix->each[slot.file] + slot.rank;
    return slot.file;
}

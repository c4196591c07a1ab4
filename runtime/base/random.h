/* Random numbers: splitmix64. Any state is as good a start as any other, and the same state gives
   the same numbers everywhere. */
#ifndef TRIT_RANDOM_H
#define TRIT_RANDOM_H

#include <stdint.h>

/* A bijection whose results look unrelated. */
static inline uint64_t trit_random_mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The next 64 bits. */
static inline uint64_t trit_random_next(uint64_t *state)
{
    return trit_random_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

#endif

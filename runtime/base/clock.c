/* The clock that durations are measured with. */
#include "runtime/base/clock.h"

#include <time.h>

uint64_t trit_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double trit_now(void)
{
    return 1e-9 * (double)trit_clock();
}

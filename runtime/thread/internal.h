/* What the files of thread share: how many of a pool's threads its regions get, and where streams
   keep their stretches. */
#ifndef TRIT_THREAD_INTERNAL_H
#define TRIT_THREAD_INTERNAL_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "runtime/thread/pool.h"

/* Who else wants the cores, from what threads did in regions. In trit_clock's nanoseconds; all
   zeros but threads = active is a beginning. */
struct trit_crowd {
    int threads, active; /* active: 1 .. threads, what the next region is to get */
    uint64_t debt;       /* of time lost that no good time has paid for */
    uint64_t pause;      /* that the last retreat took; 0: there was none lately */
    uint64_t until;      /* when one thread more is tried, while active < threads */
};

/* A region that ended now and took so long. stood: how long those that were through before stood
   for the last one, in the mean; missing: the share, 0 to 1, of the threads there was work for that
   did not come before all was done. */
void trit_crowd_add(struct trit_crowd *crowd, uint64_t now, uint64_t wall, uint64_t stood,
                    double missing);

/* Threads that the next region may get, 1 .. trit_pool_threads. */
int trit_pool_active(const struct trit_pool *pool);
/* So many from now on, as if the crowd wanted it. Not while a region is running. */
void trit_pool_set_active(struct trit_pool *pool, int active);

/* Jobs that nobody has taken: the first << 32 | the end. */
struct trit_range {
    alignas(64) _Atomic uint64_t jobs;
};

/* One for each thread, for the region under way. */
struct trit_range *trit_pool_ranges(struct trit_pool *pool);

#endif

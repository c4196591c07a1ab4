/* Threads for many short parallel regions: the caller works too, and waiting is a bounded spin,
   then a futex. Beside other busy processes regions get fewer threads, as many as have a core.
   A pool has one caller at a time: only trit_pool_claim, trit_pool_release and trit_pool_threads
   may be called by several threads at once. */
#ifndef TRIT_POOL_H
#define TRIT_POOL_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum { TRIT_MAX_THREADS = 512 };

struct trit_pool;

/* Handles jobs begin <= i < end. thread is 0 .. threads-1, and distinct in calls that run at the
   same time. */
typedef void trit_job_fn(void *arg, size_t begin, size_t end, int thread);

/* A pool of `threads` (1 .. TRIT_MAX_THREADS), of which threads - 1 are started. */
enum trit_code trit_pool_create(struct trit_pool **pool, int threads, struct trit_error *error);
void trit_pool_destroy(struct trit_pool *pool); /* NULL allowed; no region may be running */
int trit_pool_threads(const struct trit_pool *pool);

/* When a thread worked in a region, in trit_clock's nanoseconds: from its first piece to its last.
   Threads that came too late for a piece leave their stamp as it was. */
struct trit_stamp {
    alignas(128) uint64_t region; /* watch->region in that region */
    uint64_t begin, end, pieces;
};

/* Somebody who wants to know: changes `region` between regions, reads the stamps (one for each
   thread) after them. */
struct trit_watch {
    uint64_t region;
    struct trit_stamp *stamps;
    /* Called by trit_region (runtime/thread/trace.h) after each region. */
    void (*ended)(struct trit_watch *watch, int part, uint64_t begin, uint64_t end);
};

/* From the next region on; NULL ends it. Not while a region is running. */
void trit_pool_watch(struct trit_pool *pool, struct trit_watch *watch);
struct trit_watch *trit_pool_watched(const struct trit_pool *pool); /* NULL: nobody */

/* For users that several threads may call: true where nobody has claimed the pool, and then it is
   the caller's until release. trit_pool_for does not ask: who shares a pool claims it. */
bool trit_pool_claim(struct trit_pool *pool);
void trit_pool_release(struct trit_pool *pool);

/* Calls fn over 0 .. count-1 in pieces of grain (>= 1) jobs, the last of what is left, handed out
   as threads ask, and returns when all are done; what they wrote is visible to the caller. One
   region at a time per pool; fn may not start another; count / grain < 2^32 - 2. With one thread or
   one piece these are plain calls. */
void trit_pool_for(struct trit_pool *pool, size_t count, size_t grain, trit_job_fn *fn, void *arg);

/* Calls fn(arg, i, i + 1, .) for each of the pool's threads' numbers i, in a region that all
   threads take part in, however crowded the machine is: for jobs that wait for each other. */
void trit_pool_meet(struct trit_pool *pool, trit_job_fn *fn, void *arg);

#endif

/* Where the time of parallel regions goes: every region says which part of the work it is, and a
   trace, while one is on, adds up what its threads did. */
#ifndef TRIT_TRACE_H
#define TRIT_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/thread/pool.h"

enum { TRIT_TRACE_PARTS = 32 }; /* parts are numbers below it; the caller knows their names */

/* trit_pool_for, and the trace that watches the pool is told which part it was. Without a trace
   this costs one branch. */
void trit_region(struct trit_pool *pool, int part, size_t count, size_t grain, trit_job_fn *fn,
                 void *arg);

/* Nanoseconds of all regions of a part. Of each thread's share of wall: late until its first piece,
   busy from there to the end of its last, wait from there to the end of the region; idle where it
   got no piece. late, busy, wait and idle are sums over threads and make threads * wall. */
struct trit_part_time {
    uint64_t regions, pieces;
    uint64_t wall, late, busy, wait, idle;
    uint64_t before; /* between the region before and this one: what one thread does alone */
};

/* One region of one thread. */
struct trit_event {
    uint64_t begin, end; /* trit_clock */
    int part;
    int thread; /* -1: the region itself */
};

struct trit_trace;

/* For the regions of one pool, which must outlive it; keeps the first `events` events (0: none).
   One trace per pool at a time. */
enum trit_code trit_trace_create(struct trit_trace **trace, struct trit_pool *pool, size_t events,
                                 struct trit_error *error);
void trit_trace_free(struct trit_trace *trace); /* NULL allowed; stops it */

/* Between passes only. The time between stop and start counts nowhere. */
void trit_trace_start(struct trit_trace *trace);
void trit_trace_stop(struct trit_trace *trace);
/* Sums from zero; events stay. */
void trit_trace_clear(struct trit_trace *trace);

const struct trit_part_time *trit_trace_part(const struct trit_trace *trace, int part);
uint64_t trit_trace_wall(const struct trit_trace *trace); /* from starts to stops, nanoseconds */
/* Of those kept, in order of their ends; *n of them. *lost: those there was no room for. */
const struct trit_event *trit_trace_events(const struct trit_trace *trace, size_t *n, size_t *lost);

#endif

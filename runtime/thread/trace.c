/* The sums of what regions took. */
#include "runtime/thread/trace.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"

struct trit_trace {
    struct trit_watch watch; /* first: add() gets the trace by it */
    struct trit_pool *pool;
    int threads;
    uint64_t started, wall; /* started: 0 while stopped */
    uint64_t ended;         /* of the last region, or the start */
    struct trit_part_time part[TRIT_TRACE_PARTS];
    struct trit_event *events;
    size_t nevents, room, lost;
};

static void keep(struct trit_trace *t, int part, int thread, uint64_t begin, uint64_t end)
{
    if (t->nevents < t->room)
        t->events[t->nevents++] = (struct trit_event){ begin, end, part, thread };
    else
        t->lost++;
}

/* What the threads did between begin and end. */
static void add(struct trit_watch *watch, int part, uint64_t begin, uint64_t end)
{
    struct trit_trace *t = (struct trit_trace *)watch;
    struct trit_part_time *sum = &t->part[part];
    sum->regions++;
    sum->wall += end - begin;
    sum->before += begin - t->ended;
    t->ended = end;
    for (int i = 0; i < t->threads; i++) {
        const struct trit_stamp *s = &t->watch.stamps[i];
        if (s->region != t->watch.region) {
            sum->idle += end - begin;
            continue;
        }
        sum->pieces += s->pieces;
        sum->late += s->begin - begin;
        sum->busy += s->end - s->begin;
        sum->wait += end - s->end;
        if (t->room)
            keep(t, part, i, s->begin, s->end);
    }
    if (t->room)
        keep(t, part, -1, begin, end);
}

void trit_region(struct trit_pool *pool, int part, size_t count, size_t grain, trit_job_fn *fn,
                 void *arg)
{
    struct trit_watch *watch = trit_pool_watched(pool);
    if (!watch) {
        trit_pool_for(pool, count, grain, fn, arg);
        return;
    }
    watch->region++;
    const uint64_t begin = trit_clock();
    trit_pool_for(pool, count, grain, fn, arg);
    watch->ended(watch, part, begin, trit_clock());
}

enum trit_code trit_trace_create(struct trit_trace **trace, struct trit_pool *pool, size_t events,
                                 struct trit_error *error)
{
    const size_t threads = (size_t)trit_pool_threads(pool);
    struct trit_trace *t = trit_alloc(1, sizeof *t);
    struct trit_stamp *stamps = aligned_alloc(alignof(struct trit_stamp), threads * sizeof *stamps);
    struct trit_event *kept = events && t ? trit_alloc(events, sizeof *kept) : NULL;
    if (!t || !stamps || (events && !kept)) {
        free(t);
        free(stamps);
        free(kept);
        return trit_fail(error, TRIT_EMEMORY, "no memory for a trace of %zu events", events);
    }
    memset(stamps, 0, threads * sizeof *stamps);
    *t = (struct trit_trace){ .watch = { .stamps = stamps, .ended = add },
                              .pool = pool,
                              .threads = (int)threads,
                              .events = kept,
                              .room = events };
    *trace = t;
    return TRIT_OK;
}

void trit_trace_free(struct trit_trace *t)
{
    if (!t)
        return;
    trit_trace_stop(t);
    free(t->watch.stamps);
    free(t->events);
    free(t);
}

void trit_trace_start(struct trit_trace *t)
{
    t->started = t->ended = trit_clock();
    trit_pool_watch(t->pool, &t->watch);
}

void trit_trace_stop(struct trit_trace *t)
{
    if (!t->started)
        return;
    t->wall += trit_clock() - t->started;
    t->started = 0;
    trit_pool_watch(t->pool, NULL);
}

void trit_trace_clear(struct trit_trace *t)
{
    memset(t->part, 0, sizeof t->part);
    t->wall = 0;
}

const struct trit_part_time *trit_trace_part(const struct trit_trace *t, int part)
{
    return &t->part[part];
}

uint64_t trit_trace_wall(const struct trit_trace *t)
{
    return t->wall;
}

const struct trit_event *trit_trace_events(const struct trit_trace *t, size_t *n, size_t *lost)
{
    *n = t->nevents;
    *lost = t->lost;
    return t->events;
}

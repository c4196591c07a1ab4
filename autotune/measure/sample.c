/* Samples of what the machine can do: the threads of a pool meet, every one works on its own part
   until a common deadline, and what all did is divided by the time until the last was done. */
#include "autotune/measure/sample.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/measure/measure.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/base/stats.h"
#include "runtime/cli/cli.h"
#include "runtime/kernel/probe.h"

enum {
    CHUNK = 256 << 10, /* bytes read between two looks at the clock: 10 us */
    UNIT = 1024,       /* of what a read kernel takes */
    ROUNDS = 4096,     /* of a peak kernel between two looks: 10 us and more */
    SPIN = 1000,       /* looks before a waiting thread offers its CPU to others */
    HUGE_PAGE = 2 << 20,
    BUFFER_MIN = 256 << 20,
};
static const double warm_seconds = 0.001, trial_seconds = 0.004;

/* One thread's part of a sample. */
struct part {
    _Alignas(128) const uint8_t *slice;
    size_t position; /* in it: where the last sample ended */
    double done;     /* bytes or multiply-adds */
    double ended;
    uint64_t sink;
};

struct trit_sampler {
    struct trit_pool *pool;
    uint8_t *buffer;
    size_t slice; /* of each thread */
    struct part *parts;
    size_t nparts;

    /* The sample being taken. */
    const struct trit_kernel *kernel;
    size_t bytes;
    double seconds, start, deadline;
    atomic_size_t arrived;
    atomic_bool begun;
};

/* Returns when all threads are here, so that each of them takes one part: its own. The last to come
   sets the times. */
static void meet(struct trit_sampler *s)
{
    if (atomic_fetch_add(&s->arrived, 1) + 1 == s->nparts) {
        s->start = trit_now() + warm_seconds;
        s->deadline = s->start + s->seconds;
        atomic_store(&s->begun, true);
    }
    for (int looks = 0; !atomic_load_explicit(&s->begun, memory_order_acquire); looks++)
        if (looks >= SPIN)
            sched_yield();
}

/* Both do something even after that time, so that no sample is 0. */
static double read_until(const struct trit_sampler *s, struct part *p, double time)
{
    const size_t step = s->bytes < CHUNK ? s->bytes : CHUNK, size = s->bytes / step * step;
    const size_t times = CHUNK / step;
    double done = 0;
    do {
        for (size_t i = 0; i < times; i++) {
            p->position = p->position + step <= size ? p->position : 0;
            p->sink ^= s->kernel->fn.read(step, p->slice + p->position);
            p->position += step;
        }
        done += (double)(times * step);
        p->ended = trit_now();
    } while (p->ended < time);
    return done;
}

static double peak_until(const struct trit_sampler *s, struct part *p, double time)
{
    int32_t sink = 0;
    double done = 0;
    do {
        done += (double)s->kernel->fn.peak(ROUNDS, (uint32_t)p->sink, &sink);
        p->sink += (uint32_t)sink;
        p->ended = trit_now();
    } while (p->ended < time);
    return done;
}

/* A host takes pages back that lay unused since the last sample, and gives them again page by page,
   at a fraction of the speed of memory. */
static void touch_pages(const struct trit_sampler *s, struct part *p)
{
    enum { PAGE = 4096 };
    for (size_t i = 0; i < s->bytes; i += PAGE)
        p->sink ^= *(const volatile uint8_t *)(p->slice + i);
}

static void run_part(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_sampler *s = arg;
    struct part *p = &s->parts[thread];
    double (*until)(const struct trit_sampler *, struct part *, double) =
        s->kernel->op == TRIT_OP_read ? read_until : peak_until;
    (void)begin, (void)end;
    if (s->kernel->op == TRIT_OP_read)
        touch_pages(s, p);
    meet(s);
    until(s, p, s->start);
    p->done = until(s, p, s->deadline);
}

static void touch_part(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_sampler *s = arg;
    (void)begin, (void)end;
    meet(s);
    memset(s->buffer + (size_t)thread * s->slice, 0x5a, s->slice);
    s->parts[thread].slice = s->buffer + (size_t)thread * s->slice;
}

static void together(struct trit_sampler *s, trit_job_fn *fn)
{
    atomic_store(&s->arrived, 0);
    atomic_store(&s->begun, false);
    trit_pool_meet(s->pool, fn, s);
}

double trit_sampler_run(struct trit_sampler *s, const struct trit_kernel *kernel, size_t bytes,
                        double seconds)
{
    s->kernel = kernel;
    s->seconds = seconds;
    s->bytes = bytes >= UNIT && bytes < s->slice ? bytes / UNIT * UNIT : s->slice;
    together(s, run_part);
    double done = 0, ended = s->start;
    for (size_t i = 0; i < s->nparts; i++) {
        done += s->parts[i].done;
        ended = s->parts[i].ended > ended ? s->parts[i].ended : ended;
    }
    return done / (ended - s->start) * 1e-9;
}

const struct trit_kernel *trit_sampler_fastest(struct trit_sampler *s, enum trit_op op,
                                               enum trit_isa isa, size_t bytes)
{
    const struct trit_kernel *best = NULL;
    double most = -1;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        if (kernel->op != op || (isa != TRIT_NISA && kernel->isa != isa) ||
            !trit_isa_usable(kernel->isa, NULL))
            continue;
        double rate = trit_sampler_run(s, kernel, bytes, trial_seconds);
        if (rate > most) {
            most = rate;
            best = kernel;
        }
    }
    return best;
}

static size_t buffer_bytes(void)
{
    const size_t want = 4 * trit_measure_caches();
    return want > BUFFER_MIN ? want : BUFFER_MIN;
}

enum trit_code trit_sampler_open(struct trit_sampler **sampler, struct trit_pool *pool,
                                 struct trit_error *error)
{
    const enum trit_code code =
        trit_need_memory("measuring this machine's limits", buffer_bytes(), NULL, error);
    struct trit_sampler *s = code ? NULL : trit_alloc(1, sizeof *s);
    if (!s)
        return code ? code : trit_fail(error, TRIT_EMEMORY, "no memory to measure limits");
    s->pool = pool;
    s->nparts = (size_t)trit_pool_threads(pool);
    s->slice = buffer_bytes() / s->nparts;
    s->slice = trit_round_up(s->slice, s->slice < HUGE_PAGE ? CHUNK : HUGE_PAGE);
    s->buffer = trit_map(s->slice * s->nparts);
    s->parts = aligned_alloc(_Alignof(struct part), s->nparts * sizeof *s->parts);
    if (!s->buffer || !s->parts) {
        trit_sampler_close(s);
        return trit_fail(error, TRIT_EMEMORY, "no memory to measure limits: %zu bytes",
                         buffer_bytes());
    }
    memset(s->parts, 0, s->nparts * sizeof *s->parts);
    together(s, touch_part);
    *sampler = s;
    return TRIT_OK;
}

void trit_sampler_close(struct trit_sampler *sampler)
{
    if (!sampler)
        return;
    trit_unmap(sampler->buffer, sampler->slice * sampler->nparts);
    free(sampler->parts);
    free(sampler);
}

size_t trit_sampler_slice(const struct trit_sampler *sampler)
{
    return sampler->slice;
}

void trit_series_add(struct trit_series *series, double value)
{
    series->value[series->taken++ % TRIT_SERIES_KEPT] = value;
}

size_t trit_series_kept(const struct trit_series *series)
{
    return series->taken < TRIT_SERIES_KEPT ? series->taken : TRIT_SERIES_KEPT;
}

/* The value that `share` of the kept samples do not exceed, interpolated; 0 without samples. */
static double quantile(const struct trit_series *series, double share)
{
    double sorted[TRIT_SERIES_KEPT];
    size_t n = trit_series_kept(series);
    if (n == 0)
        return 0;
    memcpy(sorted, series->value, n * sizeof *sorted);
    trit_sort(sorted, n);
    return trit_quantile(sorted, n, share);
}

double trit_series_median(const struct trit_series *series)
{
    return quantile(series, 0.5);
}

double trit_series_spread(const struct trit_series *series)
{
    return (quantile(series, 0.75) - quantile(series, 0.25)) / 2;
}

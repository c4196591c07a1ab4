/* Samples of what the machine can do: every thread works on its own part until a common deadline,
   and what all did is divided by the time until the last was done. */
#include "autotune/limits.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli.h"
#include "runtime/cpu.h"
#include "runtime/kernel.h"
#include "runtime/mem.h"

enum {
    CHUNK = 256 << 10, /* bytes read between two looks at the clock: 10 us */
    ROUNDS = 4096,     /* of a peak kernel between two looks: 10 us and more */
    BUFFER_MIN = 256 << 20,
    KEPT = 256,
    SAMPLES = 7,
};
static const double sample_seconds = 0.025, trial_seconds = 0.004;

struct series {
    double value[KEPT]; /* a ring */
    size_t taken;
    const struct trit_kernel *kernel;
};

/* One thread's part of a sample, and where its reading goes on in the next one. */
struct part {
    _Alignas(128) size_t position;
    double done; /* bytes or multiply-adds */
    uint64_t sink;
};

struct trit_limits {
    struct trit_pool *pool;
    uint8_t *buffer;
    size_t bytes, slice; /* slice: of each thread, a multiple of CHUNK */
    struct part *parts;
    size_t nparts;
    const struct trit_kernel *kernel; /* of the sample being taken */
    double deadline;
    struct series read, peak;
};

static void touch(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_limits *l = arg;
    (void)thread;
    memset(l->buffer + begin * l->slice, 0x5a, (end - begin) * l->slice);
}

static void read_part(struct trit_limits *l, size_t i)
{
    struct part *p = &l->parts[i];
    const uint8_t *slice = l->buffer + i * l->slice;
    while (trit_now() < l->deadline) {
        p->sink ^= l->kernel->fn.read(CHUNK, slice + p->position);
        p->position = (p->position + CHUNK) % l->slice;
        p->done += CHUNK;
    }
}

static void peak_part(struct trit_limits *l, size_t i)
{
    struct part *p = &l->parts[i];
    int32_t sink = 0;
    while (trit_now() < l->deadline) {
        p->done += (double)l->kernel->fn.peak(ROUNDS, (uint32_t)p->sink, &sink);
        p->sink += (uint32_t)sink;
    }
}

/* A thread that comes for a second part does so after the deadline, and adds nothing. */
static void run_parts(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_limits *l = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        (l->kernel->op == TRIT_OP_read ? read_part : peak_part)(l, i);
}

/* In 10^9 bytes or multiply-adds per second. */
static double sample(struct trit_limits *l, const struct trit_kernel *kernel, double seconds)
{
    double done = 0, start = trit_now();
    l->kernel = kernel;
    l->deadline = start + seconds;
    for (size_t i = 0; i < l->nparts; i++)
        l->parts[i].done = 0;
    trit_pool_for(l->pool, l->nparts, 1, run_parts, l);
    double took = trit_now() - start;
    for (size_t i = 0; i < l->nparts; i++)
        done += l->parts[i].done;
    return done / took * 1e-9;
}

/* The kernel of the operation that does most here; NULL where none may run. */
static const struct trit_kernel *fastest(struct trit_limits *l, enum trit_op op)
{
    const struct trit_kernel *best = NULL;
    double most = -1;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        if (kernel->op != op || !trit_isa_usable(kernel->isa, NULL))
            continue;
        double rate = sample(l, kernel, trial_seconds);
        if (rate > most) {
            most = rate;
            best = kernel;
        }
    }
    return best;
}

static size_t buffer_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t want = 4 * trit_cpu_get()->l3_all;
    size_t most = pages > 0 && page > 0 ? (size_t)pages / 4 * (size_t)page : SIZE_MAX;
    want = want < most ? want : most;
    return want > BUFFER_MIN ? want : BUFFER_MIN;
}

static bool take_memory(struct trit_limits *l)
{
    l->nparts = (size_t)trit_pool_threads(l->pool);
    l->slice = trit_round_up(buffer_bytes() / l->nparts, CHUNK);
    l->bytes = l->slice * l->nparts;
    l->buffer = trit_map(l->bytes);
    l->parts = aligned_alloc(_Alignof(struct part), l->nparts * sizeof *l->parts);
    if (!l->buffer || !l->parts)
        return false;
    memset(l->parts, 0, l->nparts * sizeof *l->parts);
    return true;
}

enum trit_code trit_limits_open(struct trit_limits **limits, struct trit_pool *pool,
                                struct trit_error *error)
{
    struct trit_limits *l = trit_alloc(1, sizeof *l);
    if (!l)
        return trit_fail(error, TRIT_EMEMORY, "no memory to measure limits");
    l->pool = pool;
    if (!take_memory(l)) {
        trit_limits_close(l);
        return trit_fail(error, TRIT_EMEMORY, "no memory to measure limits: %zu bytes",
                         buffer_bytes());
    }
    trit_pool_for(pool, l->nparts, 1, touch, l);
    l->read.kernel = fastest(l, TRIT_OP_read);
    l->peak.kernel = fastest(l, TRIT_OP_peak);
    if (!l->read.kernel || !l->peak.kernel) {
        trit_limits_close(l);
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "no read and peak kernels that this CPU can run");
    }
    *limits = l;
    return TRIT_OK;
}

void trit_limits_close(struct trit_limits *limits)
{
    if (!limits)
        return;
    trit_unmap(limits->buffer, limits->bytes);
    free(limits->parts);
    free(limits);
}

static void take(struct trit_limits *l, struct series *series)
{
    series->value[series->taken++ % KEPT] = sample(l, series->kernel, sample_seconds);
}

void trit_limits_sample_read(struct trit_limits *limits)
{
    take(limits, &limits->read);
}

void trit_limits_sample_peak(struct trit_limits *limits)
{
    take(limits, &limits->peak);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value that `share` of the kept samples do not exceed, interpolated; 0 without samples. */
static double quantile(const struct series *series, double share)
{
    double sorted[KEPT];
    size_t n = series->taken < KEPT ? series->taken : KEPT;
    if (n == 0)
        return 0;
    memcpy(sorted, series->value, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    double at = share * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

static double spread(const struct series *series)
{
    return (quantile(series, 0.75) - quantile(series, 0.25)) / 2;
}

double trit_limits_read_gbs(const struct trit_limits *limits)
{
    return quantile(&limits->read, 0.5);
}

double trit_limits_read_spread(const struct trit_limits *limits)
{
    return spread(&limits->read);
}

double trit_limits_peak_gmacs(const struct trit_limits *limits)
{
    return quantile(&limits->peak, 0.5);
}

double trit_limits_peak_spread(const struct trit_limits *limits)
{
    return spread(&limits->peak);
}

enum trit_code trit_limits_measure(struct trit_pool *pool, struct trit_limits_summary *summary,
                                   struct trit_error *error)
{
    struct trit_limits *l;
    enum trit_code code = trit_limits_open(&l, pool, error);
    if (code)
        return code;
    for (int i = 0; i < SAMPLES; i++) {
        trit_limits_sample_read(l);
        trit_limits_sample_peak(l);
    }
    summary->read_gbs = trit_limits_read_gbs(l);
    summary->read_spread = trit_limits_read_spread(l);
    summary->peak_gmacs = trit_limits_peak_gmacs(l);
    summary->peak_spread = trit_limits_peak_spread(l);
    trit_limits_close(l);
    return TRIT_OK;
}

/* Times products of one matrix (autotune/measure/measure.h): what is timed is trit_multiply, which
   the model runs, and the weights are never where they were read last time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotune/measure/internal.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/random.h"
#include "runtime/base/stats.h"
#include "runtime/cli/cli.h"
#include "runtime/kernel/multiply.h"
#include "runtime/kernel/probe.h"

enum { LIMIT_SECONDS = 20 }; /* for the verification of a kernel, unless told otherwise */
static const size_t cache_min = (size_t)8 << 20;

void trit_measure_codes(const struct trit_measure *measure, const struct trit_packing *packing,
                        size_t row, uint8_t *codes)
{
    uint64_t state = row << 8;
    const unsigned step = (unsigned)packing->step;
    const unsigned values = (unsigned)(packing->high - packing->low) / step + 1;
    for (size_t x = 0; x < measure->k; x += 8) {
        uint8_t bytes[8];
        const uint64_t word = trit_random_next(&state);
        memcpy(bytes, &word, sizeof bytes);
        for (size_t i = 0; i < 8 && x + i < measure->k; i++)
            codes[x + i] = (uint8_t)((bytes[i] * values >> 8) * step);
    }
}

/* 1/16 .. 1/8. */
void trit_measure_scales(const struct trit_measure *measure, const struct trit_packing *packing,
                         size_t row, uint16_t *scales)
{
    uint64_t state = ~(row << 8);
    const size_t groups = packing->group ? measure->k / packing->group : 0;
    for (size_t g = 0; g < groups; g++)
        scales[g] = (uint16_t)(0x2c00 + (trit_random_next(&state) >> 54));
}

void trit_measure_activations(const struct trit_measure *measure, size_t token, int8_t *a)
{
    uint64_t state = ~token << 8;
    for (size_t x = 0; x < measure->lda; x++)
        a[x] = x < measure->k ? (int8_t)(trit_random_next(&state) >> 56) : 0;
}

size_t trit_measure_groups(const struct trit_measure *measure, const struct trit_packing *packing)
{
    return packing->group ? trit_round_up(measure->k, packing->kr) / packing->group : 1;
}

void trit_measure_stats(const struct trit_measure *measure, const struct trit_packing *packing,
                        size_t token, const int8_t *a, float *s, int32_t *sum)
{
    const size_t groups = trit_measure_groups(measure, packing);
    const size_t width = packing->group ? packing->group : measure->k;
    for (size_t g = 0; g < groups; g++) {
        const float most = 0.01f + 3.0f * (float)((token + g) % 97 + 1);
        s[g] = packing->group ? most / 127.0f : 127.0f / most;
        sum[g] = 0;
        for (size_t x = g * width; x < (g + 1) * width; x++)
            sum[g] += a[x];
    }
}

enum trit_code trit_measure_open(struct trit_measure **measure, struct trit_pool *pool, size_t n,
                                 size_t k, struct trit_error *error)
{
    *measure = NULL;
    if (n < 1 || k < 1 || k > TRIT_MAX_K || n > SIZE_MAX / TRIT_MAX_K / 2)
        return trit_fail(error, TRIT_EARGUMENT, "a %zu x %zu matrix cannot be measured", n, k);
    struct trit_measure *x = trit_alloc(1, sizeof *x);
    float *d = trit_alloc(n + TRIT_MEASURE_MAX_NR, sizeof *d);
    if (!x || !d) {
        free(x);
        free(d);
        return trit_fail(error, TRIT_EMEMORY, "no memory to measure a %zu x %zu matrix", n, k);
    }
    *x = (struct trit_measure){ .pool = pool,
                                .n = n,
                                .k = k,
                                .lda = trit_padded_k(k),
                                .share = SIZE_MAX,
                                .limit = LIMIT_SECONDS,
                                .d = d };
    for (size_t j = 0; j < n; j++)
        d[j] = 0.25f + (float)(j % 61) / 64;
    *measure = x;
    return TRIT_OK;
}

static void free_weights(struct trit_weights *w)
{
    trit_unmap(w->copy, w->stride * w->copies);
    free(w->s);
    free(w->sum);
    free(w);
}

void trit_measure_close(struct trit_measure *measure)
{
    if (!measure)
        return;
    for (struct trit_weights *w = measure->weights, *next; w; w = next) {
        next = w->next;
        free_weights(w);
    }
    free(measure->a);
    free(measure->y);
    free(measure->d);
    free(measure);
}

void trit_measure_rotate(struct trit_measure *measure, size_t bytes)
{
    measure->rotate = bytes;
}

void trit_measure_limit(struct trit_measure *measure, unsigned seconds)
{
    measure->limit = seconds;
}

void trit_measure_pool(struct trit_measure *measure, struct trit_pool *pool)
{
    measure->pool = pool;
}

bool trit_measure_fits(const struct trit_measure *measure, const struct trit_kernel *kernel)
{
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    const size_t kr = (size_t)kernel->kr;
    return (kernel->op == TRIT_OP_gemv || kernel->op == TRIT_OP_gemm) && packing &&
           measure->k <= packing->max_k && packing->kr == kr && !strcmp(kernel->act, "i8") &&
           (!packing->group || measure->k % packing->group == 0) &&
           kernel->nr <= TRIT_MEASURE_MAX_NR && (!kernel->n || kernel->n == measure->n) &&
           (!kernel->k || kernel->k == trit_round_up(measure->k, kr)) &&
           trit_isa_usable(kernel->isa, NULL);
}

static bool make_tokens(struct trit_measure *x, size_t m)
{
    if (m <= x->tokens)
        return true;
    free(x->a);
    x->a = trit_alloc(m, x->lda);
    x->tokens = x->a ? m : 0;
    for (size_t i = 0; i < x->tokens; i++)
        trit_measure_activations(x, i, x->a + i * x->lda);
    return x->a != NULL;
}

/* Of the activations that there are. */
static bool make_stats(const struct trit_measure *x, struct trit_weights *w, size_t m)
{
    const size_t groups = trit_measure_groups(x, w->packing);
    if (m <= w->tokens)
        return true;
    free(w->s);
    free(w->sum);
    w->s = trit_alloc(m, groups * sizeof *w->s);
    w->sum = trit_alloc(m, groups * sizeof *w->sum);
    w->tokens = w->s && w->sum ? m : 0;
    for (size_t i = 0; i < w->tokens; i++)
        trit_measure_stats(x, w->packing, i, x->a + i * x->lda, w->s + i * groups,
                           w->sum + i * groups);
    return w->tokens > 0;
}

static bool make_outputs(struct trit_measure *x, size_t count)
{
    if (count <= x->outputs)
        return true;
    free(x->y);
    x->y = trit_alloc(count, sizeof *x->y);
    x->outputs = x->y ? count : 0;
    return x->y != NULL;
}

size_t trit_measure_caches(void)
{
    const struct trit_cpu *cpu = trit_cpu_get();
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    const size_t memory = pages > 0 && page > 0 ? (size_t)pages / 128 * (size_t)page : SIZE_MAX;
    const size_t cache = cpu->l3_all > cpu->l2 ? cpu->l3_all : cpu->l2;
    return cache < memory ? cache : memory;
}

/* Bytes that weights rotate over: 17/8 of the caches. */
static size_t rotation(void)
{
    const size_t cache = trit_measure_caches();
    return (cache > cache_min ? cache : cache_min) / 8 * 17;
}

size_t trit_measure_copies(const struct trit_measure *x, size_t bytes)
{
    const size_t want = x->rotate ? x->rotate : rotation();
    return (want < x->share ? want : x->share) / bytes + 2;
}

struct pack_job {
    const struct trit_measure *x;
    struct trit_weights *w;
    uint8_t *codes;   /* NR rows for each thread */
    uint16_t *scales; /* likewise */
    size_t groups;    /* of a row of them */
};

static void pack_blocks(void *arg, size_t begin, size_t end, int thread)
{
    const struct pack_job *j = arg;
    const struct trit_measure *x = j->x;
    const struct trit_weights *w = j->w;
    uint8_t *codes = j->codes + (size_t)thread * w->nr * x->k;
    uint16_t *scales = j->scales + (size_t)thread * w->nr * j->groups;
    for (size_t b = begin; b < end; b++) {
        const size_t row = b * w->nr, rows = x->n - row < w->nr ? x->n - row : w->nr;
        for (size_t r = 0; r < rows; r++) {
            trit_measure_codes(x, w->packing, row + r, codes + r * x->k);
            trit_measure_scales(x, w->packing, row + r, scales + r * j->groups);
        }
        const struct trit_codes block = { codes, x->k, rows, x->k, scales, j->groups };
        trit_pack_block(w->packing, &block, w->nr, w->copy + b * w->block);
    }
}

static void copy_weights(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trit_weights *w = arg;
    for (size_t i = begin; i < end; i++)
        memcpy(w->copy + (i + 1) * w->stride, w->copy, w->stride);
}

static size_t blocks_of(const struct trit_measure *x, size_t nr)
{
    return (x->n + nr - 1) / nr;
}

static bool fill_weights(struct trit_measure *x, struct trit_weights *w)
{
    const size_t rows = (size_t)trit_pool_threads(x->pool) * w->nr,
                 groups = trit_measure_groups(x, w->packing);
    w->copy = trit_map(w->stride * w->copies);
    struct pack_job job = { x, w, trit_alloc(rows, x->k),
                            trit_alloc(rows, groups * sizeof(uint16_t)), groups };
    const bool enough = w->copy && job.codes && job.scales;
    if (enough) {
        trit_pool_for(x->pool, blocks_of(x, w->nr), 4, pack_blocks, &job);
        trit_pool_for(x->pool, w->copies - 1, 1, copy_weights, w);
    }
    free(job.codes);
    free(job.scales);
    return enough;
}

/* The weights that a kernel reads; NULL where there is no memory. */
static struct trit_weights *weights_for(struct trit_measure *x, const struct trit_kernel *kernel)
{
    const size_t nr = (size_t)kernel->nr;
    for (struct trit_weights *w = x->weights; w; w = w->next)
        if (w->nr == nr && !strcmp(w->packing->name, kernel->packing))
            return w;
    struct trit_weights *w = trit_alloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->packing = trit_packing_find(kernel->packing);
    w->nr = nr;
    w->block = trit_packed_bytes(w->packing, nr, x->k, nr);
    w->stride = trit_round_up(w->block * blocks_of(x, nr), TRIT_ALIGN);
    w->copies = trit_measure_copies(x, w->stride);
    if (!fill_weights(x, w)) {
        free_weights(w);
        return NULL;
    }
    w->next = x->weights;
    x->weights = w;
    return w;
}

enum trit_code trit_measure_prepare(struct trit_measure *measure, const struct trit_kernel *kernel,
                                    struct trit_error *error)
{
    const struct trit_trial one = { .kernel = kernel, .m = 1 };
    const enum trit_code code = trit_measure_check_room(measure, &one, 1, error);
    if (code || weights_for(measure, kernel))
        return code;
    return trit_fail(error, TRIT_EMEMORY, "no memory to measure %s on a %zu x %zu matrix",
                     kernel->name, measure->n, measure->k);
}

/* A candidate under way. */
struct run {
    struct trit_measure *x;
    struct trit_trial c;
    char name[224]; /* for the log */
    struct trit_weights *w;
    double *samples;
    size_t nsamples;
    const struct trit_rounds *rounds;
};

static bool stopped(const struct trit_rounds *rounds)
{
    return rounds->stop && rounds->stop(rounds->stop_arg);
}

/* One product; its seconds. */
static double product(struct run *r)
{
    const struct trit_measure *x = r->x;
    const struct trit_weights *w = r->w;
    const struct trit_multiply mm = {
        .kernel = r->c.kernel,
        .mc = r->c.mc,
        .nc = r->c.nc,
        .n = x->n,
        .kp = trit_round_up(x->k, w->packing->kr),
        .block = w->block,
        .w = w->copy + w->turn * w->stride,
        .group = w->packing->group,
        .d = x->d,
        .m = r->c.m,
        .lda = x->lda,
        .a = x->a,
        .s = w->s,
        .sum = w->sum,
        .y = x->y,
        .ldy = x->n,
    };
    const double start = trit_now();
    trit_multiply(x->pool, 0, &mm);
    const double seconds = trit_now() - start;
    r->w->turn = (w->turn + 1) % w->copies;
    return seconds;
}

static double sample(void *arg)
{
    struct run *r = arg;
    return stopped(r->rounds) ? -1 : product(r);
}

static void take(void *arg, size_t index, double seconds)
{
    struct run *r = (struct run *)arg + index;
    if (r->nsamples < r->rounds->n)
        r->samples[r->nsamples++] = seconds * 1e9;
}

static struct trit_timing timing_of(double *samples, size_t n)
{
    struct trit_timing t = { .samples = n };
    if (n == 0)
        return t;
    trit_sort(samples, n);
    t.median_ns = trit_quantile(samples, n, 0.5);
    t.spread_ns = (trit_quantile(samples, n, 0.75) - trit_quantile(samples, n, 0.25)) / 2;
    /* ranks of the binomial's 2.5 and 97.5 %, by its normal approximation */
    const double half = 0.98 * sqrt((double)n), middle = (double)n / 2;
    const double low = floor(middle - half) - 1, high = ceil(middle + half);
    t.low_ns = samples[low > 0 ? (size_t)low : 0];
    t.high_ns = samples[high < (double)n - 1 ? (size_t)high : n - 1];
    return t;
}

/* Repetitions' calls, from a product or two that count for nothing else. */
static size_t calls_for(struct run *r, double min_seconds)
{
    double seconds = product(r);
    if (seconds < min_seconds)
        seconds = product(r);
    return seconds < min_seconds ? (size_t)ceil(min_seconds / (seconds > 1e-7 ? seconds : 1e-7))
                                 : 1;
}

static bool prepare(struct run *r, struct trit_measure *x, const struct trit_trial *c)
{
    r->x = x;
    r->c = *c;
    r->w = weights_for(x, c->kernel);
    snprintf(r->name, sizeof r->name, "%s/m:%zu/n:%zu/k:%zu/mc:%zu/nc:%zu/threads:%d",
             c->kernel->name, c->m, x->n, x->k, c->mc, c->nc, trit_pool_threads(x->pool));
    size_t outputs;
    return r->w && trit_mul(x->n, c->m, &outputs) && make_outputs(x, outputs) &&
           make_tokens(x, c->m) && make_stats(x, r->w, c->m);
}

/* What a run keeps for its candidates. */
struct table {
    struct run *runs;
    struct trit_gbench_case *cases;
    double *samples;
};

static enum trit_code fill_table(struct table *t, struct trit_measure *x,
                                 const struct trit_trial *c, size_t n,
                                 const struct trit_rounds *rounds, struct trit_error *error)
{
    const enum trit_code code = trit_measure_check_room(x, c, n, error);
    if (code)
        return code;
    for (size_t i = 0; i < n; i++) {
        if (stopped(rounds))
            return trit_fail(error, TRIT_ESTOPPED, "stopped");
        t->runs[i].rounds = rounds;
        t->runs[i].samples = t->samples + i * rounds->n;
        if (!trit_measure_fits(x, c[i].kernel) || c[i].m < 1)
            return trit_fail(error, TRIT_EARGUMENT, "%s cannot be measured on a %zu x %zu matrix",
                             c[i].kernel->name, x->n, x->k);
        if (!prepare(&t->runs[i], x, &c[i]))
            return trit_fail(error, TRIT_EMEMORY, "no memory to measure %s on a %zu x %zu matrix",
                             c[i].kernel->name, x->n, x->k);
    }
    return TRIT_OK;
}

static enum trit_code run_table(struct table *t, size_t n, const struct trit_rounds *rounds,
                                struct trit_timing *timings, struct trit_error *error)
{
    const struct trit_gbench what = { .cases = t->cases,
                                      .n = n,
                                      .repetitions = rounds->n,
                                      .result = take,
                                      .arg = t->runs,
                                      .log = rounds->log };
    for (size_t i = 0; i < n; i++) {
        struct run *r = &t->runs[i];
        const size_t calls = stopped(rounds) ? 1 : calls_for(r, rounds->min_seconds);
        t->cases[i] = (struct trit_gbench_case){ r->name, sample, r, calls };
    }
    const enum trit_code code = trit_gbench_run(&what, error);
    for (size_t i = 0; i < n && !code; i++)
        timings[i] = timing_of(t->runs[i].samples, t->runs[i].nsamples);
    return code;
}

enum trit_code trit_measure_run(struct trit_measure *measure, const struct trit_trial *candidates,
                                size_t n, const struct trit_rounds *rounds,
                                struct trit_timing *timings, struct trit_error *error)
{
    struct table t = {
        .runs = trit_alloc(n, sizeof *t.runs),
        .cases = trit_alloc(n, sizeof *t.cases),
        .samples = trit_alloc(n * rounds->n, sizeof *t.samples),
    };
    enum trit_code code = TRIT_EMEMORY;
    if (t.runs && t.cases && t.samples) {
        code = fill_table(&t, measure, candidates, n, rounds, error);
        if (!code)
            code = run_table(&t, n, rounds, timings, error);
    } else {
        trit_fail(error, code, "no memory to measure %zu candidates", n);
    }
    free(t.runs);
    free(t.cases);
    free(t.samples);
    return code;
}

/* The variants of one ternary product, timed against each other: which take part, how long each is
   measured, what follows from the times. */
#include "autotune/compare/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/cli/cli.h"
#include "runtime/kernel/pack.h"
#include "runtime/kernel/probe.h"

enum {
    ROUNDS = 21,     /* samples of each variant */
    SLOW_ROUNDS = 3, /* of one that would take more than its share of the time */
    FEWEST = 6,      /* samples that a 95 % interval of a median needs */
};
static const double least_sample = 1e-3, limits_every = 0.4; /* seconds */
static const char reference_packing[] = "t2";

static bool usable(const struct trit_comparison *c, const struct trit_kernel *kernel)
{
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    return kernel->op == (c->m == 1 ? TRIT_OP_gemv : TRIT_OP_gemm) && packing &&
           c->k <= packing->max_k && (!packing->group || c->k % packing->group == 0) &&
           (!kernel->n || kernel->n == c->n) &&
           (!kernel->k || kernel->k == trit_round_up(c->k, (size_t)kernel->kr)) &&
           trit_isa_usable(kernel->isa, NULL);
}

/* The portable kernel on t2 that estimates say is best. */
static const struct trit_kernel *find_reference(const struct trit_comparison *c)
{
    const struct trit_kernel *best = NULL;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        if (usable(c, kernel) && !strcmp(trit_isa_name(kernel->isa), "c") && !kernel->k &&
            !strcmp(kernel->packing, reference_packing) && (!best || kernel->cost < best->cost))
            best = kernel;
    }
    return best;
}

static void add_row(struct trit_comparison *c, const struct trit_kernel *kernel)
{
    c->rows[c->nrows++] = (struct trit_compare_row){
        .kernel = kernel,
        .name = kernel->name,
        .packing = kernel->packing,
        .isa = trit_isa_name(kernel->isa),
        .median_ns = NAN,
        .low_ns = NAN,
        .high_ns = NAN,
        .spread_ns = NAN,
        .vs_best = NAN,
        .vs_reference = NAN,
        .gbs = NAN,
        .gmacs = NAN,
        .limit_share = NAN,
        .bound_ns = NAN,
        .code_bytes = NAN,
        .loop_instructions = NAN,
        .instructions = NAN,
        .mca_cycles = NAN,
        .ipc = NAN,
    };
}

/* Those that were asked for, and the reference. */
static enum trit_code choose(struct trit_comparison *c, struct trit_error *error)
{
    c->rows = trit_alloc(trit_kernel_count() + 1, sizeof *c->rows);
    if (!c->rows)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the variants");
    for (size_t i = c->first_kernel; i < trit_kernel_count(); i++)
        if (usable(c, trit_kernel_at(i)) && trit_compare_wants(c, trit_kernel_at(i)->name))
            add_row(c, trit_kernel_at(i));
    if (!c->nrows)
        return trit_fail(
            error, TRIT_EARGUMENT, "compare: no %s kernel%s can run a %zu x %zu matrix here",
            c->m == 1 ? "gemv" : "gemm", c->npatterns ? " whose name matches" : "", c->n, c->k);
    c->reference = find_reference(c);
    bool there = !c->reference;
    for (size_t i = 0; i < c->nrows; i++)
        there = there || c->rows[i].kernel == c->reference;
    if (!there)
        add_row(c, c->reference);
    return TRIT_OK;
}

/* Bytes of packed weights of all variants: those of one packing and NR share them. */
static double packed_bytes(const struct trit_comparison *c)
{
    double all = 0;
    for (size_t i = 0; i < c->nrows; i++) {
        const struct trit_kernel *kernel = c->rows[i].kernel;
        size_t j = 0;
        while (c->rows[j].kernel->nr != kernel->nr ||
               strcmp(c->rows[j].kernel->packing, kernel->packing))
            j++;
        if (j == i)
            all += (double)trit_packed_bytes(trit_packing_find(kernel->packing), c->n, c->k,
                                             (size_t)kernel->nr);
    }
    return all;
}

/* Found out before the limits are measured. */
static enum trit_code check_memory(const struct trit_comparison *c, struct trit_error *error)
{
    const double tokens = (double)c->m * ((double)c->k + (double)c->n * sizeof(float));
    char what[128];
    snprintf(what, sizeof what, "compare: timing %zu variants at %zu x %zu", c->nrows, c->n, c->k);
    return trit_need_memory(what, (uint64_t)(2 * packed_bytes(c) + tokens),
                            "fewer (a PATTERN), or a smaller shape", error);
}

/* A comparison under way. */
struct work {
    struct trit_comparison *c;
    struct trit_measure *measure;
    struct trit_limits *limits;
    struct trit_progress progress;
    double begin, expected; /* seconds; when the timing began, how long it should take */
    double limits_taken;
};

static struct trit_trial candidate_of(const struct trit_comparison *c,
                                      const struct trit_compare_row *row)
{
    return (struct trit_trial){ .kernel = row->kernel, .m = c->m };
}

static void sample_limits(struct work *w)
{
    trit_limits_sample_read(w->limits);
    trit_limits_sample_peak(w->limits);
    w->limits_taken = trit_now();
}

/* Between two samples of the timing: the limits get theirs, and people see how far it is. */
static bool between(void *arg)
{
    struct work *w = arg;
    double now = trit_now(), gone = now - w->begin;
    if (now - w->limits_taken > limits_every)
        sample_limits(w);
    uint64_t done = (uint64_t)(1000 * gone / (gone < w->expected ? w->expected : gone + 1e-9));
    w->c->stopped =
        w->c->stopped || !trit_progress_step(&w->progress, done, 1000) || trit_stopped();
    return w->c->stopped;
}

/* Verified ones go to the front; *n of them. */
static enum trit_code verify(struct work *w, size_t *n, struct trit_error *error)
{
    struct trit_comparison *c = w->c;
    const struct trit_kernel **kernels = trit_alloc(c->nrows, sizeof(*kernels));
    const char **whys = trit_alloc(c->nrows, sizeof *whys);
    *n = 0;
    for (size_t i = 0; kernels && whys && i < c->nrows; i++)
        kernels[i] = c->rows[i].kernel;
    if (kernels && whys)
        trit_measure_verify(w->measure, kernels, c->nrows, whys);
    for (size_t i = 0; kernels && whys && i < c->nrows; i++) {
        struct trit_compare_row row = c->rows[i];
        row.why = whys[i];
        row.verified = !row.why;
        c->rows[i] = row;
        if (row.verified) {
            c->rows[i] = c->rows[*n];
            c->rows[(*n)++] = row;
        }
    }
    bool fine = kernels && whys;
    free(kernels);
    free(whys);
    return fine ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "no memory for the variants");
}

static void take(struct trit_compare_row *row, const struct trit_timing *t)
{
    bool interval = t->samples >= FEWEST;
    row->samples = (double)t->samples;
    row->median_ns = t->samples ? t->median_ns : (double)NAN;
    row->spread_ns = t->samples ? t->spread_ns : (double)NAN;
    row->low_ns = interval ? t->low_ns : (double)NAN;
    row->high_ns = interval ? t->high_ns : (double)NAN;
}

/* One interleaved run of n rows. */
static enum trit_code time_rows(struct work *w, struct trit_compare_row *rows, size_t n,
                                size_t rounds, double seconds, struct trit_error *error)
{
    if (!n || w->c->stopped)
        return TRIT_OK;
    struct trit_trial *candidates = trit_alloc(n, sizeof *candidates);
    struct trit_timing *timings = trit_alloc(n, sizeof *timings);
    const struct trit_rounds how = {
        .n = rounds, .min_seconds = seconds, .stop = between, .stop_arg = w
    };
    enum trit_code code = TRIT_OK;
    if (!candidates || !timings)
        code = trit_fail(error, TRIT_EMEMORY, "no memory for %zu timings", n);
    for (size_t i = 0; i < n && !code; i++)
        candidates[i] = candidate_of(w->c, &rows[i]);
    if (!code)
        code = trit_measure_run(w->measure, candidates, n, &how, timings, error);
    for (size_t i = 0; i < n && !code; i++)
        if (timings[i].samples)
            take(&rows[i], &timings[i]);
    free(candidates);
    free(timings);
    return code;
}

static int by_time(const void *a, const void *b)
{
    const struct trit_compare_row *x = a, *y = b;
    double s = isnan(x->median_ns) ? INFINITY : x->median_ns,
           t = isnan(y->median_ns) ? INFINITY : y->median_ns;
    return (s > t) - (s < t);
}

/* A first sample of each of the n verified rows says which are so slow that their share of the time
   has no room for all rounds; these get few. */
static enum trit_code time_all(struct work *w, size_t n, struct trit_error *error)
{
    struct trit_comparison *c = w->c;
    double share = c->seconds / (double)(n ? n : 1) * 1e9, slow_ns = 0;
    enum trit_code code = time_rows(w, c->rows, n, 1, least_sample, error);
    qsort(c->rows, n, sizeof *c->rows, by_time);
    size_t fast = 0;
    while (fast < n && c->rows[fast].median_ns * FEWEST <= share)
        fast++;
    for (size_t i = fast; i < n; i++)
        slow_ns += c->rows[i].median_ns * (SLOW_ROUNDS + 1);
    w->expected = trit_now() - w->begin + slow_ns * 1e-9 + share * (double)fast * 1e-9;
    double each = share / ROUNDS * 1e-9;
    if (!code)
        code =
            time_rows(w, c->rows, fast, ROUNDS, each > least_sample ? each : least_sample, error);
    return code ? code : time_rows(w, c->rows + fast, n - fast, SLOW_ROUNDS, 0, error);
}

/* A short run of each alone, counted. */
static enum trit_code count(struct work *w, size_t n, struct trit_error *error)
{
    struct trit_counters *counters = trit_counters_open(&w->c->counters_why);
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < n && counters && !code && !w->c->stopped; i++) {
        struct trit_trial candidate = candidate_of(w->c, &w->c->rows[i]);
        const struct trit_rounds once = { .n = 1, .min_seconds = 10 * least_sample };
        struct trit_timing timing;
        trit_counters_start(counters);
        code = trit_measure_run(w->measure, &candidate, 1, &once, &timing, error);
        w->c->rows[i].ipc = trit_counters_ipc(counters);
    }
    trit_counters_close(counters);
    return code;
}

/* What is known without a clock. */
static void size_up(const struct trit_comparison *c, struct trit_compare_row *row)
{
    const struct trit_kernel *kernel = row->kernel;
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    size_t nr = (size_t)kernel->nr;
    double weights = (double)c->n * (double)c->k;
    double scales = packing->group ? 0 : (double)trit_round_up(c->n, nr) * sizeof(float);
    double bytes = (double)trit_packed_bytes(packing, c->n, c->k, nr) + scales;
    row->bytes_per_weight = bytes / weights;
    row->intensity = weights * (double)c->m / bytes;
}

static void compute(const struct trit_comparison *c, struct trit_compare_row *row, double best,
                    double reference)
{
    double macs = (double)c->n * (double)c->k * (double)c->m, bytes = macs / row->intensity;
    double memory_ns = bytes / c->limits.read_gbs, compute_ns = macs / c->limits.peak_gmacs;
    row->vs_best = row->median_ns / best;
    row->vs_reference = reference / row->median_ns;
    row->gbs = bytes / row->median_ns;
    row->gmacs = macs / row->median_ns;
    row->limit = memory_ns > compute_ns ? "memory" : "compute";
    row->bound_ns = memory_ns > compute_ns ? memory_ns : compute_ns;
    row->limit_share = row->bound_ns / row->median_ns;
}

static void compute_all(struct trit_comparison *c)
{
    double reference = NAN;
    qsort(c->rows, c->nrows, sizeof *c->rows, by_time);
    for (size_t i = 0; i < c->nrows; i++)
        if (c->rows[i].kernel == c->reference)
            reference = c->rows[i].median_ns;
    for (size_t i = 0; i < c->nrows; i++) {
        size_up(c, &c->rows[i]);
        compute(c, &c->rows[i], c->rows[0].median_ns, reference);
        trit_compare_code(c, &c->rows[i]);
    }
}

static enum trit_code measure(struct work *w, struct trit_error *error)
{
    size_t n;
    struct trit_comparison *c = w->c;
    enum trit_code code = verify(w, &n, error);
    if (code)
        return code;
    sample_limits(w);
    w->begin = trit_now();
    w->expected = 2 * c->seconds;
    trit_progress_begin(&w->progress, "timing");
    code = time_all(w, n, error);
    trit_progress_end(&w->progress);
    sample_limits(w);
    c->limits = (struct trit_limits_summary){ trit_limits_read_gbs(w->limits),
                                              trit_limits_read_spread(w->limits),
                                              trit_limits_peak_gmacs(w->limits),
                                              trit_limits_peak_spread(w->limits) };
    return code ? code : count(w, n, error);
}

enum trit_code trit_compare_run(struct trit_comparison *c, struct trit_error *error)
{
    struct work w = { .c = c };
    enum trit_code code = choose(c, error);
    if (!code)
        code = check_memory(c, error);
    if (!code)
        code = trit_limits_open(&w.limits, c->pool, error);
    if (!code)
        code = trit_measure_open(&w.measure, c->pool, c->n, c->k, error);
    if (!code)
        code = measure(&w, error);
    trit_measure_close(w.measure);
    trit_limits_close(w.limits);
    if (!code && c->stopped && isnan(c->rows[0].median_ns))
        return trit_fail(error, TRIT_ESTOPPED, "stopped");
    if (!code)
        compute_all(c);
    return code;
}

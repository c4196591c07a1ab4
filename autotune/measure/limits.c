/* The two limits that speeds are held against, each as a series of samples. */
#include "autotune/measure/limits.h"

#include <stdlib.h>

#include "autotune/measure/sample.h"
#include "runtime/base/mem.h"

enum { SAMPLES = 21 };

/* Shorter than a scheduler's slice: a sample is disturbed as a whole or not at all, and the median
   leaves the disturbed ones out. */
static const double sample_seconds = 0.003;

struct limit {
    const struct trit_kernel *kernel;
    struct trit_series series;
};

struct trit_limits {
    struct trit_sampler *sampler;
    struct limit read, peak;
};

enum trit_code trit_limits_open(struct trit_limits **limits, struct trit_pool *pool,
                                struct trit_error *error)
{
    struct trit_limits *l = trit_alloc(1, sizeof *l);
    if (!l)
        return trit_fail(error, TRIT_EMEMORY, "no memory to measure limits");
    enum trit_code code = trit_sampler_open(&l->sampler, pool, error);
    if (code == TRIT_OK) {
        l->read.kernel = trit_sampler_fastest(l->sampler, TRIT_OP_read, TRIT_NISA, 0);
        l->peak.kernel = trit_sampler_fastest(l->sampler, TRIT_OP_peak, TRIT_NISA, 0);
        if (!l->read.kernel || !l->peak.kernel)
            code = trit_fail(error, TRIT_EUNSUPPORTED,
                             "no read and peak kernels that this CPU can run");
    }
    if (code)
        trit_limits_close(l);
    else
        *limits = l;
    return code;
}

void trit_limits_close(struct trit_limits *limits)
{
    if (!limits)
        return;
    trit_sampler_close(limits->sampler);
    free(limits);
}

static double take(struct trit_limits *l, struct limit *limit)
{
    const double rate = trit_sampler_run(l->sampler, limit->kernel, 0, sample_seconds);
    trit_series_add(&limit->series, rate);
    return rate;
}

double trit_limits_sample_read(struct trit_limits *limits)
{
    return take(limits, &limits->read);
}

double trit_limits_sample_peak(struct trit_limits *limits)
{
    return take(limits, &limits->peak);
}

double trit_limits_read_gbs(const struct trit_limits *limits)
{
    return trit_series_median(&limits->read.series);
}

double trit_limits_read_spread(const struct trit_limits *limits)
{
    return trit_series_spread(&limits->read.series);
}

double trit_limits_peak_gmacs(const struct trit_limits *limits)
{
    return trit_series_median(&limits->peak.series);
}

double trit_limits_peak_spread(const struct trit_limits *limits)
{
    return trit_series_spread(&limits->peak.series);
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

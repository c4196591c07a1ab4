/* The limits of the machine, measured for an estimate. */
#include <stdio.h>
#include <unistd.h>

#include "autotune/estimate/estimate.h"
#include "autotune/measure/limits.h"
#include "runtime/base/clock.h"
#include "runtime/base/stop.h"

static void progress(int threads, double share)
{
    if (isatty(2))
        fprintf(stderr, "\rmeasuring the limits of %d thread%s: %.0f %%\033[K", threads,
                threads == 1 ? "" : "s", 100 * share);
}

static enum trit_code sample(struct trit_limits *limits, int threads, struct trit_error *error)
{
    static const double SECONDS = 1.8; /* and 0.2 to begin with */
    const double begin = trit_now();
    for (double now = begin; now < begin + SECONDS; now = trit_now()) {
        progress(threads, (now - begin) / SECONDS);
        trit_limits_sample_read(limits);
        trit_limits_sample_peak(limits);
        if (trit_stopped())
            return trit_fail(error, TRIT_ESTOPPED, "stopped");
    }
    return TRIT_OK;
}

enum trit_code trit_estimate_measure(struct trit_estimate *e, struct trit_error *error)
{
    struct trit_limits *limits = NULL;
    struct trit_pool *pool;
    enum trit_code code = trit_pool_create(&pool, e->threads, error);
    if (code)
        return code;
    code = trit_limits_open(&limits, pool, error);
    if (!code)
        code = sample(limits, e->threads, error);
    if (isatty(2))
        fputs("\r\033[K", stderr);
    if (!code)
        e->limits = (struct trit_estimate_limits){ .read_gbs = trit_limits_read_gbs(limits),
                                                   .int8_gmacs = trit_limits_peak_gmacs(limits),
                                                   .read_spread = trit_limits_read_spread(limits),
                                                   .int8_spread = trit_limits_peak_spread(limits),
                                                   .source = "measured" };
    trit_limits_close(limits);
    trit_pool_destroy(pool);
    return code;
}

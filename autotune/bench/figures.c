/* What the repetitions of one test say: speeds, what they cost, how near they came to the limits.
 */
#include <math.h>
#include <stdio.h>

#include "autotune/bench/internal.h"

/* What is read of one sample. */
typedef double sample_value(const struct trit_bench_row *row,
                            const struct trit_bench_sample *sample);

double trit_bench_tokens(const struct trit_bench_row *row)
{
    return (double)(row->n_prompt + row->n_gen) * row->n_parallel;
}

char *trit_bench_test(const struct trit_bench_row *row, char *out)
{
    int n = row->n_gen ? snprintf(out, 48, "tg%d", row->n_gen)
                       : snprintf(out, 48, "pp%d", row->n_prompt);
    if (row->n_parallel > 1)
        n += snprintf(out + n, 48 - (size_t)n, " x%d", row->n_parallel);
    if (row->drafts.passes)
        n += snprintf(out + n, 48 - (size_t)n, " %s", trit_draft_name(row->drafts.from));
    if (row->n_depth)
        snprintf(out + n, 48 - (size_t)n, " @ d%d", row->n_depth);
    return out;
}

static double nanoseconds(const struct trit_bench_row *row, const struct trit_bench_sample *sample)
{
    (void)row;
    return sample->seconds * 1e9;
}

static double speed(const struct trit_bench_row *row, const struct trit_bench_sample *sample)
{
    return trit_bench_tokens(row) / sample->seconds;
}

static double read_limit(const struct trit_bench_row *row, const struct trit_bench_sample *sample)
{
    (void)row;
    return sample->read_gbs;
}

static double int8_limit(const struct trit_bench_row *row, const struct trit_bench_sample *sample)
{
    (void)row;
    return sample->int8_gmacs;
}

static double read_share(const struct trit_bench_row *row, const struct trit_bench_sample *sample)
{
    return speed(row, sample) * row->figures.bytes_per_token * 1e-9 / sample->read_gbs;
}

static double int8_share(const struct trit_bench_row *row, const struct trit_bench_sample *sample)
{
    return speed(row, sample) * row->figures.int8_per_token * 1e-9 / sample->int8_gmacs;
}

static void mean_and_deviation(const struct trit_bench_row *row, sample_value *value, double *mean,
                               double *deviation)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < row->n; i++)
        sum += value(row, &row->samples[i]);
    *mean = sum / (double)row->n;
    for (size_t i = 0; i < row->n; i++) {
        const double off = value(row, &row->samples[i]) - *mean;
        squares += off * off;
    }
    *deviation = row->n > 1 ? sqrt(squares / (double)(row->n - 1)) : 0;
}

/* The value that `rank` of them come before in order, without sorting. */
static double ranked(const struct trit_bench_row *row, sample_value *value, size_t rank)
{
    for (size_t i = 0; i < row->n; i++) {
        const double x = value(row, &row->samples[i]);
        size_t below = 0, equal = 0;
        for (size_t j = 0; j < row->n; j++) {
            const double y = value(row, &row->samples[j]);
            below += y < x;
            equal += y == x;
        }
        if (below <= rank && rank < below + equal)
            return x;
    }
    return NAN;
}

/* As trit_quantile. */
static double quantile(const struct trit_bench_row *row, sample_value *value, double share)
{
    const double at = share * (double)(row->n - 1);
    const size_t low = (size_t)at, high = low + 1 < row->n ? low + 1 : low;
    const double from = ranked(row, value, low);
    return high > low ? from + (at - (double)low) * (ranked(row, value, high) - from) : from;
}

static double median(const struct trit_bench_row *row, sample_value *value)
{
    return quantile(row, value, 0.5);
}

/* Half the interquartile range. */
static double spread(const struct trit_bench_row *row, sample_value *value)
{
    return (quantile(row, value, 0.75) - quantile(row, value, 0.25)) / 2;
}

static void costs(const struct trit_bench_row *row, struct trit_bench_figures *f)
{
    static const enum trit_part ternary[] = { TRIT_PART_QKV, TRIT_PART_O, TRIT_PART_GATE_UP,
                                              TRIT_PART_DOWN };
    uint64_t bytes = 0, macs = 0, int8 = 0;
    for (int i = 0; i < TRIT_NPARTS; i++) {
        bytes += row->counts.bytes[i];
        macs += row->counts.macs[i];
    }
    for (size_t i = 0; i < sizeof ternary / sizeof *ternary; i++)
        int8 += row->counts.macs[ternary[i]] - row->counts.float_macs[ternary[i]];
    f->bytes_per_token = (double)bytes / trit_bench_tokens(row);
    f->macs_per_token = (double)macs / trit_bench_tokens(row);
    f->int8_per_token = (double)int8 / trit_bench_tokens(row);
}

void trit_bench_compute(struct trit_bench_row *row)
{
    struct trit_bench_figures *f = &row->figures;
    costs(row, f);
    mean_and_deviation(row, nanoseconds, &f->avg_ns, &f->stddev_ns);
    mean_and_deviation(row, speed, &f->avg_ts, &f->stddev_ts);
    f->median_ts = median(row, speed);
    f->spread_ts = spread(row, speed);
    f->limit_read_spread = spread(row, read_limit);
    f->limit_int8_spread = spread(row, int8_limit);
    f->gbs = f->bytes_per_token * f->median_ts * 1e-9;
    f->gmacs = f->int8_per_token * f->median_ts * 1e-9;
    f->limit_read_gbs = median(row, read_limit);
    f->limit_int8_gmacs = median(row, int8_limit);
    f->read_ratio = median(row, read_share);
    f->int8_ratio = median(row, int8_share);
    f->by_bytes = f->int8_per_token == 0 ||
                  (row->n_gen && (row->n_parallel == 1 || f->read_ratio >= f->int8_ratio));
}

bool trit_bench_doubt(const struct trit_bench_row *row, char *out, size_t room)
{
    static const double STEADY = 0.1; /* spread of a limit that is still worth comparing with */
    const struct trit_bench_figures *f = &row->figures;
    const double ratio = f->by_bytes ? f->read_ratio : f->int8_ratio;
    const double noise = f->by_bytes ? f->limit_read_spread / f->limit_read_gbs
                                     : f->limit_int8_spread / f->limit_int8_gmacs;
    char name[48];
    if (ratio <= 1 && noise <= STEADY)
        return false;
    snprintf(out, room, "%s, %d thread%s: %.1f %% of a limit that itself varied by ± %.1f %%%s",
             trit_bench_test(row, name), row->threads, row->threads == 1 ? "" : "s", 100 * ratio,
             100 * noise,
             ratio > 1
                 ? ": above 100 % where the weights lie in the caches, or the machine was slower "
                   "when the limit was measured"
                 : "");
    return true;
}

/* Are the figures of a test medians with half the interquartile range, and is a share of a limit
   that cannot be trusted told in words? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "autotune/bench/internal.h"

/* A decode of 100 tokens that reads 1 GB for each. */
static struct trit_bench_row row_of(const struct trit_bench_sample *samples, size_t n)
{
    struct trit_bench_row row = {
        .threads = 2, .n_gen = 100, .n_parallel = 1, .n = n, .samples = samples
    };
    row.counts.bytes[TRIT_PART_QKV] = 100000000000u;
    row.counts.macs[TRIT_PART_QKV] = 100000000000u;
    trit_bench_compute(&row);
    return row;
}

static void near(double x, double wanted)
{
    if (!(x > wanted * (1 - 1e-9) - 1e-12 && x < wanted * (1 + 1e-9) + 1e-12))
        fail_msg("%.12g, not %.12g", x, wanted);
}

static void computes(void **state)
{
    (void)state;
    /* speeds 10, 20, 50, 25, 20: sorted 10 20 20 25 50 */
    const struct trit_bench_sample samples[] = {
        { 10, 40, 100 }, { 5, 50, 100 }, { 2, 60, 100 }, { 4, 50, 100 }, { 5, 50, 100 },
    };
    struct trit_bench_row row = row_of(samples, 5);
    near(row.figures.median_ts, 20);
    near(row.figures.spread_ts, 2.5);
    near(row.figures.avg_ts, 25);
    near(row.figures.limit_read_gbs, 50);
    near(row.figures.limit_read_spread, 0);
    near(row.figures.gbs, 20);
    near(row.figures.read_ratio, 0.4);
    row = row_of(samples, 2);
    near(row.figures.median_ts, 15);
    near(row.figures.spread_ts, 2.5);
    row = row_of(samples, 1);
    near(row.figures.median_ts, 10);
    near(row.figures.spread_ts, 0);
}

static void doubts(void **state)
{
    (void)state;
    char text[256] = "";
    const struct trit_bench_sample steady[] = { { 5, 30, 100 }, { 5, 30, 100 }, { 5, 31, 100 } };
    const struct trit_bench_sample above[] = { { 5, 15, 100 }, { 5, 15, 100 }, { 5, 15, 100 } };
    const struct trit_bench_sample noisy[] = { { 5, 30, 100 }, { 5, 50, 100 }, { 5, 80, 100 } };
    struct trit_bench_row row = row_of(steady, 3);
    assert_false(trit_bench_doubt(&row, text, sizeof text));
    row = row_of(above, 3);
    assert_true(trit_bench_doubt(&row, text, sizeof text));
    assert_non_null(strstr(text, "tg100, 2 threads: 133.3 % of a limit"));
    assert_non_null(strstr(text, "above 100 %"));
    row = row_of(noisy, 3);
    assert_true(trit_bench_doubt(&row, text, sizeof text));
    assert_non_null(strstr(text, "varied by ± 25.0 %"));
    assert_null(strstr(text, "above 100 %"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(computes), cmocka_unit_test(doubts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

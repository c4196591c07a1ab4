/* labels: threads */
/* Do the limits get measured, with any number of threads? How large they are is not asked. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "autotune/measure/limits.h"
#include "autotune/measure/survey.h"
#include "runtime/kernel/probe.h"

static void samples_give_limits(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        struct trit_error error;
        struct trit_limits *limits;
        struct trit_pool *pool;
        assert_int_equal(trit_pool_create(&pool, threads, &error), TRIT_OK);
        assert_int_equal(trit_limits_open(&limits, pool, &error), TRIT_OK);
        assert_true(trit_limits_read_gbs(limits) == 0 && trit_limits_peak_gmacs(limits) == 0);
        for (int i = 0; i < 3; i++) {
            trit_limits_sample_read(limits);
            trit_limits_sample_peak(limits);
            assert_true(trit_limits_read_gbs(limits) > 0 && trit_limits_read_gbs(limits) < 1e5);
            assert_true(trit_limits_peak_gmacs(limits) > 0 && trit_limits_peak_gmacs(limits) < 1e7);
            assert_true(trit_limits_read_spread(limits) >= 0 &&
                        trit_limits_peak_spread(limits) >= 0);
        }
        trit_limits_close(limits);
        trit_pool_destroy(pool);
    }
    trit_limits_close(NULL);
}

static void one_call_measures_both(void **state)
{
    struct trit_error error;
    struct trit_limits_summary summary;
    struct trit_pool *pool;
    (void)state;
    assert_int_equal(trit_pool_create(&pool, 2, &error), TRIT_OK);
    assert_int_equal(trit_limits_measure(pool, &summary, &error), TRIT_OK);
    assert_true(summary.read_gbs > 0 && summary.peak_gmacs > 0);
    trit_pool_destroy(pool);
}

/* The working sets lie inside their level and outside the one before, for CPUs of many shapes. */
static void working_sets_tell_levels_apart(void **state)
{
    static const struct trit_cpu cpus[] = {
        { .l1d = 48 << 10, .l2 = 1 << 20, .l3 = 32 << 20, .l3_all = 32 << 20, .cores = 2 },
        { .l1d = 32 << 10, .l2 = 256 << 10, .l3 = 8 << 20, .l3_all = 8 << 20, .cores = 4 },
        { .l1d = 32 << 10, .l2 = 1 << 20, .l3 = 27 << 20, .l3_all = 54 << 20, .cores = 40 },
        { .l1d = 32 << 10, .l2 = 512 << 10, .l3 = 16 << 20, .l3_all = 256 << 20, .cores = 64 },
        { .l1d = 64 << 10, .l2 = 1 << 20, .cores = 4 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
        for (int threads = 1; threads <= cpus[i].cores; threads++) {
            const struct trit_cpu *c = &cpus[i];
            size_t l1d = trit_survey_bytes(c, 1, threads), l2 = trit_survey_bytes(c, 2, threads);
            size_t l3 = trit_survey_bytes(c, 3, threads), share = c->l3_all / (size_t)threads;
            assert_true(l1d > 0 && l1d <= c->l1d / 2);
            assert_true(l2 > c->l1d && l2 <= c->l2 / 2);
            assert_true(c->l3 ? l3 > c->l2 : l3 == 0);
            assert_true(l3 <= c->l3 && (!l3 || l3 < c->l2 + share));
            assert_true(l1d % 1024 == 0 && l2 % 1024 == 0 && l3 % 1024 == 0);
        }
    const struct trit_cpu unknown = { .cores = 1 };
    for (int level = 1; level <= 3; level++)
        assert_true(trit_survey_bytes(&unknown, level, 1) == 0);
}

static bool two_rounds(void *arg, size_t done, size_t total)
{
    assert_true(done < total);
    return ++*(size_t *)arg <= 2;
}

static void a_survey_has_memory_and_every_usable_isa(void **state)
{
    struct trit_survey *s = malloc(sizeof *s);
    struct trit_error error;
    struct trit_pool *pool;
    size_t usable = 0, asked = 0;
    (void)state;
    for (unsigned i = 0; i < TRIT_NISA; i++)
        usable += trit_isa_usable((enum trit_isa)i, NULL);
    assert_int_equal(trit_pool_create(&pool, 2, &error), TRIT_OK);
    assert_int_equal(trit_survey(s, pool, 1, NULL, NULL, &error), TRIT_OK);
    assert_int_equal(s->threads, 2);
    assert_int_equal(s->npeaks, usable);
    assert_true(s->nreads >= 1 && !strcmp(s->read[s->nreads - 1].what, "DRAM"));
    for (size_t i = 0; i < s->nreads; i++)
        assert_true(trit_series_median(&s->read[i].series) > 0);
    for (size_t i = 0; i < s->npeaks; i++)
        assert_true(trit_series_median(&s->peak[i].series) > 0);
    assert_int_equal(trit_survey(s, pool, 5, two_rounds, &asked, &error), TRIT_ESTOPPED);
    assert_int_equal(trit_series_kept(&s->read[0].series), 2);
    trit_pool_destroy(pool);
    free(s);
}

static void medians_and_spreads_are_what_they_are_called(void **state)
{
    struct trit_series *s = calloc(1, sizeof *s);
    (void)state;
    assert_true(trit_series_median(s) == 0 && trit_series_spread(s) == 0);
    for (int i = 9; i >= 1; i--)
        trit_series_add(s, i);
    assert_true(trit_series_median(s) == 5 && trit_series_spread(s) == 2);
    for (int i = 0; i < 2 * TRIT_SERIES_KEPT; i++)
        trit_series_add(s, 7);
    assert_true(trit_series_median(s) == 7 && trit_series_spread(s) == 0);
    assert_int_equal(trit_series_kept(s), TRIT_SERIES_KEPT);
    free(s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_give_limits),
        cmocka_unit_test(one_call_measures_both),
        cmocka_unit_test(working_sets_tell_levels_apart),
        cmocka_unit_test(a_survey_has_memory_and_every_usable_isa),
        cmocka_unit_test(medians_and_spreads_are_what_they_are_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

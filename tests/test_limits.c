/* labels: threads */
/* Do the limits get measured, with any number of threads? How large they are is not asked. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "autotune/limits.h"

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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_give_limits),
        cmocka_unit_test(one_call_measures_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

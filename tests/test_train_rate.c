/* Are the learning rate and the decay of each step those of the two-stage schedule? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "runtime/train/adamw.h"

static const struct trit_train_schedule plain = {
    .steps = 100, .warmup = 10, .second = 60, .lr = 0.5, .lr2 = 0.25, .decay = 0.125, .clip = 1
};

static void is(const struct trit_train_schedule *s, uint64_t step, double lr, double decay)
{
    const struct trit_train_rate rate = trit_train_rate_at(s, step);
    if (fabs(rate.lr - lr) > 1e-15 || rate.decay != decay || rate.clip != s->clip)
        fail_msg("step %llu: rate %.17g, decay %g, clip %g", (unsigned long long)step, rate.lr,
                 rate.decay, rate.clip);
}

static void warm_up_is_linear(void **state)
{
    (void)state;
    is(&plain, 1, 0.5 * 0.99 * 0.1, 0.125);
    is(&plain, 5, 0.5 * 0.95 * 0.5, 0.125);
    is(&plain, 10, 0.5 * 0.9, 0.125);
    is(&plain, 11, 0.5 * 0.89, 0.125);
}

static void the_second_stage_has_a_rate_of_its_own_and_no_decay(void **state)
{
    (void)state;
    is(&plain, 60, 0.5 * 0.4, 0.125);
    is(&plain, 61, 0.25 * 0.39, 0);
    is(&plain, 99, 0.25 * 0.01, 0);
    is(&plain, 100, 0, 0);
}

static void no_warm_up_and_one_stage(void **state)
{
    struct trit_train_schedule s = plain;
    (void)state;
    s.warmup = 0;
    s.second = 100;
    is(&s, 1, 0.5 * 0.99, 0.125);
    is(&s, 99, 0.5 * 0.01, 0.125);
}

static void a_warm_up_into_the_second_stage(void **state)
{
    struct trit_train_schedule s = plain;
    (void)state;
    s.warmup = 80;
    is(&s, 60, 0.5 * 0.4 * 0.75, 0.125);
    is(&s, 70, 0.25 * 0.3 * 0.875, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_up_is_linear),
        cmocka_unit_test(the_second_stage_has_a_rate_of_its_own_and_no_decay),
        cmocka_unit_test(no_warm_up_and_one_stage),
        cmocka_unit_test(a_warm_up_into_the_second_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Does prompt lookup guess what stood before, and is what its wrong guesses cost bounded? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "runtime/decode/lookup.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct trit_lookup *create(size_t most, const int32_t *text, size_t n)
{
    struct trit_lookup *l;
    assert_int_equal(trit_lookup_create(&l, most, 100000, NULL), TRIT_OK);
    trit_lookup_tell(l, text, n);
    return l;
}

static void guesses_are_what_stood_there(void **state)
{
    (void)state;
    static const struct {
        int32_t text[12];
        size_t n;
        int32_t guess; /* 0: none */
    } cases[] = {
        { { 0 }, 0, 0 },
        { { 1 }, 1, 0 },
        { { 1, 2, 3, 4 }, 4, 0 },
        { { 1, 2, 3, 2 }, 4, 0 }, /* one token is not enough */
        { { 1, 2, 3, 4, 1, 2 }, 6, 3 },
        { { 1, 2, 3, 1, 2, 4, 1, 2 }, 8, 4 },           /* the later one */
        { { 5, 1, 2, 3, 6, 1, 2, 4, 5, 1, 2 }, 11, 3 }, /* the longer one */
        { { 7, 7, 7 }, 3, 7 },                          /* copies may overlap */
        { { 1, 2, 9, 9, 9, 8, 1, 2, 9, 9, 9 }, 11, 8 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trit_lookup *l = create(4, cases[i].text, cases[i].n);
        int32_t draft[4] = { 0 };
        size_t n = trit_lookup_guess(l, 4, draft);
        if ((n > 0) != (cases[i].guess != 0) || draft[0] != cases[i].guess)
            fail_msg("case %zu: %zu guesses, the first %d", i, n, (int)draft[0]);
        assert_int_equal(trit_lookup_guess(l, 0, draft), 0);
        trit_lookup_free(l);
    }
}

static void past_its_end_the_text_repeats_itself(void **state)
{
    (void)state;
    static const int32_t text[] = { 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1 };
    struct trit_lookup *l = create(16, text, COUNT(text));
    int32_t draft[16];
    size_t n = trit_lookup_guess(l, 16, draft);
    assert_true(n > 3);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(draft[i], 1 + (int32_t)(i + 1) % 3);
    trit_lookup_free(l);
}

/* A text of n tokens, of which each repeats what stood `period` before; every `wrong`-th does not.
   A pass costs 1, a guess in it `slope` more. Returns the time that the text took. */
static double play(size_t n, size_t period, size_t wrong, double slope, size_t *passes)
{
    static int32_t text[100000];
    struct trit_lookup *l = create(16, text, 0);
    double time = 0;
    int32_t draft[16];
    for (size_t i = 0; i < n; i++)
        text[i] = i < period || (wrong && i % wrong == 0) ? (int32_t)(i * 7919 % 100003 + 10)
                                                          : text[i - period];
    trit_lookup_tell(l, text, 1);
    *passes = 0;
    for (size_t at = 1, right; at < n; at += right + 1, ++*passes) {
        size_t guessed = trit_lookup_guess(l, n - at - 1, draft);
        double pass = 1 + slope * (double)guessed;
        for (right = 0; right < guessed && draft[right] == text[at + right];)
            right++;
        assert_true(guessed <= 16 && guessed <= n - at - 1);
        trit_lookup_tell(l, text + at, right + 1);
        trit_lookup_learn(l, guessed, right, pass * 0.02);
        time += pass;
    }
    trit_lookup_free(l);
    return time;
}

static void wrong_guesses_cost_little(void **state)
{
    (void)state;
    static const double slopes[] = { 0.03, 0.1, 0.3, 1, 2.5 };
    static const size_t wrongs[] = { 1, 2, 3, 4, 5, 7, 10 };
    for (size_t i = 0; i < COUNT(slopes); i++)
        for (size_t j = 0; j < COUNT(wrongs); j++) {
            size_t passes;
            double time = play(3000, 37, wrongs[j], slopes[i], &passes);
            print_message("slope %.2f, one of %zu wrong: %.3f\n", slopes[i], wrongs[j],
                          time / 3000);
            assert_true(time < 3000 * 1.03);
        }
}

static void right_guesses_pay(void **state)
{
    (void)state;
    size_t passes;
    assert_true(play(2000, 50, 0, 0.1, &passes) < 2000 / 4.0);
    print_message("%zu passes\n", passes);
    assert_true(passes < 2000 / 8);
    assert_true(play(2000, 50, 0, 0.3, &passes) < 2000 / 2.0);
    assert_true(play(2000, 50, 40, 0.2, &passes) < 2000 / 2.0);
}

static void a_text_that_is_too_long_is_cut(void **state)
{
    (void)state;
    static const int32_t text[] = { 1, 2, 3, 1, 2, 4 };
    struct trit_lookup *l;
    int32_t draft[4];
    assert_int_equal(trit_lookup_create(&l, 4, 5, NULL), TRIT_OK);
    trit_lookup_tell(l, text, 6);
    trit_lookup_tell(l, text, 6);
    assert_true(trit_lookup_guess(l, 4, draft) > 0 && draft[0] == 3);
    trit_lookup_free(l);
    assert_int_equal(trit_lookup_create(&l, 0, 5, NULL), TRIT_EARGUMENT);
    assert_int_equal(trit_lookup_create(&l, TRIT_LOOKUP_MAX + 1, 5, NULL), TRIT_EARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_are_what_stood_there),
        cmocka_unit_test(past_its_end_the_text_repeats_itself),
        cmocka_unit_test(wrong_guesses_cost_little),
        cmocka_unit_test(right_guesses_pay),
        cmocka_unit_test(a_text_that_is_too_long_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

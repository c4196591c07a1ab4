/* labels: threads */
/* Does the head's search by planes give what sorting all logits gives, bit for bit? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib_head.h"

enum {
    MOST_STATES = 19,
    MOST_ALSO = 9,
    FULL_PASSES = 16, /* that follow a search which read more than one */
};

static struct trit_pool *pools[2];
static size_t states_by_planes, states_in_full;

/* What the answer must be: all rows sorted, of which the k first that also does not name, and
   also's rows, stay. */
static size_t expected(const float *logits, size_t n, const struct trit_top *top,
                       struct trit_candidate *all)
{
    size_t kept = 0, others = 0;
    for (size_t j = 0; j < n; j++)
        all[j] = (struct trit_candidate){ logits[j], (int32_t)j };
    trit_candidates_sort(all, n);
    for (size_t j = 0; j < n; j++) {
        bool named = false;
        for (size_t a = 0; a < top->nalso; a++)
            named |= top->also[a] == all[j].id;
        if (named || others++ < top->k)
            all[kept++] = all[j];
    }
    return kept;
}

static void compare(const struct trit_head_case *c, const float *logits, const struct trit_top *top,
                    struct trit_candidate *all, const char *what)
{
    const size_t n = expected(logits, c->rows.n, top, all);
    if (top->count != n)
        fail_msg("%s: %zu candidates, not %zu", what, top->count, n);
    for (size_t j = 0; j < n; j++)
        if (memcmp(&all[j], &top->best[j], sizeof *all) && all[j].logit == all[j].logit)
            fail_msg("%s: candidate %zu of %zu is %d (%a), must be %d (%a)", what, j, n,
                     top->best[j].id, (double)top->best[j].logit, all[j].id, (double)all[j].logit);
}

/* Whether a state has a bound: neither 0 nor beyond what floats hold. */
static bool bounded(const float *x, size_t k)
{
    double sum = 0;
    for (size_t i = 0; i < k; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum) > 1e-15 && sqrt(sum) < 1e15;
}

struct answers {
    size_t bounds, planes; /* states with a bound; states that planes answered */
};

/* m states of all kinds, from `first` on, asked for k each. */
static struct answers ask(struct trit_head_case *c, size_t m, size_t k, size_t first,
                          uint64_t *seed, const char *what)
{
    const size_t n = c->rows.n, width = c->rows.k, room = k + MOST_ALSO;
    size_t bounds = 0;
    float *x = malloc(m * width * sizeof *x), *logits = malloc(m * n * sizeof *logits);
    float *rows[MOST_STATES];
    struct trit_candidate *best = malloc(m * room * sizeof *best), *all = malloc(n * sizeof *all);
    struct trit_top top[MOST_STATES], *tops[MOST_STATES];
    int32_t also[MOST_STATES][MOST_ALSO];
    struct trit_counts counts = { 0 };
    assert_true(x && logits && best && all);
    for (size_t i = 0; i < m; i++) {
        trit_head_case_state(c, (first + i) % STATE_NKINDS, x + i * width, seed);
        bounds += bounded(x + i * width, width);
        for (size_t j = 0; j < MOST_ALSO; j++)
            also[i][j] = (int32_t)(trit_test_uniform(seed) * (double)n);
        top[i] = (struct trit_top){ k, also[i], i % 2 ? i % MOST_ALSO : 0, best + i * room, 0 };
        tops[i] = &top[i];
        rows[i] = logits + i * n;
    }
    assert_int_equal(
        trit_head_top(c->head, &(struct trit_states){ x, m, width }, tops, &counts, NULL), TRIT_OK);
    trit_head_full(c->head, &(struct trit_states){ x, m, width }, rows, NULL);
    for (size_t i = 0; i < m; i++)
        compare(c, rows[i], &top[i], all, what);
    const size_t full = counts.macs[TRIT_PART_HEAD_FULL] / (n * width);
    states_in_full += full;
    states_by_planes += m - full;
    free(x);
    free(logits);
    free(best);
    free(all);
    return (struct answers){ bounds, m - full };
}

/* Until the head tries its planes; they must answer then, where every state has a bound and few are
   asked for. */
static void ask_planes(struct trit_head_case *c, size_t m, size_t k, size_t first, uint64_t *seed,
                       const char *what)
{
    const bool few = 8 * k <= c->rows.n && trit_head_plane_bytes(c->head);
    bool skipping = true;
    struct answers got = { 0 };
    for (size_t i = 0; i <= (few ? FULL_PASSES : 0) && skipping && !got.planes; i++) {
        skipping = c->head->skip > 0;
        got = ask(c, m, k, first, seed, what);
    }
    if (few && !got.planes && got.bounds == m && c->kind != ROWS_HUGE)
        fail_msg("%s: state of kind %zu: planes never answer", what, first);
}

static void check(uint32_t type, enum trit_rows_kind kind, size_t n, size_t k, size_t pool)
{
    static const size_t wanted[] = { 1, 2, 40, 5000 };
    struct trit_head_case c;
    uint64_t seed = n + k;
    char what[80];
    trit_head_case_make(&c, type, kind, n, k, pools[pool], 17 * n + k);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        snprintf(what, sizeof what, "type %u, rows of kind %d, %zu x %zu, top %zu", type, kind, n,
                 k, wanted[i]);
        for (size_t s = 0; s < 2 * STATE_NKINDS; s++) /* again, as the first time left the head */
            ask_planes(&c, 1, wanted[i], s / 2, &seed, what);
        ask_planes(&c, 7, wanted[i], 0, &seed, what);
        ask_planes(&c, MOST_STATES, wanted[i], 2, &seed, what);
    }
    trit_head_case_free(&c);
}

static void all_kinds(uint32_t type, size_t n, size_t k)
{
    for (int kind = 0; kind < ROWS_NKINDS; kind++)
        check(type, kind, n, k, (size_t)kind % 2);
}

static void rows_of_two_bytes(void **state)
{
    (void)state;
    all_kinds(TRIT_F16, 2500, 64);
    all_kinds(TRIT_F16, 1025, 300);
}

static void rows_of_four_bytes(void **state)
{
    (void)state;
    all_kinds(TRIT_F32, 1600, 97);
}

static void rows_of_blocks(void **state)
{
    (void)state;
    all_kinds(TRIT_Q8_0, 1300, 96);
}

static void few_and_odd_rows(void **state)
{
    static const size_t counts[] = { 1, 2, 31, 63, 64, 65, 255, 257, 400 };
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t k = 1; k < 40; k += 19)
            check(TRIT_F32, ROWS_NORMAL, counts[i], k, i % 2);
}

/* As many states as a long text has, each near a row. */
static void clear_states_read_little(void **state)
{
    (void)state;
    struct trit_head_case c;
    struct trit_counts counts = { 0 };
    struct trit_candidate best;
    struct trit_top top = { .k = 1, .best = &best }, *tops[] = { &top };
    uint64_t seed = 5;
    float x[512], row[512];
    trit_head_case_make(&c, TRIT_F16, ROWS_NORMAL, 3000, 512, pools[1], 3);
    for (size_t i = 0; i < 1000; i++) {
        trit_rows_get(&c.rows, i, row);
        for (size_t j = 0; j < 512; j++)
            x[j] = trit_test_normal(&seed) + 25 * row[j];
        assert_int_equal(
            trit_head_top(c.head, &(struct trit_states){ x, 1, 512 }, tops, &counts, NULL),
            TRIT_OK);
        assert_int_equal(best.id, i);
    }
    assert_true(counts.head_exact < 10 * counts.head_states);
    assert_int_equal(counts.head_states, 1000);
    trit_head_case_free(&c);
}

static void both_ways_were_asked(void **state)
{
    (void)state;
    print_message("%zu states by planes, %zu in full\n", states_by_planes, states_in_full);
    assert_true(states_by_planes > 1000 && states_in_full > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_two_bytes),        cmocka_unit_test(rows_of_four_bytes),
        cmocka_unit_test(rows_of_blocks),           cmocka_unit_test(few_and_odd_rows),
        cmocka_unit_test(clear_states_read_little), cmocka_unit_test(both_ways_were_asked),
    };
    if (trit_pool_create(&pools[0], 1, NULL) || trit_pool_create(&pools[1], 3, NULL))
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    trit_pool_destroy(pools[0]);
    trit_pool_destroy(pools[1]);
    return failed;
}

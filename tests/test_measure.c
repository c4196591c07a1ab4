/* labels: slow
   Measuring: is a wrong kernel caught before it is timed, and do timings make sense? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotune/measure/measure.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/cpu/cpu.h"
#include "runtime/kernel/multiply.h"
#include "runtime/kernel/pack.h"

enum { N = 45, K = 300 };

struct fixture {
    struct trit_pool *pool;
    struct trit_measure *measure;
    struct trit_error error;
};
static const struct trit_kernel *real; /* what the broken ones do first */

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    return trit_pool_create(&f->pool, 2, &f->error) ||
           trit_measure_open(&f->measure, f->pool, N, K, &f->error);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    trit_measure_close(f->measure);
    trit_pool_destroy(f->pool);
    free(f);
    return 0;
}

/* Kernels of the operation that can be measured here, at most room. */
static size_t collect(const struct fixture *f, enum trit_op op, const struct trit_kernel **out,
                      size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < trit_kernel_count() && n < room; i++)
        if (trit_kernel_at(i)->op == op && trit_measure_fits(f->measure, trit_kernel_at(i)))
            out[n++] = trit_kernel_at(i);
    return n;
}

static void right_kernels_pass(void **state)
{
    const struct fixture *f = *state;
    const struct trit_kernel *kernels[512];
    const char *whys[512];
    size_t n = collect(f, TRIT_OP_gemv, kernels, 256);
    n += collect(f, TRIT_OP_gemm, kernels + n, 256);
    assert_true(n > 2);
    trit_measure_verify(f->measure, kernels, n, whys);
    for (size_t i = 0; i < n; i++)
        if (whys[i])
            fail_msg("%s: %s", kernels[i]->name, whys[i]);
}

static void call_real(size_t m, size_t n, size_t k, const uint8_t *w, const float *d,
                      const int8_t *a, size_t lda, const float *s, const int32_t *sum, float *y,
                      size_t ldy)
{
    real->fn.gemv(m, n, k, w, d, a, lda, s, sum, y, ldy);
}

static trit_gemv_fn last_bit, past_end, dies, never_ends;

static void last_bit(size_t m, size_t n, size_t k, const uint8_t *w, const float *d,
                     const int8_t *a, size_t lda, const float *s, const int32_t *sum, float *y,
                     size_t ldy)
{
    call_real(m, n, k, w, d, a, lda, s, sum, y, ldy);
    ((unsigned char *)&y[(m - 1) * ldy + n - 1])[0] ^= 1;
}

static void past_end(size_t m, size_t n, size_t k, const uint8_t *w, const float *d,
                     const int8_t *a, size_t lda, const float *s, const int32_t *sum, float *y,
                     size_t ldy)
{
    call_real(m, n, k, w, d, a, lda, s, sum, y, ldy);
    y[n] = 0;
}

static void dies(size_t m, size_t n, size_t k, const uint8_t *w, const float *d, const int8_t *a,
                 size_t lda, const float *s, const int32_t *sum, float *y, size_t ldy)
{
    call_real(m, n, k, w, d, a, lda, s, sum, y, ldy);
    raise(SIGILL);
}

static void never_ends(size_t m, size_t n, size_t k, const uint8_t *w, const float *d,
                       const int8_t *a, size_t lda, const float *s, const int32_t *sum, float *y,
                       size_t ldy)
{
    call_real(m, n, k, w, d, a, lda, s, sum, y, ldy);
    for (;;)
        pause();
}

static void wrong_kernels_are_caught(void **state)
{
    const struct fixture *f = *state;
    static trit_gemv_fn *const broken[] = { last_bit, dies, past_end, never_ends };
    enum { NBROKEN = sizeof broken / sizeof *broken };
    struct trit_kernel rows[NBROKEN];
    const struct trit_kernel *kernels[NBROKEN + 1];
    const char *whys[NBROKEN + 1];
    assert_int_equal(collect(f, TRIT_OP_gemv, &real, 1), 1);
    for (size_t i = 0; i < NBROKEN; i++) {
        rows[i] = *real;
        rows[i].fn.gemv = broken[i];
        kernels[i] = &rows[i];
    }
    kernels[NBROKEN] = real;
    trit_measure_limit(f->measure, 1);
    trit_measure_verify(f->measure, kernels, NBROKEN + 1, whys);
    trit_measure_limit(f->measure, 20);
    assert_string_equal(whys[0], "differs from the reference");
    assert_string_equal(whys[1], "died with SIGILL");
    assert_string_equal(whys[2], "differs from the reference");
    assert_string_equal(whys[3], "did not end in time");
    assert_null(whys[NBROKEN]);
}

/* K is three groups: packings whose slice has two are padded by one. */
static void kernels_with_groups_are_compared_and_timed(void **state)
{
    struct fixture *f = *state;
    struct trit_measure *measure;
    const struct trit_kernel *kernels[256];
    const char *whys[257];
    struct trit_timing t;
    assert_int_equal(trit_measure_open(&measure, f->pool, N, 384, &f->error), TRIT_OK);
    size_t n = 0;
    for (size_t i = 0; i < trit_kernel_count() && n < 255; i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        const struct trit_packing *packing = trit_packing_find(kernel->packing);
        if (packing && packing->group && trit_measure_fits(measure, kernel))
            kernels[n++] = kernel;
        assert_false(packing && packing->group && trit_measure_fits(f->measure, kernel));
    }
    assert_true(n > 2);
    struct trit_kernel broken = *kernels[0];
    real = kernels[0];
    broken.fn.gemv = last_bit;
    kernels[n] = &broken;
    trit_measure_verify(measure, kernels, n + 1, whys);
    for (size_t i = 0; i < n; i++)
        if (whys[i])
            fail_msg("%s: %s", kernels[i]->name, whys[i]);
    assert_string_equal(whys[n], "differs from the reference");
    const struct trit_trial c = { kernels[n - 1], 3, 0, 0 };
    assert_int_equal(
        trit_measure_run(measure, &c, 1, &(struct trit_rounds){ .n = 1 }, &t, &f->error), TRIT_OK);
    assert_true(t.samples == 1 && t.median_ns > 0);
    trit_measure_close(measure);
}

static void check_timing(const struct trit_timing *t, size_t rounds)
{
    assert_int_equal(t->samples, rounds);
    assert_true(t->low_ns > 0 && t->low_ns <= t->median_ns && t->median_ns <= t->high_ns);
    assert_true(t->spread_ns >= 0 && t->spread_ns <= t->high_ns);
}

static void timings_are_ordered(void **state)
{
    struct fixture *f = *state;
    const struct trit_kernel *kernels[3];
    size_t n = collect(f, TRIT_OP_gemv, kernels, 2);
    n += collect(f, TRIT_OP_gemm, kernels + n, 1);
    struct trit_trial c[3];
    struct trit_timing t[3];
    for (size_t i = 0; i < n; i++)
        c[i] = (struct trit_trial){ kernels[i], kernels[i]->op == TRIT_OP_gemv ? 1 : 37, 8 * i,
                                    i == 2 ? (size_t)kernels[i]->nr : 0 };
    struct trit_gbench_log *log;
    assert_int_equal(trit_gbench_log_open(&log, &f->error), TRIT_OK);
    for (size_t rounds = 1; rounds < 20; rounds += 6) {
        const struct trit_rounds how = { .n = rounds, .min_seconds = 1e-5, .log = log };
        assert_int_equal(trit_measure_run(f->measure, c, n, &how, t, &f->error), TRIT_OK);
        for (size_t i = 0; i < n; i++)
            check_timing(&t[i], rounds);
    }
    assert_int_equal(trit_gbench_log_close(log, "measure.json", &f->error), TRIT_OK);
    char *text;
    size_t bytes;
    assert_int_equal(trit_file_read("measure.json", 1 << 20, &text, &bytes, &f->error), TRIT_OK);
    assert_non_null(strstr(text, "\"context\""));
    assert_non_null(strstr(text, kernels[0]->name));
    assert_string_equal(text + bytes - 2, "}\n");
    free(text);
    unlink("measure.json");
}

static bool after_three(void *arg)
{
    return ++*(int *)arg > 3;
}

static const struct trit_rounds once = { .n = 1 };

static void stops_when_asked(void **state)
{
    struct fixture *f = *state;
    const struct trit_kernel *kernel;
    struct trit_timing t;
    int asked = 0;
    assert_int_equal(collect(f, TRIT_OP_gemv, &kernel, 1), 1);
    const struct trit_trial c = { kernel, 1, 0, 0 };
    const struct trit_rounds many = { .n = 1000, .stop = after_three, .stop_arg = &asked };
    assert_int_equal(trit_measure_run(f->measure, &c, 1, &many, &t, &f->error), TRIT_OK);
    assert_true(t.samples < 4);
}

static void refuses_what_does_not_fit(void **state)
{
    struct fixture *f = *state;
    struct trit_timing t;
    struct trit_measure *none;
    assert_int_equal(collect(f, TRIT_OP_gemv, &real, 1), 1);
    struct trit_kernel other = *real;
    other.n = N + 1;
    const struct trit_trial c = { &other, 1, 0, 0 };
    assert_false(trit_measure_fits(f->measure, &other));
    assert_int_equal(trit_measure_run(f->measure, &c, 1, &once, &t, &f->error), TRIT_EARGUMENT);
    assert_int_equal(trit_measure_open(&none, f->pool, 0, 5, &f->error), TRIT_EARGUMENT);
    assert_int_equal(trit_measure_open(&none, f->pool, 5, TRIT_MAX_K + 1, &f->error),
                     TRIT_EARGUMENT);
    assert_null(none);
}

/* The first gemv kernel of a packing that the measure takes; NULL: none. */
static const struct trit_kernel *gemv_of(const struct trit_measure *measure, const char *packing)
{
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        if (kernel->op == TRIT_OP_gemv && !strcmp(kernel->packing, packing) &&
            trit_measure_fits(measure, kernel))
            return kernel;
    }
    return NULL;
}

static void refuses_sums_that_do_not_fit(void **state)
{
    struct fixture *f = *state;
    static const char *const wide[] = { "i4", "i8" };
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        struct trit_measure *measure;
        const struct trit_packing *packing = trit_packing_find(wide[i]);
        for (size_t more = 0; more < 2; more++) {
            assert_int_equal(
                trit_measure_open(&measure, f->pool, 1, packing->max_k + more, &f->error), TRIT_OK);
            assert_int_equal(gemv_of(measure, wide[i]) != NULL, more == 0);
            assert_non_null(gemv_of(measure, "t2"));
            trit_measure_close(measure);
        }
    }
}

/* The calls that a kernel gets: tokens and rows of each. */
static struct calls {
    size_t n, m[4096], rows[4096];
} calls;

static void note_call(size_t m, size_t n, size_t k, const uint8_t *w, const float *d,
                      const int8_t *a, size_t lda, const float *s, const int32_t *sum, float *y,
                      size_t ldy)
{
    assert_true(calls.n < 4096);
    calls.m[calls.n] = m;
    calls.rows[calls.n++] = n;
    call_real(m, n, k, w, d, a, lda, s, sum, y, ldy);
}

/* The same product as the model runs it. */
static void multiply(struct trit_pool *pool, const struct trit_trial *c, size_t n, size_t k)
{
    const size_t nr = (size_t)c->kernel->nr, kp = trit_round_up(k, (size_t)c->kernel->kr);
    const struct trit_packing *packing = trit_packing_find(c->kernel->packing);
    struct trit_multiply x = { .kernel = c->kernel, .mc = c->mc, .nc = c->nc };
    x.n = n;
    x.kp = kp;
    x.block = trit_packed_bytes(packing, nr, k, nr);
    uint8_t *w = calloc((n + nr - 1) / nr, x.block);
    float *d = calloc(n + nr, sizeof *d), *s = calloc(c->m, sizeof *s),
          *y = calloc(c->m * n, sizeof *y);
    int8_t *a = calloc(c->m, trit_padded_k(k));
    int32_t *sum = calloc(c->m, sizeof *sum);
    assert_true(w && d && s && y && a && sum);
    x.w = w;
    x.d = d;
    x.m = c->m;
    x.lda = trit_padded_k(k);
    x.a = a;
    x.s = s;
    x.sum = sum;
    x.y = y;
    x.ldy = n;
    trit_multiply(pool, 0, &x);
    free(w);
    free(d);
    free(s);
    free(y);
    free(a);
    free(sum);
}

/* With one thread the calls have an order; a product as small as this one is a region, too. */
static void what_is_timed_is_what_the_model_runs(void **state)
{
    struct fixture *f = *state;
    enum { BIG = 3000 };
    static const size_t tokens[] = { 1, 5, 40 }, mcs[] = { 0, 12 }, ncs[] = { 0, 64, 1000 };
    struct trit_pool *alone;
    struct trit_measure *measure;
    assert_int_equal(trit_pool_create(&alone, 1, &f->error), TRIT_OK);
    assert_int_equal(trit_measure_open(&measure, alone, BIG, K, &f->error), TRIT_OK);
    assert_int_equal(collect(f, TRIT_OP_gemv, &real, 1), 1);
    struct trit_kernel noting = *real;
    noting.fn.gemv = note_call;
    for (size_t i = 0; i < 18; i++) {
        const struct trit_trial c = { &noting, tokens[i % 3], mcs[i / 3 % 2], ncs[i / 6] };
        struct trit_timing t;
        calls.n = 0;
        multiply(alone, &c, BIG, K);
        static struct calls expected;
        expected = calls;
        calls.n = 0;
        assert_int_equal(trit_measure_run(measure, &c, 1, &once, &t, &f->error), TRIT_OK);
        assert_true(expected.n > 0 && calls.n % expected.n == 0);
        for (size_t j = 0; j < calls.n; j++) {
            assert_int_equal(calls.m[j], expected.m[j % expected.n]);
            assert_int_equal(calls.rows[j], expected.rows[j % expected.n]);
        }
    }
    trit_measure_close(measure);
    trit_pool_destroy(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_kernels_pass),
        cmocka_unit_test(wrong_kernels_are_caught),
        cmocka_unit_test(kernels_with_groups_are_compared_and_timed),
        cmocka_unit_test(timings_are_ordered),
        cmocka_unit_test(stops_when_asked),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(refuses_sums_that_do_not_fit),
        cmocka_unit_test(what_is_timed_is_what_the_model_runs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

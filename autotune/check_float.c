/* The operations on one vector: quant, norm, relu2, softmax. */
#include <string.h>

#include "runtime/mem.h"
#include "runtime/ref.h"
#include "autotune/check.h"

/* Calls one with every size of 1 to 70 and of trit_check_sizes (or the kernel's only one), every
   kind of values below kinds, and every edge. */
static void sweep(const struct trit_kernel *kernel, enum trit_check_kind kinds,
                  void (*one)(const struct trit_kernel *, size_t, enum trit_check_kind,
                              enum trit_check_edge))
{
    size_t large = 0;
    for (size_t i = 1; i; i = i < 70 ? i + 1 : trit_check_sizes[large++]) {
        size_t k = kernel->k ? kernel->k : i;
        for (unsigned kind = 0; kind < (unsigned)kinds; kind++)
            for (unsigned edge = 0; edge < TRIT_CHECK_NEDGES; edge++) {
                trit_check_scratch_reset();
                one(kernel, k, (enum trit_check_kind)kind, (enum trit_check_edge)edge);
            }
        if (kernel->k)
            return;
    }
}

static void quant_once(const struct trit_kernel *kernel, size_t k, enum trit_check_kind kind,
                       enum trit_check_edge edge)
{
    static const size_t multiples[] = { 1, 16, 64 };
    size_t kp = trit_round_up(k, multiples[trit_check_between(0, 2)]) + trit_check_between(0, 1);
    float *data = trit_check_array(k, kind), want_s;
    int8_t *want = trit_check_scratch(kp, 1);
    int32_t want_sum;
    /* Scale 1: values of .5 are then ties. */
    if (kind == TRIT_CHECK_TIES)
        data[trit_check_between(0, k - 1)] = 127.0f;
    trit_check_case("k=%zu kp=%zu values=%s edge=%s", k, kp, trit_check_kind_names[kind],
                    trit_check_edge_names[edge]);
    trit_ref_quant(k, kp, data, want, &want_s, &want_sum);
    trit_check_place(edge);
    const float *x = trit_check_in(data, k, sizeof *x);
    int8_t *a = trit_check_out(kp, 1);
    float *s = trit_check_out(1, sizeof *s);
    int32_t *sum = trit_check_out(1, sizeof *sum);
    trit_check_enter();
    kernel->fn.quant(k, kp, x, a, s, sum);
    trit_check_leave();
    trit_check_floats("s", s, &want_s, 1, 1, 1);
    trit_check_bytes("a", a, want, kp);
    if (*sum != want_sum)
        trit_check_fail("sum = %d, want %d", *sum, want_sum);
}

void trit_check_quant(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NKINDS, quant_once);
}

static void norm_once(const struct trit_kernel *kernel, size_t k, enum trit_check_kind kind,
                      enum trit_check_edge edge)
{
    static const float epsilons[] = { 1e-5f, 1e-6f, 1e-12f };
    const float *data = trit_check_array(k, kind), *weights = trit_check_array(k, kind / 2 * 2);
    float *want = trit_check_scratch(k, sizeof *want), eps = epsilons[trit_check_between(0, 2)];
    trit_ref_norm(k, data, weights, eps, want);
    for (int in_place = 0; in_place < 2; in_place++) {
        trit_check_case("k=%zu eps=%g values=%s%s edge=%s", k, (double)eps,
                        trit_check_kind_names[kind], in_place ? " in place" : "",
                        trit_check_edge_names[edge]);
        trit_check_place(edge);
        const float *w = trit_check_in(weights, k, sizeof *w);
        const float *x = in_place ? NULL : trit_check_in(data, k, sizeof *x);
        float *y = in_place ? trit_check_inout(data, k, sizeof *y) : trit_check_out(k, sizeof *y);
        trit_check_enter();
        kernel->fn.norm(k, in_place ? y : x, w, eps, y);
        trit_check_leave();
        trit_check_floats("y", y, want, 1, k, k);
    }
}

void trit_check_norm(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NKINDS, norm_once);
}

static void relu2_once(const struct trit_kernel *kernel, size_t k, enum trit_check_kind kind,
                       enum trit_check_edge edge)
{
    static const char *const places[] = { "", " f=g", " f=u" };
    const float *gates = trit_check_array(k, kind), *ups = trit_check_array(k, kind / 2 * 2);
    float *want = trit_check_scratch(k, sizeof *want);
    trit_ref_relu2(k, gates, ups, want);
    for (int place = 0; place < 3; place++) {
        trit_check_case("k=%zu values=%s%s edge=%s", k, trit_check_kind_names[kind], places[place],
                        trit_check_edge_names[edge]);
        trit_check_place(edge);
        float *f = place == 0 ? trit_check_out(k, sizeof *f)
                              : trit_check_inout(place == 1 ? gates : ups, k, sizeof *f);
        const float *g = place == 1 ? f : trit_check_in(gates, k, sizeof *g);
        const float *u = place == 2 ? f : trit_check_in(ups, k, sizeof *u);
        trit_check_enter();
        kernel->fn.relu2(k, g, u, f);
        trit_check_leave();
        trit_check_floats("f", f, want, 1, k, k);
    }
}

void trit_check_relu2(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NKINDS, relu2_once);
}

static void softmax_once(const struct trit_kernel *kernel, size_t n, enum trit_check_kind kind,
                         enum trit_check_edge edge)
{
    static const float scales[] = { 1.0f, 0.08838834764f, 0.1f, 40.0f };
    size_t np = trit_round_up(n, trit_check_random() >> 63 ? 16 : 1) + trit_check_between(0, 1);
    float scale = scales[trit_check_between(0, 3)], want_max, want_sum;
    float *data = trit_check_array(np, kind), *want = trit_check_scratch(np, sizeof *want);
    memcpy(want, data, np * sizeof *want);
    trit_ref_softmax(n, np, scale, want, &want_max, &want_sum);
    trit_check_case("n=%zu np=%zu scale=%.9g values=%s edge=%s", n, np, (double)scale,
                    trit_check_kind_names[kind], trit_check_edge_names[edge]);
    trit_check_place(edge);
    float *s = trit_check_inout(data, np, sizeof *s);
    float *max = trit_check_out(1, sizeof *max), *sum = trit_check_out(1, sizeof *sum);
    trit_check_enter();
    kernel->fn.softmax(n, np, scale, s, max, sum);
    trit_check_leave();
    trit_check_floats("p", s, want, 1, np, np);
    trit_check_floats("sum", sum, &want_sum, 1, 1, 1);
    trit_check_floats("max", max, &want_max, 1, 1, 1);
}

/* No NaN: the maximum would then depend on the order, which is not defined. */
void trit_check_softmax(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NONFINITE, softmax_once);
}

/* The operations on vectors: quant, quant4, norm, l2, gnorm, those of a gate, softmax, merge, half,
   split. */
#include <math.h>
#include <string.h>

#include "autotune/check/internal.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/ref.h"

/* Calls one with every size of 1 to 70 (quick: every third) and of trit_check_sizes (or the
   kernel's only one), every kind of values below kinds, and every edge (quick: at one of them where
   the size is of trit_check_sizes). */
static void sweep(const struct trit_kernel *kernel, enum trit_check_kind kinds,
                  void (*one)(const struct trit_kernel *, size_t, enum trit_check_kind,
                              enum trit_check_edge))
{
    const size_t step = trit_check_quick ? 3 : 1;
    size_t large = 0;
    for (size_t i = 1; i; i = i < 70 ? i + step : trit_check_sizes[large++]) {
        size_t k = kernel->k ? kernel->k : i;
        for (unsigned kind = 0; kind < (unsigned)kinds; kind++)
            for (unsigned edge = 0; edge < TRIT_CHECK_NEDGES; edge++) {
                if (trit_check_quick && large && edge != (kind + large) % TRIT_CHECK_NEDGES)
                    continue;
                trit_check_scratch_reset();
                one(kernel, k, (enum trit_check_kind)kind, (enum trit_check_edge)edge);
            }
        if (kernel->k)
            return;
    }
}

/* Values whose scale is 1, so that those of .5 are ties. Of quant4 their mean makes it, which is as
   near as one of them can bring it. */
static void make_ties(trit_inputs_fn *ref, size_t k, float *x, int8_t *a)
{
    const size_t at = trit_check_between(0, k - 1);
    float s = 0;
    int32_t sum;
    if (ref == trit_ref_quant) {
        x[at] = 127.0f;
        return;
    }
    x[at] = 2.64575131f * (float)k;
    for (size_t i = 0; i < k; i++) {
        x[i] = i == at ? x[i] : fmodf(x[i], 4);
        x[at] -= i == at ? 0 : fabsf(x[i]);
    }
    for (int i = 0; i < 16 && s != 1.0f; i++) {
        ref(k, k, x, a, &s, &sum);
        x[at] = s == 1.0f ? x[at] : nextafterf(x[at], s > 1 ? INFINITY : 0);
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
    trit_inputs_fn *ref = trit_ref_inputs(kernel->op);
    if (kind == TRIT_CHECK_TIES)
        make_ties(ref, k, data, want);
    trit_check_case("k=%zu kp=%zu values=%s edge=%s", k, kp, trit_check_kind_names[kind],
                    trit_check_edge_names[edge]);
    ref(k, kp, data, want, &want_s, &want_sum);
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

static void l2_once(const struct trit_kernel *kernel, size_t k, enum trit_check_kind kind,
                    enum trit_check_edge edge)
{
    const float *data = trit_check_array(k, kind), scale = trit_check_float(kind / 2 * 2);
    float *want = trit_check_scratch(k, sizeof *want);
    trit_ref_l2(k, data, scale, want);
    for (int in_place = 0; in_place < 2; in_place++) {
        trit_check_case("k=%zu scale=%.9g values=%s%s edge=%s", k, (double)scale,
                        trit_check_kind_names[kind], in_place ? " in place" : "",
                        trit_check_edge_names[edge]);
        trit_check_place(edge);
        const float *x = in_place ? NULL : trit_check_in(data, k, sizeof *x);
        float *y = in_place ? trit_check_inout(data, k, sizeof *y) : trit_check_out(k, sizeof *y);
        trit_check_enter();
        kernel->fn.l2(k, in_place ? y : x, scale, y);
        trit_check_leave();
        trit_check_floats("y", y, want, 1, k, k);
    }
}

void trit_check_l2(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NKINDS, l2_once);
}

static void gnorm_once(const struct trit_kernel *kernel, size_t k, enum trit_check_kind kind,
                       enum trit_check_edge edge)
{
    static const char *const places[] = { "", " y=x", " y=z" };
    const float *data = trit_check_array(k, kind), *weights = trit_check_array(k, kind / 2 * 2),
                *gates = trit_check_array(k, kind);
    float *want = trit_check_scratch(k, sizeof *want);
    trit_ref_gnorm(k, data, weights, 1e-6f, gates, want);
    for (int place = 0; place < 3; place++) {
        trit_check_case("k=%zu values=%s%s edge=%s", k, trit_check_kind_names[kind], places[place],
                        trit_check_edge_names[edge]);
        trit_check_place(edge);
        const float *w = trit_check_in(weights, k, sizeof *w);
        float *y = place == 0 ? trit_check_out(k, sizeof *y)
                              : trit_check_inout(place == 1 ? data : gates, k, sizeof *y);
        const float *x = place == 1 ? y : trit_check_in(data, k, sizeof *x);
        const float *z = place == 2 ? y : trit_check_in(gates, k, sizeof *z);
        trit_check_enter();
        kernel->fn.gnorm(k, x, w, 1e-6f, z, y);
        trit_check_leave();
        trit_check_floats("y", y, want, 1, k, k);
    }
}

void trit_check_gnorm(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NKINDS, gnorm_once);
}

static void gated_once(const struct trit_kernel *kernel, size_t k, enum trit_check_kind kind,
                       enum trit_check_edge edge)
{
    static const char *const places[] = { "", " f=g", " f=u" };
    const float *gates = trit_check_array(k, kind), *ups = trit_check_array(k, kind / 2 * 2);
    float *want = trit_check_scratch(k, sizeof *want);
    trit_ref_gated(kernel->op)(k, gates, ups, want);
    for (int place = 0; place < 3; place++) {
        trit_check_case("k=%zu values=%s%s edge=%s", k, trit_check_kind_names[kind], places[place],
                        trit_check_edge_names[edge]);
        trit_check_place(edge);
        float *f = place == 0 ? trit_check_out(k, sizeof *f)
                              : trit_check_inout(place == 1 ? gates : ups, k, sizeof *f);
        const float *g = place == 1 ? f : trit_check_in(gates, k, sizeof *g);
        const float *u = place == 2 ? f : trit_check_in(ups, k, sizeof *u);
        trit_check_enter();
        kernel->fn.silu(k, g, u, f);
        trit_check_leave();
        trit_check_floats("f", f, want, 1, k, k);
    }
}

void trit_check_gated(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NKINDS, gated_once);
}

static void softmax_once(const struct trit_kernel *kernel, size_t n, enum trit_check_kind kind,
                         enum trit_check_edge edge)
{
    static const float scales[] = { 1.0f, 0.08838834764f, 0.1f, 40.0f };
    const size_t m = trit_check_between(1, 2 * (size_t)kernel->mr + 1),
                 group = trit_check_between(1, 5), np = n + trit_check_between(0, m / group + 1),
                 lds = np + trit_check_between(0, 1) * trit_check_between(1, 20);
    const float scale = scales[trit_check_between(0, 3)];
    const float *data = trit_check_array(m * lds, kind);
    float *want = trit_check_scratch(m * lds, sizeof *want),
          *want_max = trit_check_scratch(m, sizeof *want),
          *want_sum = trit_check_scratch(m, sizeof *want);
    const size_t all = (m - 1) * lds + np;
    memcpy(want, data, m * lds * sizeof *want);
    trit_ref_softmax(m, group, n, np, scale, want, lds, want_max, want_sum);
    trit_check_case("m=%zu group=%zu n=%zu np=%zu lds=%zu scale=%.9g values=%s edge=%s", m, group,
                    n, np, lds, (double)scale, trit_check_kind_names[kind],
                    trit_check_edge_names[edge]);
    trit_check_place(edge);
    float *s = trit_check_inout(data, all, sizeof *s);
    float *max = trit_check_out(m, sizeof *max), *sum = trit_check_out(m, sizeof *sum);
    trit_check_enter();
    kernel->fn.softmax(m, group, n, np, scale, s, lds, max, sum);
    trit_check_leave();
    trit_check_floats("p", s, want, 1, all, all);
    trit_check_floats("sum", sum, want_sum, 1, m, m);
    trit_check_floats("max", max, want_max, 1, m, m);
}

/* No NaN: the maximum would then depend on the order, which is not defined. */
void trit_check_softmax(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NONFINITE, softmax_once);
}

/* What a merge takes and gives: maxima, sums, rows. */
struct merged {
    float *max, *sum, *o;
};

static struct merged merged_copy(const struct merged *from, size_t m, size_t all,
                                 void *(*place)(const void *, size_t, size_t))
{
    return (struct merged){ place(from->max, m, sizeof(float)), place(from->sum, m, sizeof(float)),
                            place(from->o, all, sizeof(float)) };
}

static void *scratch_copy(const void *data, size_t count, size_t element)
{
    return memcpy(trit_check_scratch(count, element), data, count * element);
}

static void merge_once(const struct trit_kernel *kernel, size_t hd, enum trit_check_kind kind,
                       enum trit_check_edge edge)
{
    const size_t m = trit_check_between(1, 20), ldo = hd + trit_check_between(0, 1) * 3,
                 ldp = hd + trit_check_between(0, 1) * 5, all = (m - 1) * ldo + hd;
    const struct merged in = { trit_check_array(m, kind), trit_check_array(m, TRIT_CHECK_NORMAL),
                               trit_check_array(all, kind) },
                        part = { trit_check_array(m, kind), trit_check_array(m, TRIT_CHECK_NORMAL),
                                 trit_check_array(m * ldp, kind) };
    const struct merged want = merged_copy(&in, m, all, scratch_copy);
    trit_ref_merge(m, hd, want.max, want.sum, want.o, ldo, part.max, part.sum, part.o, ldp);
    trit_check_case("m=%zu hd=%zu ldo=%zu ldp=%zu values=%s edge=%s", m, hd, ldo, ldp,
                    trit_check_kind_names[kind], trit_check_edge_names[edge]);
    trit_check_place(edge);
    const struct merged got = merged_copy(&in, m, all, trit_check_inout);
    const float *max = trit_check_in(part.max, m, sizeof *max),
                *sum = trit_check_in(part.sum, m, sizeof *sum),
                *o = trit_check_in(part.o, (m - 1) * ldp + hd, sizeof *o);
    trit_check_enter();
    kernel->fn.merge(m, hd, got.max, got.sum, got.o, ldo, max, sum, o, ldp);
    trit_check_leave();
    trit_check_floats("o", got.o, want.o, 1, all, all);
    trit_check_floats("sum", got.sum, want.sum, 1, m, m);
    trit_check_floats("max", got.max, want.max, 1, m, m);
}

void trit_check_merge(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NONFINITE, merge_once);
}

static void half_once(const struct trit_kernel *kernel, size_t k, enum trit_check_kind kind,
                      enum trit_check_edge edge)
{
    float *data = trit_check_array(k, kind);
    uint16_t *want = trit_check_scratch(k, sizeof *want);
    /* Every exponent of f16, its denormals, and what is past its range. */
    for (size_t i = 0; i < k; i += 1 + i % 3)
        data[i] = ldexpf(data[i], (int)trit_check_between(0, 50) - 30);
    trit_ref_half(k, data, want);
    trit_check_case("k=%zu values=%s edge=%s", k, trit_check_kind_names[kind],
                    trit_check_edge_names[edge]);
    trit_check_place(edge);
    const float *x = trit_check_in(data, k, sizeof *x);
    uint16_t *y = trit_check_out(k, sizeof *y);
    trit_check_enter();
    kernel->fn.half(k, x, y);
    trit_check_leave();
    trit_check_bytes("y", (const int8_t *)y, (const int8_t *)want, k * sizeof *y);
}

void trit_check_half(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NKINDS, half_once);
}

static void split_once(const struct trit_kernel *kernel, size_t k, enum trit_check_kind kind,
                       enum trit_check_edge edge)
{
    const size_t kp = trit_round_up(k, trit_check_random() >> 63 ? 16 : 1);
    const float *values = trit_check_array(k, kind), *scales = trit_check_array(k, kind / 2 * 2);
    float *want = trit_check_scratch(k, sizeof *want), want_s[2];
    int8_t *const codes[] = { trit_check_scratch(kp, 1), trit_check_scratch(kp, 1) };
    int32_t want_sum[2];
    memcpy(want, values, k * sizeof *want);
    trit_ref_split(k, kp, want, scales, codes, (float *[]){ want_s, want_s + 1 },
                   (int32_t *[]){ want_sum, want_sum + 1 });
    trit_check_case("k=%zu kp=%zu values=%s edge=%s", k, kp, trit_check_kind_names[kind],
                    trit_check_edge_names[edge]);
    trit_check_place(edge);
    float *x = trit_check_inout(values, k, sizeof *x);
    const float *scale = trit_check_in(scales, k, sizeof *scale);
    int8_t *const a[] = { trit_check_out(kp, 1), trit_check_out(kp, 1) };
    float *const s[] = { trit_check_out(1, sizeof **s), trit_check_out(1, sizeof **s) };
    int32_t *const sum[] = { trit_check_out(1, sizeof **sum), trit_check_out(1, sizeof **sum) };
    trit_check_enter();
    kernel->fn.split(k, kp, x, scale, a, s, sum);
    trit_check_leave();
    trit_check_floats("x", x, want, 1, k, k);
    for (int i = 0; i < 2; i++) {
        trit_check_bytes("a", a[i], codes[i], kp);
        trit_check_floats("s", s[i], &want_s[i], 1, 1, 1);
        if (*sum[i] != want_sum[i])
            trit_check_fail("sum = %d, want %d", *sum[i], want_sum[i]);
    }
}

void trit_check_split(const struct trit_kernel *kernel)
{
    sweep(kernel, TRIT_CHECK_NONFINITE, split_once);
}

/* gemv and gemm: which shapes, which weights and activations, and the comparison. */
#include <stdlib.h>
#include <string.h>

#include "autotune/check/internal.h"
#include "runtime/base/half.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/pack.h"
#include "runtime/kernel/ref.h"

/* A matrix and tokens, in scratch memory; a case uses the first m tokens. */
struct problem {
    const struct trit_packing *packing;
    size_t m, n, k, lda, ldy;
    size_t group, groups; /* columns that share a scale; so many of them has a row */
    int8_t *weights, *a;
    uint8_t *packed;
    uint16_t *scales;    /* [n][groups] where the packing has groups, and d the same */
    float *d, *s, *want; /* s [m][groups]: reciprocals there */
    int32_t *sum;
    size_t packed_bytes, rows; /* rows: n rounded up to NR */
};

/* Sizes, each the kernel's only one where it has one. */
static size_t n_of(const struct trit_kernel *kernel, size_t n)
{
    return kernel->n ? kernel->n : n;
}

static size_t k_of(const struct trit_kernel *kernel, size_t slices)
{
    return kernel->k ? kernel->k : slices * (size_t)kernel->kr;
}

static void allocate(struct problem *p, const struct trit_kernel *kernel, size_t m, size_t n,
                     size_t k)
{
    size_t nr = (size_t)kernel->nr;
    trit_check_scratch_reset();
    *p = (struct problem){
        .packing = trit_packing_find(kernel->packing),
        .m = m,
        .n = n,
        .k = k,
        .rows = trit_round_up(n, nr),
    };
    const bool grouped = p->packing->group;
    p->group = grouped ? p->packing->group : k;
    p->groups = k / p->group;
    p->lda = k + trit_check_between(0, 1) * trit_check_between(1, 70);
    p->ldy = n + trit_check_between(0, 1) * trit_check_between(1, 20);
    p->packed_bytes = trit_packed_bytes(p->packing, n, k, nr);
    p->weights = trit_check_unset(n * k, 1);
    p->packed = trit_check_unset(p->packed_bytes, 1);
    p->a = trit_check_unset(m * p->lda, 1);
    p->d = trit_check_scratch(p->rows * p->groups, sizeof *p->d);
    p->scales = grouped ? trit_check_scratch(n * p->groups, sizeof *p->scales) : NULL;
    p->s = trit_check_scratch(m * p->groups, sizeof *p->s);
    p->sum = trit_check_scratch(m * p->groups, sizeof *p->sum);
    p->want = trit_check_scratch(m * p->ldy, sizeof *p->want);
}

/* What follows from weights, activations and scales. */
static void complete(struct problem *p, const struct trit_kernel *kernel)
{
    for (size_t i = 0; i < p->m * p->groups; i++) {
        const int8_t *a = p->a + i / p->groups * p->lda + i % p->groups * p->group;
        p->sum[i] = 0;
        for (size_t x = 0; x < p->group; x++)
            p->sum[i] += a[x];
    }
    for (size_t i = 0; p->scales && i < p->n * p->groups; i++)
        p->d[i] = trit_f16_f32(p->scales[i]);
    trit_check_pack(kernel, &(struct trit_check_matrix){ p->n, p->k, p->weights, p->scales },
                    p->packed);
    if (p->scales)
        trit_ref_mm_groups(&(struct trit_ref_groups){ p->m, p->n, p->k, p->group, p->lda,
                                                      p->weights, p->a, p->d, p->s },
                           p->want, p->ldy);
    else
        trit_ref_mm(p->m, p->n, p->k, p->weights, p->d, p->a, p->lda, p->s, p->want, p->ldy);
}

static void random_scales(struct problem *p, size_t real)
{
    for (size_t j = 0; !p->scales && j < p->rows; j++)
        p->d[j] = trit_check_float(TRIT_CHECK_NORMAL);
    if (!p->scales)
        p->d[trit_check_between(0, p->rows - 1)] = trit_check_float(TRIT_CHECK_DENORMAL);
    for (size_t j = 0; p->scales && j < p->n * p->groups; j++)
        p->scales[j] = j % p->groups * p->group < real ? trit_check_scale() : 0;
    for (size_t i = 0; i < p->m * p->groups; i++) {
        const float largest = 0.01f + 3.0f * (float)(i + 1);
        p->s[i] = p->scales ? largest / 127.0f : 127.0f / largest;
    }
    p->s[trit_check_between(0, p->m * p->groups - 1)] =
        trit_check_random() >> 63 ? 1.27e7f : 3.7e-37f;
}

/* As models have it, with a ragged K: weight 0 in up to KR - 1 last columns, a scale of 0 in groups
   of nothing else. A packing that has no 0 has a group for a slice. */
static void randomise(struct problem *p, const struct trit_kernel *kernel)
{
    const size_t unit = p->scales ? p->group : 1,
                 real = p->k - trit_check_between(0, ((size_t)kernel->kr - 1) / unit) * unit;
    trit_check_codes(p->weights, p->n * p->k, trit_check_weights(p->packing));
    for (size_t j = 0; j < p->n; j++)
        memset(p->weights + j * p->k + real, 0, p->k - real);
    trit_check_codes(p->a, p->m * p->lda, trit_check_any);
    random_scales(p, real);
}

static void ones(struct problem *p)
{
    for (size_t j = 0; !p->scales && j < p->rows; j++)
        p->d[j] = 1.0f;
    for (size_t j = 0; p->scales && j < p->n * p->groups; j++)
        p->scales[j] = 0x3c00;
    for (size_t i = 0; i < p->m * p->groups; i++)
        p->s[i] = 1.0f;
}

/* Row j and token i hold patterns that go to the ends of every range on the way; scales of 1 show
   the int32 sum itself. */
static void worst(struct problem *p)
{
    const int low = p->packing->low, high = p->packing->high;
    const int weights[][2] = {
        { high, high }, { low, low }, { high, low }, { low, high }, { 0, 0 }
    };
    static const int8_t acts[][2] = { { 127, 127 }, { -127, -127 }, { -128, -128 },
                                      { 0, 0 },     { 127, -128 },  { -128, 127 } };
    for (size_t j = 0; j < p->n; j++)
        for (size_t x = 0; x < p->k; x++)
            p->weights[j * p->k + x] = (int8_t)weights[j % (p->packing->step > 1 ? 4 : 5)][x % 2];
    for (size_t i = 0; i < p->m; i++)
        for (size_t x = 0; x < p->lda; x++)
            p->a[i * p->lda + x] = acts[i % 6][x % 2];
    ones(p);
}

static void run(const struct trit_kernel *kernel, const struct problem *p, size_t m,
                enum trit_check_edge edge)
{
    trit_mm_fn *fn = kernel->op == TRIT_OP_gemv ? kernel->fn.gemv : kernel->fn.gemm;
    trit_check_case("m=%zu n=%zu k=%zu lda=%zu ldy=%zu edge=%s", m, p->n, p->k, p->lda, p->ldy,
                    trit_check_edge_names[edge]);
    trit_check_place(edge);
    const uint8_t *w = trit_check_in(p->packed, p->packed_bytes, 1);
    const float *d = p->scales ? NULL : trit_check_in(p->d, p->rows, sizeof *d);
    const int8_t *a = trit_check_in(p->a, (m - 1) * p->lda + p->k, 1);
    const float *s = trit_check_in(p->s, m * p->groups, sizeof *s);
    const int32_t *sum = trit_check_in(p->sum, m * p->groups, sizeof *sum);
    float *y = trit_check_out((m - 1) * p->ldy + p->n, sizeof *y);
    trit_check_enter();
    fn(m, p->n, p->k, w, d, a, p->lda, s, sum, y, p->ldy);
    trit_check_leave();
    trit_check_floats("y", y, p->want, m, p->n, p->ldy);
}

static void every_edge(const struct trit_kernel *kernel, const struct problem *p, size_t m)
{
    for (unsigned edge = 0; edge < TRIT_CHECK_NEDGES; edge++)
        if (!trit_check_quick || edge == (m + p->n) % TRIT_CHECK_NEDGES)
            run(kernel, p, m, (enum trit_check_edge)edge);
}

/* Every m with every n (of long blocks a part), k of a few slices: all tails together. */
static void check_tiles(const struct trit_kernel *kernel)
{
    size_t most = (size_t)kernel->mr + 3, last = n_of(kernel, 2 * (size_t)kernel->nr + 3);
    const size_t step = kernel->nr > 64 ? (size_t)kernel->nr / (trit_check_quick ? 3 : 15) : 1;
    for (size_t n = n_of(kernel, 1); n <= last; n += step) {
        struct problem p;
        allocate(&p, kernel, most, n, k_of(kernel, trit_check_between(1, 5)));
        randomise(&p, kernel);
        complete(&p, kernel);
        for (size_t m = 1; m <= most; m++)
            every_edge(kernel, &p, m);
    }
}

/* One shape at every edge, with random and with the worst data. */
static void check_shape(const struct trit_kernel *kernel, size_t m, size_t n, size_t k)
{
    for (int kind = 0; kind < 2; kind++) {
        struct problem p;
        allocate(&p, kernel, m, n, k);
        if (kind)
            worst(&p);
        else
            randomise(&p, kernel);
        complete(&p, kernel);
        every_edge(kernel, &p, m);
    }
}

/* All weights w against all activations a at the largest K. Packed slice by slice: all are alike.
 */
static void check_extreme(const struct trit_kernel *kernel, int w, int a)
{
    struct problem p;
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    size_t nr = (size_t)kernel->nr, kr = packing->kr;
    size_t k =
        trit_round_up(trit_check_min(packing->max_k, trit_check_quick ? 1 << 15 : SIZE_MAX), kr);
    allocate(&p, kernel, 1, n_of(kernel, nr), k);
    ones(&p);
    memset(p.a, a, k);
    memset(p.weights, w, p.n * kr);
    trit_check_pack(kernel, &(struct trit_check_matrix){ p.n, kr, p.weights, p.scales }, p.packed);
    for (size_t at = nr * packing->bytes; at < p.packed_bytes; at += nr * packing->bytes)
        memcpy(p.packed + at, p.packed, nr * packing->bytes);
    float want = 0;
    for (size_t g = 0; g < p.groups; g++) {
        p.sum[g] = a * (int32_t)p.group;
        want = want + (float)(w * a * (int32_t)p.group);
    }
    for (size_t j = 0; j < p.n; j++)
        p.want[j] = want;
    run(kernel, &p, 1, TRIT_CHECK_END);
}

void trit_check_mm(const struct trit_kernel *kernel)
{
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    size_t mr = (size_t)kernel->mr, nr = (size_t)kernel->nr, kr = (size_t)kernel->kr;
    trit_check_packing(kernel);
    check_tiles(kernel);
    for (size_t slices = 1; slices <= (kernel->k ? 1 : 40); slices += trit_check_quick ? 7 : 1)
        check_shape(kernel, mr + 1, n_of(kernel, nr), k_of(kernel, slices));
    check_shape(kernel, 2 * mr + 1, n_of(kernel, nr + 1), k_of(kernel, 3));
    check_shape(kernel, 33, n_of(kernel, 2 * nr + 3), k_of(kernel, 2));
    const size_t wide = trit_check_quick && nr > 64 ? 1728 : 6912;
    check_shape(kernel, 6, n_of(kernel, nr + 2), k_of(kernel, wide / kr));
    if (!trit_check_quick)
        check_shape(kernel, 6, n_of(kernel, 5), k_of(kernel, 45568 / kr));
    if (kernel->k)
        return;
    check_extreme(kernel, packing->high, -128);
    check_extreme(kernel, packing->low, -128);
    check_extreme(kernel, packing->low, 127);
}

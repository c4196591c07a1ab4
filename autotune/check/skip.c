/* rows and cols: the kernels that leave out parts of a matrix, with none, some and all of them. */
#include <string.h>

#include "autotune/check/internal.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/pack.h"
#include "runtime/kernel/ref.h"

/* A matrix and one token. */
struct problem {
    const struct trit_kernel *kernel;
    size_t n, k, count, rows, packed_bytes; /* rows: n rounded up to NR */
    int8_t *weights, *a;
    uint8_t *packed;
    uint32_t *list;
    int32_t sum;
    float s;
};

/* About `share` of 8 numbers below n, ascending. */
static size_t choose(uint32_t *list, size_t n, size_t share)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (trit_check_between(0, 7) < share)
            list[count++] = (uint32_t)i;
    return count;
}

static void allocate(struct problem *p, const struct trit_kernel *kernel, size_t n, size_t k,
                     size_t share)
{
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    const size_t nr = (size_t)kernel->nr, listed = kernel->op == TRIT_OP_rows ? n : k;
    trit_check_scratch_reset();
    *p = (struct problem){ .kernel = kernel, .n = n, .k = k, .s = 1 };
    p->rows = trit_round_up(n, nr);
    p->packed_bytes = trit_packed_bytes(packing, n, k, nr);
    p->weights = trit_check_unset(n * k, 1);
    p->packed = trit_check_unset(p->packed_bytes, 1);
    p->a = trit_check_scratch(k, 1);
    p->list = trit_check_scratch(listed, sizeof *p->list);
    p->count = choose(p->list, listed, share);
}

/* Random values, or the ends of every range. */
static void fill(struct problem *p, bool extreme)
{
    static const int8_t ends[] = { -128, 127, -128, -128, 127 };
    const struct trit_check_range trits = { -1, 1, 3 };
    if (!extreme)
        trit_check_codes(p->weights, p->n * p->k, trits);
    for (size_t j = 0; extreme && j < p->n; j++)
        memset(p->weights + j * p->k, j % 2 ? 1 : -1, p->k);
    p->sum = 0;
    for (size_t x = 0; x < p->k; x++) {
        p->a[x] = extreme ? ends[x % 5] : (int8_t)trit_check_random();
        p->sum += p->a[x];
    }
    if (!extreme)
        p->s = 127.0f / trit_check_float(TRIT_CHECK_NORMAL);
    trit_check_pack(p->kernel, &(struct trit_check_matrix){ p->n, p->k, p->weights, NULL },
                    p->packed);
}

static void run_rows(const struct problem *p, enum trit_check_edge edge)
{
    float *scales = trit_check_scratch(p->rows, sizeof *scales),
          *all = trit_check_scratch(p->n, sizeof *all), *want = trit_check_scratch(p->n, 4);
    for (size_t j = 0; j < p->rows; j++)
        scales[j] = trit_check_float(TRIT_CHECK_NORMAL);
    trit_ref_mm(1, p->n, p->k, p->weights, scales, p->a, p->k, &p->s, all, p->n);
    for (size_t i = 0; i < p->count; i++)
        want[p->list[i]] = all[p->list[i]];
    trit_check_place(edge);
    const uint32_t *list = trit_check_in(p->list, p->count, sizeof *list);
    const uint8_t *w = trit_check_in(p->packed, p->packed_bytes, 1);
    const float *d = trit_check_in(scales, p->rows, sizeof *d);
    const int8_t *a = trit_check_in(p->a, p->k, 1);
    float *y = trit_check_out(p->n, sizeof *y);
    trit_check_enter();
    p->kernel->fn.rows(p->count, list, p->k, w, d, a, p->s, p->sum, y);
    trit_check_leave();
    trit_check_floats("y", y, want, 1, p->n, p->n);
}

static void run_cols(const struct problem *p, enum trit_check_edge edge)
{
    int8_t *active = trit_check_scratch(p->count, 1);
    int32_t *begin = trit_check_scratch(p->rows, sizeof *begin),
            *want = trit_check_scratch(p->rows, sizeof *want);
    for (size_t i = 0; i < p->count; i++)
        active[i] = p->a[p->list[i]];
    for (size_t j = 0; j < p->rows; j++) {
        begin[j] = want[j] = (int32_t)trit_check_between(0, 1 << 20) - (1 << 19);
        for (size_t i = 0; i < p->count; i++)
            want[j] += active[i] * (1 + (j < p->n ? p->weights[j * p->k + p->list[i]] : 0));
    }
    trit_check_place(edge);
    const uint32_t *list = trit_check_in(p->list, p->count, sizeof *list);
    const int8_t *a = trit_check_in(active, p->count, 1);
    const uint8_t *w = trit_check_in(p->packed, p->packed_bytes, 1);
    int32_t *acc = trit_check_inout(begin, p->rows, sizeof *acc);
    trit_check_enter();
    p->kernel->fn.cols(p->rows, p->k, p->count, list, a, w, acc);
    trit_check_leave();
    for (size_t j = 0; j < p->rows; j++)
        if (acc[j] != want[j])
            trit_check_fail("acc[%zu] = %d, want %d", j, (int)acc[j], (int)want[j]);
    trit_check_canaries();
}

/* One problem, at every edge. */
static void check(const struct trit_kernel *kernel, size_t n, size_t k, size_t share, bool extreme)
{
    const unsigned edges = trit_check_quick ? 1 : TRIT_CHECK_NEDGES;
    struct problem p;
    allocate(&p, kernel, n, k, share);
    fill(&p, extreme);
    for (unsigned i = 0; i < edges; i++) {
        const unsigned edge = (unsigned)(i + n + share) % TRIT_CHECK_NEDGES;
        trit_check_case("n=%zu k=%zu, %zu of them, edge=%s", n, k, p.count,
                        trit_check_edge_names[edge]);
        (kernel->op == TRIT_OP_rows ? run_rows : run_cols)(&p, (enum trit_check_edge)edge);
    }
}

void trit_check_skip(const struct trit_kernel *kernel)
{
    const size_t nr = (size_t)kernel->nr, kr = (size_t)kernel->kr;
    trit_check_packing(kernel);
    for (size_t share = 0; share <= 8; share += trit_check_quick ? 4 : 1)
        for (size_t slices = 1; slices <= 12; slices += trit_check_quick ? 4 : 1)
            check(kernel, trit_check_between(1, 2 * nr + 3), slices * kr, share, slices == 5);
    check(kernel, 2 * nr + 1, trit_round_up(6912, kr), 2, false);
    check(kernel, 70 + nr, kr, 8, true);
    check(kernel, nr, trit_round_up(trit_check_quick ? 6912 : 45568, kr), 8, true);
}

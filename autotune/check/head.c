/* The output head, for each stored type of its rows; and the two kernels that measure limits. */
#include <string.h>

#include "autotune/check/internal.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/ref.h"

static const void *rows_f16(size_t count)
{
    return trit_check_f16(count);
}

static const void *rows_f32(size_t count)
{
    return trit_check_array(count, TRIT_CHECK_NORMAL);
}

/* The upper halves of binary32 values. */
static const void *rows_bf16(size_t count)
{
    const float *x = trit_check_array(count, TRIT_CHECK_MIXED);
    uint16_t *rows = trit_check_scratch(count, sizeof *rows);
    for (size_t i = 0; i < count; i++)
        memcpy(rows + i, (const uint16_t *)(const void *)(x + i) + 1, sizeof *rows);
    return rows;
}

static const void *rows_i8(size_t count)
{
    int8_t *rows = trit_check_scratch(count, 1);
    for (size_t i = 0; i < count; i++)
        rows[i] = (int8_t)trit_check_random();
    return rows;
}

/* A packing of the head: its reference, its random rows, bytes per element. */
struct head_kind {
    const char *packing;
    trit_head_fn *reference;
    const void *(*rows)(size_t count);
    size_t element;
};
static const struct head_kind kinds[] = {
    { "f16", trit_ref_head_f16, rows_f16, 2 },
    { "bf16", trit_ref_head_bf16, rows_bf16, 2 },
    { "f32", trit_ref_head_f32, rows_f32, 4 },
    { "i8", trit_ref_head_i8, rows_i8, 1 },
};

/* The head's rows and tokens, in scratch memory; a case uses the first m tokens. */
struct head {
    const struct head_kind *kind;
    size_t m, n, k, ldx, ldy, groups; /* groups: scales, 0 where there are none */
    const void *rows;
    const float *scale, *x;
    float *want;
};

static void head_once(const struct trit_kernel *kernel, const struct head *h, size_t m,
                      enum trit_check_edge edge)
{
    trit_check_case("m=%zu n=%zu k=%zu ldx=%zu ldy=%zu edge=%s", m, h->n, h->k, h->ldx, h->ldy,
                    trit_check_edge_names[edge]);
    trit_check_place(edge);
    const void *w = trit_check_in(h->rows, h->n * h->k, h->kind->element);
    const float *scale = h->groups ? trit_check_in(h->scale, h->groups, sizeof *scale) : NULL;
    const float *x = trit_check_in(h->x, (m - 1) * h->ldx + h->k, sizeof *x);
    float *y = trit_check_out((m - 1) * h->ldy + h->n, sizeof *y);
    trit_check_enter();
    kernel->fn.head(m, h->n, h->k, w, scale, x, h->ldx, y, h->ldy);
    trit_check_leave();
    trit_check_floats("y", y, h->want, m, h->n, h->ldy);
}

/* Every m up to most for one n and k. */
static void head_shape(const struct trit_kernel *kernel, const struct head_kind *kind, size_t most,
                       size_t n, size_t k)
{
    trit_check_scratch_reset();
    struct head h = { .kind = kind, .m = most, .n = n, .k = k };
    h.ldx = k + trit_check_between(0, 1) * trit_check_between(1, 20);
    h.ldy = n + trit_check_between(0, 1) * trit_check_between(1, 20);
    h.groups = kind->element == 1 ? n * trit_round_up(k, TRIT_HEAD_GROUP) / TRIT_HEAD_GROUP : 0;
    h.rows = kind->rows(n * k);
    h.scale = trit_check_array(h.groups, TRIT_CHECK_NORMAL);
    h.x = trit_check_array(most * h.ldx, k % 4 ? TRIT_CHECK_NORMAL : TRIT_CHECK_MIXED);
    h.want = trit_check_scratch(most * h.ldy, sizeof *h.want);
    kind->reference(most, n, k, h.rows, h.scale, h.x, h.ldx, h.want, h.ldy);
    for (size_t m = 1; m <= most; m++) {
        head_once(kernel, &h, m, TRIT_CHECK_END);
        head_once(kernel, &h, m, (m + n) % 2 ? TRIT_CHECK_START : TRIT_CHECK_ODD);
    }
}

void trit_check_head(const struct trit_kernel *kernel)
{
    const struct head_kind *kind = kinds;
    while (kind < kinds + sizeof kinds / sizeof *kinds && strcmp(kind->packing, kernel->packing))
        kind++;
    if (kind == kinds + sizeof kinds / sizeof *kinds) {
        trit_check_case("packing %s", kernel->packing);
        trit_check_fail("no reference for this packing");
    }
    size_t mr = (size_t)kernel->mr, nr = (size_t)kernel->nr;
    for (size_t n = 1; n <= 2 * nr + 3; n++)
        for (int repeat = 0; repeat < 4; repeat++)
            head_shape(kernel, kind, mr + 3, n, trit_check_between(1, 70));
    for (size_t k = 1; k <= 70; k++)
        head_shape(kernel, kind, 2, nr + 1, k);
    for (size_t i = 0; trit_check_sizes[i]; i++)
        head_shape(kernel, kind, 1, trit_check_between(1, 2 * nr), trit_check_sizes[i]);
    head_shape(kernel, kind, 33, nr + 1, 33);
}

void trit_check_read(const struct trit_kernel *kernel)
{
    static const size_t blocks[] = { 1, 2, 3, 4, 5, 7, 8, 9, 64, 1023 };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        size_t bytes = blocks[i] * 1024;
        trit_check_scratch_reset();
        const float *data = trit_check_array(bytes / sizeof *data, TRIT_CHECK_MIXED);
        uint64_t want = trit_ref_read(bytes, data);
        for (unsigned edge = 0; edge < TRIT_CHECK_NEDGES; edge++) {
            trit_check_case("bytes=%zu edge=%s", bytes, trit_check_edge_names[edge]);
            trit_check_place((enum trit_check_edge)edge);
            const void *p = trit_check_in(data, bytes / 8, 8);
            trit_check_enter();
            uint64_t got = kernel->fn.read(bytes, p);
            trit_check_leave();
            if (got != want)
                trit_check_fail("0x%016jx, want 0x%016jx", (uintmax_t)got, (uintmax_t)want);
        }
    }
}

/* What the accumulators hold is the kernel's own affair; speeds are computed from the count. */
void trit_check_peak(const struct trit_kernel *kernel)
{
    uint64_t per_round = 0;
    for (size_t k = 1; k <= 1000; k = k * 3 + 1) {
        trit_check_case("k=%zu", k);
        trit_check_place(TRIT_CHECK_END);
        int32_t *sink = trit_check_out(1, sizeof *sink);
        trit_check_enter();
        uint64_t got = kernel->fn.peak(k, (uint32_t)trit_check_random(), sink);
        trit_check_leave();
        per_round = k == 1 ? got : per_round;
        if (got == 0 || got != per_round * k)
            trit_check_fail("%ju multiply-adds, want %zu times the %ju of one round",
                            (uintmax_t)got, k, (uintmax_t)per_round);
        trit_check_canaries();
    }
}

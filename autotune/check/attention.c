/* The products of attention: qk and pv. */
#include "autotune/check/internal.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/ref.h"

/* m queries (a case uses the first of them) against nt positions; x is q or p, halves k or v. */
struct attention {
    size_t m, hd, nt, ldx, ldv, ldy, halves;
    const float *x;
    const uint16_t *kv;
    float *want;
};

static size_t gap(void)
{
    return trit_check_between(0, 1) * trit_check_between(1, 20);
}

static void name_case(const struct attention *at, size_t m, enum trit_check_edge edge)
{
    trit_check_case("m=%zu hd=%zu nt=%zu ldx=%zu ldv=%zu ldy=%zu edge=%s", m, at->hd, at->nt,
                    at->ldx, at->ldv, at->ldy, trit_check_edge_names[edge]);
}

/* Every m up to the problem's (quick: every third and the ends), each at END and one other edge. */
static void every_m(const struct trit_kernel *kernel, const struct attention *at,
                    void (*once)(const struct trit_kernel *, const struct attention *, size_t,
                                 enum trit_check_edge))
{
    for (size_t m = 1; m <= at->m; m++) {
        if (trit_check_quick && m > 1 && m < at->m && (m + at->hd + at->nt) % 3)
            continue;
        once(kernel, at, m, TRIT_CHECK_END);
        once(kernel, at, m, (m + at->nt) % 2 ? TRIT_CHECK_START : TRIT_CHECK_ODD);
    }
}

/* hd: all small ones and those of models; nt: around multiples of 16 and the kernel's tile; m: to
   beyond both a tile and the 31 queries that templates treat as few. */
static void sweep(const struct trit_kernel *kernel,
                  void (*shape)(const struct trit_kernel *, size_t m, size_t hd, size_t nt))
{
    static const size_t heads[] = { 64, 80, 96, 100, 128, 256 };
    static const size_t positions[] = { 63, 64, 65, 80, 127, 255, TRIT_ATTN_CHUNK };
    const size_t m = 31 + (size_t)kernel->mr + 3, step = trit_check_quick ? 3 : 1;
    for (size_t hd = 1; hd <= 40; hd += step)
        shape(kernel, m, hd, trit_check_between(1, 70));
    for (size_t nt = 1; nt <= 70; nt += step)
        shape(kernel, m, trit_check_between(1, 40), nt);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        for (size_t j = 0; j < sizeof positions / sizeof *positions; j++)
            if ((i + j) % step == 0)
                shape(kernel, i == j ? m : 2, heads[i], positions[j]);
}

static void qk_once(const struct trit_kernel *kernel, const struct attention *at, size_t m,
                    enum trit_check_edge edge)
{
    size_t nt = trit_round_up(at->nt, 16);
    name_case(at, m, edge);
    trit_check_place(edge);
    const float *q = trit_check_in(at->x, (m - 1) * at->ldx + at->hd, sizeof *q);
    const uint16_t *k = trit_check_in(at->kv, at->halves, sizeof *k);
    float *s = trit_check_out((m - 1) * at->ldy + nt, sizeof *s);
    trit_check_enter();
    kernel->fn.qk(m, at->hd, at->nt, q, at->ldx, k, s, at->ldy);
    trit_check_leave();
    trit_check_floats("s", s, at->want, m, nt, at->ldy);
}

static void qk_shape(const struct trit_kernel *kernel, size_t m, size_t hd, size_t nt)
{
    size_t rounded = trit_round_up(nt, 16);
    trit_check_scratch_reset();
    struct attention at = { .m = m, .hd = hd, .nt = nt, .halves = rounded * hd };
    at.ldx = hd + gap();
    at.ldy = rounded + gap();
    at.x = trit_check_array(m * at.ldx, hd % 4 ? TRIT_CHECK_NORMAL : TRIT_CHECK_MIXED);
    at.kv = trit_check_f16(at.halves);
    at.want = trit_check_scratch(m * at.ldy, sizeof *at.want);
    trit_ref_qk(m, hd, nt, at.x, at.ldx, at.kv, at.want, at.ldy);
    every_m(kernel, &at, qk_once);
}

void trit_check_qk(const struct trit_kernel *kernel)
{
    sweep(kernel, qk_shape);
}

static void pv_once(const struct trit_kernel *kernel, const struct attention *at, size_t m,
                    enum trit_check_edge edge)
{
    name_case(at, m, edge);
    trit_check_place(edge);
    const float *p = trit_check_in(at->x, (m - 1) * at->ldx + at->nt, sizeof *p);
    const uint16_t *v = trit_check_in(at->kv, at->halves, sizeof *v);
    float *o = trit_check_out((m - 1) * at->ldy + at->hd, sizeof *o);
    trit_check_enter();
    kernel->fn.pv(m, at->hd, at->nt, p, at->ldx, v, at->ldv, o, at->ldy);
    trit_check_leave();
    trit_check_floats("o", o, at->want, m, at->hd, at->ldy);
}

static void pv_shape(const struct trit_kernel *kernel, size_t m, size_t hd, size_t nt)
{
    trit_check_scratch_reset();
    struct attention at = { .m = m, .hd = hd, .nt = nt };
    at.ldx = nt + gap();
    at.ldv = hd + gap();
    at.ldy = hd + gap();
    at.halves = (nt - 1) * at.ldv + hd;
    at.x = trit_check_array(m * at.ldx, nt % 4 ? TRIT_CHECK_NORMAL : TRIT_CHECK_MIXED);
    at.kv = trit_check_f16(at.halves);
    at.want = trit_check_scratch(m * at.ldy, sizeof *at.want);
    trit_ref_pv(m, hd, nt, at.x, at.ldx, at.kv, at.ldv, at.want, at.ldy);
    every_m(kernel, &at, pv_once);
}

void trit_check_pv(const struct trit_kernel *kernel)
{
    sweep(kernel, pv_shape);
}

/* trit_gemv_t2_i8_1x8x16__c: generated from templates/mm.c.in (ISA c), do not edit. */

#include <assert.h>
#include "runtime/kernel.h"
#include "isa_c.h"

trit_gemv_fn trit_gemv_t2_i8_1x8x16__c;
enum { MR = 1, NR = 8, KR = 16, LANES = 4, SLICE = 32 };

/* 1 tokens against one block, of which n rows count. */
static void tile1(size_t n, size_t k, const uint8_t *w, const float *d, const int8_t *a,
                     size_t lda, const float *s, const int32_t *sum, float *y, size_t ldy)
{
    vi acc[1][2];
    (void)k, (void)lda, (void)sum, (void)ldy;
    vi acc0_0 = vi_zero();
    vi acc0_1 = vi_zero();
    for (size_t left = k / KR; left > 0;) {
        size_t slices = left < 127 ? left : 127;
        left -= slices;
        va t0_0_0 = va_zero();
        va t0_0_1 = va_zero();
        va t0_0_2 = va_zero();
        va t0_0_3 = va_zero();
        va t0_1_0 = va_zero();
        va t0_1_1 = va_zero();
        va t0_1_2 = va_zero();
        va t0_1_3 = va_zero();
        for (; slices >= 1; slices -= 1, w += 1 * SLICE, a += 1 * KR) {
            const vb w0_0 = vb_load(w);
            const vb w0_1 = vb_load(w + 16);
            {
                const vc u0 = vc_plane(w0_0, 0);
                const vc u1 = vc_plane(w0_1, 0);
                const vx x0 = vx_load(a + 0);
                t0_0_0 = va_dot(t0_0_0, u0, x0);
                t0_1_0 = va_dot(t0_1_0, u1, x0);
            }
            {
                const vc u0 = vc_plane(w0_0, 1);
                const vc u1 = vc_plane(w0_1, 1);
                const vx x0 = vx_load(a + 4);
                t0_0_1 = va_dot(t0_0_1, u0, x0);
                t0_1_1 = va_dot(t0_1_1, u1, x0);
            }
            {
                const vc u0 = vc_plane(w0_0, 2);
                const vc u1 = vc_plane(w0_1, 2);
                const vx x0 = vx_load(a + 8);
                t0_0_2 = va_dot(t0_0_2, u0, x0);
                t0_1_2 = va_dot(t0_1_2, u1, x0);
            }
            {
                const vc u0 = vc_plane(w0_0, 3);
                const vc u1 = vc_plane(w0_1, 3);
                const vx x0 = vx_load(a + 12);
                t0_0_3 = va_dot(t0_0_3, u0, x0);
                t0_1_3 = va_dot(t0_1_3, u1, x0);
            }
        }
        acc0_0 = vi_add(acc0_0, t0_0_0);
        acc0_0 = vi_add(acc0_0, t0_0_1);
        acc0_0 = vi_add(acc0_0, t0_0_2);
        acc0_0 = vi_add(acc0_0, t0_0_3);
        acc0_1 = vi_add(acc0_1, t0_1_0);
        acc0_1 = vi_add(acc0_1, t0_1_1);
        acc0_1 = vi_add(acc0_1, t0_1_2);
        acc0_1 = vi_add(acc0_1, t0_1_3);
    }
    acc[0][0] = acc0_0;
    acc[0][1] = acc0_1;
    for (size_t i = 0; i < 1; i++) {
        float ragged[NR], *to = n == NR ? y + i * ldy : ragged;
        const int32_t bias = sum[i];
        for (size_t v = 0; v < 2; v++)
            vi_scale(to + v * LANES, acc[i][v], bias, d + v * LANES, s[i]);
        if (n < NR)
            memcpy(y + i * ldy, ragged, n * sizeof *y);
    }
}

typedef void tile_fn(size_t, size_t, const uint8_t *, const float *, const int8_t *, size_t,
                     const float *, const int32_t *, float *, size_t);

void trit_gemv_t2_i8_1x8x16__c(size_t m, size_t n, size_t k, const uint8_t *w, const float *d, const int8_t *a,
             size_t lda, const float *s, const int32_t *sum, float *y, size_t ldy)
{
    static const struct {
        size_t m;
        tile_fn *fn;
    } tiles[] = {
        { 1, tile1 },
    };
    assert(m >= 1 && n >= 1 && k >= KR && k % KR == 0 && k <= 4194304);
    const size_t stats = 1; /* scales and sums of a token */
    for (size_t j = 0; j < n; j += NR, w += k / KR * SLICE, y += NR) {
        const size_t rows = n - j < NR ? n - j : NR;
        for (size_t i = 0, t = 0; i < m;) {
            while (tiles[t].m > m - i)
                t++;
            tiles[t].fn(rows, k, w, d + j, a + i * lda, lda, s + i * stats,
                        sum + i * stats, y + i * ldy, ldy);
            i += tiles[t].m;
        }
    }
}

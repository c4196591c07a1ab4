/* Integer products in 512-bit registers: what ISAs of that width have in common. 16 lanes of 32
 * bits. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* vb stored bytes, vc codes, vx four activations in every lane, va accumulator, vi int32 sums. */
typedef __m512i vb, vc, vx, va, vi;
static inline vb vb_load(const uint8_t *p) { return _mm512_loadu_si512(p); }
static inline vx vx_load(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}
static inline vx vx_opaque(vx v)
{
    __asm__ volatile("" : "+v"(v));
    return v;
}
static inline va va_opaque(va v) { return vx_opaque(v); }
static inline va va_zero(void) { return _mm512_setzero_si512(); }
static inline vi vi_zero(void) { return _mm512_setzero_si512(); }
static inline int32_t vi_sum(vi v) { return _mm512_reduce_add_epi32(v); }
/* y = (float)(acc - sum) * (d / s) */
static inline void vi_scale(float *y, vi acc, int32_t sum, const float *d, float s)
{
    const __m512 f = _mm512_cvtepi32_ps(_mm512_sub_epi32(acc, _mm512_set1_epi32(sum)));
    _mm512_storeu_ps(y, _mm512_mul_ps(f, _mm512_div_ps(_mm512_loadu_ps(d), _mm512_set1_ps(s))));
}

/* Unpacking. t2's fields of two bits, i4's of four; b2's masks, a bit for each byte; t5's five
   digits, which must be asked for in order: the stored byte is ceil(256/243 v), the digit is 3 byte
   / 256, and what it leaves goes on. */
static inline vc vc_nibble(vb v, int plane)
{
    return _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)(4 * plane)), _mm512_set1_epi8(15));
}
static inline vc vc_bits(const uint8_t *plus, const uint8_t *minus)
{
    __mmask64 p, m;
    memcpy(&p, plus, sizeof p);
    memcpy(&m, minus, sizeof m);
    const __m512i code = _mm512_mask_mov_epi8(_mm512_set1_epi8(1), p, _mm512_set1_epi8(2));
    return _mm512_mask_mov_epi8(code, m, _mm512_setzero_si512());
}
/* 3 v / 256 */
static inline vc vc_third(vb v)
{
    const __m512i code =
        _mm512_maskz_mov_epi8(_mm512_cmpge_epu8_mask(v, _mm512_set1_epi8(86)), _mm512_set1_epi8(1));
    return _mm512_mask_mov_epi8(code, _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char)171)),
                                _mm512_set1_epi8(2));
}
#ifndef __AVX512VBMI__ /* which has a table */
typedef vb vd;
static inline vd vd_begin(vb v) { return v; }
static inline vc vd_digit(vd *v, int plane)
{
    (void)plane;
    const vc digit = vc_third(*v);
    *v = _mm512_add_epi8(*v, _mm512_add_epi8(*v, *v));
    return digit;
}
#endif

/* vr: 64 bytes to be read. */
typedef __m512i vr;
static inline vr vr_load(const void *p) { return _mm512_loadu_si512(p); }
static inline vr vr_xor(vr a, vr b) { return _mm512_xor_si512(a, b); }
static inline void vr_store(uint64_t *p, vr v) { _mm512_storeu_si512(p, v); }

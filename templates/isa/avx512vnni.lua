-- AVX-512 with VNNI: 16 lanes of 32 bits; dpbusd multiplies u8 by s8 and adds four products into int32, without saturation.
return {
  arch = "x86_64",
  order = 60,
  lanes = 16,
  registers = 32,
  dot = 1, -- instructions for one dot product of a vector
  latency = 4,
  needs = "avx512f avx512bw avx512vl avx512_vnni",
  floats = "avx512",
  cflags = "-mavx512f -mavx512bw -mavx512vl -mavx512vnni",
  text = [[
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Integer products: vb stored bytes, vc codes, vx four activations in every lane, va accumulator. */
typedef __m512i vb, vc, vx, va, vi;
static inline vb vb_load(const uint8_t *p) { return _mm512_loadu_si512(p); }
static inline vc vc_plane(vb v, int plane)
{
    return _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)(2 * plane)), _mm512_set1_epi8(3));
}
static inline vx vx_load(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}
static inline va va_zero(void) { return _mm512_setzero_si512(); }
static inline va va_dot(va acc, vc u, vx s) { return _mm512_dpbusd_epi32(acc, u, s); }
static inline vi vi_zero(void) { return _mm512_setzero_si512(); }
static inline vi vi_add(vi acc, va part) { return _mm512_add_epi32(acc, part); }
static inline int32_t vi_sum(vi v) { return _mm512_reduce_add_epi32(v); }
static inline vx vx_opaque(vx v)
{
    __asm__ volatile("" : "+v"(v));
    return v;
}
/* y = (float)(acc - sum) * (d / s) */
static inline void vi_scale(float *y, vi acc, int32_t sum, const float *d, float s)
{
    const __m512 f = _mm512_cvtepi32_ps(_mm512_sub_epi32(acc, _mm512_set1_epi32(sum)));
    _mm512_storeu_ps(y, _mm512_mul_ps(f, _mm512_div_ps(_mm512_loadu_ps(d), _mm512_set1_ps(s))));
}
]],
}

-- AVX2 with F16C: 8 lanes of 32 bits. u8 x s8 pairs go through int16 (maddubs), so accumulators are int16 and are widened every
-- `span` dot products: one adds at most 2 * 2 * 128 = 512, and 63 * 512 <= 32767.
return {
  arch = "x86_64",
  order = 30,
  lanes = 8,
  registers = 16,
  dot = 2, -- instructions for one dot product of a vector
  latency = 4,
  needs = "avx2 f16c",
  floats = "avx2",
  cflags = "-mavx2 -mf16c",
  span = 63,
  text = [[
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Integer products: vb stored bytes, vc codes, vx four activations in every lane, va int16 accumulator. */
typedef __m256i vb, vc, vx, va, vi;
static inline vb vb_load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline vc vc_plane(vb v, int plane)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 2 * plane), _mm256_set1_epi8(3));
}
static inline vx vx_load(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}
static inline va va_zero(void) { return _mm256_setzero_si256(); }
static inline va va_dot(va acc, vc u, vx s) { return _mm256_add_epi16(acc, _mm256_maddubs_epi16(u, s)); }
static inline vi vi_zero(void) { return _mm256_setzero_si256(); }
static inline vi vi_add(vi acc, va part)
{
    return _mm256_add_epi32(acc, _mm256_madd_epi16(part, _mm256_set1_epi16(1)));
}
static inline int32_t vi_sum(vi v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}
static inline vx vx_opaque(vx v)
{
    __asm__ volatile("" : "+x"(v));
    return v;
}
/* y = (float)(acc - sum) * (d / s) */
static inline void vi_scale(float *y, vi acc, int32_t sum, const float *d, float s)
{
    const __m256 f = _mm256_cvtepi32_ps(_mm256_sub_epi32(acc, _mm256_set1_epi32(sum)));
    _mm256_storeu_ps(y, _mm256_mul_ps(f, _mm256_div_ps(_mm256_loadu_ps(d), _mm256_set1_ps(s))));
}
]],
}

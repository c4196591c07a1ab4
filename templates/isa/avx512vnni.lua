-- AVX-512 with VNNI: 16 lanes of 32 bits; dpbusd multiplies u8 by s8 and adds four products into int32, without saturation.
return {
  order = 60,
  lanes = 16,
  registers = 32,
  dot = 1, -- instructions for one dot product of a vector
  latency = 4,
  needs = "avx512f avx512bw avx512vl avx512_vnni",
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

/* vf: sixteen floats. */
typedef __m512 vf;
static inline vf vf_set1(float x) { return _mm512_set1_ps(x); }
static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
static inline __mmask16 first(size_t n) { return (__mmask16)((1u << n) - 1); }
static inline vf vf_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
static inline void vf_store_n(float *p, vf v, size_t n) { _mm512_mask_storeu_ps(p, first(n), v); }
static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vf_abs(vf a) { return _mm512_abs_ps(a); }
static inline vf vf_fold(vf v, int by)
{
    return by == 8 ? _mm512_shuffle_f32x4(v, v, 0x4e)
           : by == 4 ? _mm512_shuffle_f32x4(v, v, 0xb1)
           : by == 2 ? _mm512_permute_ps(v, 0x4e)
                     : _mm512_permute_ps(v, 0xb1);
}
static inline float vf_first(vf v) { return _mm512_cvtss_f32(v); }
/* p * 2^n for integral n: added to the exponent field. */
static inline vf vf_ldexp(vf p, vf n)
{
    const __m512i e = _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), e));
}

/* Sixteen stored elements as floats. */
static inline vf vf_f16(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }
static inline vf vf_bf16(const void *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
}
static inline vf vf_f32(const void *p) { return _mm512_loadu_ps(p); }
static inline vf vf_i8(const void *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p)));
}

/* vq: sixteen int32, for quantising. Rounds half to even; |v| <= 128. */
typedef __m512i vq;
static inline vq vq_zero(void) { return _mm512_setzero_si512(); }
static inline vq vq_round(vf v) { return _mm512_cvtps_epi32(v); }
static inline vq vq_add(vq a, vq b) { return _mm512_add_epi32(a, b); }
static inline int32_t vq_sum(vq v) { return _mm512_reduce_add_epi32(v); }
static inline void vq_store_n(int8_t *p, vq v, size_t n)
{
    _mm512_mask_cvtepi32_storeu_epi8(p, first(n), v);
}

/* vr: 64 bytes to be read. */
typedef __m512i vr;
static inline vr vr_load(const void *p) { return _mm512_loadu_si512(p); }
static inline vr vr_xor(vr a, vr b) { return _mm512_xor_si512(a, b); }
static inline void vr_store(uint64_t *p, vr v) { _mm512_storeu_si512(p, v); }
]],
}

/* The float vocabulary of AVX-512 F, BW and VL. */
/* vf: sixteen floats. */
typedef __m512 vf;
static inline vf vf_set1(float x) { return _mm512_set1_ps(x); }
static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
static inline __mmask16 first(size_t n) { return (__mmask16)((1u << n) - 1); }
static inline vf vf_load_n(const float *p, size_t n)
{
    return n == 16 ? vf_load(p) : _mm512_maskz_loadu_ps(first(n), p);
}
static inline void vf_store_n(float *p, vf v, size_t n)
{
    if (n == 16)
        vf_store(p, v);
    else
        _mm512_mask_storeu_ps(p, first(n), v);
}
static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vf_abs(vf a) { return _mm512_abs_ps(a); }
static inline vf vf_fold(vf v, int by)
{
    return by == 8   ? _mm512_shuffle_f32x4(v, v, 0x4e)
           : by == 4 ? _mm512_shuffle_f32x4(v, v, 0xb1)
           : by == 2 ? _mm512_permute_ps(v, 0x4e)
                     : _mm512_permute_ps(v, 0xb1);
}
static inline float vf_first(vf v) { return _mm512_cvtss_f32(v); }
/* In place of lanes i and i + by, their sum and their difference; by is 1, 2, 4 or 8. */
static inline vf vf_butterfly(vf v, int by)
{
    const __mmask16 upper = by == 8 ? 0xff00 : by == 4 ? 0xf0f0 : by == 2 ? 0xcccc : 0xaaaa;
    const __m512i bits = _mm512_castps_si512(v), sign = _mm512_set1_epi32(INT32_MIN),
                  turned = _mm512_mask_xor_epi32(bits, upper, bits, sign);
    return _mm512_add_ps(vf_fold(v, by), _mm512_castsi512_ps(turned));
}
/* p * 2^n, given n + 12582912, whose low bits are n: added to the exponent field. */
static inline vf vf_ldexp(vf p, vf n)
{
    const __m512i e = _mm512_slli_epi32(_mm512_castps_si512(n), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), e));
}

/* Sixteen stored elements as floats. */
static inline vf vf_f16(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }
/* To nearest even; within the range of f16, no NaN. */
static inline void vf_to_f16(uint16_t *p, vf v)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
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
/* Whole vectors without a mask: masked stores of bytes are slow. */
static inline void vq_store_n(int8_t *p, vq v, size_t n)
{
    if (n == 16)
        _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(v));
    else
        _mm512_mask_cvtepi32_storeu_epi8(p, first(n), v);
}

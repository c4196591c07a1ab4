/* The float vocabulary of AVX2 with F16C. vi_sum comes from the integer vocabulary. */
/* vf: sixteen floats in two registers. */
typedef struct {
    __m256 a, b;
} vf;
static inline vf vf_set1(float x) { return (vf){ _mm256_set1_ps(x), _mm256_set1_ps(x) }; }
static inline vf vf_load(const float *p)
{
    return (vf){ _mm256_loadu_ps(p), _mm256_loadu_ps(p + 8) };
}
static inline void vf_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v.a);
    _mm256_storeu_ps(p + 8, v.b);
}
static inline vf vf_load_n(const float *p, size_t n)
{
    float t[16] = { 0 };
    memcpy(t, p, n * sizeof *p);
    return vf_load(t);
}
static inline void vf_store_n(float *p, vf v, size_t n)
{
    float t[16];
    vf_store(t, v);
    memcpy(p, t, n * sizeof *p);
}
static inline vf vf_add(vf x, vf y)
{
    return (vf){ _mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b) };
}
static inline vf vf_sub(vf x, vf y)
{
    return (vf){ _mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b) };
}
static inline vf vf_mul(vf x, vf y)
{
    return (vf){ _mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b) };
}
static inline vf vf_div(vf x, vf y)
{
    return (vf){ _mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b) };
}
static inline vf vf_max(vf x, vf y)
{
    return (vf){ _mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b) };
}
static inline vf vf_min(vf x, vf y)
{
    return (vf){ _mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b) };
}
static inline vf vf_abs(vf x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (vf){ _mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b) };
}
/* The lanes `by` apart change places; after by = 8 both halves are alike. */
static inline vf vf_fold(vf v, int by)
{
    if (by == 8)
        return (vf){ v.b, v.a };
    const __m256 a = by == 4   ? _mm256_permute2f128_ps(v.a, v.a, 1)
                     : by == 2 ? _mm256_permute_ps(v.a, 0x4e)
                               : _mm256_permute_ps(v.a, 0xb1);
    return (vf){ a, a };
}
static inline float vf_first(vf v) { return _mm256_cvtss_f32(v.a); }
/* In place of lanes i and i + by, their sum and their difference; by is 1, 2, 4 or 8. */
static inline __m256 butterfly8(__m256 v, int by)
{
    const __m128 all = _mm_set1_ps(-0.0f),
                 half = by == 2 ? _mm_setr_ps(0, 0, -0.0f, -0.0f) : _mm_setr_ps(0, -0.0f, 0, -0.0f);
    const __m256 upper =
        by == 4 ? _mm256_set_m128(all, _mm_setzero_ps()) : _mm256_set_m128(half, half);
    const __m256 other = by == 4   ? _mm256_permute2f128_ps(v, v, 1)
                         : by == 2 ? _mm256_permute_ps(v, 0x4e)
                                   : _mm256_permute_ps(v, 0xb1);
    return _mm256_add_ps(other, _mm256_xor_ps(v, upper));
}
static inline vf vf_butterfly(vf v, int by)
{
    if (by == 8)
        return (vf){ _mm256_add_ps(v.a, v.b), _mm256_sub_ps(v.a, v.b) };
    return (vf){ butterfly8(v.a, by), butterfly8(v.b, by) };
}
/* p * 2^n, given n + 12582912, whose low bits are n: added to the exponent field. */
static inline __m256 ldexp8(__m256 p, __m256 n)
{
    const __m256i e = _mm256_slli_epi32(_mm256_castps_si256(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), e));
}
static inline vf vf_ldexp(vf p, vf n) { return (vf){ ldexp8(p.a, n.a), ldexp8(p.b, n.b) }; }

/* Sixteen stored elements as floats. */
static inline vf vf_f16(const void *p)
{
    const __m128i *h = p;
    return (vf){ _mm256_cvtph_ps(_mm_loadu_si128(h)), _mm256_cvtph_ps(_mm_loadu_si128(h + 1)) };
}
/* To nearest even; within the range of f16, no NaN. */
static inline void vf_to_f16(uint16_t *p, vf v)
{
    __m128i *h = (__m128i *)p;
    _mm_storeu_si128(h, _mm256_cvtps_ph(v.a, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128(h + 1, _mm256_cvtps_ph(v.b, _MM_FROUND_TO_NEAREST_INT));
}
static inline __m256 bf16x8(__m128i h)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
static inline vf vf_bf16(const void *p)
{
    const __m128i *h = p;
    return (vf){ bf16x8(_mm_loadu_si128(h)), bf16x8(_mm_loadu_si128(h + 1)) };
}
static inline vf vf_f32(const void *p) { return vf_load(p); }
static inline __m256 i8x8(__m128i b) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b)); }
static inline vf vf_i8(const void *p)
{
    const __m128i b = _mm_loadu_si128(p);
    return (vf){ i8x8(b), i8x8(_mm_srli_si128(b, 8)) };
}

/* vq: sixteen int32, for quantising. Rounds half to even; |v| <= 128. */
typedef struct {
    __m256i a, b;
} vq;
static inline vq vq_zero(void) { return (vq){ _mm256_setzero_si256(), _mm256_setzero_si256() }; }
static inline vq vq_round(vf v) { return (vq){ _mm256_cvtps_epi32(v.a), _mm256_cvtps_epi32(v.b) }; }
static inline vq vq_add(vq x, vq y)
{
    return (vq){ _mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b) };
}
static inline int32_t vq_sum(vq v) { return vi_sum(_mm256_add_epi32(v.a, v.b)); }
static inline void vq_store_n(int8_t *p, vq v, size_t n)
{
    const __m256i w = _mm256_permute4x64_epi64(_mm256_packs_epi32(v.a, v.b), 0xd8);
    const __m128i b = _mm_packs_epi16(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1));
    int8_t t[16];
    _mm_storeu_si128((__m128i *)t, b);
    memcpy(p, t, n);
}

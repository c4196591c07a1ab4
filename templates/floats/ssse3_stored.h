/* Elements as they are stored, in the float vocabulary of SSE2. */

/* Sixteen stored elements as floats. */
static inline __m128 f16x4(__m128i h)
{
    const __m128i mag = _mm_and_si128(h, _mm_set1_epi32(0x7fff)), e = _mm_set1_epi32(0x38000000),
                  is_tiny = _mm_cmplt_epi32(mag, _mm_set1_epi32(0x400)),
                  is_top = _mm_cmpgt_epi32(mag, _mm_set1_epi32(0x7bff));
    const __m128 tiny = _mm_mul_ps(_mm_cvtepi32_ps(mag), _mm_set1_ps(0x1p-24f));
    __m128i v = _mm_add_epi32(_mm_slli_epi32(mag, 13), _mm_add_epi32(e, _mm_and_si128(is_top, e)));
    v = _mm_andnot_si128(is_tiny, v);
    v = _mm_or_si128(v, _mm_and_si128(is_tiny, _mm_castps_si128(tiny)));
    return _mm_castsi128_ps(_mm_or_si128(v, _mm_slli_epi32(_mm_srli_epi32(h, 15), 31)));
}
static inline vf vf_f16(const void *p)
{
    const __m128i *h = p, x = _mm_loadu_si128(h), y = _mm_loadu_si128(h + 1),
                  z = _mm_setzero_si128();
    return (vf){ { f16x4(_mm_unpacklo_epi16(x, z)), f16x4(_mm_unpackhi_epi16(x, z)),
                   f16x4(_mm_unpacklo_epi16(y, z)), f16x4(_mm_unpackhi_epi16(y, z)) } };
}
/* To nearest even; within the range of f16, no NaN. Below 2^-14 the sum's last bit is 2^-24, and
   its rounding is ours. */
static inline __m128i to_f16x4(__m128 x)
{
    const __m128i bits = _mm_castps_si128(x), mag = _mm_and_si128(bits, _mm_set1_epi32(0x7fffffff)),
                  is_tiny = _mm_cmplt_epi32(mag, _mm_set1_epi32(0x38800000)),
                  odd = _mm_and_si128(_mm_srli_epi32(mag, 13), _mm_set1_epi32(1)),
                  up = _mm_add_epi32(odd, _mm_set1_epi32(0xfff - 0x38000000)),
                  big = _mm_srli_epi32(_mm_add_epi32(mag, up), 13);
    const __m128 sum = _mm_add_ps(_mm_castsi128_ps(mag), _mm_set1_ps(0.5f));
    const __m128i tiny = _mm_sub_epi32(_mm_castps_si128(sum), _mm_set1_epi32(0x3f000000)),
                  h = _mm_or_si128(_mm_and_si128(is_tiny, tiny), _mm_andnot_si128(is_tiny, big));
    const __m128i sign = _mm_slli_epi32(_mm_srli_epi32(bits, 31), 15);
    return _mm_srai_epi32(_mm_slli_epi32(_mm_or_si128(h, sign), 16), 16);
}
static inline void vf_to_f16(uint16_t *p, vf v)
{
    for (int i = 0; i < 2; i++)
        _mm_storeu_si128((__m128i *)p + i,
                         _mm_packs_epi32(to_f16x4(v.r[2 * i]), to_f16x4(v.r[2 * i + 1])));
}
static inline vf vf_bf16(const void *p)
{
    const __m128i *h = p, x = _mm_loadu_si128(h), y = _mm_loadu_si128(h + 1),
                  z = _mm_setzero_si128();
    return (vf){
        { _mm_castsi128_ps(_mm_unpacklo_epi16(z, x)), _mm_castsi128_ps(_mm_unpackhi_epi16(z, x)),
          _mm_castsi128_ps(_mm_unpacklo_epi16(z, y)), _mm_castsi128_ps(_mm_unpackhi_epi16(z, y)) }
    };
}
static inline vf vf_f32(const void *p) { return vf_load(p); }
static inline __m128 top4(__m128i v) { return _mm_cvtepi32_ps(_mm_srai_epi32(v, 24)); }
static inline vf vf_i8(const void *p)
{
    const __m128i v = _mm_loadu_si128(p), x = _mm_unpacklo_epi8(v, v), y = _mm_unpackhi_epi8(v, v);
    return (vf){ { top4(_mm_unpacklo_epi16(x, x)), top4(_mm_unpackhi_epi16(x, x)),
                   top4(_mm_unpacklo_epi16(y, y)), top4(_mm_unpackhi_epi16(y, y)) } };
}

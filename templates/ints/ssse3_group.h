/* What packings with groups ask for beside: in 128-bit registers. */

/* b1's sign of a plane: 0 or 2. */
static inline vc vc_sign(vb v, int plane)
{
    const vb at = plane ? _mm_srli_epi16(v, plane ? plane - 1 : 0) : _mm_add_epi8(v, v);
    return _mm_and_si128(at, _mm_set1_epi8(2));
}
/* b1's planes where they stand: plane p is bit p % 4. */
typedef struct {
    vb low, high;
} vg;
static inline vg vg_begin(vb v) { return (vg){ v, _mm_srli_epi16(v, 4) }; }
static inline vc vg_field(const vg *v, int plane)
{
    return _mm_and_si128(plane < 4 ? v->low : v->high, _mm_set1_epi8(1 << plane % 4));
}
/* Sums of codes times a power of 2: two to the `over` times too much. */
static inline vi vi_over(vi v, int over)
{
    return over < 0 ? _mm_slli_epi32(v, over < 0 ? -over : 0)
                    : _mm_srai_epi32(v, over < 0 ? 0 : over);
}
static inline vi vi_plus(vi a, vi b) { return _mm_add_epi32(a, b); }
static inline vi vi_less(vi v, int32_t x) { return _mm_sub_epi32(v, _mm_set1_epi32(x)); }
/* vs: a float for each row. */
typedef __m128 vs;
static inline vs vs_zero(void) { return _mm_setzero_ps(); }
static inline vs vs_get(const float *p) { return _mm_loadu_ps(p); }
static inline void vs_put(float *p, vs v) { _mm_storeu_ps(p, v); }
/* f16 scales, which are finite and not negative: below 2^-14 an exact product, else the exponent is
   moved. */
static inline vs vs_load(const uint8_t *p)
{
    const __m128i h = _mm_unpacklo_epi16(_mm_loadl_epi64((const __m128i *)p), _mm_setzero_si128());
    const __m128i small = _mm_cmplt_epi32(h, _mm_set1_epi32(0x400)),
                  big = _mm_add_epi32(_mm_slli_epi32(h, 13), _mm_set1_epi32(0x38000000)),
                  tiny = _mm_castps_si128(
                      _mm_mul_ps(_mm_cvtepi32_ps(h), _mm_set1_ps(5.9604644775390625e-8f)));
    return _mm_castsi128_ps(_mm_or_si128(_mm_and_si128(small, tiny), _mm_andnot_si128(small, big)));
}
/* y + (float)acc * (d * r) */
static inline vs vi_fold(vs y, vi acc, vs d, float r)
{
    return _mm_add_ps(y, _mm_mul_ps(_mm_cvtepi32_ps(acc), _mm_mul_ps(d, _mm_set1_ps(r))));
}

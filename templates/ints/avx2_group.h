/* What packings with groups ask for beside: in 256-bit registers. */

/* b1's sign of a plane: 0 or 2. */
static inline vc vc_sign(vb v, int plane)
{
    const vb at = plane ? _mm256_srli_epi16(v, plane ? plane - 1 : 0) : _mm256_add_epi8(v, v);
    return _mm256_and_si256(at, _mm256_set1_epi8(2));
}
static inline vi vi_start(int32_t x) { return _mm256_set1_epi32(x); }
/* vs: a float for each row. */
typedef __m256 vs;
static inline vs vs_zero(void) { return _mm256_setzero_ps(); }
static inline vs vs_get(const float *p) { return _mm256_loadu_ps(p); }
static inline void vs_put(float *p, vs v) { _mm256_storeu_ps(p, v); }
/* f16 scales. */
static inline vs vs_load(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
/* y + (float)acc * (d * r) */
static inline vs vi_fold(vs y, vi acc, vs d, float r)
{
    return _mm256_add_ps(
        y, _mm256_mul_ps(_mm256_cvtepi32_ps(acc), _mm256_mul_ps(d, _mm256_set1_ps(r))));
}

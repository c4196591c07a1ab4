/* What packings with groups ask for beside: in 512-bit registers. */

/* b1's sign of a plane: 0 or 2. */
#ifndef __GFNI__
static inline vc vc_sign(vb v, int plane)
{
    const vb at =
        plane ? _mm512_srli_epi16(v, (unsigned)(plane ? plane - 1 : 0)) : _mm512_add_epi8(v, v);
    return _mm512_and_si512(at, _mm512_set1_epi8(2));
}
#else
static inline vc vc_sign(vb v, int plane)
{
    const uint64_t rows = UINT64_C(0x0001000000000000) << plane; /* bit `plane` becomes bit 1 */
    return plane == 1 ? _mm512_and_si512(v, _mm512_set1_epi8(2))
                      : _mm512_gf2p8affine_epi64_epi8(v, _mm512_set1_epi64((int64_t)rows), 0);
}
#endif
static inline vi vi_start(int32_t x) { return _mm512_set1_epi32(x); }
/* vs: a float for each row. */
typedef __m512 vs;
static inline vs vs_zero(void) { return _mm512_setzero_ps(); }
static inline vs vs_get(const float *p) { return _mm512_loadu_ps(p); }
static inline void vs_put(float *p, vs v) { _mm512_storeu_ps(p, v); }
/* f16 scales. */
static inline vs vs_load(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
/* y + (float)acc * (d * r) */
static inline vs vi_fold(vs y, vi acc, vs d, float r)
{
    return _mm512_add_ps(
        y, _mm512_mul_ps(_mm512_cvtepi32_ps(acc), _mm512_mul_ps(d, _mm512_set1_ps(r))));
}

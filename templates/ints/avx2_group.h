/* What packings with groups ask for beside: in 256-bit registers. */

/* b1's sign of a plane: 0 or 2. */
static inline vc vc_sign(vb v, int plane)
{
    const vb at = plane ? _mm256_srli_epi16(v, plane ? plane - 1 : 0) : _mm256_add_epi8(v, v);
    return _mm256_and_si256(at, _mm256_set1_epi8(2));
}
/* b1's planes where they stand: plane p is bit p % 4. */
typedef struct {
    vb low, high;
} vg;
static inline vg vg_begin(vb v) { return (vg){ v, _mm256_srli_epi16(v, 4) }; }
static inline vc vg_field(const vg *v, int plane)
{
    return _mm256_and_si256(plane < 4 ? v->low : v->high, _mm256_set1_epi8(1 << plane % 4));
}
/* A plane of fields of so many bits, moved with the one beside it: of an odd one times 2^bits. */
static inline vc vc_half(vb v, int plane, int bits)
{
    const int mask = ((1 << bits) - 1) << (plane % 2 ? bits : 0);
    return _mm256_and_si256(_mm256_srli_epi16(v, bits * (plane & ~1)),
                            _mm256_set1_epi8((char)mask));
}
/* Sums of codes times a power of 2: two to the `over` times too much. */
static inline vi vi_over(vi v, int over)
{
    return over < 0 ? _mm256_slli_epi32(v, over < 0 ? -over : 0)
                    : _mm256_srai_epi32(v, over < 0 ? 0 : over);
}
static inline vi vi_plus(vi a, vi b) { return _mm256_add_epi32(a, b); }
static inline vi vi_less(vi v, int32_t x) { return _mm256_sub_epi32(v, _mm256_set1_epi32(x)); }
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

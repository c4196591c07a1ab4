/* What r5 and c5 ask for beside, whose rows and columns are skipped: in 256-bit registers. */

/* r5: activations of a vector's columns, and the sums across four vectors. */
static inline vx vx_row(const int8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline void vi_sums(int32_t *to, vi a, vi b, vi c, vi d)
{
    const vi all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_storeu_si128((__m128i *)to,
                     _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
}
/* Codes on their own: a byte each. */
static inline vc vc_get(const uint8_t *p) { return vb_load(p); }
static inline void vc_put(uint8_t *p, vc codes) { memcpy(p, &codes, sizeof codes); }
/* Those of four rows, four columns of each side by side, at every `step` bytes. */
static inline void vc_turn(uint8_t *to, size_t step, vc a, vc b, vc c, vc d)
{
    const vc low = _mm256_unpacklo_epi32(a, b), high = _mm256_unpackhi_epi32(a, b),
             low2 = _mm256_unpacklo_epi32(c, d), high2 = _mm256_unpackhi_epi32(c, d),
             four[4] = { _mm256_unpacklo_epi64(low, low2), _mm256_unpackhi_epi64(low, low2),
                         _mm256_unpacklo_epi64(high, high2), _mm256_unpackhi_epi64(high, high2) };
    for (size_t i = 0; i < 4; i++) {
        _mm_storeu_si128((__m128i *)(to + i * step), _mm256_castsi256_si128(four[i]));
        _mm_storeu_si128((__m128i *)(to + (4 + i) * step), _mm256_extracti128_si256(four[i], 1));
    }
}
/* c5: four columns' bytes side by side. In each 16 bytes vector j gets their bytes 4j .. 4j+3. */
static inline void vb_mix(vb *to, vb a, vb b, vb c, vb d)
{
    const vb low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b),
             low2 = _mm256_unpacklo_epi8(c, d), high2 = _mm256_unpackhi_epi8(c, d);
    to[0] = _mm256_unpacklo_epi16(low, low2);
    to[1] = _mm256_unpackhi_epi16(low, low2);
    to[2] = _mm256_unpacklo_epi16(high, high2);
    to[3] = _mm256_unpackhi_epi16(high, high2);
}

/* Integer products in 256-bit registers: what ISAs of that width have in common. 8 lanes of 32 bits. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* vb stored bytes, vc codes, vx four activations in every lane, va accumulator, vi int32 sums. */
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
static inline vx vx_opaque(vx v)
{
    __asm__ volatile("" : "+x"(v));
    return v;
}
static inline va va_zero(void) { return _mm256_setzero_si256(); }
static inline vi vi_zero(void) { return _mm256_setzero_si256(); }
static inline int32_t vi_sum(vi v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}
/* y = (float)(acc - sum) * (d / s) */
static inline void vi_scale(float *y, vi acc, int32_t sum, const float *d, float s)
{
    const __m256 f = _mm256_cvtepi32_ps(_mm256_sub_epi32(acc, _mm256_set1_epi32(sum)));
    _mm256_storeu_ps(y, _mm256_mul_ps(f, _mm256_div_ps(_mm256_loadu_ps(d), _mm256_set1_ps(s))));
}

/* Unpacking. i4's fields of four bits; b2's planes, a bit for each byte; t5's five digits, which must be asked for in order: the
   stored byte is ceil(256/243 v), the digit is 3 byte / 256, and what it leaves goes on. v5 holds the byte less 128, since the
   compares are signed; 3 times that is the same of the next byte. */
static inline vc vc_nibble(vb v, int plane)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 4 * plane), _mm256_set1_epi8(15));
}
static inline vb vb_spread(const uint8_t *bits)
{
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201), which = _mm256_setr_epi64x(
        0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    int32_t all;
    memcpy(&all, bits, sizeof all);
    return _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(all), which), bit), bit);
}
static inline vc vc_bits(const uint8_t *plus, const uint8_t *minus)
{
    return _mm256_sub_epi8(_mm256_add_epi8(_mm256_set1_epi8(1), vb_spread(minus)), vb_spread(plus));
}
typedef vb v5;
static inline v5 v5_begin(vb v) { return _mm256_xor_si256(v, _mm256_set1_epi8((char)128)); }
static inline vc v5_plane(v5 *v, int plane)
{
    (void)plane;
    const vc above = _mm256_add_epi8(_mm256_cmpgt_epi8(_mm256_set1_epi8(86 - 128), *v), _mm256_cmpgt_epi8(_mm256_set1_epi8(171 - 128), *v)); /* less 2 */
    *v = _mm256_add_epi8(*v, _mm256_add_epi8(*v, *v));
    return _mm256_add_epi8(above, _mm256_set1_epi8(2));
}
/* acc + sum of (code - 127) * x: |x| <= 128 times 127, twice, fits int16. */
static inline vi vi_dot8(vi acc, vb code, vx x)
{
    const vb w = _mm256_sub_epi8(code, _mm256_set1_epi8(127));
    const vb pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(w, x));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* Integer products in 256-bit registers: what ISAs of that width have in common. 8 lanes of 32
 * bits. */
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
static inline va va_opaque(va v) { return vx_opaque(v); }
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

/* Unpacking. i4's fields of four bits; b2's planes, a bit for each byte; t5's five digits, which
   must be asked for in order: the stored byte is ceil(256/243 v), the digit is 3 byte / 256, and
   what it leaves goes on. vd holds the byte less 128, since the compares are signed; 3 times that
   is the same of the next byte. */
static inline vc vc_nibble(vb v, int plane)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 4 * plane), _mm256_set1_epi8(15));
}
static inline vb vb_spread(const uint8_t *bits)
{
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201),
                  which = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                             0x0303030303030303);
    int32_t all;
    memcpy(&all, bits, sizeof all);
    return _mm256_cmpeq_epi8(
        _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(all), which), bit), bit);
}
static inline vc vc_bits(const uint8_t *plus, const uint8_t *minus)
{
    return _mm256_sub_epi8(_mm256_add_epi8(_mm256_set1_epi8(1), vb_spread(minus)), vb_spread(plus));
}
typedef vb vd;
static inline vd vd_begin(vb v) { return _mm256_xor_si256(v, _mm256_set1_epi8((char)128)); }
static inline vc vd_digit(vd *v, int plane)
{
    (void)plane;
    const vc above =
        _mm256_add_epi8(_mm256_cmpgt_epi8(_mm256_set1_epi8(86 - 128), *v),
                        _mm256_cmpgt_epi8(_mm256_set1_epi8(171 - 128), *v)); /* less 2 */
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

/* vr: 64 bytes to be read. */
typedef struct {
    __m256i a, b;
} vr;
static inline vr vr_load(const void *p)
{
    const __m256i *v = p;
    return (vr){ _mm256_loadu_si256(v), _mm256_loadu_si256(v + 1) };
}
static inline vr vr_xor(vr x, vr y)
{
    return (vr){ _mm256_xor_si256(x.a, y.a), _mm256_xor_si256(x.b, y.b) };
}
static inline void vr_store(uint64_t *p, vr v)
{
    _mm256_storeu_si256((__m256i *)p, v.a);
    _mm256_storeu_si256((__m256i *)(p + 4), v.b);
}

/* l2: vk are int16 sums of 32 rows: a of rows 0-7 and 16-23, b of the others. */
typedef struct {
    __m256i a, b;
} vk;
static inline vk vk_zero(void) { return (vk){ _mm256_setzero_si256(), _mm256_setzero_si256() }; }
static inline vb vb_nibble(vb v, int half) { return vc_nibble(v, half); }
static inline vb vb_both(const uint8_t *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
}
/* The table's low bytes, then its high bytes. */
static inline vk vk_look(vk sums, vb index, const uint8_t *table)
{
    const __m256i low = _mm256_shuffle_epi8(vb_both(table), index),
                  high = _mm256_shuffle_epi8(vb_both(table + 16), index);
    sums = (vk){ _mm256_add_epi16(sums.a, _mm256_unpacklo_epi8(low, high)),
                 _mm256_add_epi16(sums.b, _mm256_unpackhi_epi8(low, high)) };
    __asm__("" : "+x"(sums.a), "+x"(sums.b)); /* as in va_dot */
    return sums;
}
static inline void vk_add_eight(int32_t *to, __m128i eight)
{
    __m256i *p = (__m256i *)to;
    _mm256_storeu_si256(p, _mm256_add_epi32(_mm256_loadu_si256(p), _mm256_cvtepi16_epi32(eight)));
}
static inline void vk_add(int32_t *to, vk sums)
{
    vk_add_eight(to, _mm256_castsi256_si128(sums.a));
    vk_add_eight(to + 8, _mm256_castsi256_si128(sums.b));
    vk_add_eight(to + 16, _mm256_extracti128_si256(sums.a, 1));
    vk_add_eight(to + 24, _mm256_extracti128_si256(sums.b, 1));
}

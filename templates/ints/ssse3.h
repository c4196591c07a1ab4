/* Integer products in 128-bit registers. 4 lanes of 32 bits. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tmmintrin.h>

/* vb stored bytes, vc codes, vx four activations in every lane, va accumulator, vi int32 sums. */
typedef __m128i vb, vc, vx, va, vi;
static inline vb vb_load(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline vc vc_plane(vb v, int plane)
{
    return _mm_and_si128(_mm_srli_epi16(v, 2 * plane), _mm_set1_epi8(3));
}
static inline vx vx_load(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm_set1_epi32(four);
}
static inline vx vx_opaque(vx v)
{
    __asm__ volatile("" : "+x"(v));
    return v;
}
static inline va va_opaque(va v) { return vx_opaque(v); }
static inline va va_zero(void) { return _mm_setzero_si128(); }
static inline vi vi_zero(void) { return _mm_setzero_si128(); }
static inline int32_t vi_sum(vi v)
{
    const __m128i s = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}
/* y = (float)(acc - sum) * (d / s) */
static inline void vi_scale(float *y, vi acc, int32_t sum, const float *d, float s)
{
    const __m128 f = _mm_cvtepi32_ps(_mm_sub_epi32(acc, _mm_set1_epi32(sum)));
    _mm_storeu_ps(y, _mm_mul_ps(f, _mm_div_ps(_mm_loadu_ps(d), _mm_set1_ps(s))));
}

/* Unpacking. i4's fields of four bits; b2's planes, a bit for each byte; t5's five digits, which
   must be asked for in order: the stored byte is ceil(256/243 v), the digit is 3 byte / 256, and
   what it leaves goes on. vd holds the byte less 128, since the compares are signed; 3 times that
   is the same of the next byte. */
static inline vc vc_nibble(vb v, int plane)
{
    return _mm_and_si128(_mm_srli_epi16(v, 4 * plane), _mm_set1_epi8(15));
}
static inline vb vb_spread(const uint8_t *bits)
{
    const __m128i bit = _mm_set1_epi64x((long long)0x8040201008040201),
                  which = _mm_set_epi64x(0x0101010101010101, 0);
    uint16_t all;
    memcpy(&all, bits, sizeof all);
    return _mm_cmpeq_epi8(_mm_and_si128(_mm_shuffle_epi8(_mm_cvtsi32_si128(all), which), bit), bit);
}
static inline vc vc_bits(const uint8_t *plus, const uint8_t *minus)
{
    return _mm_sub_epi8(_mm_add_epi8(_mm_set1_epi8(1), vb_spread(minus)), vb_spread(plus));
}
typedef vb vd;
static inline vd vd_begin(vb v) { return _mm_xor_si128(v, _mm_set1_epi8((char)128)); }
static inline vc vd_digit(vd *v, int plane)
{
    (void)plane;
    const vc above = _mm_add_epi8(_mm_cmpgt_epi8(_mm_set1_epi8(86 - 128), *v),
                                  _mm_cmpgt_epi8(_mm_set1_epi8(171 - 128), *v)); /* less 2 */
    *v = _mm_add_epi8(*v, _mm_add_epi8(*v, *v));
    return _mm_add_epi8(above, _mm_set1_epi8(2));
}
/* acc + sum of (code - 127) * x: |x| <= 128 times 127, twice, fits int16. */
static inline vi vi_dot8(vi acc, vb code, vx x)
{
    const vb w = _mm_sub_epi8(code, _mm_set1_epi8(127));
    const vb pairs = _mm_maddubs_epi16(_mm_abs_epi8(x), _mm_sign_epi8(w, x));
    return _mm_add_epi32(acc, _mm_madd_epi16(pairs, _mm_set1_epi16(1)));
}

/* vr: 64 bytes to be read. */
typedef struct {
    __m128i r[4];
} vr;
static inline vr vr_load(const void *p)
{
    vr v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline vr vr_xor(vr a, vr b)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = _mm_xor_si128(a.r[i], b.r[i]);
    return a;
}
static inline void vr_store(uint64_t *p, vr v) { memcpy(p, &v, sizeof v); }

/* l2: vk are int16 sums of 16 rows. */
typedef struct {
    __m128i a, b;
} vk;
static inline vk vk_zero(void) { return (vk){ _mm_setzero_si128(), _mm_setzero_si128() }; }
static inline vb vb_nibble(vb v, int half) { return vc_nibble(v, half); }
/* The table's low bytes, then its high bytes. */
static inline vk vk_look(vk sums, vb index, const uint8_t *table)
{
    const __m128i low = _mm_shuffle_epi8(vb_load(table), index),
                  high = _mm_shuffle_epi8(vb_load(table + 16), index);
    sums = (vk){ _mm_add_epi16(sums.a, _mm_unpacklo_epi8(low, high)),
                 _mm_add_epi16(sums.b, _mm_unpackhi_epi8(low, high)) };
    __asm__("" : "+x"(sums.a), "+x"(sums.b)); /* as in va_dot */
    return sums;
}
static inline void vk_add_four(int32_t *to, __m128i four)
{
    __m128i *p = (__m128i *)to;
    _mm_storeu_si128(p, _mm_add_epi32(_mm_loadu_si128(p), _mm_srai_epi32(four, 16)));
}
static inline void vk_add(int32_t *to, vk sums)
{
    vk_add_four(to, _mm_unpacklo_epi16(sums.a, sums.a));
    vk_add_four(to + 4, _mm_unpackhi_epi16(sums.a, sums.a));
    vk_add_four(to + 8, _mm_unpacklo_epi16(sums.b, sums.b));
    vk_add_four(to + 12, _mm_unpackhi_epi16(sums.b, sums.b));
}

/* Integer products in the compilers' generic vectors. 4 lanes of 32 bits. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Integer products: vb stored bytes, vc codes, vx four activations in every lane, va int16
 * accumulators. */
typedef uint8_t vb __attribute__((vector_size(16)));
typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef int16_t va __attribute__((vector_size(32)));
typedef va vc, vx;
typedef int32_t vi __attribute__((vector_size(16)));
static inline vb vb_load(const uint8_t *p)
{
    vb v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline vc vc_plane(vb v, int plane)
{
    return __builtin_convertvector((v >> (2 * plane)) & 3, vc);
}
static inline vx vx_load(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return __builtin_convertvector((bytes16)(vi){ four, four, four, four }, vx);
}
static inline va va_zero(void) { return (va){ 0 }; }
static inline va va_dot(va acc, vc u, vx s) { return acc + u * s; }
static inline vi vi_zero(void) { return (vi){ 0 }; }
static inline vi vi_add(vi acc, va part)
{
    for (int i = 0; i < 4; i++)
        acc[i] += part[4 * i] + part[4 * i + 1] + part[4 * i + 2] + part[4 * i + 3];
    return acc;
}
static inline int32_t vi_sum(vi v)
{
    return (int32_t)((uint32_t)v[0] + (uint32_t)v[1] + (uint32_t)v[2] + (uint32_t)v[3]);
}
#if defined __x86_64__
#define VREG(v) "+x"(v)
#elif defined __aarch64__
#define VREG(v) "+w"(v)
#else
#define VREG(v) "+m"(v)
#endif
static inline vx vx_opaque(vx v)
{
    int16_t __attribute__((vector_size(16))) half[2];
    memcpy(half, &v, sizeof v);
    __asm__ volatile("" : VREG(half[0]), VREG(half[1]));
    memcpy(&v, half, sizeof v);
    return v;
}
static inline va va_opaque(va v) { return vx_opaque(v); }
/* y = (float)(acc - sum) * (d / s) */
static inline void vi_scale(float *y, vi acc, int32_t sum, const float *d, float s)
{
    for (int i = 0; i < 4; i++)
        y[i] = (float)(acc[i] - sum) * (d[i] / s);
}

/* Unpacking. i4's fields of four bits; b2's planes, a bit for each byte; t5's five digits, which
   must be asked for in order: the stored byte is ceil(256/243 v), the digit is 3 byte / 256, and
   what it leaves goes on. */
static inline vc vc_nibble(vb v, int plane)
{
    return __builtin_convertvector((v >> (4 * plane)) & 15, vc);
}
static inline vb vb_spread(const uint8_t *bits)
{
    const uint8_t l = bits[0], h = bits[1];
    const vb all = { l, l, l, l, l, l, l, l, h, h, h, h, h, h, h, h },
             bit = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
    return (vb)((all & bit) != 0) & 1;
}
static inline vc vc_bits(const uint8_t *plus, const uint8_t *minus)
{
    return __builtin_convertvector(1 + vb_spread(plus) - vb_spread(minus), vc);
}
typedef va vd;
static inline vd vd_begin(vb v) { return __builtin_convertvector(v, vd); }
static inline vc vd_digit(vd *v, int plane)
{
    (void)plane;
    const vc triple = *v * 3;
    *v = triple & 255;
    return triple >> 8;
}

/* acc + sum of (code - 127) * x: |x| <= 128 times 127 fits int16. */
static inline vi vi_dot8(vi acc, vb code, vx x)
{
    typedef int32_t twos __attribute__((vector_size(32)));
    typedef uint32_t bits __attribute__((vector_size(32)));
    const twos p = (twos)((__builtin_convertvector(code, va) - 127) * x),
               two = (twos)((bits)p << 16) >> 16, sum = two + (p >> 16);
    return acc + __builtin_shufflevector(sum, sum, 0, 2, 4, 6) +
           __builtin_shufflevector(sum, sum, 1, 3, 5, 7);
}

/* l2: vk are int16 sums of 16 rows. */
typedef struct {
    int16_t row[16];
} vk;
static inline vk vk_zero(void) { return (vk){ { 0 } }; }
static inline vb vb_nibble(vb v, int half) { return (v >> (4 * half)) & 15; }
/* The table's low bytes, then its high bytes. */
static inline vk vk_look(vk sums, vb index, const uint8_t *table)
{
    uint8_t at[16];
    memcpy(at, &index, sizeof at);
    for (int i = 0; i < 16; i++) {
        const uint8_t *entry = table + at[i];
        sums.row[i] = (int16_t)(sums.row[i] + (entry[0] | entry[16] << 8));
    }
    return sums;
}
static inline void vk_add(int32_t *to, vk sums)
{
    for (int i = 0; i < 16; i++)
        to[i] += sums.row[i];
}

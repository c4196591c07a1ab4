/* Integer products in NEON registers: what ISAs of aarch64 have in common. 4 lanes of 32 bits. */
#ifndef __clang__
#pragma GCC optimize("no-schedule-insns") /* which loads early, more than the registers hold */
#endif
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* vb stored bytes, vc codes, vx four activations in every lane, vi int32 sums. */
typedef uint8x16_t vb, vc;
typedef int8x16_t vx;
typedef int32x4_t vi;
static inline vb vb_load(const uint8_t *p) { return vld1q_u8(p); }
/* The outer planes take one instruction. */
static inline vc vc_plane(vb v, int plane)
{
    const uint8x16_t shifted = v >> (2 * plane);
    return plane == 3 ? shifted : vandq_u8(shifted, vdupq_n_u8(3));
}
static inline vx vx_load(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}
static inline vx vx_opaque(vx v)
{
    __asm__ volatile("" : "+w"(v));
    return v;
}
static inline vi vi_zero(void) { return vdupq_n_s32(0); }
static inline int32_t vi_sum(vi v) { return vaddvq_s32(v); }
/* y = (float)(acc - sum) * (d / s) */
static inline void vi_scale(float *y, vi acc, int32_t sum, const float *d, float s)
{
    const float32x4_t f = vcvtq_f32_s32(vsubq_s32(acc, vdupq_n_s32(sum)));
    vst1q_f32(y, vmulq_f32(f, vdivq_f32(vld1q_f32(d), vdupq_n_f32(s))));
}

/* vr: 64 bytes to be read. */
typedef uint8x16x4_t vr;
static inline vr vr_load(const void *p)
{
    const uint8_t *b = p;
    return (vr){ { vld1q_u8(b), vld1q_u8(b + 16), vld1q_u8(b + 32), vld1q_u8(b + 48) } };
}
static inline vr vr_xor(vr a, vr b)
{
    for (int i = 0; i < 4; i++)
        a.val[i] = veorq_u8(a.val[i], b.val[i]);
    return a;
}
static inline void vr_store(uint64_t *p, vr v) { memcpy(p, &v, sizeof v); }

/* Unpacking. i4's fields of four bits; b2's planes, a bit for each byte; t5's five digits, which
   must be asked for in order: the stored byte is ceil(256/243 v), the digit is 3 byte / 256, and
   what it leaves goes on. */
static inline vc vc_nibble(vb v, int plane)
{
    return plane ? vshrq_n_u8(v, 4) : vandq_u8(v, vdupq_n_u8(15));
}
static inline vb vb_spread(const uint8_t *bits)
{
    const uint8x8_t bit = vcreate_u8(UINT64_C(0x8040201008040201));
    return vtstq_u8(vcombine_u8(vdup_n_u8(bits[0]), vdup_n_u8(bits[1])), vcombine_u8(bit, bit));
}
static inline vc vc_bits(const uint8_t *plus, const uint8_t *minus)
{
    return vsubq_u8(vaddq_u8(vdupq_n_u8(1), vb_spread(minus)), vb_spread(plus));
}
typedef vb vd;
static inline vd vd_begin(vb v) { return v; }
static inline vc vd_digit(vd *v, int plane)
{
    (void)plane;
    const vc digit = vshrq_n_u8(vhaddq_u8(*v, vshrq_n_u8(*v, 1)), 6);
    *v = vmulq_u8(*v, vdupq_n_u8(3));
    return digit;
}
/* A code of 8 bits less 127. */
static inline vx vx_weight(vb code) { return vreinterpretq_s8_u8(vsubq_u8(code, vdupq_n_u8(127))); }

/* l2: vk are int16 sums of 16 rows. */
typedef int16x8x2_t vk;
static inline vk vk_zero(void) { return (vk){ { vdupq_n_s16(0), vdupq_n_s16(0) } }; }
static inline vb vb_nibble(vb v, int half) { return vc_nibble(v, half); }
/* The table's low bytes, then its high bytes. */
static inline vk vk_look(vk sums, vb index, const uint8_t *table)
{
    const uint8x16_t low = vqtbl1q_u8(vld1q_u8(table), index),
                     high = vqtbl1q_u8(vld1q_u8(table + 16), index);
    return (vk){ { vaddq_s16(sums.val[0], vreinterpretq_s16_u8(vzip1q_u8(low, high))),
                   vaddq_s16(sums.val[1], vreinterpretq_s16_u8(vzip2q_u8(low, high))) } };
}
static inline void vk_add(int32_t *to, vk sums)
{
    for (int i = 0; i < 2; i++, to += 8) {
        vst1q_s32(to, vaddw_s16(vld1q_s32(to), vget_low_s16(sums.val[i])));
        vst1q_s32(to + 4, vaddw_high_s16(vld1q_s32(to + 4), sums.val[i]));
    }
}

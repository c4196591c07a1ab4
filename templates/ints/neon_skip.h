/* What r5 and c5 ask for beside, whose rows and columns are skipped: in NEON registers. */

/* r5: activations of a vector's columns, and the sums across four vectors. */
static inline vx vx_row(const int8_t *p) { return vld1q_s8(p); }
static inline void vi_sums(int32_t *to, vi a, vi b, vi c, vi d)
{
    vst1q_s32(to, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)));
}
/* Codes on their own: a byte each. */
static inline vc vc_get(const uint8_t *p) { return vb_load(p); }
static inline void vc_put(uint8_t *p, vc codes) { memcpy(p, &codes, sizeof codes); }
/* Those of four rows, four columns of each side by side, at every `step` bytes. */
static inline void vc_turn(uint8_t *to, size_t step, vc a, vc b, vc c, vc d)
{
    const uint32x4x2_t ab = vzipq_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)),
                       cd = vzipq_u32(vreinterpretq_u32_u8(c), vreinterpretq_u32_u8(d));
    for (size_t i = 0; i < 2; i++) {
        const uint64x2_t low = vreinterpretq_u64_u32(ab.val[i]),
                         high = vreinterpretq_u64_u32(cd.val[i]);
        vst1q_u8(to + 2 * i * step, vreinterpretq_u8_u64(vzip1q_u64(low, high)));
        vst1q_u8(to + (2 * i + 1) * step, vreinterpretq_u8_u64(vzip2q_u64(low, high)));
    }
}
/* c5: four columns' bytes side by side: vector j gets their bytes 4j .. 4j+3. */
static inline void vb_mix(vb *to, vb a, vb b, vb c, vb d)
{
    const uint16x8_t low = vreinterpretq_u16_u8(vzip1q_u8(a, b)),
                     high = vreinterpretq_u16_u8(vzip2q_u8(a, b)),
                     low2 = vreinterpretq_u16_u8(vzip1q_u8(c, d)),
                     high2 = vreinterpretq_u16_u8(vzip2q_u8(c, d));
    to[0] = vreinterpretq_u8_u16(vzip1q_u16(low, low2));
    to[1] = vreinterpretq_u8_u16(vzip2q_u16(low, low2));
    to[2] = vreinterpretq_u8_u16(vzip1q_u16(high, high2));
    to[3] = vreinterpretq_u8_u16(vzip2q_u16(high, high2));
}

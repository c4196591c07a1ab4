/* Elements as they are stored, in the float vocabulary of NEON. */

/* Sixteen stored elements as floats. */
static inline vf vf_f16(const void *p)
{
    vf v;
    for (int i = 0; i < 4; i++)
        v.r[i] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *)p + 8 * i)));
    return v;
}
/* To nearest even; within the range of f16, no NaN. */
static inline void vf_to_f16(uint16_t *p, vf v)
{
    for (int i = 0; i < 4; i++)
        vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(v.r[i])));
}
static inline vf vf_bf16(const void *p)
{
    vf v;
    for (int i = 0; i < 4; i++)
        v.r[i] = vreinterpretq_f32_u32(
            vshll_n_u16(vreinterpret_u16_u8(vld1_u8((const uint8_t *)p + 8 * i)), 16));
    return v;
}
static inline vf vf_f32(const void *p) { return vf_load(p); }
static inline float32x4_t s16x4(int16x4_t v) { return vcvtq_f32_s32(vmovl_s16(v)); }
static inline vf vf_i8(const void *p)
{
    const int8x16_t b = vld1q_s8(p);
    const int16x8_t x = vmovl_s8(vget_low_s8(b)), y = vmovl_high_s8(b);
    return (vf){ { s16x4(vget_low_s16(x)), s16x4(vget_high_s16(x)), s16x4(vget_low_s16(y)),
                   s16x4(vget_high_s16(y)) } };
}

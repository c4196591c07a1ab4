/* The float vocabulary of NEON: multiplications and additions stay apart, never vmla or vfma. */
/* vf: sixteen floats in four registers, vq: sixteen int32. */
typedef struct {
    float32x4_t r[4];
} vf;
typedef struct {
    int32x4_t r[4];
} vq;
static inline vf vf_set1(float x)
{
    const float32x4_t v = vdupq_n_f32(x);
    return (vf){ { v, v, v, v } };
}
static inline vf vf_load(const float *p)
{
    return (vf){ { vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12) } };
}
static inline void vf_store(float *p, vf v)
{
    for (int i = 0; i < 4; i++)
        vst1q_f32(p + 4 * i, v.r[i]);
}
static inline vf vf_load_n(const float *p, size_t n)
{
    float t[16] = { 0 };
    memcpy(t, p, n * sizeof *p);
    return vf_load(t);
}
static inline void vf_store_n(float *p, vf v, size_t n)
{
    float t[16];
    vf_store(t, v);
    memcpy(p, t, n * sizeof *p);
}
static inline vf vf_add(vf a, vf b)
{
    return (vf){ { a.r[0] + b.r[0], a.r[1] + b.r[1], a.r[2] + b.r[2], a.r[3] + b.r[3] } };
}
static inline vf vf_sub(vf a, vf b)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = vsubq_f32(a.r[i], b.r[i]);
    return a;
}
static inline vf vf_mul(vf a, vf b)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = vmulq_f32(a.r[i], b.r[i]);
    return a;
}
static inline vf vf_div(vf a, vf b)
{
    return (vf){ { a.r[0] / b.r[0], a.r[1] / b.r[1], a.r[2] / b.r[2], a.r[3] / b.r[3] } };
}
/* Not vmaxq and vminq: a NaN in a gives b. */
static inline vf vf_max(vf a, vf b)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = vbslq_f32(vcgtq_f32(a.r[i], b.r[i]), a.r[i], b.r[i]);
    return a;
}
static inline vf vf_min(vf a, vf b)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = vbslq_f32(vcltq_f32(a.r[i], b.r[i]), a.r[i], b.r[i]);
    return a;
}
static inline vf vf_abs(vf a)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = vabsq_f32(a.r[i]);
    return a;
}
/* The lanes `by` apart change places; after by = 4 all four registers are alike. */
static inline vf vf_fold(vf v, int by)
{
    if (by >= 4)
        return by == 8 ? (vf){ { v.r[2], v.r[3], v.r[0], v.r[1] } }
                       : (vf){ { v.r[1], v.r[0], v.r[3], v.r[2] } };
    const float32x4_t a = by == 2 ? vextq_f32(v.r[0], v.r[0], 2) : vrev64q_f32(v.r[0]);
    return (vf){ { a, a, a, a } };
}
static inline float vf_first(vf v) { return vgetq_lane_f32(v.r[0], 0); }
/* In place of lanes i and i + by, their sum and their difference; by is 1, 2, 4 or 8. */
static inline float32x4_t butterfly4(float32x4_t v, int by)
{
    const uint32_t sign = 0x80000000, low = by == 2 ? 0 : sign, high = by == 2 ? sign : 0;
    const uint32x4_t upper = { 0, low, high, sign },
                     turned = veorq_u32(vreinterpretq_u32_f32(v), upper);
    return vaddq_f32(by == 2 ? vextq_f32(v, v, 2) : vrev64q_f32(v), vreinterpretq_f32_u32(turned));
}
static inline vf vf_butterfly(vf v, int by)
{
    const float32x4_t a = v.r[0], b = v.r[1], c = v.r[2], d = v.r[3];
    return by == 8   ? (vf){ { a + c, b + d, a - c, b - d } }
           : by == 4 ? (vf){ { a + b, a - b, c + d, c - d } }
                     : (vf){ { butterfly4(a, by), butterfly4(b, by), butterfly4(c, by),
                               butterfly4(d, by) } };
}
/* Rounds half to even; |v| < 2^31. */
static inline vq vq_round(vf v)
{
    return (vq){ { vcvtnq_s32_f32(v.r[0]), vcvtnq_s32_f32(v.r[1]), vcvtnq_s32_f32(v.r[2]),
                   vcvtnq_s32_f32(v.r[3]) } };
}
/* p * 2^n, given n + 12582912, whose low bits are n: added to the exponent field. */
static inline vf vf_ldexp(vf p, vf n)
{
    for (int i = 0; i < 4; i++)
        p.r[i] = vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p.r[i]),
                                                 vshlq_n_s32(vreinterpretq_s32_f32(n.r[i]), 23)));
    return p;
}

/* For quantising: |v| <= 128. */
static inline vq vq_zero(void) { return (vq){ { vdupq_n_s32(0) } }; }
static inline vq vq_add(vq a, vq b)
{
    for (int i = 0; i < 4; i++)
        a.r[i] = vaddq_s32(a.r[i], b.r[i]);
    return a;
}
static inline int32_t vq_sum(vq v)
{
    return vaddvq_s32(vaddq_s32(vaddq_s32(v.r[0], v.r[1]), vaddq_s32(v.r[2], v.r[3])));
}
static inline void vq_store_n(int8_t *p, vq v, size_t n)
{
    const int16x8_t x = vcombine_s16(vmovn_s32(v.r[0]), vmovn_s32(v.r[1])),
                    y = vcombine_s16(vmovn_s32(v.r[2]), vmovn_s32(v.r[3]));
    int8_t t[16];
    vst1q_s8(t, vcombine_s8(vmovn_s16(x), vmovn_s16(y)));
    memcpy(p, t, n);
}

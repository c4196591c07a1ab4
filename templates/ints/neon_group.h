/* What packings with groups ask for beside: NEON. */

/* b1's sign of a plane: 0 or 2. */
static inline vc vc_sign(vb v, int plane)
{
    static const int8_t shifts[] = { 1, 0, -1, -2, -3, -4, -5, -6 };
    return vandq_u8(vshlq_u8(v, vdupq_n_s8(shifts[plane])), vdupq_n_u8(2));
}
/* b1's planes where they stand: plane p is bit p % 4. */
typedef struct {
    vb low, high;
} vg;
static inline vg vg_begin(vb v) { return (vg){ v, vshrq_n_u8(v, 4) }; }
static inline vc vg_field(const vg *v, int plane)
{
    return vandq_u8(plane < 4 ? v->low : v->high, vdupq_n_u8((uint8_t)(1 << plane % 4)));
}
/* A plane of fields of so many bits, moved with the one beside it: of an odd one times 2^bits. */
static inline vc vc_half(vb v, int plane, int bits)
{
    const int mask = ((1 << bits) - 1) << (plane % 2 ? bits : 0);
    return vandq_u8(vshlq_u8(v, vdupq_n_s8((int8_t)(-bits * (plane & ~1)))),
                    vdupq_n_u8((uint8_t)mask));
}
/* Sums of codes times a power of 2: two to the `over` times too much. */
static inline vi vi_over(vi v, int over) { return vshlq_s32(v, vdupq_n_s32(-over)); }
static inline vi vi_plus(vi a, vi b) { return vaddq_s32(a, b); }
static inline vi vi_less(vi v, int32_t x) { return vsubq_s32(v, vdupq_n_s32(x)); }
/* vs: a float for each row. */
typedef float32x4_t vs;
static inline vs vs_zero(void) { return vdupq_n_f32(0); }
static inline vs vs_get(const float *p) { return vld1q_f32(p); }
static inline void vs_put(float *p, vs v) { vst1q_f32(p, v); }
/* f16 scales. */
static inline vs vs_load(const uint8_t *p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }
/* y + (float)acc * (d * r) */
static inline vs vi_fold(vs y, vi acc, vs d, float r)
{
    const float32x4_t f = vmulq_f32(vcvtq_f32_s32(acc), vmulq_n_f32(d, r));
    return vaddq_f32(y, f);
}

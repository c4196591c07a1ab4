/* The float vocabulary in the compilers' generic vectors. */
/* vf: sixteen floats. */
typedef float vf __attribute__((vector_size(64)));
typedef int32_t vq __attribute__((vector_size(64)));
typedef uint32_t bits __attribute__((vector_size(64)));
typedef uint16_t halves __attribute__((vector_size(32)));
static inline vf vf_load_n(const float *p, size_t n)
{
    vf v = { 0 };
    memcpy(&v, p, n * sizeof *p);
    return v;
}
static inline void vf_store_n(float *p, vf v, size_t n) { memcpy(p, &v, n * sizeof *p); }
static inline vf vf_load(const float *p) { return vf_load_n(p, 16); }
static inline void vf_store(float *p, vf v) { vf_store_n(p, v, 16); }
static inline vf vf_set1(float x) { return (vf){ x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x }; }
static inline vf vf_add(vf a, vf b) { return a + b; }
static inline vf vf_sub(vf a, vf b) { return a - b; }
static inline vf vf_mul(vf a, vf b) { return a * b; }
static inline vf vf_div(vf a, vf b) { return a / b; }
static inline vf vf_max(vf a, vf b)
{
    const vq more = a > b;
    return (vf)((more & (vq)a) | (~more & (vq)b));
}
static inline vf vf_min(vf a, vf b)
{
    const vq less = a < b;
    return (vf)((less & (vq)a) | (~less & (vq)b));
}
static inline vf vf_abs(vf a) { return (vf)((vq)a & 0x7fffffff); }
static inline vf vf_fold(vf v, int by)
{
    vf r;
    for (int i = 0; i < 16; i++)
        r[i] = v[i ^ by];
    return r;
}
static inline float vf_first(vf v) { return v[0]; }
/* In place of lanes i and i + by, their sum and their difference; by is 1, 2, 4 or 8. */
typedef float quad __attribute__((vector_size(16)));
typedef uint32_t quad_bits __attribute__((vector_size(16)));
static inline quad butterfly4(quad v, int by)
{
    const uint32_t sign = 0x80000000, low = by == 2 ? 0 : sign, high = by == 2 ? sign : 0;
    const quad_bits upper = { 0, low, high, sign };
    const quad two = __builtin_shufflevector(v, v, 2, 3, 0, 1),
               one = __builtin_shufflevector(v, v, 1, 0, 3, 2);
    return (by == 2 ? two : one) + (quad)((quad_bits)v ^ upper);
}
static inline vf vf_butterfly(vf v, int by)
{
    quad q[4];
    memcpy(q, &v, sizeof v);
    for (int i = 0; i < 4; i++)
        if (by < 4)
            q[i] = butterfly4(q[i], by);
        else if ((4 * i & by) == 0) {
            const quad a = q[i], b = q[i + by / 4];
            q[i] = a + b, q[i + by / 4] = a - b;
        }
    memcpy(&v, q, sizeof v);
    return v;
}
/* Half to even, for |v| < 2^22: the sum's last bit is 1. */
static inline vq vq_round(vf v) { return (vq)(v + 12582912.0f) - 0x4b400000; }
/* p * 2^n, given n + 12582912, whose low bits are n: added to the exponent field. */
static inline vf vf_ldexp(vf p, vf n) { return (vf)((bits)p + ((bits)n << 23)); }

/* Sixteen stored elements as floats. */
static inline vf vf_f16(const void *p)
{
    halves h;
    memcpy(&h, p, sizeof h);
    const bits all = __builtin_convertvector(h, bits), mag = all & 0x7fff;
    const bits tiny = (bits)(__builtin_convertvector((vq)mag, vf) * 5.9604644775390625e-8f);
    const bits is_tiny = (bits)(mag < 0x400), is_top = (bits)(mag >= 0x7c00),
               is_nan = (bits)(mag > 0x7c00);
    const bits big = (mag << 13) + 0x38000000 + (is_top & 0x38000000);
    return (vf)((all & 0x8000) << 16 | (is_tiny & tiny) | (~is_tiny & big) | (is_nan & 0x400000));
}
/* To nearest even; within the range of f16, no NaN. Below 2^-14 the sum's last bit is 2^-24, and
   its rounding is ours. */
static inline void vf_to_f16(uint16_t *p, vf v)
{
    const bits all = (bits)v, mag = all & 0x7fffffff, is_tiny = (bits)(mag < 0x38800000);
    const bits tiny = (bits)((vf)mag + 0.5f) - 0x3f000000,
               big = (mag - 0x38000000 + 0xfff + (mag >> 13 & 1)) >> 13;
    const bits h = (is_tiny & tiny) | (~is_tiny & big) | (all >> 16 & 0x8000);
    const halves to = __builtin_convertvector(h, halves);
    memcpy(p, &to, sizeof to);
}
static inline vf vf_bf16(const void *p)
{
    halves h;
    memcpy(&h, p, sizeof h);
    return (vf)(__builtin_convertvector(h, bits) << 16);
}
static inline vf vf_f32(const void *p) { return vf_load_n(p, 16); }
static inline vf vf_i8(const void *p)
{
    bytes16 b;
    memcpy(&b, p, sizeof b);
    return __builtin_convertvector(b, vf);
}

/* vq: sixteen int32, for quantising. */
static inline vq vq_zero(void) { return (vq){ 0 }; }
static inline vq vq_add(vq a, vq b) { return a + b; }
static inline int32_t vq_sum(vq v)
{
    int32_t sum = 0;
    for (int i = 0; i < 16; i++)
        sum += v[i];
    return sum;
}
static inline void vq_store_n(int8_t *p, vq v, size_t n)
{
    const bytes16 b = __builtin_convertvector(v, bytes16);
    memcpy(p, &b, n);
}

/* vr: 64 bytes to be read. */
typedef uint64_t vr __attribute__((vector_size(64)));
static inline vr vr_load(const void *p)
{
    vr v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline vr vr_xor(vr a, vr b) { return a ^ b; }
static inline void vr_store(uint64_t *p, vr v) { memcpy(p, &v, sizeof v); }

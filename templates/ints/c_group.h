/* What packings with groups ask for beside: the compilers' generic vectors. */

/* b1's sign of a plane: 0 or 2. */
static inline vc vc_sign(vb v, int plane)
{
    const vb at = plane ? v >> (plane ? plane - 1 : 0) : v + v;
    return __builtin_convertvector(at & 2, vc);
}
static inline vi vi_start(int32_t x) { return (vi){ x, x, x, x }; }
/* vs: a float for each row. */
typedef float vs __attribute__((vector_size(16)));
static inline vs vs_zero(void) { return (vs){ 0 }; }
static inline vs vs_get(const float *p)
{
    vs v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void vs_put(float *p, vs v) { memcpy(p, &v, sizeof v); }
/* f16 scales, which are finite and not negative: below 2^-14 an exact product, else the exponent is
   moved. */
static inline vs vs_load(const uint8_t *p)
{
    typedef uint16_t four __attribute__((vector_size(8)));
    four halves;
    memcpy(&halves, p, sizeof halves);
    const vi h = __builtin_convertvector(halves, vi), small = h < 0x400;
    const vi tiny = (vi)(__builtin_convertvector(h, vs) * 5.9604644775390625e-8f);
    return (vs)((small & tiny) | (~small & ((h << 13) + 0x38000000)));
}
/* y + (float)acc * (d * r) */
static inline vs vi_fold(vs y, vi acc, vs d, float r)
{
    return y + __builtin_convertvector(acc, vs) * (d * r);
}

/* What packings with groups ask for beside: the compilers' generic vectors. */

/* b1's sign of a plane: 0 or 2. */
static inline vc vc_sign(vb v, int plane)
{
    const vb at = plane ? v >> (plane ? plane - 1 : 0) : v + v;
    return __builtin_convertvector(at & 2, vc);
}
/* b1's planes where they stand: plane p is bit p % 4. */
typedef vb vg;
static inline vg vg_begin(vb v) { return v; }
static inline vc vg_field(const vg *v, int plane)
{
    return __builtin_convertvector((plane < 4 ? *v : *v >> 4) & (uint8_t)(1 << plane % 4), vc);
}
/* Sums of codes times a power of 2: two to the `over` times too much. */
static inline vi vi_over(vi v, int over) { return over < 0 ? v * (1 << -over) : v >> over; }
static inline vi vi_plus(vi a, vi b) { return a + b; }
static inline vi vi_less(vi v, int32_t x) { return v - x; }
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

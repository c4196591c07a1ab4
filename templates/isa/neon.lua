-- NEON of ARMv8.0: 4 lanes of 32 bits. Codes are 0, 1, 2, so signed products do; each byte has an
-- int16 accumulator of its own: one dot product adds at most 2 * 128 to it, and 127 * 256 <= 32767.
return {
  order = 20,
  arch = "aarch64",
  lanes = 4,
  registers = 16, -- pairs of registers: accumulators take two
  tokens = 6, -- MR of a gemm on tiles of two vectors of rows
  float_registers = 32,
  dot = 2, -- instructions for one dot product of a vector
  unpack = {t2 = 6, t5 = 20}, -- instructions for a vector, by packing
  latency = 4,
  needs = "asimd",
  ints = {"neon", "neon_skip", "neon_group"},
  floats = {"neon", "neon_stored"},
  cflags = "-march=armv8-a",
  span = 127,
  dot8 = true, -- vi_dot8 for codes of 8 bits
  tiles = {["gemm t2"] = {{4, 8}, {6, 8}, {2, 16}}, ["gemm l2"] = {{4, 32}}},
  text = [[
typedef int16x8x2_t va;
static inline va va_opaque(va v)
{
    __asm__ volatile("" : "+w"(v.val[0]), "+w"(v.val[1]));
    return v;
}
static inline va va_zero(void) { return (va){ { vdupq_n_s16(0), vdupq_n_s16(0) } }; }
static inline va va_dot(va acc, vc u, vx s)
{
    const int8x16_t c = vreinterpretq_s8_u8(u);
    return (va){ { vmlal_s8(acc.val[0], vget_low_s8(c), vget_low_s8(s)),
                   vmlal_high_s8(acc.val[1], c, s) } };
}
static inline vi vi_add(vi acc, va part)
{
    return vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(part.val[0]), vpaddlq_s16(part.val[1])));
}
/* acc + sum of (code - 127) * x */
static inline vi vi_dot8(vi acc, vb code, vx x)
{
    const vx w = vx_weight(code);
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(w), vget_low_s8(x)));
    const int32x4_t high = vpaddlq_s16(vmull_high_s8(w, x));
    return vaddq_s32(acc, vpaddq_s32(low, high));
}
]],
}

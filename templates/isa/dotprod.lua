-- NEON with the dot products of ARMv8.2 (Neoverse N1, Cortex-A76, Apple M1): 4 lanes of 32 bits.
-- Codes are 0, 1, 2, so sdot does; four products are added into int32, without saturation.
return {
  order = 40,
  arch = "aarch64",
  lanes = 4,
  registers = 32,
  tokens = 12, -- MR of a gemm on tiles of two vectors of rows
  dot = 1, -- instructions for one dot product of a vector
  unpack = {t2 = 6, t5 = 20}, -- instructions for a vector, by packing
  latency = 3,
  needs = "asimd asimddp",
  ints = {"neon", "neon_skip", "neon_group"},
  floats = {"neon", "neon_stored"},
  cflags = "-march=armv8.2-a+dotprod",
  dot8 = true, -- vi_dot8 for codes of 8 bits
  tiles = {["gemv b2"] = {}, ["gemm b2"] = {}, ["gemv l2"] = {}, ["gemm l2"] = {}},
  text = [[
typedef int32x4_t va;
static inline va va_opaque(va v)
{
    __asm__ volatile("" : "+w"(v));
    return v;
}
static inline va va_zero(void) { return vdupq_n_s32(0); }
static inline va va_dot(va acc, vc u, vx s) { return vdotq_s32(acc, vreinterpretq_s8_u8(u), s); }
static inline vi vi_add(vi acc, va part) { return vaddq_s32(acc, part); }
/* acc + sum of (code - 127) * x */
static inline vi vi_dot8(vi acc, vb code, vx x) { return vdotq_s32(acc, vx_weight(code), x); }
]],
}

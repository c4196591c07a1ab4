-- NEON with the int8 instructions of ARMv8.6 (Neoverse V1 and N2, Apple M2): 4 lanes of 32 bits.
-- usdot multiplies u8 by s8 as the packings want it; usmmla, two rows by two tokens and eight
-- columns deep, does twice as much (mm_pairs.c.in).
return {
  order = 60,
  arch = "aarch64",
  lanes = 4,
  registers = 32,
  tokens = 12, -- MR of a gemm on tiles of two vectors of rows
  dot = 1, -- instructions for one dot product of a vector
  unpack = {t2 = 6, t5 = 20}, -- instructions for a vector, by packing
  latency = 3,
  needs = "asimd asimddp i8mm",
  ints = {"neon", "neon_skip", "neon_group"},
  floats = {"neon", "neon_stored"},
  cflags = "-march=armv8.2-a+dotprod+i8mm",
  tiles = {["gemv b2"] = {}, ["gemm b2"] = {}, ["gemv l2"] = {}, ["gemm l2"] = {}},
  text = [[
typedef int32x4_t va;
static inline va va_opaque(va v)
{
    __asm__ volatile("" : "+w"(v));
    return v;
}
static inline va va_zero(void) { return vdupq_n_s32(0); }
static inline va va_dot(va acc, vc u, vx s) { return vusdotq_s32(acc, u, s); }
static inline vi vi_add(vi acc, va part) { return vaddq_s32(acc, part); }

/* Pairs: of two planes, which hold four columns of four rows each, eight columns of rows 0 and 1,
   of rows 2 and 3; eight activations of two tokens; rows by tokens; and what sums of both halves
   hold of a token. */
static inline vc vc_pairs0(vc even, vc odd)
{
    return vreinterpretq_u8_u32(vzip1q_u32(vreinterpretq_u32_u8(even), vreinterpretq_u32_u8(odd)));
}
static inline vc vc_pairs1(vc even, vc odd)
{
    return vreinterpretq_u8_u32(vzip2q_u32(vreinterpretq_u32_u8(even), vreinterpretq_u32_u8(odd)));
}
static inline vx vx_pair(const int8_t *p, const int8_t *q)
{
    return vcombine_s8(vld1_s8(p), vld1_s8(q));
}
static inline vi vi_dot_pairs(vi acc, vc u, vx x) { return vusmmlaq_s32(acc, u, x); }
static inline vi vi_token0(vi low, vi high) { return vuzp1q_s32(low, high); }
static inline vi vi_token1(vi low, vi high) { return vuzp2q_s32(low, high); }
]],
}

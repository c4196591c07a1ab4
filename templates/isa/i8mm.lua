-- NEON with the int8 instructions of ARMv8.6 (Neoverse V1 and N2, Apple M2): 4 lanes of 32 bits. usdot multiplies u8 by s8 as the packings
-- want it. smmla and usmmla, 2x8 by 8x2, would want two tokens in one register, which a lane for each row does not give them.
return {
  order = 60,
  arch = "aarch64",
  lanes = 4,
  registers = 32,
  dot = 1, -- instructions for one dot product of a vector
  unpack = {t2 = 6, t5 = 20}, -- instructions for a vector, by packing
  latency = 3,
  needs = "asimd asimddp i8mm",
  ints = "neon",
  floats = "neon",
  cflags = "-march=armv8.2-a+dotprod+i8mm",
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
]],
}

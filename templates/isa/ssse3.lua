-- SSSE3 (Core 2 of 2006 and later): 4 lanes of 32 bits. u8 x s8 pairs go through int16 (maddubs),
-- so accumulators are int16 and are widened every `span` dot products: one adds at most
-- 2 * 2 * 128 = 512, and 63 * 512 <= 32767.
return {
  order = 20,
  arch = "x86_64",
  lanes = 4,
  registers = 16,
  tokens = 4, -- MR of a gemm on tiles of two vectors of rows
  dot = 2, -- instructions for one dot product of a vector
  latency = 4,
  needs = "ssse3",
  ints = {"ssse3", "ssse3_skip", "ssse3_group"},
  floats = {"ssse3", "ssse3_stored"},
  cflags = "-mssse3",
  span = 63,
  dot8 = true, -- vi_dot8 for codes of 8 bits
  tiles = {
    ["gemv b2"] = {}, ["gemm b2"] = {}, -- never the fastest
    peak = {{1, 6}},
  },
  text = [[
/* The sum is opaque, lest gcc add products to each other first and run out of registers. */
static inline va va_dot(va acc, vc u, vx s)
{
    acc = _mm_add_epi16(acc, _mm_maddubs_epi16(u, s));
    __asm__("" : "+x"(acc));
    return acc;
}
static inline vi vi_add(vi acc, va part)
{
    return _mm_add_epi32(acc, _mm_madd_epi16(part, _mm_set1_epi16(1)));
}
]],
}

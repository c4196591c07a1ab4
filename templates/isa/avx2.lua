-- AVX2 with F16C: 8 lanes of 32 bits. u8 x s8 pairs go through int16 (maddubs), so accumulators are
-- int16 and are widened every `span` dot products: one adds at most 2 * 2 * 128 = 512, and
-- 63 * 512 <= 32767.
return {
  order = 30,
  arch = "x86_64",
  lanes = 8,
  registers = 16,
  tokens = 3, -- MR of a gemm on tiles of two vectors of rows
  wide_tokens = 4, -- the same where codes are laid out before (mm_wide.c.in)
  dot = 2, -- instructions for one dot product of a vector
  latency = 4,
  needs = "avx2 f16c",
  ints = {"avx2", "avx2_skip", "avx2_group"},
  floats = {"avx2"},
  cflags = "-mavx2 -mf16c",
  span = 63,
  dot8 = true, -- vi_dot8 for codes of 8 bits
  tiles = {peak = {{1, 10}}},
  text = [[
/* The sum is opaque, lest gcc add products to each other first and run out of registers. */
static inline va va_dot(va acc, vc u, vx s)
{
    acc = _mm256_add_epi16(acc, _mm256_maddubs_epi16(u, s));
    __asm__("" : "+x"(acc));
    return acc;
}
static inline vi vi_add(vi acc, va part)
{
    return _mm256_add_epi32(acc, _mm256_madd_epi16(part, _mm256_set1_epi16(1)));
}
]],
}

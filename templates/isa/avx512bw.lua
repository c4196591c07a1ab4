-- AVX-512 without VNNI (Skylake servers): 16 lanes of 32 bits. u8 x s8 pairs go through int16
-- (maddubs), so accumulators are int16 and are widened every `span` dot products: one adds at most
-- 2 * 2 * 128 = 512, and 63 * 512 <= 32767.
return {
  order = 50,
  arch = "x86_64",
  lanes = 16,
  registers = 32,
  tokens = 12, -- MR of a gemm on tiles of two vectors of rows
  dot = 2, -- instructions for one dot product of a vector
  latency = 4,
  needs = "avx512f avx512bw avx512vl",
  ints = {"avx512", "avx512_skip", "avx512_group"},
  floats = {"avx512"},
  cflags = "-mavx512f -mavx512bw -mavx512vl",
  span = 63,
  dot8 = true, -- vi_dot8 for codes of 8 bits
  text = [[
static inline vc vc_plane(vb v, int plane)
{
    return _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)(2 * plane)), _mm512_set1_epi8(3));
}
/* The sum is opaque, lest gcc add products to each other first and run out of registers. */
static inline va va_dot(va acc, vc u, vx s)
{
    acc = _mm512_add_epi16(acc, _mm512_maddubs_epi16(u, s));
    __asm__("" : "+v"(acc));
    return acc;
}
static inline vi vi_add(vi acc, va part)
{
    return _mm512_add_epi32(acc, _mm512_madd_epi16(part, _mm512_set1_epi16(1)));
}
/* acc + sum of (code - 127) * x: |x| <= 128 times 127, twice, fits int16. */
static inline vi vi_dot8(vi acc, vb code, vx x)
{
    const vb w = _mm512_sub_epi8(code, _mm512_set1_epi8(127));
    const vb turned = _mm512_mask_sub_epi8(w, _mm512_movepi8_mask(x), _mm512_setzero_si512(), w);
    const vb pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(x), turned);
    return _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}
]],
}

-- AVX-512 with VNNI: 16 lanes of 32 bits; dpbusd multiplies u8 by s8 and adds four products into int32, without saturation.
return {
  order = 60,
  arch = "x86_64",
  lanes = 16,
  registers = 32,
  dot = 1, -- instructions for one dot product of a vector
  latency = 4,
  needs = "avx512f avx512bw avx512vl avx512_vnni",
  ints = "avx512",
  floats = "avx512",
  cflags = "-mavx512f -mavx512bw -mavx512vl -mavx512vnni",
  text = [[
static inline vc vc_plane(vb v, int plane)
{
    return _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)(2 * plane)), _mm512_set1_epi8(3));
}
static inline va va_dot(va acc, vc u, vx s) { return _mm512_dpbusd_epi32(acc, u, s); }
static inline vi vi_add(vi acc, va part) { return _mm512_add_epi32(acc, part); }
]],
}

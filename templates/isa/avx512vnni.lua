-- AVX-512 with VNNI: 16 lanes of 32 bits; dpbusd multiplies u8 by s8 and adds four products into
-- int32, without saturation.
return {
  order = 60,
  arch = "x86_64",
  lanes = 16,
  registers = 32,
  tokens = 12, -- MR of a gemm on tiles of two vectors of rows
  dot = 1, -- instructions for one dot product of a vector
  latency = 4,
  needs = "avx512f avx512bw avx512vl avx512_vnni",
  ints = {"avx512", "avx512_skip", "avx512_group"},
  floats = {"avx512"},
  cflags = "-mavx512f -mavx512bw -mavx512vl -mavx512vnni",
  tiles = {
    ["gemv t5g"] = {{1, 32, sums = true, technique = "s"}, {1, 16, sums = true, technique = "s"}},
    ["gemv t5"] = {
      {1, 16, prefetch = 8192, technique = "p8"},
      {1, 16, prefetch = 8192, sums = true, technique = "p8s"},
      {1, 32, prefetch = 8192, sums = true, technique = "p8s"},
    },
  },
  text = [[
static inline vc vc_plane(vb v, int plane)
{
    return _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)(2 * plane)), _mm512_set1_epi8(3));
}
static inline va va_dot(va acc, vc u, vx s) { return _mm512_dpbusd_epi32(acc, u, s); }
static inline vi vi_add(vi acc, va part) { return _mm512_add_epi32(acc, part); }
/* t5 without its digits: from q = the byte on, the digit is (3 q - next q) / 256, so sum of
   digit * x is a 256th of 3 times the sum of q * x less that of next q * x. */
typedef struct {
    vb q, next;
} vc2;
typedef struct {
    va q, next;
} va2;
static inline vc2 vc2_rest(vd *v)
{
    const vb q = *v;
    *v = _mm512_add_epi8(q, _mm512_add_epi8(q, q));
    return (vc2){ q, *v };
}
static inline va2 va2_zero(void) { return (va2){ va_zero(), va_zero() }; }
static inline va2 va2_dot(va2 acc, vc2 u, vx x)
{
    return (va2){ va_dot(acc.q, u.q, x), va_dot(acc.next, u.next, x) };
}
static inline vi vi_add2(vi acc, va2 part)
{
    const vi triple = _mm512_add_epi32(part.q, _mm512_add_epi32(part.q, part.q));
    return _mm512_add_epi32(acc, _mm512_srai_epi32(_mm512_sub_epi32(triple, part.next), 8));
}
]],
}

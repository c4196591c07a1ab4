-- AVX-VNNI: the dot product of AVX-512 VNNI in 256-bit registers, for CPUs without AVX-512. 8 lanes of 32 bits.
return {
  order = 40,
  arch = "x86_64",
  lanes = 8,
  registers = 16,
  dot = 1, -- instructions for one dot product of a vector
  latency = 4,
  needs = "avx2 f16c avx_vnni",
  ints = {"avx2", "avx2_skip"},
  floats = {"avx2"},
  cflags = "-mavx2 -mf16c -mavxvnni",
  text = [[
static inline va va_dot(va acc, vc u, vx s) { return _mm256_dpbusd_avx_epi32(acc, u, s); }
static inline vi vi_add(vi acc, va part) { return _mm256_add_epi32(acc, part); }
]],
}

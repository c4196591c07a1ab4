-- AVX-VNNI: the dot product of AVX-512 VNNI in 256-bit registers, for CPUs without AVX-512. 8 lanes
-- of 32 bits.
return {
  order = 40,
  arch = "x86_64",
  lanes = 8,
  registers = 16,
  tokens = 5, -- MR of a gemm on tiles of two vectors of rows
  dot = 1, -- instructions for one dot product of a vector
  latency = 4,
  needs = "avx2 f16c avx_vnni",
  ints = {"avx2", "avx2_skip", "avx2_group"},
  floats = {"avx2"},
  cflags = "-mavx2 -mf16c -mavxvnni",
  tiles = {
    ["gemm b2"] = {{3, 16}},
    ["gemv l2"] = {}, ["gemm l2"] = {}, -- no tables where there are dot products
    peak = {{1, 10}},
  },
  text = [[
static inline va va_dot(va acc, vc u, vx s) { return _mm256_dpbusd_avx_epi32(acc, u, s); }
static inline vi vi_add(vi acc, va part) { return _mm256_add_epi32(acc, part); }
]],
}

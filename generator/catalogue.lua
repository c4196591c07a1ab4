-- What to generate. A family is one operation on one packing: its template and, for each ISA, its tiles {MR, NR}; KR is the family's.
-- A line here is a kernel. Other fields of a family are handed to the template as they are.

local EVERY = {"c", "ssse3", "avx2", "avxvnni", "avx512bw", "avx512vnni", "avx512vbmi", "neon", "dotprod", "i8mm"}

local function everywhere(tiles)
  local t = {}
  for _, isa in ipairs(EVERY) do t[isa] = tiles end
  return t
end

-- One row at a time is one stream of memory; several share the loads of x.
local HEAD = everywhere {{1, 1, prefetch = 8192, technique = "p8"}, {1, 4}}
HEAD.c = {{1, 1}, {1, 4}}
HEAD.ssse3 = {{1, 1, prefetch = 8192, technique = "p8"}, {1, 2}} -- 16 floats are four of 16 registers

-- ISAs of one register width and number take the same tiles of t2: 24 accumulators where there are 32 registers, up to 12 of 16.
local GEMV256 = {{1, 8}, {1, 16}, {1, 16, prefetch = 8192, technique = "p8"}, {1, 32, prefetch = 8192, technique = "p8"}}
local GEMV512 = {{1, 16, prefetch = 8192, technique = "p8"}, {1, 32}, {1, 32, prefetch = 8192, technique = "p8"},
  {1, 64, prefetch = 8192, technique = "p8"}}
local GEMV128 = {{1, 8}, {1, 8, prefetch = 8192, technique = "p8"}, {1, 16, prefetch = 8192, technique = "p8"}}
local GEMM256 = {{6, 8}, {4, 16}, {3, 16}, {2, 32}}
local GEMM512 = {{16, 16}, {8, 32}, {12, 32}, {6, 64}}
-- Fewer, for packings that are seldom the fastest.
local ONE128, ONE256 = {{1, 8, prefetch = 8192, technique = "p8"}}, {{1, 16, prefetch = 8192, technique = "p8"}}
local ONE512 = {{1, 32, prefetch = 8192, technique = "p8"}}
local P8_128 = {{1, 8, prefetch = 8192, technique = "p8"}, {1, 16, prefetch = 8192, technique = "p8"}}
local P8_256 = {{1, 8, prefetch = 8192, technique = "p8"}, {1, 16, prefetch = 8192, technique = "p8"}}
local P8_512 = {{1, 16, prefetch = 8192, technique = "p8"}, {1, 32, prefetch = 8192, technique = "p8"}}
local SUMS512 = {{1, 16, prefetch = 8192, technique = "p8"}, {1, 16, prefetch = 8192, sums = true, technique = "p8s"},
  {1, 32, prefetch = 8192, sums = true, technique = "p8s"}}
local GEMM256_FEW, GEMM512_FEW = {{6, 8}, {3, 16}}, {{16, 16}, {12, 32}}
local BASE_GEMV = {c = {{1, 8}}, ssse3 = ONE128, avx2 = ONE256, avxvnni = ONE256, avx512bw = ONE512, avx512vnni = ONE512,
  avx512vbmi = ONE512, neon = ONE128, dotprod = ONE128, i8mm = ONE128}
local BASE_GEMM = {c = {{2, 8}}, ssse3 = {{4, 8}}, avx2 = {{3, 16}}, avxvnni = {{5, 16}}, avx512bw = {{12, 32}}, avx512vnni = {{12, 32}},
  avx512vbmi = {{12, 32}}, neon = {{6, 8}}, dotprod = {{12, 8}}, i8mm = {{12, 8}}}
local ATTENTION = {c = {{2, 16}}, ssse3 = {{2, 16}}, avx2 = {{4, 16}}, avxvnni = {{4, 16}}, avx512bw = {{4, 32}, {4, 64}},
  avx512vnni = {{4, 32}, {4, 64}}, avx512vbmi = {{4, 32}, {4, 64}}, neon = {{4, 16}}, dotprod = {{4, 16}}, i8mm = {{4, 16}}}

return {
  -- Ternary products. gemv and gemm of one NR share packed weights.
  {op = "gemv", packing = "t2", act = "i8", template = "mm", kr = 16, tiles = {
    c = {{1, 8}, {1, 16}}, ssse3 = GEMV128, avx2 = GEMV256, avxvnni = GEMV256, avx512bw = GEMV512, avx512vnni = GEMV512,
    avx512vbmi = GEMV512, neon = GEMV128, dotprod = GEMV128, i8mm = GEMV128}},
  {op = "gemm", packing = "t2", act = "i8", template = "mm", kr = 16, tiles = {
    c = {{2, 8}, {2, 16}}, ssse3 = {{4, 8}, {2, 16}, {3, 16}}, avx2 = GEMM256, avxvnni = {{6, 8}, {4, 16}, {5, 16}, {2, 32}},
    avx512bw = GEMM512, avx512vnni = GEMM512, avx512vbmi = GEMM512, neon = {{4, 8}, {6, 8}, {2, 16}},
    dotprod = {{8, 8}, {12, 8}, {5, 16}}, i8mm = {{8, 8}, {12, 8}, {5, 16}}}},

  -- The same loops on 1.6 bits (unpack: instructions for a vector, for the estimate).
  {op = "gemv", packing = "t5", act = "i8", template = "mm", kr = 20, unpack = 30, tiles = {
    c = {{1, 8}}, ssse3 = P8_128, avx2 = P8_256, avxvnni = P8_256, avx512bw = P8_512, avx512vnni = SUMS512, avx512vbmi = GEMV512,
    neon = P8_128, dotprod = P8_128, i8mm = P8_128}},
  {op = "gemm", packing = "t5", act = "i8", template = "mm", kr = 20, unpack = 30, tiles = {
    c = {{2, 8}}, ssse3 = {{4, 8}, {2, 16}}, avx2 = GEMM256_FEW, avxvnni = GEMM256_FEW, avx512bw = GEMM512_FEW,
    avx512vnni = GEMM512_FEW, avx512vbmi = {{16, 16}, {8, 32}, {12, 32}, {6, 64}}, neon = {{6, 8}, {2, 16}},
    dotprod = {{12, 8}, {5, 16}}, i8mm = {{12, 8}, {5, 16}}}},

  -- Bit planes.
  {op = "gemv", packing = "b2", act = "i8", template = "mm", kr = 16, unpack = 30, tiles = {
    c = {{1, 8}}, avx2 = ONE256, avxvnni = ONE256, avx512bw = ONE512, avx512vnni = ONE512, avx512vbmi = ONE512, neon = ONE128}},
  {op = "gemm", packing = "b2", act = "i8", template = "mm", kr = 16, unpack = 30, tiles = {
    c = {{2, 8}}, avx2 = {{3, 16}}, avxvnni = {{3, 16}}, avx512bw = {{12, 32}}, avx512vnni = {{12, 32}}, avx512vbmi = {{12, 32}},
    neon = {{6, 8}}}},

  -- Table look-up, where there are no dot products.
  {op = "gemv", packing = "l2", act = "i8", template = "mm_l2", kr = 16, unpack = 14, tiles = {
    c = {{1, 16}}, ssse3 = {{1, 32}, {1, 32, prefetch = 4096, technique = "p4"}},
    avx2 = {{1, 32}, {1, 32, prefetch = 4096, technique = "p4"}, {1, 64, prefetch = 4096, technique = "p4"}},
    neon = {{1, 32}, {1, 32, prefetch = 4096, technique = "p4"}}}},
  {op = "gemm", packing = "l2", act = "i8", template = "mm_l2", kr = 16, unpack = 14, tiles = {
    c = {{2, 16}}, ssse3 = {{2, 32}}, avx2 = {{4, 32}, {2, 64}}, neon = {{4, 32}}}},

  -- Dense kin, w8a8 and w4a8: what ternary weights are held against. Never picked for a ternary model unless forced.
  {op = "gemv", packing = "i8", act = "i8", template = "mm", kr = 16, unpack = 1, tiles = BASE_GEMV},
  {op = "gemm", packing = "i8", act = "i8", template = "mm", kr = 16, unpack = 1, tiles = BASE_GEMM},
  {op = "gemv", packing = "i4", act = "i8", template = "mm", kr = 16, unpack = 6, tiles = BASE_GEMV},
  {op = "gemm", packing = "i4", act = "i8", template = "mm", kr = 16, unpack = 6, tiles = BASE_GEMM},

  -- The vector operations around them.
  {op = "quant", packing = "f32", act = "i8", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "norm", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "relu2", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "softmax", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "qk", packing = "f16", act = "f32", kr = 1, tiles = ATTENTION},
  {op = "pv", packing = "f16", act = "f32", kr = 1, tiles = ATTENTION},

  -- The output head, by the stored type of its rows.
  {op = "head", packing = "f16", act = "f32", kr = 16, tiles = HEAD},
  {op = "head", packing = "bf16", act = "f32", kr = 16, tiles = HEAD},
  {op = "head", packing = "f32", act = "f32", kr = 16, tiles = HEAD},
  {op = "head", packing = "i8", act = "f32", kr = 16, tiles = HEAD},

  -- The limits that speeds are held against.
  {op = "read", packing = "u64", act = "u64", kr = 16, tiles = everywhere {{1, 8}}},
  {op = "peak", packing = "u8", act = "i8", kr = 4, tiles = {c = {{1, 4}}, ssse3 = {{1, 6}}, avx2 = {{1, 10}}, avxvnni = {{1, 10}},
    avx512bw = {{1, 24}}, avx512vnni = {{1, 24}}, avx512vbmi = {{1, 24}}, neon = {{1, 12}}, dotprod = {{1, 24}}, i8mm = {{1, 24}}}},
}

-- What to generate. A family is one operation on one packing: its template and, for each ISA, its tiles {MR, NR}; KR is the family's.
-- A line here is a kernel. Other fields of a family are handed to the template as they are; its `unroll` lists factors that kernels
-- for one shape are made with as well (variants.lua).

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
-- A turn of their loops is short: where gcc 12 makes it, unrolling saves a tenth of the time and more.
local GEMV256 = {{1, 8}, {1, 16}, {1, 16, prefetch = 8192, technique = "p8"}, {1, 32, prefetch = 8192, technique = "p8"},
  {1, 16, prefetch = 8192, unroll = 2, technique = "p8u2"}}
local GEMV512 = {{1, 16, prefetch = 8192, technique = "p8"}, {1, 16, prefetch = 8192, unroll = 4, technique = "p8u4"}, {1, 32},
  {1, 32, prefetch = 8192, technique = "p8"}, {1, 64, prefetch = 8192, technique = "p8"}}
local GEMV128 = {{1, 8}, {1, 8, prefetch = 8192, technique = "p8"}, {1, 16, prefetch = 8192, technique = "p8"},
  {1, 16, prefetch = 8192, unroll = 2, technique = "p8u2"}}
local T5_VBMI = {{1, 16, prefetch = 8192, unroll = 4, technique = "p8u4"}, {1, 32, prefetch = 8192, technique = "p8"},
  {1, 32, prefetch = 8192, unroll = 2, technique = "p8u2"}, {1, 64, prefetch = 8192, technique = "p8"}}
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
-- The same with tiles of 64 rows in wide registers: of i4, faster for some tokens at a time.
local function with64(tiles, list)
  local t = {}
  for isa, others in pairs(tiles) do t[isa] = isa:find("avx512", 1, true) and list or others end
  return t
end
-- Rows of a softmax at a time, where there are registers for them.
local SOFTMAX = everywhere {{1, 1}}
for _, isa in ipairs {"avx512bw", "avx512vnni", "avx512vbmi"} do SOFTMAX[isa] = {{4, 1}} end

-- Prefill's tiles; few queries have tiles of 4 and 1 of their own.
local ATTENTION = {c = {{2, 16}}, ssse3 = {{2, 16}}, avx2 = {{6, 16}}, avxvnni = {{6, 16}}, avx512bw = {{12, 32}}, avx512vnni = {{12, 32}},
  avx512vbmi = {{12, 32}}, neon = {{6, 16}}, dotprod = {{6, 16}}, i8mm = {{6, 16}}}

local R5 = everywhere {{1, 4, prefetch = 8192, technique = "p8"}}
local FEW = {avx512bw = 4, avx512vnni = 4, avx512vbmi = 4, dotprod = 4, i8mm = 4}
local C5 = everywhere {{1, 320, prefetch = 8192, technique = "p8"}, {1, 640, prefetch = 8192, technique = "p8"}}
-- The same for a few tokens at a time.
local function few(tiles)
  local t = {}
  for isa, list in pairs(tiles) do
    t[isa] = {}
    for i, tile in ipairs(list) do t[isa][i] = {FEW[isa] or 2, tile[2], prefetch = tile.prefetch, technique = tile.technique} end
  end
  return t
end
-- Tiles {MR, NR} of `vectors` of rows, as the ISA's gemm on t2 has them, for each NR.
local WIDE = {c = {2, 2}, ssse3 = {4, 2}, avx2 = {4, 2}, avxvnni = {5, 2}, avx512bw = {12, 2}, avx512vnni = {12, 2}, avx512vbmi = {12, 2},
  neon = {6, 2}, dotprod = {12, 2}, i8mm = {12, 2}}
local function wide(...)
  local t = {}
  for isa, tile in pairs(WIDE) do
    t[isa] = {}
    for i, nr in ipairs {...} do t[isa][i] = {tile[1], nr, vectors = tile[2]} end
  end
  return t
end

return {
  -- Ternary products. gemv and gemm of one NR share packed weights.
  {op = "gemv", packing = "t2", act = "i8", template = "mm", kr = 16, unroll = {2, 4}, tiles = {
    c = {{1, 8}, {1, 16}}, ssse3 = GEMV128, avx2 = GEMV256, avxvnni = GEMV256, avx512bw = GEMV512, avx512vnni = GEMV512,
    avx512vbmi = GEMV512, neon = GEMV128, dotprod = GEMV128, i8mm = GEMV128}},
  {op = "gemm", packing = "t2", act = "i8", template = "mm", kr = 16, tiles = {
    c = {{2, 8}, {2, 16}}, ssse3 = {{4, 8}, {2, 16}, {3, 16}}, avx2 = GEMM256, avxvnni = {{6, 8}, {4, 16}, {5, 16}, {2, 32}},
    avx512bw = GEMM512, avx512vnni = GEMM512, avx512vbmi = GEMM512, neon = {{4, 8}, {6, 8}, {2, 16}},
    dotprod = {{8, 8}, {12, 8}, {5, 16}}, i8mm = {{8, 8}, {12, 8}, {5, 16}}}},
  -- Two rows by two tokens in one instruction (dot: instructions for what a dot product of four does, for the estimate).
  {op = "gemm", packing = "t2", act = "i8", template = "mm_pairs", kr = 16, dot = 0.5, tiles = {
    i8mm = {{8, 8, technique = "mmla"}, {12, 8, technique = "mmla"}, {6, 16, technique = "mmla"}}}},

  -- The same loops on 1.6 bits (unpack: instructions for a vector, for the estimate).
  {op = "gemv", packing = "t5", act = "i8", template = "mm", kr = 20, unpack = 30, unroll = {2, 4}, tiles = {
    c = {{1, 8}}, ssse3 = P8_128, avx2 = P8_256, avxvnni = P8_256, avx512bw = P8_512, avx512vnni = SUMS512, avx512vbmi = T5_VBMI,
    neon = P8_128, dotprod = P8_128, i8mm = P8_128}},
  {op = "gemm", packing = "t5", act = "i8", template = "mm", kr = 20, unpack = 30, tiles = {
    c = {{2, 8}}, ssse3 = {{4, 8}, {2, 16}}, avx2 = GEMM256_FEW, avxvnni = GEMM256_FEW, avx512bw = GEMM512_FEW,
    avx512vnni = GEMM512_FEW, avx512vbmi = GEMM512, neon = {{6, 8}, {2, 16}},
    dotprod = {{12, 8}, {5, 16}}, i8mm = {{12, 8}, {5, 16}}}},

  {op = "gemv", packing = "v5", act = "i8", template = "mm", kr = 20, unroll = {2, 4}, tiles = {avx512vbmi = T5_VBMI}},
  {op = "gemm", packing = "v5", act = "i8", template = "mm", kr = 20, tiles = {avx512vbmi = GEMM512}},

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
  -- i4 and i2 are the output head's planes too (runtime/head/head.h).
  {op = "gemv", packing = "i2", act = "i8", template = "mm", kr = 16, unpack = 6, tiles = BASE_GEMV},
  {op = "gemm", packing = "i2", act = "i8", template = "mm", kr = 16, unpack = 6, tiles = BASE_GEMM},
  {op = "gemv", packing = "i4", act = "i8", template = "mm", kr = 16, unpack = 6, tiles = with64(BASE_GEMV, {{1, 64, prefetch = 8192, technique = "p8"}})},
  {op = "gemm", packing = "i4", act = "i8", template = "mm", kr = 16, unpack = 6, tiles = with64(BASE_GEMM, {{6, 64}})},

  -- For kernels that skip: rows of r5 four at a time, columns of c5 (lines of 64 bytes times 320 rows). The gemm's own tile is MR tokens
  -- by `vectors` of rows.
  {op = "gemv", packing = "r5", act = "i8", template = "mm_row", kr = 320, unpack = 30, tiles = few(R5)},
  {op = "rows", packing = "r5", act = "i8", template = "mm_row", kr = 320, tiles = R5},
  {op = "gemm", packing = "r5", act = "i8", template = "mm_wide", kr = 320, unpack = 6, tiles = wide(4)},
  {op = "gemv", packing = "c5", act = "i8", template = "mm_col", kr = 20, unpack = 30, tiles = few(C5)},
  {op = "cols", packing = "c5", act = "i8", template = "mm_col", kr = 20, tiles = C5},
  {op = "gemm", packing = "c5", act = "i8", template = "mm_wide", kr = 20, unpack = 6, tiles = wide(320, 640)},

  -- The vector operations around them.
  {op = "quant", packing = "f32", act = "i8", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "norm", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "relu2", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "silu", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "softmax", packing = "f32", act = "f32", kr = 16, tiles = SOFTMAX},
  {op = "merge", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "half", packing = "f16", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "split", packing = "f32", act = "i8", kr = 16, tiles = everywhere {{1, 1}}},
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

-- What to generate. A family is one operation on one packing: its template, its tiles {MR, NR} for
-- an ISA, and what a vocabulary must have for it (`needs`, a function). No ISA is named here: tiles
-- follow from an ISA's lanes and registers, and where an ISA has tiles of its own for a family they
-- stand in its file (`tiles`, by operation and packing, or by operation). KR is the packing's.
-- Other fields of a family are handed to the template as they are; its `unroll` lists factors that
-- kernels for one shape are made with as well (variants.lua).

local function p8(mr, nr) return {mr, nr, prefetch = 8192, technique = "p8"} end

-- The ISA's list where there is one of its lanes, or of its lanes and registers; else the one tile
-- that always does.
local function by_lanes(lists)
  return function(V) return lists[V.lanes] or {p8(1, 2 * V.lanes)} end
end
local function by_registers(lists)
  return function(V)
    local list = lists[V.lanes .. "x" .. V.registers]
    return list and list(V.tokens) or {{V.tokens, 2 * V.lanes}}
  end
end
local function always(...) local list = {...}; return function() return list end end

-- One row at a time is one stream of memory, but its one chain of sums is slower than memory gives
-- rows of floats: four have company, each asks for the row that follows the four.
local HEAD = always(p8(1, 1))
local function HEAD_FLOATS(V)
  return V.lanes >= 8 and {{1, 4, prefetch = "rows", technique = "g"}} or {p8(1, 1)}
end
-- For many tokens: sums of 16 floats in up to three quarters of the registers. Where each takes
-- several registers, loads of x are shared, and those of rows are operands.
local HEAD_TILES = {["4x32"] = {1, 5}, ["8x16"] = {1, 6}, ["16x32"] = {6, 4}}
local function HEAD_TILE(V)
  local tile = HEAD_TILES[V.lanes .. "x" .. (V.float_registers or V.registers)] or {1, 2}
  return {{tile[1], tile[2], technique = "many"}}
end

-- ISAs of one register width and number take the same tiles of t2: 24 accumulators where there are
-- 32 registers, up to 12 of 16. A turn of their loops is short: where gcc 12 makes it, unrolling
-- saves a tenth of the time and more.
local GEMV_T2 = by_lanes {
  [4] = {{1, 8}, p8(1, 8), p8(1, 16), {1, 16, prefetch = 8192, unroll = 2, technique = "p8u2"}},
  [8] = {{1, 8}, {1, 16}, p8(1, 16), p8(1, 32),
    {1, 16, prefetch = 8192, unroll = 2, technique = "p8u2"}},
  [16] = {p8(1, 16), {1, 16, prefetch = 8192, unroll = 4, technique = "p8u4"}, {1, 32}, p8(1, 32),
    p8(1, 64)}}
local GEMM_T2 = by_registers {
  ["4x16"] = function(m) return {{m, 8}, {2, 16}, {3, 16}} end,
  ["4x32"] = function(m) return {{8, 8}, {m, 8}, {5, 16}} end,
  ["8x16"] = function(m) return {{6, 8}, {4, 16}, {m, 16}, {2, 32}} end,
  ["16x32"] = function(m) return {{16, 16}, {8, 32}, {m, 32}, {6, 64}} end}
local GEMV_T5 = by_lanes {
  [4] = {p8(1, 8), p8(1, 16)}, [8] = {p8(1, 8), p8(1, 16)}, [16] = {p8(1, 16), p8(1, 32)}}
local GEMM_T5 = by_registers {
  ["4x16"] = function(m) return {{m, 8}, {2, 16}} end,
  ["4x32"] = function(m) return {{m, 8}, {5, 16}} end,
  ["8x16"] = function() return {{6, 8}, {3, 16}} end,
  ["16x32"] = function(m) return {{16, 16}, {m, 32}} end}
-- Fewer, for packings that are seldom the fastest.
local function ONE_GEMV(V) return {p8(1, 2 * V.lanes)} end
local function ONE_GEMM(V) return {{V.tokens, 2 * V.lanes}} end
-- With tiles of 64 rows in wide registers: of i4, faster for some tokens at a time.
local function I4_GEMV(V) return V.lanes == 16 and {p8(1, 64)} or ONE_GEMV(V) end
local function I4_GEMM(V) return V.lanes == 16 and {{6, 64}} or ONE_GEMM(V) end
-- With groups.
local function HALF_GEMV(V) return {{1, 2 * V.lanes}} end
local GROUP_GEMV = by_lanes {
  [4] = {{1, 8}, {1, 16}}, [8] = {{1, 16}, {1, 8}}, [16] = {{1, 32}, {1, 16}}}
-- Those of v5g are prefetched: their loads are few and far between.
local V5G_GEMV = by_lanes {[16] = {p8(1, 32), p8(1, 16)}}
local GROUP_GEMM = by_registers {
  ["4x16"] = function(m) return {{m, 8}, {math.max(1, m // 2), 16}} end,
  ["4x32"] = function(m) return {{m, 8}, {m // 2, 16}} end,
  ["8x16"] = function(m) return {{math.max(4, m), 16}, {8, 8}} end,
  ["16x32"] = function() return {{8, 32}, {16, 16}} end}
-- Lanes are bytes here: four times as many rows.
local function p4(nr) return {1, nr, prefetch = 4096, technique = "p4"} end
local function L2_GEMV(V)
  local nr = math.max(32, 4 * V.lanes)
  return V.lanes == 4 and {{1, nr}, p4(nr)} or {{1, nr}, p4(nr), p4(2 * nr)}
end
local function L2_GEMM(V)
  return V.lanes == 4 and {{2, 32}} or {{4, 4 * V.lanes}, {2, 8 * V.lanes}}
end

-- Rows of a softmax at a time, where there are registers for them.
local function SOFTMAX(V) return {{V.lanes >= 16 and 4 or 1, 1}} end
-- Prefill's tiles, in floats; few queries have tiles of 4 and 1 of their own. Three quarters of the
-- registers are accumulators.
local function ATTENTION(V)
  local nr = math.max(16, 2 * V.lanes)
  return {{(V.float_registers or V.registers) * 3 // 4 // (nr // V.lanes) // 2 * 2, nr}}
end
-- Four vectors of 16 floats at a time, or as many as half of the registers hold.
local function ROTATE(V) return {{1, 16 * math.max(4, V.registers * V.lanes // 64)}} end
local function PEAK(V) return {{1, V.registers * 3 // 4}} end

local R5, C5 = {p8(1, 4)}, {p8(1, 320), p8(1, 640)}
-- The same for a few tokens at a time.
local function few(tiles)
  return function(V)
    local t = {}
    for i, tile in ipairs(tiles) do t[i] = p8(V.registers >= 32 and 4 or 2, tile[2]) end
    return t
  end
end
-- Tiles {MR, NR} of two vectors of rows for each NR.
local function wide(...)
  local nrs = {...}
  return function(V)
    local t = {}
    for i, nr in ipairs(nrs) do t[i] = {V.wide_tokens or V.tokens, nr, vectors = 2} end
    return t
  end
end

return {
  -- Ternary products. gemv and gemm of one NR share packed weights.
  {op = "gemv", packing = "t2", act = "i8", template = "mm", unroll = {2, 4}, tiles = GEMV_T2},
  {op = "gemm", packing = "t2", act = "i8", template = "mm", tiles = GEMM_T2},
  -- Two rows by two tokens in one instruction (dot: instructions for what a dot product of four
  -- does, for the estimate).
  {op = "gemm", packing = "t2", act = "i8", template = "mm_pairs", dot = 0.5,
    needs = "vi_dot_pairs", own = "pairs",
    tiles = always({8, 8, technique = "mmla"}, {12, 8, technique = "mmla"},
      {6, 16, technique = "mmla"})},

  -- The same loops on 1.6 bits (unpack: instructions for a vector, for the estimate).
  {op = "gemv", packing = "t5", act = "i8", template = "mm", unpack = 30, unroll = {2, 4},
    tiles = GEMV_T5},
  {op = "gemm", packing = "t5", act = "i8", template = "mm", unpack = 30, tiles = GEMM_T5},
  {op = "gemv", packing = "v5", act = "i8", template = "mm", unroll = {2, 4}, needs = "vl_digit",
    tiles = GEMV_T5},
  {op = "gemm", packing = "v5", act = "i8", template = "mm", needs = "vl_digit", tiles = GEMM_T5},

  -- A scale for each group of columns (meet: tokens at most that codes meet once unpacked).
  {op = "gemv", packing = "t2g", act = "i8", template = "mm_group", tiles = GROUP_GEMV},
  {op = "gemm", packing = "t2g", act = "i8", template = "mm_group_wide", meet = 64,
    tiles = GROUP_GEMM},
  {op = "gemv", packing = "t2h", act = "i8", template = "mm_group", tiles = HALF_GEMV},
  {op = "gemm", packing = "t2h", act = "i8", template = "mm_group_wide", meet = 64,
    tiles = ONE_GEMM},
  {op = "gemv", packing = "t5g", act = "i8", template = "mm_group", unpack = 30,
    tiles = GROUP_GEMV},
  {op = "gemm", packing = "t5g", act = "i8", template = "mm_group_wide", meet = 64,
    unpack = 30, tiles = GROUP_GEMM},
  {op = "gemv", packing = "v5g", act = "i8", template = "mm_group", needs = "vl_digit",
    tiles = V5G_GEMV},
  {op = "gemm", packing = "v5g", act = "i8", template = "mm_group_wide", meet = 64,
    needs = "vl_digit", tiles = GROUP_GEMM},
  {op = "gemv", packing = "b1g", act = "i8", template = "mm_group", tiles = GROUP_GEMV},
  {op = "gemm", packing = "b1g", act = "i8", template = "mm_group_wide", meet = 64,
    tiles = GROUP_GEMM},

  -- Bit planes.
  {op = "gemv", packing = "b2", act = "i8", template = "mm", unpack = 30, tiles = ONE_GEMV},
  {op = "gemm", packing = "b2", act = "i8", template = "mm", unpack = 30, tiles = ONE_GEMM},

  -- Table look-up, for where there are no dot products.
  {op = "gemv", packing = "l2", act = "i8", template = "mm_l2", unpack = 14, needs = "vk_look",
    tiles = L2_GEMV},
  {op = "gemm", packing = "l2", act = "i8", template = "mm_l2", unpack = 14, needs = "vk_look",
    tiles = L2_GEMM},

  -- Dense kin, w8a8 and w4a8: what ternary weights are held against. Never picked for a ternary
  -- model unless forced.
  {op = "gemv", packing = "i8", act = "i8", template = "mm", unpack = 1, tiles = ONE_GEMV},
  {op = "gemm", packing = "i8", act = "i8", template = "mm", unpack = 1, tiles = ONE_GEMM},
  -- i4 and i2 are the output head's planes too (runtime/head/head.h).
  {op = "gemv", packing = "i2", act = "i8", template = "mm", unpack = 6, tiles = ONE_GEMV},
  {op = "gemm", packing = "i2", act = "i8", template = "mm", unpack = 6, tiles = ONE_GEMM},
  {op = "gemv", packing = "i4", act = "i8", template = "mm", unpack = 6, tiles = I4_GEMV},
  {op = "gemm", packing = "i4", act = "i8", template = "mm", unpack = 6, tiles = I4_GEMM},

  -- For kernels that skip: rows of r5 four at a time, columns of c5 (lines of 64 bytes times 320
  -- rows). The gemm's own tile is MR tokens by `vectors` of rows.
  {op = "gemv", packing = "r5", act = "i8", template = "mm_row", unpack = 30, tiles = few(R5)},
  {op = "rows", packing = "r5", act = "i8", template = "mm_row", tiles = always(table.unpack(R5))},
  {op = "gemm", packing = "r5", act = "i8", template = "mm_wide", unpack = 6, tiles = wide(4)},
  {op = "gemv", packing = "c5", act = "i8", template = "mm_col", unpack = 30, tiles = few(C5)},
  {op = "cols", packing = "c5", act = "i8", template = "mm_col", tiles = always(table.unpack(C5))},
  {op = "gemm", packing = "c5", act = "i8", template = "mm_wide", unpack = 6,
    tiles = wide(320, 640)},

  -- The vector operations around them.
  {op = "quant", packing = "f32", act = "i8", kr = 16, tiles = always {1, 1}},
  {op = "quant4", packing = "f32", act = "i8", template = "quant", kr = 16, tiles = always {1, 1}},
  {op = "norm", packing = "f32", act = "f32", kr = 16, tiles = always {1, 1}},
  {op = "relu2", packing = "f32", act = "f32", kr = 16, tiles = always {1, 1}},
  {op = "silu", packing = "f32", act = "f32", kr = 16, tiles = always {1, 1}},
  {op = "sigmoid", packing = "f32", act = "f32", kr = 16, tiles = always {1, 1}},
  {op = "gelu", packing = "f32", act = "f32", kr = 16, tiles = always {1, 1}},
  {op = "rotate", packing = "f32", act = "f32", kr = 1, tiles = ROTATE},
  {op = "conv", packing = "f32", act = "f32", kr = 1, tiles = always {1, 1024}},
  {op = "l2", packing = "f32", act = "f32", kr = 16, tiles = always {1, 1}},
  {op = "gnorm", packing = "f32", act = "f32", kr = 16, tiles = always {1, 1}},
  {op = "delta", packing = "f32", act = "f32", kr = 1, tiles = always {1, 16}},
  {op = "softmax", packing = "f32", act = "f32", kr = 16, tiles = SOFTMAX},
  {op = "merge", packing = "f32", act = "f32", kr = 16, tiles = always {1, 1}},
  {op = "half", packing = "f16", act = "f32", kr = 16, tiles = always {1, 1}},
  {op = "split", packing = "f32", act = "i8", kr = 16, tiles = always {1, 1}},
  {op = "qk", packing = "f16", act = "f32", kr = 1, tiles = ATTENTION},
  {op = "pv", packing = "f16", act = "f32", kr = 1, tiles = ATTENTION},

  -- The output head and dense matrices, by the stored type of their rows.
  {op = "head", packing = "f16", act = "f32", kr = 16, tiles = HEAD_FLOATS},
  {op = "head", packing = "bf16", act = "f32", kr = 16, tiles = HEAD_FLOATS},
  {op = "head", packing = "f32", act = "f32", kr = 16, tiles = HEAD_FLOATS},
  {op = "head", packing = "i8", act = "f32", kr = 16, tiles = HEAD},
  {op = "head", packing = "f16", act = "f32", template = "head_tile", kr = 16, tiles = HEAD_TILE},
  {op = "head", packing = "bf16", act = "f32", template = "head_tile", kr = 16, tiles = HEAD_TILE},
  {op = "head", packing = "f32", act = "f32", template = "head_tile", kr = 16, tiles = HEAD_TILE},
  {op = "head", packing = "i8", act = "f32", template = "head_tile", kr = 16, tiles = HEAD_TILE},

  -- The limits that speeds are held against.
  {op = "read", packing = "u64", act = "u64", kr = 16, tiles = always {1, 8}},
  {op = "peak", packing = "u8", act = "i8", kr = 4, tiles = PEAK},
}

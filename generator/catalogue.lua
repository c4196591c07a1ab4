-- What to generate. A family is one operation on one packing: its template and, for each ISA, its tiles {MR, NR}; KR is the family's.
-- A line here is a kernel. Other fields of a family are handed to the template as they are.

local EVERY = {"c", "avx2", "avx512vnni"}

local function everywhere(tiles)
  local t = {}
  for _, isa in ipairs(EVERY) do t[isa] = tiles end
  return t
end

-- One row at a time is one stream of memory; four share the loads of x.
local HEAD = {
  c = {{1, 1}, {1, 4}},
  avx2 = {{1, 1, prefetch = 8192, technique = "p8"}, {1, 4}},
  avx512vnni = {{1, 1, prefetch = 8192, technique = "p8"}, {1, 4}},
}

return {
  -- Ternary products. gemv and gemm of one NR share packed weights.
  {op = "gemv", packing = "t2", act = "i8", template = "mm_t2_i8", kr = 16, tiles = {
    c = {{1, 8}, {1, 16}},
    avx2 = {{1, 8}, {1, 16}, {1, 16, prefetch = 8192, technique = "p8"}, {1, 32, prefetch = 8192, technique = "p8"}},
    avx512vnni = {{1, 16, prefetch = 8192, technique = "p8"}, {1, 32}, {1, 32, prefetch = 8192, technique = "p8"},
      {1, 64, prefetch = 8192, technique = "p8"}}}},
  {op = "gemm", packing = "t2", act = "i8", template = "mm_t2_i8", kr = 16, tiles = {
    c = {{2, 8}, {2, 16}},
    avx2 = {{6, 8}, {4, 16}, {3, 16}, {2, 32}},
    avx512vnni = {{16, 16}, {8, 32}, {12, 32}, {6, 64}}}},

  -- The vector operations around them.
  {op = "quant", packing = "f32", act = "i8", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "norm", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "relu2", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "softmax", packing = "f32", act = "f32", kr = 16, tiles = everywhere {{1, 1}}},
  {op = "qk", packing = "f16", act = "f32", kr = 1, tiles = {c = {{2, 16}}, avx2 = {{4, 16}}, avx512vnni = {{4, 32}, {4, 64}}}},
  {op = "pv", packing = "f16", act = "f32", kr = 1, tiles = {c = {{2, 16}}, avx2 = {{4, 16}}, avx512vnni = {{4, 32}, {4, 64}}}},

  -- The output head, by the stored type of its rows.
  {op = "head", packing = "f16", act = "f32", kr = 16, tiles = HEAD},
  {op = "head", packing = "bf16", act = "f32", kr = 16, tiles = HEAD},
  {op = "head", packing = "f32", act = "f32", kr = 16, tiles = HEAD},
  {op = "head", packing = "i8", act = "f32", kr = 16, tiles = HEAD},

  -- The limits that speeds are held against.
  {op = "read", packing = "u64", act = "u64", kr = 16, tiles = everywhere {{1, 8}}},
  {op = "peak", packing = "u8", act = "i8", kr = 4, tiles = {c = {{1, 4}}, avx2 = {{1, 10}}, avx512vnni = {{1, 24}}}},
}

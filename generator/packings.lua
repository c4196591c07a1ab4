-- The packings, one row each: runtime/kernel/pack.h describes their layouts. C gets the rows as
-- packings.inc (M.rows), templates get theirs as P, families of the catalogue their KR.
--
--   kr, bytes   columns of a slice, and what a row's part of it takes
--   group       columns that share a scale, which lies in the slice; none: a scale for each row
--   cell        columns of the layout's own slices, of which one with groups consists
--   low, high   the weights it holds; a code is weight - low
--   step        they are so far apart (1 where it is not given)
--   max_k       up to which every sum fits int32
--   unit        NR is a multiple of it (1 where it is not given)
--   skips       for kernels that leave out rows or columns: else picked only when forced
--   layout      whose bytes it has: its own where it is not given. It names the functions:
--               trit_put_LAYOUT of a strip (pack.c) or trit_pack_LAYOUT of a block (`whole`),
--               get_LAYOUT and set_LAYOUT of the reference (ref_pack.c)
--   format, what  its name and description where formats are compared; none: it is left out there

local M = {}

local LIST = {
  {name = "i8", kr = 16, bytes = 16, low = -127, high = 127, max_k = 1 << 17, format = "int8",
    what = "8-bit weights and activations"},
  {name = "i4", kr = 16, bytes = 8, low = -8, high = 7, max_k = 1 << 20, format = "int4",
    what = "4-bit weights, 8-bit activations"},
  {name = "i2", kr = 16, bytes = 4, low = -2, high = 1, max_k = 1 << 22, layout = "t2"},
  {name = "t2", kr = 16, bytes = 4, low = -1, high = 1, max_k = 1 << 22, format = "t2",
    what = "trits in 2 bits, 8-bit activations"},
  {name = "b2", kr = 16, bytes = 4, low = -1, high = 1, max_k = 1 << 22, unit = 2},
  {name = "l2", kr = 16, bytes = 4, low = -1, high = 1, max_k = 1 << 22},
  {name = "t5", kr = 20, bytes = 4, low = -1, high = 1, max_k = 1 << 22, format = "t5",
    what = "trits in 1.6 bits, 8-bit activations"},
  {name = "v5", kr = 20, bytes = 4, low = -1, high = 1, max_k = 1 << 22, format = "v5",
    what = "trits in 1.6 bits, for CPUs that look bytes up"},
  {name = "t2g", kr = 128, bytes = 34, group = 128, cell = 16, layout = "t2", low = -1, high = 2,
    max_k = 1 << 22, format = "t2g", what = "2 bits, a scale for 128 columns"},
  {name = "t2h", kr = 64, bytes = 18, group = 64, cell = 16, layout = "t2", low = -1, high = 2,
    max_k = 1 << 22},
  {name = "t5g", kr = 256, bytes = 56, group = 128, cell = 20, layout = "t5", low = -1, high = 1,
    max_k = 1 << 22, format = "t5g", what = "trits in 1.6 bits, a scale for 128 columns"},
  {name = "v5g", kr = 256, bytes = 56, group = 128, cell = 20, layout = "v5", low = -1, high = 1,
    max_k = 1 << 22, format = "v5g", what = "t5g for CPUs that look bytes up"},
  {name = "b1g", kr = 128, bytes = 18, group = 128, cell = 32, layout = "b1", low = -1, high = 1,
    step = 2, max_k = 1 << 22, format = "b1g", what = "signs, a scale for 128 columns"},
  {name = "r5", kr = 320, bytes = 64, low = -1, high = 1, max_k = 1 << 22, skips = true,
    whole = true},
  {name = "c5", kr = 20, bytes = 4, low = -1, high = 1, max_k = 1 << 18, unit = 320, skips = true,
    whole = true},
}

-- What follows from a row: `most`, the largest code; `bias`, the code of weight 0; cells and scales
-- of a slice; words of 32 bits of a row's part of a cell, and columns in a byte of them;
-- `padded_k`, max_k and the columns that pad it.
local function complete(p)
  p.unit, p.layout, p.step = p.unit or 1, p.layout or p.name, p.step or 1
  p.most, p.bias = p.high - p.low, -p.low
  p.cell, p.group = p.cell or p.kr, p.group or 0
  p.cells, p.scales = (p.kr + p.cell - 1) // p.cell, p.group > 0 and p.kr // p.group or 0
  p.words = (p.bytes - 2 * p.scales) // p.cells // 4
  p.planes = p.cell // p.words // 4
  p.padded_k = (p.max_k + p.kr - 1) // p.kr * p.kr
  assert(math.max(-p.low, p.high) * 128 * (p.group > 0 and p.group or p.max_k) < 2^31,
    "packing " .. p.name .. ": int32 holds the sum of the largest K")
  assert(4 * p.words * p.planes == p.cell and
         4 * p.words * p.cells + 2 * p.scales == p.bytes and
         p.kr % math.max(p.group, 1) == 0,
    "packing " .. p.name .. ": a slice is whole words of whole columns, then scales")
end

for _, p in ipairs(LIST) do
  complete(p)
  M[p.name] = p
end

local function text(s) return s and '"' .. s .. '"' or "NULL" end

-- For C: packings.inc. `by` is the member of trit_packing that packs.
function M.rows()
  local rows = {}
  for i, p in ipairs(LIST) do
    rows[i] = ("TRIT_PACKING(%s, %s, %s, %d, %d, %d, %d, %d, %d, %d, %d, %d, %s, %s, %s)"):format(
      p.name, p.layout, p.whole and "pack" or "put", p.low, p.high, p.step, p.kr, p.bytes, p.group,
      p.cell, p.max_k, p.unit, p.skips or false, text(p.format), text(p.what))
  end
  return rows
end

return M

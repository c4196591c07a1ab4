-- The packings, one row each: runtime/kernel/pack.h describes their layouts. C gets the rows as
-- packings.inc (M.rows), templates get theirs as P, families of the catalogue their KR.
--
--   kr, bytes   columns of a slice, and what a row's part of it takes
--   low, high   the weights it holds; a code is weight - low
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
  {name = "r5", kr = 320, bytes = 64, low = -1, high = 1, max_k = 1 << 22, skips = true,
    whole = true},
  {name = "c5", kr = 20, bytes = 4, low = -1, high = 1, max_k = 1 << 18, unit = 320, skips = true,
    whole = true},
}

-- What follows from a row: `most`, the largest code; `bias`, the code of weight 0; words of 32 bits
-- of a row's part of a slice, and columns in a byte of them; `padded_k`, max_k and the columns that
-- pad it.
local function complete(p)
  p.unit, p.layout = p.unit or 1, p.layout or p.name
  p.most, p.bias = p.high - p.low, -p.low
  p.words, p.planes = p.bytes // 4, p.kr // p.bytes
  p.padded_k = (p.max_k + p.kr - 1) // p.kr * p.kr
  assert(math.max(-p.low, p.high) * 128 * p.max_k < 2^31,
    "packing " .. p.name .. ": int32 holds the sum of the largest K")
  assert(p.kr % p.bytes == 0 and p.bytes % 4 == 0,
    "packing " .. p.name .. ": a slice is whole words of whole columns")
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
    rows[i] = ("TRIT_PACKING(%s, %s, %s, %d, %d, %d, %d, %d, %d, %s, %s, %s)"):format(
      p.name, p.layout, p.whole and "pack" or "put", p.low, p.high, p.kr, p.bytes, p.max_k, p.unit,
      p.skips or false, text(p.format), text(p.what))
  end
  return rows
end

return M

-- The kernel name is the kernel's whole declaration:
--
--   trit_gemm_t2_i8_12x32x16_k2560_n640__avx512vnni_nt
--        op   |  |  MR NR KR  K     N     isa       technique
--        packing act             (absent: any K, any N, the plain technique)
--
-- This file is the only one that knows this grammar.

local M = {}

local FORM = "^trit_(%a%w*)_(%w+)_(%w+)_(%d+)x(%d+)x(%d+)(.-)__(%w+)_?(%w*)$"

function M.parse(name)
  local op, packing, act, mr, nr, kr, shape, isa, technique = name:match(FORM)
  local k, n = (shape or ""):match("_k(%d+)"), (shape or ""):match("_n(%d+)")
  local v = op and {
    op = op, packing = packing, act = act,
    mr = tonumber(mr), nr = tonumber(nr), kr = tonumber(kr),
    k = tonumber(k or 0), n = tonumber(n or 0),
    isa = isa, technique = technique,
  }
  if not v or M.make(v) ~= name then error("not a kernel name: " .. name, 0) end
  return v
end

function M.make(v)
  return ("trit_%s_%s_%s_%dx%dx%d%s%s__%s%s"):format(v.op, v.packing, v.act, v.mr, v.nr, v.kr,
    v.k > 0 and "_k" .. v.k or "", v.n > 0 and "_n" .. v.n or "", v.isa,
    v.technique ~= "" and "_" .. v.technique or "")
end

return M

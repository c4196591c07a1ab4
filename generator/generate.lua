-- From variants to C: expands each one, and writes the kernels, one vocabulary header per ISA, the
-- registry rows, the CMake list and the table of a kernel library. Called by generate.c with
-- `host`: read(path) -> text or nil, folder(path) (makes it), claim(path) (an error where it may
-- not be written), write(path, text) (only if it differs), list(dir) -> names, wants(name) ->
-- boolean, hash(text) -> its digits, and `options`: lua, folders (of templates, first come first
-- served), out, isa, arch, shapes, suffix.

local packings = require "packings"
local template = require "template"
local variants = require "variants"
local M = {}

-- The text of the first of the folders' files of that name, and its path; nil where none has it.
local function find(file)
  for _, folder in ipairs(options.folders) do
    local text = host.read(folder .. "/" .. file)
    if text then return text, folder .. "/" .. file end
  end
end

local function must_find(file)
  local text, path = find(file)
  if not text then
    error(("%s: cannot be read in %s"):format(file, table.concat(options.folders, ", ")), 0)
  end
  return text, path
end

-- A message of Lua's about the chunk `file`, with the file's whole path: Lua cuts chunk names at
-- 59 characters.
local function at(path, file, message)
  message = tostring(message)
  if message:sub(1, #file + 1) == file .. ":" then return path .. message:sub(#file + 1) end
  return message
end

local FIELDS = {"order", "lanes", "registers", "tokens", "dot", "latency", "needs", "floats",
  "cflags", "text"}

local function load_isa(id)
  local file = "isa/" .. id .. ".lua"
  local text, path = must_find(file)
  host.doing(path)
  local chunk, message = load(text, "=" .. file, "t", template.environment {})
  local ok, isa = pcall(chunk or error(at(path, file, message), 0))
  if not ok then error(at(path, file, isa), 0) end
  for _, key in ipairs(FIELDS) do
    if isa[key] == nil then error(("%s: the vocabulary has no '%s'"):format(path, key), 0) end
  end
  isa.name = id
  local parts = {}
  for _, name in ipairs(isa.ints or {}) do
    parts[#parts + 1] = must_find("ints/" .. name .. ".h")
  end
  parts[#parts + 1] = isa.text
  for _, name in ipairs(isa.floats) do parts[#parts + 1] = must_find("floats/" .. name .. ".h") end
  parts[#parts + 1] = must_find("floats/all.h")
  isa.text = table.concat(parts, "\n")
  return isa
end

-- ISA vocabularies of the architecture, weakest first: integer products of their own, after those
-- that ISAs of one register width share (ints/), and a float vocabulary that ISAs may share as well
-- (floats/), with what follows from any of them (floats/all.h).
local function load_isas()
  local isas, archs = {}, {}
  for _, folder in ipairs(options.folders) do
    for _, file in ipairs(host.list(folder .. "/isa")) do
      local id = file:match("^(%w+)%.lua$")
      local isa = id and not isas[id] and load_isa(id)
      if isa and isa.arch and not archs[isa.arch] then
        archs[#archs + 1] = isa.arch
        archs[isa.arch] = true
      end
      if isa and (not isa.arch or isa.arch == options.arch) then
        isas[#isas + 1] = isa
        isas[id] = isa
      end
    end
  end
  table.sort(isas, function(a, b) return a.order < b.order end)
  table.sort(archs)
  if options.known_arch and not archs[options.arch] then
    error(("--arch %s: must be %s"):format(options.arch, table.concat(archs, " or ")), 0)
  end
  if options.isa and not isas[options.isa] then
    local names = {}
    for i, isa in ipairs(isas) do names[i] = isa.name end
    error(("--isa %s: must be one of %s for %s"):format(
          options.isa, table.concat(names, ", "), options.arch), 0)
  end
  return isas
end

local HEAD = "/* %s: generated from %s (ISA %s), do not edit. */\n\n"

-- What a listing calls the file at path: "templates/FILE" where it came along, else its path.
local function source_of(file, path)
  local own = options.folders[#options.folders]
  return path == own .. "/" .. file and own:match("/templates$") and "templates/" .. file or path
end

-- What a kernel's text calls its template: no folder of the user's, so that the text is the same
-- wherever that is.
local function label_of(file)
  local own = options.folders[#options.folders]
  return (host.read(own .. "/" .. file) and "templates/" or "") .. file
end

-- The kernel's text; v.source names its template.
local function expand(v, isa)
  local file = (v.family.template or v.op .. "_" .. v.packing .. "_" .. v.act) .. ".c.in"
  local text, path = find(file)
  if not text then
    file = v.op .. ".c.in"
    text, path = must_find(file)
  end
  v.source, v.label = source_of(file, path), label_of(file)
  local vars = {
    NAME = v.id, OP = v.op, PACKING = v.packing, ACT = v.act,
    MR = v.mr, NR = v.nr, KR = v.kr, K = v.k, N = v.n, TECHNIQUE = v.technique,
    V = isa, F = v.family, P = packings[v.packing], T = v.tile, LANES = isa.lanes,
    variants = function() end,
    source = function(part) return (must_find(part .. ".c.in")) end,
  }
  host.doing(("%s [variant %s]"):format(path, v.id))
  local ok, body = pcall(template.expand, text, vars, file)
  if not ok then error(("%s [variant %s]"):format(at(path, file, body), v.id), 0) end
  return HEAD:format(v.id, v.label, isa.name) .. body
end

local function vocabulary(isa)
  return ("/* The vocabulary of ISA %s: generated from templates/isa/%s.lua, do not edit. */\n" ..
          "#ifndef TRIT_VOCABULARY_%s_H\n#define TRIT_VOCABULARY_%s_H\n\n%s\n#endif\n"):format(
          isa.name, isa.name, isa.name, isa.name, isa.text)
end

-- What a kernel should cost before anyone has measured; orders kernels, of one ISA and across ISAs.
-- Ternary products: cycles per 1024 multiply-adds at two dot products and two loads a cycle, half
-- as much again where the accumulators do not fit the registers. What waits for memory does better
-- with its requests made early, and in one stream; short loops do better unrolled. A family's
-- `unpack` is its instructions for a vector, unless the ISA has its own way (`unpack`, by packing;
-- where there are groups by the layout of their cells). At the end of a group each accumulator is
-- folded: about six instructions, and one for each of the sets that take turns in it. Codes that
-- are laid out are unpacked once for the tokens that they `meet`, and loaded for each tile.
local function cost(v, isa)
  local early = (v.tile.prefetch and 0.9 or 1) * (v.tile.unroll and 0.97 or 1)
  if v.op == "head" or v.op == "read" then return early * (1 + 0.1 * v.nr) end
  if v.op ~= "gemv" and v.op ~= "gemm" then return 1024 / (v.mr * v.nr) end
  local P = packings[v.packing] or {cells = 1, scales = 0}
  local nv, planes = v.nr / isa.lanes, v.kr / 4
  local most = P.scales > 0 and isa.registers // 2 // (v.mr * nv) or v.mr * nv <= 4 and 4 or 1
  local sets = math.max(1, math.min(4, most))
  local meet = v.family.meet
  local dots, loads = planes * v.mr * nv, (meet and planes or P.cells) * nv + planes * v.mr
  local own = isa.unpack and isa.unpack[P.scales > 0 and P.layout or v.packing]
  local unpack = (own or v.family.unpack or 7) * nv * P.cells * (meet and v.mr / meet or 1)
  local fold = P.scales * v.mr * nv * (6 + sets)
  local chain = planes * isa.latency / sets
  local work = dots * (v.family.dot or isa.dot) + unpack + fold
  local cycles = math.max(work / 2.5, loads / 2, chain)
  if v.mr * nv * sets + nv + 1 > isa.registers then cycles = cycles * 1.5 end
  return early * cycles * 1024 / (v.mr * v.nr * v.kr)
end

local function row(v, isa)
  return ('TRIT_KERNEL(%s, %s, "%s", "%s", %d, %d, %d, %d, %d, %s, %.2ff, "%s", 0x%s)'):format(
    v.id, v.op, v.packing, v.act, v.mr, v.nr, v.kr, v.k, v.n, v.isa, cost(v, isa), v.label, v.hash)
end

-- What makes a shared object of these kernels a library (runtime/library.h).
local LIBRARY = [[
/* The table of a kernel library: generated, do not edit. */
#include "runtime/library.h"

#define TRIT_KERNEL(name, op, packing, act, mr, nr, kr, k, n, isa, cost, source, hash) \
    trit_##op##_fn name;
#include "kernels.inc"
#undef TRIT_KERNEL

static const struct trit_library_row rows[] = {
#define TRIT_KERNEL(name, op, packing, act, mr, nr, kr, k, n, isa, cost, source, hash) \
    { #name, #op, packing, act, #isa, source, mr, nr, kr, k, n, hash, (double)cost, \
      (void (*)(void))name },
#include "kernels.inc"
#undef TRIT_KERNEL
};

extern const struct trit_library_table trit_kernel_library;
__attribute__((visibility("default"))) const struct trit_library_table trit_kernel_library = {
    TRIT_LIBRARY_ABI, sizeof *rows, TRIT_MAX_K, 0, sizeof rows / sizeof *rows, rows, __VERSION__,
    "",
};
]]

local function lines(list) return table.concat(list, "\n") .. (#list > 0 and "\n" or "") end

local function write_registry(isas, list, out)
  local rows, cmake, sums, isa_rows = {}, {}, {}, {}
  for i, v in ipairs(list) do
    rows[i] = v.row
    cmake[i] = ("trit_kernel(%s %s %s)"):format(v.id, v.isa, v.flags)
    sums[i] = v.hash
  end
  for i, isa in ipairs(isas) do
    isa_rows[i] = ('TRIT_ISA(%s, %d, "%s")'):format(isa.name, isa.lanes, isa.needs)
  end
  host.write(out .. "/kernels.inc", lines(rows))
  host.write(out .. "/isas.inc", lines(isa_rows))
  host.write(out .. "/packings.inc", lines(packings.rows()))
  host.write(out .. "/kernels.cmake", lines(cmake))
  host.write(out .. "/kernel_set.h",
    '#define TRIT_KERNEL_SET "' .. host.hash(table.concat(sums)) .. '"\n')
  host.write(out .. "/library.c", LIBRARY)
end

-- Nothing is written where one of the files may not be.
local function claim_all(isas, list)
  local names = {"kernels.inc", "isas.inc", "packings.inc", "kernels.cmake", "kernel_set.h",
    "library.c"}
  for _, isa in ipairs(isas) do names[#names + 1] = "isa_" .. isa.name .. ".h" end
  for _, v in ipairs(list) do names[#names + 1] = v.id .. ".c" end
  host.folder(options.out)
  for _, name in ipairs(names) do host.claim(options.out .. "/" .. name) end
end

-- Expands all that options ask for and the caller wants; returns the variants (id, source, hash,
-- text, row, flags, ...). With options.out, writes them.
function M.run()
  local isas = load_isas()
  local all, list = variants.list(isas), {}
  if #all == 0 then error("no variant matches", 0) end
  for _, v in ipairs(all) do
    if host.wants(v.id) then list[#list + 1] = v end
  end
  if options.out then claim_all(isas, list) end
  for _, v in ipairs(list) do
    v.text = expand(v, isas[v.isa])
    v.hash = host.hash(v.text .. isas[v.isa].text)
    v.row, v.flags = row(v, isas[v.isa]), isas[v.isa].cflags
  end
  if options.out then
    for _, isa in ipairs(isas) do
      host.write(options.out .. "/isa_" .. isa.name .. ".h", vocabulary(isa))
    end
    for _, v in ipairs(list) do host.write(options.out .. "/" .. v.id .. ".c", v.text) end
    write_registry(isas, list, options.out)
  end
  return list
end

return M

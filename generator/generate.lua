-- From the catalogue to C: expands every variant that is asked for, and writes the kernels, one vocabulary header per ISA,
-- the registry rows and the CMake list. Called by generate.c with `host`: read(path) -> text or nil, write(path, text) (only
-- if it differs), list(dir) -> names, and `options`: lua, templates, out, isa, shapes.

local template = require "template"
local name = require "name"
local M = {}

-- 64-bit FNV-1a: names the text of a kernel in profiles.
local function hash(text)
  local h = 0xcbf29ce484222325
  for i = 1, #text do h = (h ~ text:byte(i)) * 0x100000001b3 end
  return ("%016x"):format(h)
end

local function must_read(path)
  return host.read(path) or error(path .. ": cannot be read", 0)
end

-- ISA vocabularies, in order of preference (weakest first): integer products of its own, and a float vocabulary that ISAs may share.
local function load_isas(dir)
  local isas = {}
  for _, file in ipairs(host.list(dir .. "/isa")) do
    local id = file:match("^(%w+)%.lua$")
    if id then
      local path = dir .. "/isa/" .. file
      local chunk, message = load(must_read(path), "=" .. path, "t", template.environment {})
      local isa = (chunk or error(message, 0))()
      for _, key in ipairs {"order", "lanes", "registers", "dot", "latency", "needs", "floats", "cflags", "text"} do
        if isa[key] == nil then error(("%s: the vocabulary has no '%s'"):format(path, key), 0) end
      end
      isa.name = id
      isa.text = isa.text .. "\n" .. must_read(("%s/floats/%s.h"):format(dir, isa.floats))
      isas[#isas + 1] = isa
      isas[id] = isa
    end
  end
  table.sort(isas, function(a, b) return a.order < b.order end)
  return isas
end

-- The catalogue's variants, general ones and those for given shapes {n, k}.
local function variants(catalogue, shapes)
  local list = {}
  for _, family in ipairs(catalogue) do
    for isa, tiles in pairs(family.tiles) do
      for _, tile in ipairs(tiles) do
        local function add(k, n)
          list[#list + 1] = {family = family, op = family.op, packing = family.packing, act = family.act, mr = tile[1],
            nr = tile[2], kr = family.kr, k = k, n = n, isa = isa, technique = tile.technique or "", tile = tile}
        end
        if #shapes == 0 then
          add(0, 0)
        elseif family.op == "gemv" or family.op == "gemm" then
          for _, s in ipairs(shapes) do add((s.k + family.kr - 1) // family.kr * family.kr, s.n) end
        end
      end
    end
  end
  for _, v in ipairs(list) do
    v.id = name.make(v)
    name.parse(v.id)
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

local HEAD = [[
/* %s: generated from %s (%s), do not edit. */

]]

local function expand(v, isa, dir)
  local file = (v.family.template or v.op .. "_" .. v.packing .. "_" .. v.act) .. ".c.in"
  local path = dir .. "/" .. file
  local text = host.read(path)
  if not text then
    file = v.op .. ".c.in"
    path = dir .. "/" .. file
    text = must_read(path)
  end
  v.source = "templates/" .. file
  local vars = {NAME = v.id, OP = v.op, PACKING = v.packing, ACT = v.act, MR = v.mr, NR = v.nr, KR = v.kr, K = v.k,
    N = v.n, TECHNIQUE = v.technique, V = isa, F = v.family, T = v.tile, LANES = isa.lanes}
  local ok, body = xpcall(template.expand, function(m) return tostring(m) end, text, vars, "templates/" .. file)
  if not ok then error(("%s [variant %s]"):format(body, v.id), 0) end
  return HEAD:format(v.id, v.source, "ISA " .. isa.name) .. body
end

local function vocabulary(isa)
  return ("/* The vocabulary of ISA %s: generated from templates/isa/%s.lua, do not edit. */\n" ..
          "#ifndef TRIT_VOCABULARY_%s_H\n#define TRIT_VOCABULARY_%s_H\n\n%s\n#endif\n"):format(
          isa.name, isa.name, isa.name, isa.name, isa.text)
end

-- What a kernel should cost before anyone has measured; orders kernels, of one ISA and across ISAs. Ternary products: cycles per 1024
-- multiply-adds at two dot products and two loads a cycle, half as much again where the accumulators do not fit the registers. What
-- waits for memory does better with its requests made early, and in one stream.
local function cost(v, isa)
  local early = v.tile.prefetch and 0.9 or 1
  if v.op == "head" or v.op == "read" then return early * (1 + 0.1 * v.nr) end
  if v.op ~= "gemv" and v.op ~= "gemm" then return 1024 / (v.mr * v.nr) end
  local nv = v.nr / isa.lanes
  local sets = v.mr * nv <= 4 and 4 or 1
  local dots, loads = 4 * v.mr * nv, nv + 4 * v.mr
  local unpack = 7 * nv
  local chain = 4 * isa.latency / sets
  local cycles = math.max((dots * isa.dot + unpack) / 2.5, loads / 2, chain)
  if v.mr * nv * sets + nv + 1 > isa.registers then cycles = cycles * 1.5 end
  return early * cycles * 1024 / (v.mr * v.nr * v.kr)
end

local function row(v, isa)
  return ('TRIT_KERNEL(%s, %s, "%s", "%s", %d, %d, %d, %d, %d, %s, %.2ff, "%s", 0x%s)'):format(v.id, v.op, v.packing,
    v.act, v.mr, v.nr, v.kr, v.k, v.n, v.isa, cost(v, isa), v.source, v.hash)
end

local function load_catalogue(dir)
  local path = dir .. "/catalogue.lua"
  local chunk, message = load(must_read(path), "=" .. path, "t", template.environment {})
  return (chunk or error(message, 0))()
end

local function select_variants(isas)
  local list = {}
  for _, v in ipairs(variants(load_catalogue(options.lua), options.shapes)) do
    local isa = isas[v.isa] or error("catalogue.lua: " .. v.id .. ": no vocabulary for this ISA", 0)
    if not options.isa or options.isa == v.isa then
      v.text = expand(v, isa, options.templates)
      v.hash = hash(v.text .. isa.text)
      list[#list + 1] = v
    end
  end
  return list
end

local function registry(isas, list, out)
  local rows, cmake, sums, isa_rows = {}, {}, {}, {}
  for i, v in ipairs(list) do
    rows[i] = row(v, isas[v.isa])
    cmake[i] = ("trit_kernel(%s %s %s)"):format(v.id, v.isa, isas[v.isa].cflags)
    sums[i] = v.hash
  end
  for i, isa in ipairs(isas) do
    isa_rows[i] = ('TRIT_ISA(%s, %d, "%s")'):format(isa.name, isa.lanes, isa.needs)
  end
  host.write(out .. "/kernels.inc", table.concat(rows, "\n") .. "\n")
  host.write(out .. "/isas.inc", table.concat(isa_rows, "\n") .. "\n")
  host.write(out .. "/kernels.cmake", table.concat(cmake, "\n") .. "\n")
  host.write(out .. "/kernel_set.h", '#define TRIT_KERNEL_SET "' .. hash(table.concat(sums)) .. '"\n')
end

-- Expands all that options ask for; returns the variants (id, source, hash, text, ...). With options.out, writes them.
function M.run()
  local isas = load_isas(options.templates)
  if options.isa and not isas[options.isa] then
    local names = {}
    for i, isa in ipairs(isas) do names[i] = isa.name end
    error(("ISA '%s' is not known: there are %s"):format(options.isa, table.concat(names, ", ")), 0)
  end
  local list = select_variants(isas)
  if #list == 0 then error("no variant matches", 0) end
  if options.out then
    for _, isa in ipairs(isas) do host.write(options.out .. "/isa_" .. isa.name .. ".h", vocabulary(isa)) end
    for _, v in ipairs(list) do host.write(options.out .. "/" .. v.id .. ".c", v.text) end
    registry(isas, list, options.out)
  end
  return list
end

return M

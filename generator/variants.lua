-- Which kernels there are to make: the families of the catalogue and those that templates declare
-- themselves, times their tiles, the ISAs asked for and the shapes asked for.
--
-- A template declares its own family on lines that begin with `$variants`:
--     $variants {op = "gemv", packing = "t2", act = "i8", kr = 16, tiles = {
--     $  avx2 = {{1, 16, technique = "mine"}}}}

local name = require "name"
local packings = require "packings"
local template = require "template"
local M = {}

-- The table of a `$variants` declaration; nil where the template has none.
local function declaration(text, path)
  local lua, line, short = nil, 0, path:match("[^/]*$")
  host.doing(path)
  for l in text:gmatch("([^\n]*)\n?") do
    line = line + 1
    local begin = l:match("^%$variants%s(.*)$")
    if lua and l:match("^%$[^{]") then
      lua = lua .. "\n" .. l:sub(2)
    elseif begin and not lua then
      lua = ("\n"):rep(line - 1) .. "return " .. begin
    elseif lua then
      break
    end
    local chunk = lua and load(lua, "=" .. short, "t", template.environment {})
    local ok, family = pcall(chunk or function() end)
    if not ok then error(path:sub(1, -#short - 1) .. tostring(family), 0) end
    if chunk then return family end
  end
  if lua then error(path .. ": its $variants is not a table", 0) end
end

local function check_family(f, where)
  local packing = type(f) == "table" and packings[f.packing]
  if packing and f.kr == nil then f.kr = packing.kr end
  local kinds = {op = "string", packing = "string", act = "string", kr = "number", tiles = "table"}
  for key, kind in pairs(kinds) do
    if type(f) ~= "table" or type(f[key]) ~= kind then
      error(("%s: $variants needs '%s', a %s"):format(where, key, kind), 0)
    end
  end
  if (f.op == "gemv" or f.op == "gemm") and packing and packing.kr ~= f.kr then
    error(("%s: kr of packing %s is %d"):format(where, f.packing, packing.kr), 0)
  end
  for isa, tiles in pairs(f.tiles) do
    for _, tile in ipairs(tiles) do
      if type(tile) ~= "table" or math.type(tile[1]) ~= "integer" or
         math.type(tile[2]) ~= "integer" then
        error(("%s: a tile of '%s' is not {MR, NR}"):format(where, isa), 0)
      end
    end
  end
end

-- The catalogue's families, then those of the templates in the folders.
local function families(lua, folders)
  local path = lua .. "/catalogue.lua"
  local text = host.read(path) or error(path .. ": cannot be read", 0)
  local chunk, message = load(text, "=" .. path, "t", template.environment {})
  local list = (chunk or error(message, 0))()
  for _, family in ipairs(list) do family.kr = family.kr or packings[family.packing].kr end
  for _, folder in ipairs(folders) do
    for _, file in ipairs(host.list(folder)) do
      local base = file:match("^(%w+)%.c%.in$") or file:match("^([%w_]+)%.c%.in$")
      local source = base and host.read(folder .. "/" .. file)
      local family = source and declaration(source, folder .. "/" .. file)
      if family then
        check_family(family, folder .. "/" .. file)
        family.template = base
        list[#list + 1] = family
      end
    end
  end
  return list
end

-- The shapes {n, k} a family is made for: any (0, 0) where none are asked for.
local function shapes_of(family)
  if #options.shapes == 0 then return {{n = 0, k = 0}} end
  if family.op ~= "gemv" and family.op ~= "gemm" then return {} end
  local list = {}
  for i, s in ipairs(options.shapes) do
    list[i] = {n = s.n, k = (s.k + family.kr - 1) // family.kr * family.kr}
  end
  return list
end

-- The tile with that many slices in a turn of its loop.
local function unrolled(tile, factor)
  local t = {unroll = factor}
  for key, value in pairs(tile) do t[key] = t[key] or value end
  t.technique = (tile.technique or "") .. "u" .. factor
  return t
end

-- A family's tiles; for shapes of their own those of its `unroll` factors too, where the family has
-- not named them itself.
local function tiles_of(family, tiles)
  local list, known = table.move(tiles, 1, #tiles, 1, {}), {}
  local function key(tile) return ("%dx%d%s"):format(tile[1], tile[2], tile.technique or "") end
  for _, tile in ipairs(tiles) do known[key(tile)] = true end
  for _, factor in ipairs(#options.shapes > 0 and family.unroll or {}) do
    for _, tile in ipairs(tiles) do
      local t = unrolled(tile, factor)
      if not tile.unroll and not known[key(t)] then list[#list + 1] = t end
    end
  end
  return list
end

-- All variants of a family for one ISA.
local function add(list, family, isa, tiles)
  for _, tile in ipairs(tiles_of(family, tiles)) do
    for _, shape in ipairs(shapes_of(family)) do
      local v = {family = family, op = family.op, packing = family.packing, act = family.act,
        mr = tile[1], nr = tile[2], kr = family.kr, k = shape.k, n = shape.n, isa = isa,
        technique = (tile.technique or "") .. (options.suffix or ""), tile = tile}
      v.id = name.make(v)
      name.parse(v.id)
      list[#list + 1] = v
    end
  end
end

-- A family's tiles for an ISA: a template's own family names the ISAs; of the catalogue's the ISA's
-- file may have its own, by operation and packing or by operation, else they follow from the ISA.
-- Nil where the vocabulary lacks what the family needs. Marks what is used of the ISA's own.
local function tiles_for(family, isa, used)
  if type(family.tiles) == "table" then return family.tiles[isa.name] end
  local own = isa.tiles or {}
  local key = family.op .. " " .. family.packing .. (family.own and " " .. family.own or "")
  if not own[key] then key = family.op end
  used[key] = true
  if own[key] then return own[key] end
  if not family.needs or isa.text:find("%f[%w_]" .. family.needs .. "%(") then
    return family.tiles(isa)
  end
end

-- The variants for the ISAs in `isas` (a list of vocabularies), sorted by name.
function M.list(isas)
  local list, seen = {}, {}
  local all = families(options.lua, options.folders)
  for _, isa in ipairs(isas) do
    local used = {}
    for _, family in ipairs(all) do
      local tiles = tiles_for(family, isa, used)
      if tiles and (not options.isa or options.isa == isa.name) then
        add(list, family, isa.name, tiles)
      end
    end
    for key in pairs(isa.tiles or {}) do
      if not used[key] then
        error(("isa/%s.lua: its tiles are for '%s', which is no family"):format(isa.name, key), 0)
      end
    end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  for _, v in ipairs(list) do
    if seen[v.id] then error(v.id .. ": declared twice", 0) end
    seen[v.id] = true
  end
  return list
end

return M

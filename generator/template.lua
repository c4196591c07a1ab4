-- The template language: a line that starts with '$' (and not '${') is Lua, every other line is
-- emitted, and ${expr} in it is replaced by expr's value. One line of Lua for each line of
-- template, so that Lua's line numbers are the template's. A value of several lines keeps the
-- indentation of the line it stands on.

local M = {}

-- What templates and vocabularies may use of Lua: they compute text, the same text every time, and
-- do not touch the machine.
local BASE = {
  assert = assert, error = error, ipairs = ipairs, pairs = pairs, select = select,
  tonumber = tonumber, tostring = tostring, type = type,
}
local LIBRARIES = {
  math = {"abs", "ceil", "exp", "floor", "fmod", "huge", "log", "max", "maxinteger", "min",
    "mininteger", "pi", "sqrt", "tointeger", "type", "ult"},
  string = {"byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep",
    "reverse", "sub", "upper"},
  table = {"concat", "insert", "pack", "remove", "sort", "unpack"},
}

-- Tables are copied before a template gets them: what it does to them is seen by nobody else.
local function copy(value)
  if type(value) ~= "table" then return value end
  local t = {}
  for k, v in pairs(value) do t[k] = copy(v) end
  return t
end

local function library(name)
  local t = {}
  for _, key in ipairs(LIBRARIES[name]) do t[key] = _G[name][key] end
  return t
end

-- The end of the hole that starts at `from` (just past "${"): its "}" outside strings and nested
-- braces.
local function hole_end(line, from)
  local depth, pos = 0, from
  while pos <= #line do
    local c = line:sub(pos, pos)
    if c == '"' or c == "'" then
      pos = line:find(c, pos + 1, true) or #line
    elseif c == "{" then
      depth = depth + 1
    elseif c == "}" then
      if depth == 0 then return pos end
      depth = depth - 1
    end
    pos = pos + 1
  end
  error("'${' without its '}'", 0)
end

local function emit(line)
  local out, pos = {}, 1
  while true do
    local s = line:find("${", pos, true)
    if not s then break end
    local e = hole_end(line, s + 2)
    out[#out + 1] = ("%q"):format(line:sub(pos, s - 1))
    out[#out + 1] = "__value(" .. line:sub(s + 2, e - 1) .. ")"
    pos = e + 1
  end
  out[#out + 1] = ("%q"):format(line:sub(pos))
  return "__put(" .. table.concat(out, "..") .. ")"
end

-- A template's Lua is the same for all of its variants.
local translated = {}

local function translate(text, name)
  if translated[text] then return translated[text] end
  local code = {}
  for line in (text:gsub("\n$", "") .. "\n"):gmatch("(.-)\n") do
    local ok, lua = true, line:match("^%$([^{].*)$") or line:match("^%$$") and ""
    if not lua then ok, lua = pcall(emit, line) end
    if not ok then error(("%s:%d: %s"):format(name, #code + 1, lua), 0) end
    code[#code + 1] = lua
  end
  translated[text] = table.concat(code, "\n")
  return translated[text]
end

-- The environment of a template: copies of vars, then BASE and LIBRARIES; a name in none of them is
-- an error.
function M.environment(vars)
  local env = copy(vars)
  for name in pairs(LIBRARIES) do env[name] = env[name] or library(name) end
  return setmetatable(env, {__index = function(_, key)
    return BASE[key] or error("unknown name '" .. tostring(key) .. "'", 2)
  end})
end

-- Expands template text with the variables of vars; name stands in error messages.
-- `include "NAME"` puts another template's text in its place: both see the same globals;
-- vars.source finds it.
function M.expand(text, vars, name)
  local out, env = {}, M.environment(vars)
  local function run(source, title)
    local chunk, message = load(translate(source, title), "=" .. title, "t", env)
    if not chunk then error(message, 0) end
    chunk()
  end
  function env.include(other) run(vars.source(other), other) end
  env.__value = function(v)
    if type(v) ~= "string" and type(v) ~= "number" then
      error("a hole's value is a " .. type(v), 2)
    end
    return tostring(v)
  end
  env.__put = function(s)
    local indent = s:match("^ *")
    out[#out + 1] = (s:gsub("\n", "\n" .. indent):gsub("[ \t]+\n", "\n"))
  end
  run(text, name)
  return table.concat(out, "\n") .. "\n"
end

return M

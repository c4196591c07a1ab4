-- Portable: the compilers' generic vectors (gcc, clang; any CPU). 4 lanes of 32 bits; each byte has an int16 accumulator of its own, so
-- one dot product adds at most 2 * 128 to it, and 127 * 256 <= 32767.
return {
  order = 0,
  lanes = 4,
  registers = 16,
  dot = 8, -- instructions for one dot product of a vector
  latency = 4,
  needs = "",
  ints = {"c", "c_skip"},
  floats = {"c"},
  cflags = "-Wno-psabi",
  span = 127,
  dot8 = true, -- vi_dot8 for codes of 8 bits
  text = "",
}

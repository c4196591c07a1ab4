-- Portable: the compilers' generic vectors (gcc, clang; any CPU). 4 lanes of 32 bits; each byte has
-- an int16 accumulator of its own, so one dot product adds at most 2 * 128 to it, and
-- 127 * 256 <= 32767.
return {
  order = 0,
  lanes = 4,
  registers = 16,
  tokens = 2, -- MR of a gemm on tiles of two vectors of rows
  dot = 8, -- instructions for one dot product of a vector
  latency = 4,
  needs = "",
  ints = {"c", "c_skip", "c_group"},
  floats = {"c"},
  cflags = "-Wno-psabi",
  span = 127,
  dot8 = true, -- vi_dot8 for codes of 8 bits
  tiles = { -- generic vectors: few, and no prefetching
    ["gemv t2"] = {{1, 8}, {1, 16}}, ["gemm t2"] = {{2, 8}, {2, 16}},
    ["gemv t5"] = {{1, 8}}, ["gemm t5"] = {{2, 8}},
    ["gemv b2"] = {{1, 8}},
    ["gemv l2"] = {{1, 16}}, ["gemm l2"] = {{2, 16}},
    ["gemv i2"] = {{1, 8}}, ["gemv i4"] = {{1, 8}}, ["gemv i8"] = {{1, 8}},
    peak = {{1, 4}},
  },
  text = "",
}

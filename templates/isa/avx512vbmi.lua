-- AVX-512 with VNNI, VBMI and GFNI (Ice Lake, Zen 4 and later): as avx512vnni, but a plane is unpacked by one product with a bit matrix
-- instead of a shift and an and.

-- t5's digits 1 to 4 of every byte, in fields of two bits (see ints/avx512.h).
local function digits()
  local list = {}
  for byte = 0, 255 do
    local rest, all = 3 * byte % 256, 0
    for p = 0, 3 do
      all = all + (3 * rest // 256 << 2 * p)
      rest = 3 * rest % 256
    end
    list[byte + 1] = all .. (byte % 16 == 15 and ",\n" or ", ")
  end
  return table.concat(list)
end

return {
  order = 70,
  arch = "x86_64",
  lanes = 16,
  registers = 32,
  dot = 1, -- instructions for one dot product of a vector
  unpack = {t2 = 4, t5 = 12, b2 = 16}, -- instructions for a vector, by packing
  latency = 4,
  needs = "avx512f avx512bw avx512vl avx512_vnni avx512_vbmi gfni",
  ints = {"avx512", "avx512_skip"},
  floats = {"avx512"},
  cflags = "-mavx512f -mavx512bw -mavx512vl -mavx512vnni -mavx512vbmi -mgfni",
  text = [[
/* Row i of the matrix (byte 7 - i) names the bits whose sum is bit i of the result: bit 0 is bit 2 * plane, bit 1 the next. */
static inline vc vc_plane(vb v, int plane)
{
    const uint64_t rows = UINT64_C(0x0102000000000000) << (2 * plane);
    return plane ? _mm512_gf2p8affine_epi64_epi8(v, _mm512_set1_epi64((int64_t)rows), 0)
                 : _mm512_and_si512(v, _mm512_set1_epi8(3));
}
static inline va va_dot(va acc, vc u, vx s) { return _mm512_dpbusd_epi32(acc, u, s); }
static inline vi vi_add(vi acc, va part) { return _mm512_add_epi32(acc, part); }
/* t5: the first digit by compares, the other four from a table. */
typedef struct {
    vb first, others;
} vd;
]] .. "static const uint8_t vd_digits[256] = {\n" .. digits() .. [[
};
static inline vd vd_begin(vb v)
{
    const uint8_t *t = vd_digits;
    __asm__ volatile("" : "+r"(t)); /* or gcc keeps the table in registers, and what adds up in memory */
    const vb low = _mm512_permutex2var_epi8(vb_load(t), v, vb_load(t + 64)),
             high = _mm512_permutex2var_epi8(vb_load(t + 128), v, vb_load(t + 192));
    return (vd){ v, _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), low, high) };
}
static inline vc vd_digit(const vd *v, int plane)
{
    return plane ? vc_plane(v->others, plane - 1) : vc_third(v->first);
}
]],
}

-- AVX-512 with VNNI, VBMI and GFNI (Ice Lake, Zen 4 and later): as avx512vnni,
-- with tables of bytes.

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

-- v5 (runtime/kernel/pack.h): by a byte's low six bits, what of it its first digit is, in the top
-- two: both bits where these are not 3, else by the second row; then the other digits, as above,
-- likewise.
local function tables()
  local usual, first, others = {}, {}, {}
  local function fields(rest)
    return rest // 27 + rest // 9 % 3 * 4 + rest // 3 % 3 * 16 + rest % 3 * 64
  end
  for low = 0, 63 do
    usual[low + 1] = fields(low)
    first[low + 1] = low % 3 * 64
    others[low + 1] = fields(math.min(64 + low // 3, 80))
  end
  local function row(list) return table.concat(list, ", ") .. ",\n" end
  return ("192, "):rep(63) .. "192,\n" .. row(first) .. row(usual) .. row(others)
end

-- Unpacking is cheap enough here for many shapes of tiles.
local FIVE_GEMV = {
  {1, 16, prefetch = 8192, unroll = 4, technique = "p8u4"},
  {1, 32, prefetch = 8192, technique = "p8"},
  {1, 32, prefetch = 8192, unroll = 2, technique = "p8u2"},
  {1, 64, prefetch = 8192, technique = "p8"},
}
local FIVE_GEMM = {{16, 16}, {8, 32}, {12, 32}, {6, 64}}

return {
  order = 70,
  arch = "x86_64",
  lanes = 16,
  registers = 32,
  tokens = 12, -- MR of a gemm on tiles of two vectors of rows
  dot = 1, -- instructions for one dot product of a vector
  unpack = {t2 = 4, t5 = 12, v5 = 9, b2 = 16}, -- instructions for a vector, by packing
  latency = 4,
  needs = "avx512f avx512bw avx512vl avx512_vnni avx512_vbmi gfni",
  ints = {"avx512", "avx512_skip", "avx512_group"},
  floats = {"avx512"},
  cflags = "-mavx512f -mavx512bw -mavx512vl -mavx512vnni -mavx512vbmi -mgfni",
  tiles = {
    ["gemv t5"] = FIVE_GEMV, ["gemm t5"] = FIVE_GEMM,
    ["gemv v5"] = FIVE_GEMV, ["gemm v5"] = FIVE_GEMM,
  },
  text = [[
static inline vc vc_plane(vb v, int plane)
{
    return _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)(2 * plane)), _mm512_set1_epi8(3));
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
    /* Opaque, or gcc keeps the table in registers, and what adds up in memory. */
    __asm__ volatile("" : "+r"(t));
    const vb low = _mm512_permutex2var_epi8(vb_load(t), v, vb_load(t + 64)),
             high = _mm512_permutex2var_epi8(vb_load(t + 128), v, vb_load(t + 192));
    return (vd){ v, _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), low, high) };
}
static inline vc vd_digit(const vd *v, int plane)
{
    return plane ? vc_plane(v->others, plane - 1) : vc_third(v->first);
}
/* v5: the first digit, in the top two bits, and the others. */
typedef vd vl;
]] .. "static const uint8_t vl_tables[256] = {\n" .. tables() .. [[
};
/* For one token: by masks, whose compares take the place of dot products. */
static inline vl vl_begin_alone(vb v)
{
    const uint8_t *t = vl_tables;
    const __mmask64 rare = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char)192));
    const vb first = _mm512_and_si512(v, _mm512_set1_epi8((char)192)),
             others = _mm512_permutexvar_epi8(v, vb_load(t + 128));
    return (vl){ _mm512_mask_permutexvar_epi8(first, rare, v, vb_load(t + 64)),
                 _mm512_mask_permutexvar_epi8(others, rare, v, vb_load(t + 192)) };
}
/* For several, by bit 6 of the index: whether the top two bits are 3. */
static inline vl vl_begin(vb v)
{
    const uint8_t *t = vl_tables;
    /* Opaque, for what adds up needs the registers. */
    __asm__ volatile("" : "+r"(t));
    const vb at = _mm512_ternarylogic_epi32(v, _mm512_srli_epi16(v, 1), _mm512_set1_epi8(63),
                                            0xe0); /* v & (v / 2 | 63) */
    return (vl){
        _mm512_and_si512(v, _mm512_permutex2var_epi8(vb_load(t), at, vb_load(t + 64))),
        _mm512_permutex2var_epi8(vb_load(t + 128), at, vb_load(t + 192))
    };
}
static inline vc vl_digit(const vl *v, int plane)
{
    if (plane == 0)
        return _mm512_srli_epi16(v->first, 6);
    const vb shifted = _mm512_srli_epi16(v->others, 2 * (unsigned)(plane - 1));
    return _mm512_and_si512(shifted, _mm512_set1_epi8(3));
}
/* The digit where it stands: times a power of 4; and a sum of such, divided by it. */
static inline vc vl_field(const vl *v, int plane)
{
    if (plane == 0)
        return v->first;
    return _mm512_and_si512(v->others, _mm512_set1_epi8((char)(3 << 2 * (plane - 1))));
}
/* Two digits of every two where they stand, from the right: times 1 or 4. */
static inline vc vl_half(const vl *v, int plane)
{
    if (plane == 0)
        return _mm512_srli_epi16(v->first, 4);
    const vb two = _mm512_srli_epi16(v->others, plane < 3 ? 0 : 4);
    return _mm512_and_si512(two, _mm512_set1_epi8(plane % 2 ? 3 : 12));
}
static inline va vl_sum(va sum, int plane)
{
    return _mm512_srai_epi32(sum, plane ? 2 * (unsigned)(plane - 1) : 6);
}
]],
}

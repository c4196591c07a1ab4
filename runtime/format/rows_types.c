/* Types of the rows of embedding and head: what of them is finite, their values, and their form for
   the head's kernel. */
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/format/internal.h"
#include "runtime/kernel.h"

/* Of words of two bytes, and of four: whether one has all of the mask's bits. */
static bool any_half(const uint8_t *in, size_t n, uint16_t mask)
{
    unsigned any = 0;
    for (size_t i = 0; i < n; i++)
        any |= (trit_half_at(in + 2 * i) & mask) == mask;
    return any;
}

static bool finite_f16(const uint8_t *in, size_t k)
{
    return !any_half(in, k, 0x7c00);
}

static bool finite_bf16(const uint8_t *in, size_t k)
{
    return !any_half(in, k, 0x7f80);
}

static bool finite_f32(const uint8_t *in, size_t k)
{
    unsigned any = 0;
    for (size_t i = 0; i < k; i++) {
        uint32_t word;
        memcpy(&word, in + 4 * i, sizeof word);
        any |= (word & 0x7f800000) == 0x7f800000;
    }
    return !any;
}

static void get_f16(const uint8_t *in, size_t k, float *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = trit_f16_f32_plain(trit_half_at(in + 2 * i));
}

static void get_bf16(const uint8_t *in, size_t k, float *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = trit_bf16_f32(trit_half_at(in + 2 * i));
}

static void get_f32(const uint8_t *in, size_t k, float *out)
{
    memcpy(out, in, k * sizeof *out);
}

/* Blocks of 32: f16 d, int8 q[32]; w = d * q. */
enum { Q8_BLOCK = 32, Q8_BYTES = 34 };

static bool finite_q8_0(const uint8_t *in, size_t k)
{
    unsigned any = 0;
    for (size_t b = 0; b < k / Q8_BLOCK; b++)
        any |= (trit_half_at(in + b * Q8_BYTES) & 0x7c00) == 0x7c00;
    return !any;
}

static void unpack_q8_0(const uint8_t *in, size_t k, int8_t *q, float *scale)
{
    for (size_t b = 0; b < k / Q8_BLOCK; b++, in += Q8_BYTES) {
        memcpy(q + b * Q8_BLOCK, in + 2, Q8_BLOCK);
        for (size_t g = 0; g < Q8_BLOCK / TRIT_HEAD_GROUP; g++)
            *scale++ = trit_f16_f32(trit_half_at(in));
    }
}

/* Blocks of 32: f16 d, then nibbles of elements 0 .. 15 low, 16 .. 31 high; w = d * (nibble - 8).
 */
enum { Q4_BYTES = 18, Q5_BYTES = 22 };

static bool finite_q4_0(const uint8_t *in, size_t k)
{
    unsigned any = 0;
    for (size_t b = 0; b < k / Q8_BLOCK; b++)
        any |= (trit_half_at(in + b * Q4_BYTES) & 0x7c00) == 0x7c00;
    return !any;
}

static void unpack_q4_0(const uint8_t *in, size_t k, int8_t *q, float *scale)
{
    for (size_t b = 0; b < k / Q8_BLOCK; b++, in += Q4_BYTES, q += Q8_BLOCK) {
        for (size_t g = 0; g < Q8_BLOCK / TRIT_HEAD_GROUP; g++)
            *scale++ = trit_f16_f32(trit_half_at(in));
        for (size_t i = 0; i < 16; i++) {
            q[i] = (int8_t)((in[2 + i] & 15) - 8);
            q[16 + i] = (int8_t)((in[2 + i] >> 4) - 8);
        }
    }
}

/* The same with a fifth bit, bit e of a word behind d for element e; w = d * (q - 16). */
static bool finite_q5_0(const uint8_t *in, size_t k)
{
    unsigned any = 0;
    for (size_t b = 0; b < k / Q8_BLOCK; b++)
        any |= (trit_half_at(in + b * Q5_BYTES) & 0x7c00) == 0x7c00;
    return !any;
}

static void unpack_q5_0(const uint8_t *in, size_t k, int8_t *q, float *scale)
{
    for (size_t b = 0; b < k / Q8_BLOCK; b++, in += Q5_BYTES, q += Q8_BLOCK) {
        uint32_t high;
        memcpy(&high, in + 2, sizeof high);
        for (size_t g = 0; g < Q8_BLOCK / TRIT_HEAD_GROUP; g++)
            *scale++ = trit_f16_f32(trit_half_at(in));
        for (unsigned i = 0; i < 16; i++) {
            q[i] = (int8_t)((int)((in[6 + i] & 15) | (high >> i & 1) << 4) - 16);
            q[16 + i] = (int8_t)((int)(in[6 + i] >> 4 | (high >> (16 + i) & 1) << 4) - 16);
        }
    }
}

/* Blocks of 256: ql[128], qh[64], int8 scales[16], f16 d; w = d * scales[e / 16] * q with q = -32
   .. 31. The product of 11, 8 and 6 bits is exact in binary32. */
enum { Q6_BLOCK = 256, Q6_QH = 128, Q6_SCALES = 192, Q6_D = 208, Q6_BYTES = 210 };

static bool finite_q6_k(const uint8_t *in, size_t k)
{
    unsigned any = 0;
    for (size_t b = 0; b < k / Q6_BLOCK; b++)
        any |= (trit_half_at(in + b * Q6_BYTES + Q6_D) & 0x7c00) == 0x7c00;
    return !any;
}

/* Half of a Q6_K block: element e = 32 * part + l has its low four bits in nibble part / 2 of
   ql[32 * (part % 2) + l], its high two in bits 2 * part of qh[l]. */
static void unpack_q6_half(const uint8_t *restrict ql, const uint8_t *restrict qh,
                           int8_t *restrict q)
{
    for (size_t part = 0; part < 4; part++)
        for (size_t l = 0; l < 32; l++) {
            int low = ql[32 * (part & 1) + l] >> (4 * (part >> 1)) & 15;
            int high = qh[l] >> (2 * part) & 3;
            q[32 * part + l] = (int8_t)((low | high << 4) - 32);
        }
}

static void unpack_q6_k(const uint8_t *in, size_t k, int8_t *q, float *scale)
{
    for (size_t b = 0; b < k / Q6_BLOCK; b++, in += Q6_BYTES, q += Q6_BLOCK) {
        float d = trit_f16_f32(trit_half_at(in + Q6_D));
        unpack_q6_half(in, in + Q6_QH, q);
        unpack_q6_half(in + 64, in + Q6_QH + 32, q + 128);
        for (size_t g = 0; g < Q6_BLOCK / TRIT_HEAD_GROUP; g++)
            *scale++ = d * (float)(int8_t)in[Q6_SCALES + g];
    }
}

/* Rows of blocks to binary32, through the i8 form of one block. */
static inline __attribute__((always_inline)) void get_blocks(
    void (*unpack)(const uint8_t *, size_t, int8_t *, float *), size_t block, size_t bytes,
    const uint8_t *in, size_t k, float *out)
{
    int8_t q[Q6_BLOCK];
    float scale[Q6_BLOCK / TRIT_HEAD_GROUP];
    for (size_t b = 0; b < k / block; b++) {
        unpack(in + b * bytes, block, q, scale);
        for (size_t i = 0; i < block; i++)
            *out++ = (float)q[i] * scale[i / TRIT_HEAD_GROUP];
    }
}

static void get_q8_0(const uint8_t *in, size_t k, float *out)
{
    get_blocks(unpack_q8_0, Q8_BLOCK, Q8_BYTES, in, k, out);
}

static void get_q4_0(const uint8_t *in, size_t k, float *out)
{
    get_blocks(unpack_q4_0, Q8_BLOCK, Q4_BYTES, in, k, out);
}

static void get_q5_0(const uint8_t *in, size_t k, float *out)
{
    get_blocks(unpack_q5_0, Q8_BLOCK, Q5_BYTES, in, k, out);
}

static void get_q6_k(const uint8_t *in, size_t k, float *out)
{
    get_blocks(unpack_q6_k, Q6_BLOCK, Q6_BYTES, in, k, out);
}

/* Blocks of 256: f16 d and dmin, 12 bytes of scales, 128 of nibbles; w = (d * sc) * q - dmin * m,
   sc and m of 6 bits for each 32 elements. */
enum { Q4_K_BYTES = 144, Q4_K_SCALES = 4, Q4_K_QS = 16 };

static bool finite_q4_k(const uint8_t *in, size_t k)
{
    unsigned any = 0;
    for (size_t b = 0; b < k / Q6_BLOCK; b++, in += Q4_K_BYTES)
        any |= (trit_half_at(in) & 0x7c00) == 0x7c00 || (trit_half_at(in + 2) & 0x7c00) == 0x7c00;
    return !any;
}

/* sc and m of part j: of the first four in bytes j and 4 + j, of the others in the nibbles of byte
   4 + j, whose top two bits stand above those of the first. */
static void q4_k_scales(const uint8_t *s, size_t j, int *sc, int *m)
{
    if (j < 4) {
        *sc = s[j] & 63;
        *m = s[4 + j] & 63;
    } else {
        *sc = (s[4 + j] & 15) | s[j - 4] >> 6 << 4;
        *m = s[4 + j] >> 4 | s[j] >> 6 << 4;
    }
}

static void get_q4_k(const uint8_t *in, size_t k, float *restrict out)
{
    for (size_t b = 0; b < k / Q6_BLOCK; b++, in += Q4_K_BYTES)
        for (size_t j = 0; j < 8; j++, out += 32) {
            const uint8_t *restrict qs = in + Q4_K_QS + j / 2 * 32;
            const unsigned shift = 4 * (j & 1);
            int sc, m;
            q4_k_scales(in + Q4_K_SCALES, j, &sc, &m);
            const float d = trit_f16_f32(trit_half_at(in)) * (float)sc;
            const float least = trit_f16_f32(trit_half_at(in + 2)) * (float)m;
            for (size_t i = 0; i < 32; i++)
                out[i] = d * (float)(qs[i] >> shift & 15) - least;
        }
}

const struct trit_row_type *trit_row_type_find(uint32_t type)
{
    static const struct trit_row_type types[] = {
        { TRIT_F16, "f16", 2, finite_f16, get_f16, NULL, false },
        { TRIT_BF16, "bf16", 2, finite_bf16, get_bf16, NULL, false },
        { TRIT_F32, "f32", 4, finite_f32, get_f32, NULL, false },
        { TRIT_Q8_0, "i8", 1, finite_q8_0, get_q8_0, unpack_q8_0, false },
        { TRIT_Q6_K, "i8", 1, finite_q6_k, get_q6_k, unpack_q6_k, false },
        { TRIT_Q5_0, "i8", 1, finite_q5_0, get_q5_0, unpack_q5_0, false },
        { TRIT_Q4_0, "i8", 1, finite_q4_0, get_q4_0, unpack_q4_0, false },
        { TRIT_Q4_K, "f32", 4, finite_q4_k, get_q4_k, NULL, true },
        { TRIT_Q1_0, NULL, 0, NULL, NULL, NULL, false },
        { TRIT_Q2_0, NULL, 0, NULL, NULL, NULL, false },
        { TRIT_PQ2_0, NULL, 0, NULL, NULL, NULL, false },
        { TRIT_PTQ1_0, NULL, 0, NULL, NULL, NULL, false },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return &types[i];
    return NULL;
}

/* Scales of blocks have no sign, either: there are none that a quantiser writes so. */
bool trit_row_finite(const struct trit_row_type *form, const uint8_t *in, size_t k)
{
    if (form->finite)
        return form->finite(in, k);
    const struct trit_block_type *type = trit_block_find(form->type);
    unsigned any = 0;
    for (size_t b = 0; b < k / type->columns; b++)
        any |= trit_half_at(in + b * type->bytes + type->scale) >= TRIT_F16_INFINITY;
    return !any;
}

/* Codes times a scale are exact. */
void trit_row_get(const struct trit_row_type *form, const uint8_t *in, size_t k, float *out)
{
    if (form->get) {
        form->get(in, k, out);
        return;
    }
    const struct trit_block_type *type = trit_block_find(form->type);
    uint8_t codes[TRIT_BLOCK_COLUMNS];
    for (size_t b = 0; b < k / type->columns; b++, in += type->bytes) {
        const float d = trit_f16_f32(trit_half_at(in + type->scale));
        type->codes(in, codes);
        for (size_t i = 0; i < type->columns; i++)
            *out++ = d * (float)(codes[i] - 1);
    }
}

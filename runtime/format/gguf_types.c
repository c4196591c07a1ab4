/* The types of a GGUF file: names of metadata values; names, blocks and sizes of tensors. */
#include "runtime/format/gguf.h"

#include <stdlib.h>

static const char *const value_names[] = {
    [TRIT_GGUF_U8] = "u8",       [TRIT_GGUF_I8] = "i8",     [TRIT_GGUF_U16] = "u16",
    [TRIT_GGUF_I16] = "i16",     [TRIT_GGUF_U32] = "u32",   [TRIT_GGUF_I32] = "i32",
    [TRIT_GGUF_F32] = "f32",     [TRIT_GGUF_BOOL] = "bool", [TRIT_GGUF_STRING] = "string",
    [TRIT_GGUF_ARRAY] = "array", [TRIT_GGUF_U64] = "u64",   [TRIT_GGUF_I64] = "i64",
    [TRIT_GGUF_F64] = "f64",
};

const char *trit_gguf_type_name(uint32_t type)
{
    return type < sizeof value_names / sizeof *value_names ? value_names[type] : "unknown";
}

const char *trit_i2s_name(enum trit_i2s layout)
{
    static const char *const names[] = {
        [TRIT_I2S_128] = "128", [TRIT_I2S_64] = "64", [TRIT_I2S_ROWS4] = "rows4"
    };
    return names[layout];
}

/* Blocks lie along a row (ne[0]) unless `flat`: then they run through the whole tensor. A row may
   have bytes of its own, a tensor some at its end. */
struct layout {
    struct trit_type_info info;
    uint8_t row, tail;
    bool flat;
};

/* Sorted by type. A size of 0 means that the file alone does not tell it: TL1 and TL2 are tiled by
   a side file, and 39 is also MXFP4; 37 was I8_S in one program and IQ4_NL_4_8 in another; 40 was a
   Q1_0 of 32 columns in 6 bytes before it was NVFP4. Q2_0 is here as written today; the parse finds
   files that have PQ2_0 under its number (gguf_q2.c). Removed types whose number was never used
   again keep their last size. */
static const struct layout layouts[] = {
    { { 0, "F32", 1, 4 }, 0, 0, false },         { { 1, "F16", 1, 2 }, 0, 0, false },
    { { 2, "Q4_0", 32, 18 }, 0, 0, false },      { { 3, "Q4_1", 32, 20 }, 0, 0, false },
    { { 4, "Q4_2", 16, 0 }, 0, 0, false },       { { 5, "Q4_3", 16, 0 }, 0, 0, false },
    { { 6, "Q5_0", 32, 22 }, 0, 0, false },      { { 7, "Q5_1", 32, 24 }, 0, 0, false },
    { { 8, "Q8_0", 32, 34 }, 0, 0, false },      { { 9, "Q8_1", 32, 36 }, 0, 0, false },
    { { 10, "Q2_K", 256, 84 }, 0, 0, false },    { { 11, "Q3_K", 256, 110 }, 0, 0, false },
    { { 12, "Q4_K", 256, 144 }, 0, 0, false },   { { 13, "Q5_K", 256, 176 }, 0, 0, false },
    { { 14, "Q6_K", 256, 210 }, 0, 0, false },   { { 15, "Q8_K", 256, 292 }, 0, 0, false },
    { { 16, "IQ2_XXS", 256, 66 }, 0, 0, false }, { { 17, "IQ2_XS", 256, 74 }, 0, 0, false },
    { { 18, "IQ3_XXS", 256, 98 }, 0, 0, false }, { { 19, "IQ1_S", 256, 50 }, 0, 0, false },
    { { 20, "IQ4_NL", 32, 18 }, 0, 0, false },   { { 21, "IQ3_S", 256, 110 }, 0, 0, false },
    { { 22, "IQ2_S", 256, 82 }, 0, 0, false },   { { 23, "IQ4_XS", 256, 136 }, 0, 0, false },
    { { 24, "I8", 1, 1 }, 0, 0, false },         { { 25, "I16", 1, 2 }, 0, 0, false },
    { { 26, "I32", 1, 4 }, 0, 0, false },        { { 27, "I64", 1, 8 }, 0, 0, false },
    { { 28, "F64", 1, 8 }, 0, 0, false },        { { 29, "IQ1_M", 256, 56 }, 0, 0, false },
    { { 30, "BF16", 1, 2 }, 0, 0, false },       { { 31, "Q4_0_4_4", 32, 18 }, 0, 0, false },
    { { 32, "Q4_0_4_8", 32, 18 }, 0, 0, false }, { { 33, "Q4_0_8_8", 32, 18 }, 0, 0, false },
    { { 34, "TQ1_0", 256, 54 }, 0, 0, false },   { { 35, "TQ2_0", 256, 66 }, 0, 0, false },
    { { 36, "I2_S", 128, 32 }, 0, 32, true },    { { 37, "I8_S", 1, 0 }, 0, 0, false },
    { { 38, "TL1", 1, 0 }, 0, 0, false },        { { 39, "TL2/MXFP4", 1, 0 }, 0, 0, false },
    { { 40, "NVFP4", 64, 0 }, 0, 0, false },     { { 41, "Q1_0", 128, 18 }, 0, 0, false },
    { { 42, "Q2_0", 64, 18 }, 0, 0, false },     { { 134, "IQ1_BN", 64, 13 }, 2, 0, false },
    { { 135, "IQ2_BN", 64, 16 }, 4, 0, false },  { { 142, "PQ2_0", 128, 34 }, 0, 0, false },
    { { 143, "PTQ1_0", 128, 28 }, 0, 0, false }, { { 335, "IQ2_BN_R4", 64, 16 }, 4, 0, false },
};

static int compare_type(const void *key, const void *element)
{
    uint32_t a = *(const uint32_t *)key, b = ((const struct layout *)element)->info.type;
    return (a > b) - (a < b);
}

static const struct layout *find_layout(uint32_t type)
{
    return bsearch(&type, layouts, sizeof layouts / sizeof *layouts, sizeof *layouts, compare_type);
}

const struct trit_type_info *trit_type_find(uint32_t type)
{
    const struct layout *l = find_layout(type);
    return l ? &l->info : NULL;
}

static bool mul(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* Every factor is at least 1, so a product that does not wrap has no factor hidden in it. */
static bool elements(const uint64_t ne[4], uint64_t *row, uint64_t *rows, uint64_t *all)
{
    *row = ne[0];
    return mul(ne[1], ne[2], rows) && mul(*rows, ne[3], rows) && mul(*row, *rows, all);
}

bool trit_type_is_float(uint32_t type)
{
    return type == TRIT_F16 || type == TRIT_BF16 || type == TRIT_F32;
}

const char *trit_type_bytes(uint32_t type, const uint64_t ne[4], uint64_t *bytes)
{
    static const char *const too_large = "its size does not fit 64 bits";
    uint64_t row, rows, all, body, extra;
    *bytes = 0;
    if (!elements(ne, &row, &rows, &all))
        return too_large;
    const struct layout *l = find_layout(type);
    if (!l || l->info.bytes == 0)
        return NULL;
    if (l->flat && all % l->info.block != 0)
        return "its number of elements is not a multiple of its type's block";
    if (!l->flat && row % l->info.block != 0)
        return "its row length is not a multiple of its type's block";
    if (!mul(all / l->info.block, l->info.bytes, &body) || !mul(rows, l->row, &extra) ||
        __builtin_add_overflow(body, extra, &body) ||
        __builtin_add_overflow(body, (uint64_t)l->tail, &body))
        return too_large;
    *bytes = body;
    return NULL;
}

/* Rows of TQ1_0 and TQ2_0, whose blocks of 256 columns have a scale each, as rows of one scale. */
#include "runtime/base/half.h"
#include "runtime/format/internal.h"

static bool holds_none(const struct trit_block_type *type, const uint8_t *block)
{
    uint8_t codes[TRIT_BLOCK_COLUMNS], any = 0;
    type->codes(block, codes);
    for (size_t i = 0; i < type->columns; i++)
        any |= codes[i] ^ 1;
    return !any;
}

/* Where scales differ: those of blocks that hold no weight do not count. */
static enum trit_fold compare(const struct trit_block_type *type, const uint8_t *row, size_t blocks,
                              uint16_t *scale, size_t *block)
{
    bool some = false;
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *in = row + b * type->bytes;
        const uint16_t d = trit_half_at(in + type->scale);
        *block = b;
        if (d >= TRIT_F16_INFINITY)
            return TRIT_FOLD_BAD;
        if ((some && d == *scale) || holds_none(type, in))
            continue;
        if (some)
            return TRIT_FOLD_SEVERAL;
        some = true;
        *scale = d;
    }
    return TRIT_FOLD_ONE;
}

enum trit_fold trit_fold_scales(const struct trit_block_type *type, const uint8_t *row,
                                size_t blocks, uint16_t *scale, size_t *block)
{
    const uint16_t first = *scale = trit_half_at(row + type->scale);
    unsigned differ = first >= TRIT_F16_INFINITY;
    for (size_t b = 1; b < blocks; b++)
        differ |= trit_half_at(row + b * type->bytes + type->scale) ^ first;
    return differ ? compare(type, row, blocks, scale, block) : TRIT_FOLD_ONE;
}

/* A row that has not one scale. */
static enum trit_code not_one(const struct trit_row_source *s, size_t row, size_t block)
{
    const struct trit_gguf_tensor *t = s->tensor;
    return trit_fail(
        s->error, TRIT_EFORMAT,
        "%s: tensor '%.*s' row %zu, columns from %zu on: their scale differs from that "
        "of the columns before: not a matrix with one scale for each row",
        s->gguf->path, (int)t->name.n, t->name.s, row, block * TRIT_BLOCK_COLUMNS);
}

enum trit_code trit_row_folded(const struct trit_row_source *s, size_t row, uint8_t *codes,
                               float *d)
{
    const struct trit_block_type *type = trit_block_find(s->tensor->type);
    const size_t blocks = (size_t)s->tensor->ne[0] / type->columns;
    const uint8_t *in = s->tensor->data + row * blocks * type->bytes;
    uint16_t scale;
    size_t block = 0;
    const enum trit_fold fold = trit_fold_scales(type, in, blocks, &scale, &block);
    if (fold == TRIT_FOLD_BAD)
        return trit_row_bad_scale(
            s, row, trit_f16_f32(trit_half_at(in + block * type->bytes + type->scale)));
    if (fold == TRIT_FOLD_SEVERAL)
        return not_one(s, row, block);
    *d = trit_f16_f32(scale);
    for (size_t b = 0; b < blocks; b++)
        type->codes(in + b * type->bytes, codes + b * type->columns);
    return TRIT_OK;
}

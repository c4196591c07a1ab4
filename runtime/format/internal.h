/* Inside of the GGUF code: limits of the format, and a cursor that cannot leave the file. */
#ifndef TRIT_GGUF_IMPL_H
#define TRIT_GGUF_IMPL_H

#include <string.h>

#include "runtime/format/gguf.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "GGUF is read in place: little endian");

enum {
    TRIT_GGUF_ALIGNMENT = 32, /* where the file does not say */
    TRIT_GGUF_ALIGNMENT_MIN = 8,
    TRIT_GGUF_ALIGNMENT_MAX = 1 << 20,
    TRIT_GGUF_KEY_MAX = 65535,
    TRIT_GGUF_NAME_MAX = 63,
    TRIT_GGUF_KV_MIN = 8 + 1 + 4 + 1, /* bytes of the shortest record */
    TRIT_GGUF_TENSOR_MIN = 8 + 1 + 4 + 8 + 4 + 8,
};

/* Where a parse stands. at <= size always. */
struct trit_gguf_reader {
    struct trit_gguf *gguf;
    const uint8_t *base;
    size_t size, at;
    struct trit_error *error;
};

/* The next n bytes, NULL (and nothing moved) where the file ends before. */
static inline const uint8_t *trit_gguf_take(struct trit_gguf_reader *r, uint64_t n)
{
    if (n > r->size - r->at)
        return NULL;
    const uint8_t *p = r->base + r->at;
    r->at += (size_t)n;
    return p;
}

static inline bool trit_gguf_take_u32(struct trit_gguf_reader *r, uint32_t *v)
{
    const uint8_t *p = trit_gguf_take(r, sizeof *v);
    return p && (memcpy(v, p, sizeof *v), true);
}

static inline bool trit_gguf_take_u64(struct trit_gguf_reader *r, uint64_t *v)
{
    const uint8_t *p = trit_gguf_take(r, sizeof *v);
    return p && (memcpy(v, p, sizeof *v), true);
}

static inline bool trit_gguf_take_text(struct trit_gguf_reader *r, struct trit_text *t)
{
    uint64_t n;
    const uint8_t *p = trit_gguf_take_u64(r, &n) ? trit_gguf_take(r, n) : NULL;
    return p && (*t = (struct trit_text){ (const char *)p, (size_t)n }, true);
}

/* Smallest multiple of alignment (a power of two) that is >= x; false where that wraps. */
static inline bool trit_gguf_align(uint64_t x, uint64_t alignment, uint64_t *out)
{
    return !__builtin_add_overflow(x, alignment - 1, &x) && (*out = x & ~(alignment - 1), true);
}

/* A name as it stands in messages: quoted, and shortened where it is long. */
struct trit_gguf_quote {
    char s[96];
};
struct trit_gguf_quote trit_gguf_quoted(struct trit_text name);

/* Valid UTF-8 without NUL. */
bool trit_gguf_name_valid(struct trit_text name);

/* Names to positions: open addressing, hashed with a seed drawn per file, so that nobody can make
 * names collide. */
struct trit_gguf_names {
    uint32_t *slot; /* position + 1; 0: free */
    size_t mask;
    uint64_t seed;
};

struct trit_gguf_index {
    struct trit_gguf_names keys, tensors;
};

/* A word of two bytes, wherever it stands. */
static inline uint16_t trit_half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return h;
}

/* A stored type with a scale for each block of a row: columns and bytes of a block, where its scale
   (f16) stands, and what makes a block's codes (value + 1, one byte each). */
struct trit_block_type {
    uint32_t type;
    size_t columns, bytes, scale;
    void (*codes)(const uint8_t *restrict block, uint8_t *restrict codes);
};
const struct trit_block_type *trit_block_find(uint32_t type); /* NULL: another type */
enum { TRIT_BLOCK_COLUMNS = 256 };                            /* of the longest block */

enum { TRIT_F16_INFINITY = 0x7c00 }; /* from here on: infinities, NaN, and all that have a sign */

/* The one scale of a row whose blocks have one each: that of all which hold a weight. */
enum trit_fold { TRIT_FOLD_ONE, TRIT_FOLD_SEVERAL, TRIT_FOLD_BAD };
/* block: the first whose scale is bad, or another than those before. */
enum trit_fold trit_fold_scales(const struct trit_block_type *type, const uint8_t *row,
                                size_t blocks, uint16_t *scale, size_t *block);

/* A type of the rows of embedding and head. Rows as they stand in the file; k is a multiple of the
   type's block. */
struct trit_row_type {
    uint32_t type;
    const char *packing; /* NULL: no kernel's */
    size_t bytes;        /* per element in the kernel's form */
    /* this and get are NULL where a trit_block_type has them */
    bool (*finite)(const uint8_t *in, size_t k);
    void (*get)(const uint8_t *in, size_t k, float *out);
    /* NULL where the kernel takes the file's form, or there is none */
    void (*unpack)(const uint8_t *in, size_t k, int8_t *q, float *scale);
    bool decoded; /* the kernel takes a row as what get makes of it; all are not kept so */
};
const struct trit_row_type *trit_row_type_find(uint32_t type); /* NULL: another type */
bool trit_row_finite(const struct trit_row_type *type, const uint8_t *in, size_t k);
void trit_row_get(const struct trit_row_type *type, const uint8_t *in, size_t k, float *out);

/* What reads rows of trits needs to know, and where it says what is wrong. */
struct trit_row_source {
    const struct trit_gguf *gguf;
    const struct trit_gguf_tensor *tensor;
    struct trit_error *error;
};
/* Codes of a row, 3 among them where they are stored so, and its scale. */
typedef enum trit_code trit_row_fn(const struct trit_row_source *s, size_t row, uint8_t *codes,
                                   float *d);
trit_row_fn trit_row_i2_s, trit_row_iq1_bn, trit_row_iq2_bn, trit_row_iq2_bn_r4, trit_row_folded;
enum trit_code trit_check_i2_s(const struct trit_row_source *s); /* of the whole tensor */
/* TRIT_EFORMAT, saying where. */
enum trit_code trit_row_bad_scale(const struct trit_row_source *s, size_t row, float scale);
enum trit_code trit_row_code_three(const struct trit_row_source *s, size_t row, size_t column);

/* Which of k codes is a 3, k if none. */
size_t trit_three_find(const uint8_t *codes, size_t k);

/* Groups of columns are read in spans of 128, whose halves may have a scale each. What scanning
   spans finds, as bits: */
enum trit_span_flag {
    TRIT_SPAN_ZERO = 1,     /* weights 0 */
    TRIT_SPAN_TWO = 2,      /* +2 where groups are spans */
    TRIT_SPAN_TWO_HALF = 4, /* +2 where groups are halves */
    TRIT_SPAN_SPLIT = 8,    /* a span whose halves have no common scale */
    TRIT_SPAN_BAD = 16,     /* a half that has no scale at all */
};
enum { TRIT_SPAN = 128, TRIT_HALF_SPAN = 64 };

/* Spans of a float type, one after the other. */
typedef unsigned trit_scan_fn(const uint8_t *in, size_t spans);
trit_scan_fn trit_scan_f32, trit_scan_f16, trit_scan_bf16;

/* One span of a float type: 128 codes, and a scale for each `group` columns; where a half holds no
   group, the span's scale for both. False where they do not hold it. */
typedef bool trit_span_fn(const uint8_t *in, size_t group, uint8_t *codes, uint16_t *scales);
trit_span_fn trit_span_f32, trit_span_f16, trit_span_bf16;

/* The element size of a metadata type, 0 for strings, arrays and what is not a type. */
size_t trit_gguf_item_bytes(uint32_t type);

enum trit_code trit_gguf_read_keys(struct trit_gguf_reader *r);
enum trit_code trit_gguf_read_tensors(struct trit_gguf_reader *r);
/* Gives the tensors of type 42, sized as Q2_0, the type and size that the file's places tell.
   order: all tensors by their places, which still count from the start of the tensor data. */
enum trit_code trit_gguf_settle_q2(struct trit_gguf_reader *r, struct trit_gguf_tensor **order);

/* One file, also a part of a model. */
enum trit_code trit_gguf_open_one(struct trit_gguf **gguf, const char *path,
                                  struct trit_error *error);
/* The first of a model's files takes the others, whatever comes of it: closing it closes them. */
enum trit_code trit_gguf_join(struct trit_gguf *first, struct trit_gguf **others, size_t n,
                              struct trit_error *error);

/* Builds the tables; a name that stands there twice is TRIT_EFORMAT. */
enum trit_code trit_gguf_index_keys(struct trit_gguf *gguf, struct trit_error *error);
enum trit_code trit_gguf_index_tensors(struct trit_gguf *gguf, struct trit_error *error);
void trit_gguf_index_free(struct trit_gguf *gguf);

#endif

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

/* The element size of a metadata type, 0 for strings, arrays and what is not a type. */
size_t trit_gguf_item_bytes(uint32_t type);

enum trit_code trit_gguf_read_keys(struct trit_gguf_reader *r);
enum trit_code trit_gguf_read_tensors(struct trit_gguf_reader *r);

/* Builds the tables; a name that stands there twice is TRIT_EFORMAT. */
enum trit_code trit_gguf_index_keys(struct trit_gguf *gguf, struct trit_error *error);
enum trit_code trit_gguf_index_tensors(struct trit_gguf *gguf, struct trit_error *error);
void trit_gguf_index_free(struct trit_gguf *gguf);

#endif

/* Rows of a stored ternary tensor with one scale for each row as codes (trit + 1), one byte each.
   Source: FORMATS, sections 3 to 8. */
#ifndef TRIT_TERNARY_H
#define TRIT_TERNARY_H

#include "runtime/format/gguf.h"

/* Whether the tensor can be read here: a type that can hold trits, two dimensions, and the size
   that its type asks for. TRIT_EUNSUPPORTED names the type and lists those that are read. The
   values are looked at by trit_ternary_rows. */
enum trit_code trit_ternary_check(const struct trit_gguf *gguf,
                                  const struct trit_gguf_tensor *tensor, struct trit_error *error);

/* Rows first .. first+n-1 of a tensor (K = ne[0] columns each), and where they go: codes 0, 1, 2 of
   row first+r to codes + r*ld (ld >= K; bytes from K on are left alone), its scale to d[r], so that
   the weight is (code - 1) * d. */
struct trit_ternary_rows {
    size_t first, n;
    uint8_t *codes;
    size_t ld;
    float *d;
};

/* Decodes those rows. d is finite and >= 0. A matrix that is not ternary is TRIT_EFORMAT naming
   file, tensor, row and column. Several threads may decode one tensor. */
enum trit_code trit_ternary_rows(const struct trit_gguf *gguf,
                                 const struct trit_gguf_tensor *tensor,
                                 const struct trit_ternary_rows *rows, struct trit_error *error);

#endif

/* Rows of a stored matrix whose scales are for groups of columns: Q1_0, Q2_0, PQ2_0, PTQ1_0, TQ1_0,
   TQ2_0, and float types that hold nothing else. Source: FORMATS, sections 4 and 5; FORMATS-2,
   section 1. */
#ifndef TRIT_GROUP_H
#define TRIT_GROUP_H

#include "runtime/format/gguf.h"
#include "runtime/kernel/pack.h"
#include "runtime/thread/pool.h"

/* Whether the tensor is of a type that has a scale for each group of columns by itself: no float
   type, none with a scale for each row, none that folds. */
bool trit_type_has_groups(uint32_t type);

/* Whether it is one with a scale for each 256 columns, TQ1_0 and TQ2_0: where all blocks of each
   row that hold a weight agree, the matrix has one scale for each row (format/ternary.h), else it
   is read with groups. */
bool trit_type_folds(uint32_t type);

/* Whether such rows can be read from the tensor: a type that can hold them, two dimensions, K a
   multiple of 128, and bytes for all of them; the errors are trit_group_form's. The values are not
   looked at. */
enum trit_code trit_group_check(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                                struct trit_error *error);

/* The form of a matrix of the type as models have it: signs of Q1_0, trits of the others; groups
   of 128. */
struct trit_form trit_group_usual(uint32_t type);

/* Looks at the whole tensor, with all threads of the pool: the largest group (128, else 64) and the
   fewest values that hold it exactly, as far as its type shows: a Q2_0 or PTQ1_0 of signs is one of
   trits. Neighbouring groups of a Q2_0 whose scales are equal in all pairs, or that are all zeros,
   make a group of 128. A type that folds is of groups of 128, or of none: a scale for each row. A
   float matrix is of the form where the weights of each group are 0, ±d, or
   -d, 0, d and 2d, d one of f16's. TRIT_EFORMAT names file, tensor, row and group where a scale is
   not finite or has a sign, a float matrix is none of these forms, or K is not a multiple of 128;
   TRIT_EUNSUPPORTED the type. pool NULL: this thread alone. */
enum trit_code trit_group_form(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                               struct trit_pool *pool, struct trit_form *form,
                               struct trit_error *error);

/* The same by the first few rows alone, which tell most: whether a matrix that may as well hold
   other floats has a form, or which. */
enum trit_code trit_group_peek(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                               struct trit_form *form, struct trit_error *error);

/* Rows first .. first+n-1 (K = ne[0] columns each), and where they go: value + 1 of row first+r to
   codes + r*ld, the f16 scales of its groups of `group` columns to scales + r*lds; the weight is
   (code - 1) * scale. group is the form's, or 64 where the form's is 128: a scale for each half.
 */
struct trit_group_rows {
    size_t first, n, group;
    uint8_t *codes;
    size_t ld;
    uint16_t *scales;
    size_t lds;
};
/* Decodes them; of a tensor that trit_group_form took. Several threads may decode one tensor. */
enum trit_code trit_group_rows(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                               const struct trit_group_rows *rows, struct trit_error *error);

#endif

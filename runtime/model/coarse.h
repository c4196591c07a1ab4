/* Rows of floats held in few bits: of prediction blocks, whose drafts are checked anyway. */
#ifndef TRIT_COARSE_H
#define TRIT_COARSE_H

#include "runtime/format/rows.h"

/* Rows first .. first+n-1, and where they go: value + 1 of row first+r to codes + r * k, modulo
   256, values -most .. most; its scale to d[r]. */
struct trit_coarse {
    size_t first, n;
    int most; /* at most 127 */
    uint8_t *codes;
    float *d;
};

/* A value that is not finite, or beyond 2^100, is TRIT_EFORMAT naming file, tensor and row.
   Several threads may do it at once. */
enum trit_code trit_coarse_rows(const struct trit_rows *rows, const struct trit_coarse *to,
                                struct trit_error *error);

#endif

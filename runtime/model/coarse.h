/* Rows of floats held in four bits: of prediction blocks, whose drafts are checked anyway. */
#ifndef TRIT_COARSE_H
#define TRIT_COARSE_H

#include "runtime/format/rows.h"

/* Rows first .. first+n-1: value + 1 of row first+r to codes + r * k, values -7 .. 7; its scale to
   d[r]. A value that is not finite, or beyond 2^100, is TRIT_EFORMAT naming file, tensor and row.
   Several threads may do it at once. */
enum trit_code trit_coarse_rows(const struct trit_rows *rows, size_t first, size_t n,
                                uint8_t *codes, float *d, struct trit_error *error);

#endif

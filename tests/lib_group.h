/* Matrices with a scale for each group of columns, encoded element by element from FORMATS-2's
   formulas: nothing in common with runtime/format. */
#ifndef TRIT_LIB_GROUP_H
#define TRIT_LIB_GROUP_H

#include "runtime/format/gguf.h"

/* n x k codes (value + 1) and their f16 scales, one for each 64 columns; encoded in data. Types
   whose blocks are longer take the first scale of each block. */
struct trit_group_matrix {
    struct trit_gguf_tensor t;
    size_t n, k;
    uint8_t *codes, *data;
    uint16_t *scales;
};

/* Zeros with scales 0; not encoded yet. Ends the program without memory. */
struct trit_group_matrix trit_group_new(uint32_t type, size_t n, size_t k);
void trit_group_free(struct trit_group_matrix *m);
void trit_group_encode(struct trit_group_matrix *m);
/* The weight of element e of the codes and scales, exact. */
double trit_group_weight(const struct trit_group_matrix *m, size_t e);
/* Places an f32, as the nearest one of the float type. */
void trit_group_put(struct trit_group_matrix *m, size_t e, float value);

#endif

/* Products of a pass's quantised activations (a, s, sum of the work) with ternary matrices. Private
   to the model. */
#ifndef TRIT_PRODUCT_H
#define TRIT_PRODUCT_H

#include "runtime/model_parts.h"

/* Blocks of NR rows that the first n rows of the matrix fill. */
size_t trit_product_blocks(const struct trit_matrix *matrix, size_t n);

/* One region over blocks 0 .. blocks-1 of the matrix, in pieces as they suit the pass. */
void trit_product_region(const struct trit_work *work, enum trit_part part,
                         const struct trit_matrix *matrix, size_t blocks, trit_job_fn *fn,
                         void *arg);

/* Rows row .. last-1, row a multiple of NR, of all tokens: to y[token * ldy + row] and so on. */
void trit_product_rows(const struct trit_work *work, const struct trit_matrix *matrix, size_t row,
                       size_t last, float *y, size_t ldy);

/* Tokens first .. first+m-1 with rows row .. last-1, row a multiple of NR, by one of the kernels
   that share the matrix's weights. */
void trit_product_tile(const struct trit_work *work, const struct trit_matrix *matrix,
                       const struct trit_kernel *kernel, size_t first, size_t m, size_t row,
                       size_t last, float *y, size_t ldy);

/* x = x + h in rows row .. last-1 of those tokens. */
void trit_residual(const struct trit_work *work, size_t first, size_t m, size_t row, size_t last);

/* y = product, or x = x + product by way of h, in one region. */
void trit_product(struct trit_work *work, enum trit_part part, const struct trit_matrix *matrix,
                  float *y, size_t ldy);
void trit_product_add(struct trit_work *work, enum trit_part part,
                      const struct trit_matrix *matrix);

/* Enters the product into the work's counts. */
void trit_product_count(struct trit_work *work, enum trit_part part,
                        const struct trit_matrix *matrix);

#endif

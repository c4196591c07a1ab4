/* Dense rows in memory, for the embedding and the output head. */
#ifndef TRIT_ROWS_H
#define TRIT_ROWS_H

#include "runtime/gguf.h"
#include "runtime/pool.h"

/* n rows of k elements, row-major, dense, as trit_head_fn (runtime/kernel.h) takes them. */
struct trit_rows {
    const char *packing; /* "f16", "bf16", "f32", "i8" */
    size_t n, k;
    void *data;                     /* n * k elements */
    float *scale;                   /* i8: ceil(k / TRIT_HEAD_GROUP) per row; else NULL */
    size_t data_bytes, scale_bytes; /* of the two blocks */
};

/* Copies a tensor's values exactly: F16, BF16 and F32 as they are, Q8_0 and Q6_K as i8. The work is
   shared out on pool (NULL: the calling thread alone), and the mapped original leaves memory slice
   by slice. A type that is not read is TRIT_EUNSUPPORTED, an infinity or NaN is TRIT_EFORMAT naming
   file, tensor and row. On failure *rows is empty. */
enum trit_code trit_rows_load(struct trit_rows *rows, const struct trit_gguf *gguf,
                              const struct trit_gguf_tensor *tensor, struct trit_pool *pool,
                              struct trit_error *error);
void trit_rows_free(struct trit_rows *rows); /* empty allowed */

/* Bytes that trit_rows_load would allocate for the tensor; 0 where its type is not read. */
size_t trit_rows_bytes(const struct trit_gguf_tensor *tensor);

/* Row `row` < n as k exact binary32 values. */
void trit_rows_get(const struct trit_rows *rows, size_t row, float *out);

#endif

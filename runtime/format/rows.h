/* Dense rows where they stand in the model file, for the embedding and the output head. */
#ifndef TRIT_ROWS_H
#define TRIT_ROWS_H

#include <stdbool.h>

#include "runtime/format/gguf.h"
#include "runtime/thread/pool.h"

/* n rows of k elements. The file's bytes must outlive them. */
struct trit_rows {
    /* "f16", "bf16", "f32", "i8": the head kernel's (runtime/kernel.h). NULL: the rows are codes
       with a scale for each group (format/group.h), which can be looked up, but no head kernel
       takes them, so that there is no trit_head over them. */
    const char *packing;
    size_t n, k;
    const struct trit_gguf *gguf;
    const struct trit_gguf_tensor *tensor;
    size_t row_bytes; /* in the file */

    /* All rows as trit_head_fn takes them; NULL where none does. f16, bf16 and f32: in the file
       itself. i8: memory of trit_rows_unpack, NULL until then. Q4_K: always NULL, rows are
       decoded one by one. */
    const void *data;
    float *scale;                   /* i8: ceil(k / TRIT_HEAD_GROUP) per row; else NULL */
    size_t data_bytes, scale_bytes; /* of the two, there or not; Q4_K: as in the file */
};

/* Finds the rows in a tensor: F16, BF16, F32, Q8_0, Q6_K, Q5_0 and Q4_0 (as i8), Q4_K (as f32),
   Q1_0, Q2_0, PQ2_0 or PTQ1_0, of which nothing is read. Another type is TRIT_EUNSUPPORTED, an
   impossible shape TRIT_EFORMAT. On failure *rows is empty. */
enum trit_code trit_rows_open(struct trit_rows *rows, const struct trit_gguf *gguf,
                              const struct trit_gguf_tensor *tensor, struct trit_error *error);

/* trit_rows_open, trit_rows_check and trit_rows_unpack. */
enum trit_code trit_rows_load(struct trit_rows *rows, const struct trit_gguf *gguf,
                              const struct trit_gguf_tensor *tensor, struct trit_pool *pool,
                              struct trit_error *error);

/* The file's bytes of n rows, in place or read into buffer (room for n * row_bytes), so that the
   file does not gather in memory. */
const uint8_t *trit_rows_fetch(const struct trit_rows *rows, size_t row, size_t n, void *buffer);
/* Of one row so fetched: whether it is free of infinities and NaN, and of scales of blocks with a
   sign; and its exact values. */
bool trit_rows_finite(const struct trit_rows *rows, const uint8_t *in);
void trit_rows_decode(const struct trit_rows *rows, const uint8_t *in, float *out);

/* Reads all rows, on pool: one that trit_rows_finite does not find finite is TRIT_EFORMAT naming
   file, tensor and row. */
enum trit_code trit_rows_check(const struct trit_rows *rows, struct trit_pool *pool,
                               struct trit_error *error);
/* That error. */
enum trit_code trit_rows_bad(const struct trit_rows *rows, size_t row, struct trit_error *error);

/* All rows as the head's kernel takes them, where one does; what was in the file's form leaves
   memory. TRIT_EMEMORY only. */
enum trit_code trit_rows_unpack(struct trit_rows *rows, struct trit_pool *pool,
                                struct trit_error *error);
void trit_rows_free(struct trit_rows *rows); /* empty allowed */

/* Row `row` < n as k exact binary32 values. */
void trit_rows_get(const struct trit_rows *rows, size_t row, float *out);

/* Row `row` < n as the head's kernel takes it (there is one), in place or in room (of
   trit_rows_room bytes, aligned to 16); *scale as trit_head_fn has it. */
const void *trit_rows_one(const struct trit_rows *rows, size_t row, uint8_t *room,
                          const float **scale);
size_t trit_rows_room(const struct trit_rows *rows);

#endif

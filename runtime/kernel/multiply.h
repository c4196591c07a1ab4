/* Ternary products: how one is cut into pieces for threads, and which calls of a kernel compute a
   piece. The model runs this, and measuring times it. */
#ifndef TRIT_MULTIPLY_H
#define TRIT_MULTIPLY_H

#include "runtime/kernel.h"
#include "runtime/thread/pool.h"

/* m quantised tokens times a packed matrix of n rows; K is padded to the packing's KR. */
struct trit_multiply {
    const struct trit_kernel *kernel; /* gemv or gemm, of the packing that w has */
    size_t mc, nc;                    /* as in struct trit_pair */
    size_t n, kp, block;              /* block: bytes of NR rows */
    const uint8_t *w;                 /* blocks of rows from row 0 on */
    size_t group;                     /* the packing's */
    const float *d;                   /* [n]: row scales; not read where there is a group */
    size_t m, lda;
    const int8_t *a; /* [m][lda] */
    const float *s;  /* [m]; with a group [m][kp / group], of reciprocals */
    const int32_t *sum;
    float *y; /* [m][ldy] */
    size_t ldy;
    void (*then)(void *arg, size_t row, size_t last); /* called after each piece; NULL: nothing */
    void *arg;
};

/* A token's quantised inputs to a product, and where they go. */
struct trit_inputs {
    size_t k, kp; /* columns, and with padding: a multiple of the group */
    size_t group; /* the packing's */
    int8_t *a;    /* [kp], zeros from k on */
    float *s;     /* 1; with a group kp / group reciprocals of scales, 0 from k on */
    int32_t *sum; /* as many */
};
/* x[k], quantised by a quant kernel as the product takes it; k is a multiple of the group. */
void trit_quantise(const struct trit_kernel *quant, const struct trit_inputs *to, const float *x);

/* y of all tokens and rows, with all threads of the pool in one region (runtime/thread/trace.h);
   then gets pieces of rows in any order, by any thread, each row once. */
void trit_multiply(struct trit_pool *pool, int part, const struct trit_multiply *x);

/* Parts of it, by the calling thread. Rows row .. last-1, row a multiple of NR, of all tokens; or
   of tokens first .. first+m-1. */
void trit_multiply_rows(const struct trit_multiply *x, size_t row, size_t last);
void trit_multiply_tile(const struct trit_multiply *x, size_t first, size_t m, size_t row,
                        size_t last);

/* The region of a product of that many blocks of rows: fn gets pieces of at most `most` blocks (0:
   as suits the threads). */
void trit_multiply_split(struct trit_pool *pool, int part, size_t blocks, size_t most,
                         trit_job_fn *fn, void *arg);

#endif

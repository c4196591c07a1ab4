/* Products of dense matrices, from OpenBLAS, which is loaded when it is first asked for. Each call
   runs on the thread that makes it: what is shared among threads is cut into pieces by the caller,
   always the same ones, so that sums do not depend on how many threads there are. */
#ifndef TRIT_TRAIN_GEMM_H
#define TRIT_TRAIN_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/error.h"
#include "runtime/train/real.h"

/* Loads the library; TRIT_EUNSUPPORTED where it is not there. Before any product. Once is enough,
   more does no harm. Not by two threads at once. */
enum trit_code trit_gemm_open(struct trit_error *error);

/* The CPU whose kernels the library uses, in its own word ("SkylakeX"): what it found, or what
   OPENBLAS_CORETYPE says, and sums' bits hang on it. "?" where the library is not loaded or does
   not tell. */
const char *trit_gemm_kernels(void);

/* c[m][n] = alpha * a b + beta * c, rows of lda, ldb and ldc elements; a is [m][k], or [k][m] where
   across; b is [k][n], or [n][k] where it is rows, as weights are. With beta 0 what c holds does
   not count. Each dimension is below 2^31. */
struct trit_gemm {
    size_t m, n, k;
    const trit_real *a;
    size_t lda;
    bool across;
    const trit_real *b;
    size_t ldb;
    bool rows;
    trit_real *c;
    size_t ldc;
    trit_real alpha, beta;
};
void trit_gemm(const struct trit_gemm *g);

#endif

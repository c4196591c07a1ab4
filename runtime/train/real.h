/* The numbers that training computes with: binary32, and binary64 where gradients are checked
   against differences. */
#ifndef TRIT_TRAIN_REAL_H
#define TRIT_TRAIN_REAL_H

#ifdef TRIT_TRAIN_DOUBLE
typedef double trit_real;
#else
typedef float trit_real;
#endif

/* Loops that are worth a copy for each width of vectors: the same operations in the same order, and
   so the same bits. A sanitizer's runtime is not there yet when the copy is chosen. */
#if defined __x86_64__ && defined __GNUC__ && !defined __clang__ && \
    !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define TRIT_TRAIN_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TRIT_TRAIN_WIDE
#endif

#endif

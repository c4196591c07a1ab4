/* Heads over rows of every kind, in memory, and states of every kind. */
#ifndef TRIT_LIB_HEAD_H
#define TRIT_LIB_HEAD_H

#include "runtime/head/internal.h"

enum trit_rows_kind {
    ROWS_NORMAL,
    ROWS_TWICE,    /* every row many times, among them ties of the best */
    ROWS_LAST_BIT, /* rows that differ in the last bit of one element */
    ROWS_OUTLIERS, /* some rows and some elements a thousand times greater */
    ROWS_TAILS,    /* elements with heavy tails */
    ROWS_ZERO,     /* every third row is zero, the others are normal */
    ROWS_EQUAL,    /* all the same */
    ROWS_TINY,     /* subnormal and very small values among normal rows */
    ROWS_HUGE,     /* beyond what a bound is for */
    ROWS_NKINDS
};

enum trit_state_kind {
    STATE_NORMAL,
    STATE_NEAR,       /* a row, and noise of the same size */
    STATE_ROW,        /* a row */
    STATE_AGAINST,    /* minus a row */
    STATE_ORTHOGONAL, /* to a row, but for roundings */
    STATE_OUTLIER,    /* one element a thousand times the others */
    STATE_ZERO,
    STATE_TINY,
    STATE_HUGE,
    STATE_SMALL, /* hardly large enough for the planes */
    STATE_LARGE, /* hardly small enough */
    STATE_NAN,
    STATE_INFINITE,
    STATE_NKINDS
};

struct trit_head_case {
    enum trit_rows_kind kind;
    struct trit_gguf gguf;
    struct trit_gguf_tensor tensor;
    struct trit_rows rows;
    struct trit_head *head;
};

double trit_test_uniform(uint64_t *seed); /* 0 .. 1, ends left out */
float trit_test_normal(uint64_t *seed);

/* type: TRIT_F16, TRIT_F32 (k any) or TRIT_Q8_0 (k a multiple of 32). */
void trit_head_case_make(struct trit_head_case *c, uint32_t type, enum trit_rows_kind kind,
                         size_t n, size_t k, struct trit_pool *pool, uint64_t seed);
void trit_head_case_free(struct trit_head_case *c);
void trit_head_case_state(const struct trit_head_case *c, enum trit_state_kind kind, float *x,
                          uint64_t *seed);

#endif

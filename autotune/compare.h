/* Private to `tritmill compare`: the variants of one product, measured against each other. */
#ifndef TRIT_COMPARE_H
#define TRIT_COMPARE_H

#include <stdio.h>

#include "autotune/compare_table.h"
#include "autotune/limits.h"
#include "autotune/measure.h"
#include "runtime/kernel.h"
#include "runtime/pool.h"

enum trit_compare_output {
    TRIT_COMPARE_MD,
    TRIT_COMPARE_JSON,
    TRIT_COMPARE_CSV,
    TRIT_COMPARE_HTML
};

/* One variant. NaN: not known. */
struct trit_compare_row {
    const struct trit_kernel *kernel;
    const char *name, *packing, *isa;
    bool verified;
    const char *why;                              /* not verified: what was found; else NULL */
    double samples;                               /* 0: not timed */
    double median_ns, low_ns, high_ns, spread_ns; /* low, high: 95 % interval of the median */
    double vs_best, vs_reference;                 /* this time / best time; reference time / this */
    double gbs, gmacs;
    double limit_share;                 /* the larger of both shares */
    const char *limit;                  /* whose it is: "memory" or "compute" */
    double bound_ns;                    /* the time that the limits allow */
    double bytes_per_weight, intensity; /* intensity: multiply-adds per byte of weights */
    double code_bytes, loop_instructions, instructions, mca_cycles; /* the last two: per 64 weights
                                                                       and token */
    double ipc;
};

struct trit_comparison {
    size_t n, k, m;
    int threads;
    double seconds; /* for the timing of all variants */
    const char *const *patterns;
    int npatterns;
    size_t first_kernel; /* of the registry: those before it take no part, but as the reference */

    struct trit_pool *pool;
    struct trit_compare_row *rows; /* sorted by time */
    size_t nrows;
    const struct trit_kernel *reference;
    struct trit_limits_summary limits;
    const char *counters_why; /* why there are none, NULL where there are */
    const char *mca_model;    /* NULL: llvm-mca is not there */
    const char *code_why;     /* why a loop is not known, of the last one */
    bool stopped;
};

/* Chooses the variants, verifies and times them, reads their code; rows are the caller's to free
   even where it fails. TRIT_EARGUMENT where no variant matches. */
enum trit_code trit_compare_run(struct trit_comparison *c, struct trit_error *error);

/* The facts of the machine code and of hardware counters (compare_code.c, compare_counters.c). */
void trit_compare_code(struct trit_comparison *c, struct trit_compare_row *row);

/* Instructions and cycles of the calling thread. open gives NULL where the system has no counters,
   and why. */
struct trit_counters;
struct trit_counters *trit_counters_open(const char **why);
void trit_counters_close(struct trit_counters *counters); /* NULL allowed */
void trit_counters_start(struct trit_counters *counters);
/* Instructions per cycle since start; NaN where nothing was counted. */
double trit_counters_ipc(struct trit_counters *counters);

/* As a table for trit_table_*; and the figures of its page: arg is the comparison. */
void trit_compare_table(const struct trit_comparison *c, struct trit_table *table);
void trit_compare_figures(FILE *to, const void *arg);
/* The table in the output asked for, to stdout. */
enum trit_code trit_compare_print(const struct trit_table *table, enum trit_compare_output output,
                                  void (*figures)(FILE *, const void *), const void *arg,
                                  struct trit_error *error);

#endif

/* Private to `tritmill compare`: the variants of one product, measured against each other. */
#ifndef TRIT_COMPARE_H
#define TRIT_COMPARE_H

#include <stdio.h>

#include "autotune/build/build.h"
#include "autotune/compare/table.h"
#include "autotune/measure/limits.h"
#include "autotune/measure/measure.h"
#include "runtime/kernel.h"
#include "runtime/kernel/pack.h"
#include "runtime/thread/pool.h"

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
    double seconds;               /* for the timing of all variants */
    const struct trit_form *form; /* NULL: whatever it holds */
    const char *const *patterns;
    int npatterns;
    size_t first_kernel; /* of the registry: those before it take no part, but as the reference */
    const struct trit_compilers *compilers; /* whose suffix a kernel's name may end in; may be NULL
                                             */

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

/* Whether a pattern matches the name, or the name without a compiler's suffix (none matches all),
   and its packing takes the form. */
bool trit_compare_wants(const struct trit_comparison *c, const char *name);

/* Compiles variants that are wanted and can run here: with each compiler of `compilers`, from
   `templates` (NULL: only tritmill's own) and tritmill's; for this shape alone where `fixed`;
   where `only_new`, those alone that are not built in. Tells on stderr what does not compile. */
struct trit_compare_build {
    const struct trit_comparison *c;
    const char *templates;
    bool fixed, only_new;
};
enum trit_code trit_compare_compile(const struct trit_compare_build *what,
                                    struct trit_error *error);

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

/* Sorts x, n >= 1 values. Their median and its 95 % confidence interval by order statistics, which
   supposes nothing of their distribution; below six values there is none, and low and high are
   NaN. */
struct trit_estimate {
    double median, low, high;
};
struct trit_estimate trit_estimate_median(double *x, size_t n);

/* As a table for trit_table_*; and the figures of its page: arg is the comparison. */
void trit_compare_table(const struct trit_comparison *c, struct trit_table *table);
void trit_compare_figures(FILE *to, const void *arg);
/* The table in the output asked for, to stdout. */
enum trit_code trit_compare_print(const struct trit_table *table, enum trit_compare_output output,
                                  void (*figures)(FILE *, const void *), const void *arg,
                                  struct trit_error *error);

/* Energy that the packages and their memory took (RAPL), from the files under root
   (NULL: /sys/class/powercap). open gives NULL where they cannot be read, and why. */
struct trit_energy;
struct trit_energy *trit_energy_open(const char *root, const char **why);
void trit_energy_close(struct trit_energy *energy); /* NULL allowed */
/* Joules since open, wrapping counters allowed for: to be asked at least once a minute. */
double trit_energy_joules(struct trit_energy *energy);

/* Dense products of f32, f16 and bf16 matrices, by the kernels of the output head, to hold the
   ternary ones against; weights cold, all threads of the pool. */
struct trit_dense;
enum trit_code trit_dense_open(struct trit_dense **dense, struct trit_pool *pool,
                               struct trit_error *error);
void trit_dense_close(struct trit_dense *dense); /* NULL allowed */
/* Nanoseconds of one n x k product by a head kernel, the mean of as many as fill `seconds`. */
double trit_dense_time(struct trit_dense *dense, const struct trit_kernel *kernel, size_t n,
                       size_t k, double seconds);
/* Bytes of one weight of a head kernel's packing; 0 where it is not dense floats. */
size_t trit_dense_element(const struct trit_kernel *kernel);

/* compare --precision: one model's shapes by name or from a GGUF file. Prints. */
struct trit_precision {
    const char *model, *file; /* one of them is NULL */
    struct trit_pool *pool;
    double seconds;
};
enum trit_code trit_precision_run(const struct trit_precision *p, enum trit_compare_output output,
                                  struct trit_error *error);

/* compare --e2e: two profiles through a whole model. Prints. */
struct trit_e2e {
    const char *profile[2]; /* paths, or "none" */
    const char *file;       /* NULL: the default model */
    int threads;            /* below 1: one per physical core */
    int i2s;                /* enum trit_i2s: how I2_S weights stand */
    size_t prompt, gen, rounds;
};
enum trit_code trit_e2e_run(const struct trit_e2e *e, enum trit_compare_output output,
                            struct trit_error *error);

#endif

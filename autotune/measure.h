/* Timing of ternary products as a model runs them: a whole matrix, all threads of a pool, weights
   cold, candidates interleaved. Google Benchmark does the repetitions, behind autotune/gbench.h. */
#ifndef TRIT_MEASURE_H
#define TRIT_MEASURE_H

#include "runtime/kernel.h"
#include "runtime/pool.h"

/* One thing to time. */
struct trit_candidate {
    const struct trit_kernel *kernel;
    size_t m, n, k;
    size_t mc, nc; /* as in struct trit_pair */
};

struct trit_timing {
    size_t samples;
    double median_ns, spread_ns; /* of one product; spread: half the interquartile range */
    double low_ns, high_ns;      /* 95 % confidence interval of the median (order statistics) */
};

struct trit_measure; /* weights and activations for one (n, k), packings made as they are asked for
                      */

/* The pool must outlive it. Weights rotate over more than twice the last-level cache. */
enum trit_code trit_measure_open(struct trit_measure **measure, struct trit_pool *pool, size_t n,
                                 size_t k, struct trit_error *error);
void trit_measure_close(struct trit_measure *measure); /* NULL allowed */

/* Compares the kernel with the reference on this very shape (m up to MR + 1, a random block of rows
   with all of K) in a child process; false and why (static) where bits differ or the child died. */
bool trit_measure_verify(struct trit_measure *measure, const struct trit_candidate *candidate,
                         const char **why);

/* Times the candidates against each other: `rounds` samples of each, in random interleaving, each
   at least min_seconds long; timings[i] belongs to candidates[i]. stop (may be NULL) is asked
   between samples; true ends early with what is known. json (may be NULL): a file that gets Google
   Benchmark's JSON of the run appended. */
enum trit_code trit_measure_run(struct trit_measure *measure,
                                const struct trit_candidate *candidates, size_t n, size_t rounds,
                                double min_seconds, bool (*stop)(void *), void *arg,
                                const char *json, struct trit_timing *timings,
                                struct trit_error *error);

#endif

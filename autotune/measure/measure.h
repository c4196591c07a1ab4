/* Timing of matrix products as a model runs them: a whole matrix, all threads of a pool, weights
   cold, candidates interleaved. Google Benchmark does the repetitions (autotune/measure/gbench.h).
 */
#ifndef TRIT_MEASURE_H
#define TRIT_MEASURE_H

#include "autotune/measure/gbench.h"
#include "runtime/kernel.h"
#include "runtime/thread/pool.h"

/* One thing to time. */
struct trit_trial {
    const struct trit_kernel *kernel; /* gemv or gemm, of a packing of runtime/kernel/pack.h */
    size_t m;                         /* tokens */
    size_t mc, nc;                    /* as in struct trit_pair */
};

struct trit_timing {
    size_t samples;              /* 0: it was not timed, the rest is 0 */
    double median_ns, spread_ns; /* of one product; spread: half the interquartile range */
    double low_ns, high_ns; /* 95 % confidence interval of the median (order statistics); the least
                               and the most seen where there are fewer than six samples */
};

/* Weights and activations for one n x k matrix; packed weights are made as they are asked for and
   kept. */
struct trit_measure;

/* Bytes of cache that timing counts with: of all last-level caches that this process reaches, but
   no more than a 128th of the machine's memory. A virtual machine tells the caches of its host, of
   which it has a share as it has of the memory. */
size_t trit_measure_caches(void);

/* The pool must outlive it. The packed weights of each (packing, NR) rotate over more than twice
   the caches: that much is taken for each, and half of the available memory for all that compete
   where that is less. */
enum trit_code trit_measure_open(struct trit_measure **measure, struct trit_pool *pool, size_t n,
                                 size_t k, struct trit_error *error);
void trit_measure_close(struct trit_measure *measure); /* NULL allowed */
/* Weights made from now on rotate over that much instead: enough where samples are short and many
   packings compete, so that each finds its weights pushed out by the others. */
void trit_measure_rotate(struct trit_measure *measure, size_t bytes);
/* From now on with this pool. */
void trit_measure_pool(struct trit_measure *measure, struct trit_pool *pool);

/* Whether the kernel can be measured here at all: operation, packing (K is a multiple of its
   group), shape, ISA. */
bool trit_measure_fits(const struct trit_measure *measure, const struct trit_kernel *kernel);

/* Bytes that timing the candidates takes beside what was made already. */
uint64_t trit_measure_need(const struct trit_measure *measure, const struct trit_trial *candidates,
                           size_t n);
/* Makes the weights that a kernel reads, so that timing it begins at once. TRIT_EMEMORY where they
   do not fit the memory that there is. */
enum trit_code trit_measure_prepare(struct trit_measure *measure, const struct trit_kernel *kernel,
                                    struct trit_error *error);
/* So many seconds, at least 1, may the verification of one kernel take from now on. At first: 20.
 */
void trit_measure_limit(struct trit_measure *measure, unsigned seconds);

/* Compares kernels with the reference on this very shape (MR + 1 tokens, a random block of rows and
   the last ones, all of K) in a child process. whys[i] is NULL where the bits agreed, else a static
   text. */
void trit_measure_verify(struct trit_measure *measure, const struct trit_kernel *const *kernels,
                         size_t n, const char **whys);

/* n samples of each candidate, each at least min_seconds long. stop (may be NULL) is asked between
   products; true ends early with what is known. log may be NULL. */
struct trit_rounds {
    size_t n;
    double min_seconds;
    bool (*stop)(void *arg);
    void *stop_arg;
    struct trit_gbench_log *log;
};

/* Times n candidates against each other, in random interleaving; timings[i] belongs to
   candidates[i]. TRIT_EMEMORY, before anything is made, where weights, tokens and outputs do not
   fit the memory that there is. */
enum trit_code trit_measure_run(struct trit_measure *measure, const struct trit_trial *candidates,
                                size_t n, const struct trit_rounds *rounds,
                                struct trit_timing *timings, struct trit_error *error);

#endif

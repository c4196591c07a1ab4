/* One kernel run by all threads of a pool at once, for a while: how much they did. And series of
   such samples, with their middle and their spread. */
#ifndef TRIT_LIMITS_SAMPLE_H
#define TRIT_LIMITS_SAMPLE_H

#include "runtime/kernel.h"
#include "runtime/thread/pool.h"

/* A ring of the last samples. */
enum { TRIT_SERIES_KEPT = 256 };
struct trit_series {
    double value[TRIT_SERIES_KEPT];
    size_t taken;
};
void trit_series_add(struct trit_series *series, double value);
size_t trit_series_kept(const struct trit_series *series);
/* Median, and half the interquartile range, of those kept; 0 without samples. */
double trit_series_median(const struct trit_series *series);
double trit_series_spread(const struct trit_series *series);

struct trit_sampler;

/* Takes a buffer of four times the caches (trit_measure_caches; 256 MB at least), in equal slices
   of which each is touched first by the thread that will read it. The pool must outlive it. */
enum trit_code trit_sampler_open(struct trit_sampler **sampler, struct trit_pool *pool,
                                 struct trit_error *error);
void trit_sampler_close(struct trit_sampler *sampler);         /* NULL allowed */
size_t trit_sampler_slice(const struct trit_sampler *sampler); /* bytes of each thread */

/* What all threads together did with a read or peak kernel, in 10^9 bytes or multiply-adds per
   second. They begin together, run a millisecond or more uncounted (caches fill, clocks settle),
   then `seconds` counted. Reading, each goes round its first `bytes` (at least 1024; rounded down
   to what the kernel takes), or round its whole slice, where the last sample ended, if bytes is 0.
   No region may be running on the pool. */
double trit_sampler_run(struct trit_sampler *sampler, const struct trit_kernel *kernel,
                        size_t bytes, double seconds);

/* The kernel of the operation that does most here, of one ISA, or of all where isa is TRIT_NISA;
   NULL where none may run. A few milliseconds for each. */
const struct trit_kernel *trit_sampler_fastest(struct trit_sampler *sampler, enum trit_op op,
                                               enum trit_isa isa, size_t bytes);

#endif

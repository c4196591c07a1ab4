/* What the machine can do at most, measured: read bandwidth of DRAM and int8 multiply-adds, by all
   threads of a pool together. Samples are short, so that they can be taken between the repetitions
   of a benchmark: a speed is only worth comparing with limits of the same minutes. */
#ifndef TRIT_LIMITS_H
#define TRIT_LIMITS_H

#include "runtime/base/error.h"
#include "runtime/thread/pool.h"

struct trit_limits;

/* Takes a buffer of four times all L3 caches (256 MB at least, a quarter of the machine's memory at
   most; peak resident memory grows by that until close), and picks the fastest read and peak
   kernels among the usable ISAs: about 0.1 s. The pool must outlive it. */
enum trit_code trit_limits_open(struct trit_limits **limits, struct trit_pool *pool,
                                struct trit_error *error);
void trit_limits_close(struct trit_limits *limits); /* NULL allowed */

/* One sample, about 5 ms, and what it gave; no region may be running on the pool. */
double trit_limits_sample_read(struct trit_limits *limits); /* 10^9 bytes/s */
double trit_limits_sample_peak(struct trit_limits *limits); /* 10^9 multiply-adds/s */

/* Medians of the samples so far (of the last 256), and half their interquartile ranges; 0 where
   there are no samples. */
double trit_limits_read_gbs(const struct trit_limits *limits); /* 10^9 bytes/s */
double trit_limits_read_spread(const struct trit_limits *limits);
double trit_limits_peak_gmacs(const struct trit_limits *limits); /* 10^9 multiply-adds/s */
double trit_limits_peak_spread(const struct trit_limits *limits);

struct trit_limits_summary {
    double read_gbs, read_spread, peak_gmacs, peak_spread;
};

/* Opens, takes 21 samples of each in turns, closes: about half a second. */
enum trit_code trit_limits_measure(struct trit_pool *pool, struct trit_limits_summary *summary,
                                   struct trit_error *error);

#endif

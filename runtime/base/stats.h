/* Order statistics of a few measurements. */
#ifndef TRIT_CLI_STATS_H
#define TRIT_CLI_STATS_H

#include <stddef.h>

/* Ascending; no NaN. */
void trit_sort(double *x, size_t n);

/* The value that `share` (0 .. 1) of n >= 1 sorted ones do not exceed, interpolated. */
double trit_quantile(const double *sorted, size_t n, double share);

#endif

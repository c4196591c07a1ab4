/* The median of a few measurements, and how far it can be trusted. */
#include <math.h>
#include <stdlib.h>

#include "autotune/compare/internal.h"
#include "runtime/base/stats.h"

/* How many values may be left out at each end: the most r for which fewer than r + 1 of n values
   fall below the median with a chance of at most 2.5 %. -1 where not even one value does. */
static int left_out(size_t n)
{
    double chance = pow(0.5, (double)n), sum = chance;
    int r = -1;
    for (size_t i = 0; sum <= 0.025 && i < n; i++) {
        r = (int)i;
        chance *= (double)(n - i) / (double)(i + 1);
        sum += chance;
    }
    return r;
}

struct trit_estimate trit_estimate_median(double *x, size_t n)
{
    trit_sort(x, n);
    int out = left_out(n);
    double median = n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
    if (out < 0)
        return (struct trit_estimate){ median, NAN, NAN };
    return (struct trit_estimate){ median, x[out], x[n - 1 - (size_t)out] };
}

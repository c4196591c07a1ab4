/* Masters made ternary by the mean of their magnitudes: CONVENTIONS.md, "absmean". For who reads
   masters and who trains them, bit for bit. */
#ifndef TRIT_ABSMEAN_H
#define TRIT_ABSMEAN_H

#include <math.h>
#include <stddef.h>

/* Running sums of a row's magnitudes: n more of its elements, a multiple of 8 but at its end. */
static inline void trit_absmean_add(double p[8], const float *x, size_t n)
{
    for (size_t i = 0; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++)
            p[j] += (double)fabsf(x[i + j]);
    for (size_t i = n - n % 8; i < n; i++)
        p[i % 8] += (double)fabsf(x[i]);
}

static inline double trit_absmean_sum(const double p[8])
{
    return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));
}

/* Of n magnitudes whose sum this is: their mean, at least 1e-5. */
static inline float trit_absmean(double sum, double n)
{
    const float mean = (float)(sum / n);
    return mean > 1e-5f ? mean : 1e-5f;
}

/* -1, 0 or 1: half to even, whatever the rounding mode says: |x| < 2^22 once it is clamped. */
static inline float trit_absmean_trit(float x)
{
    const float clamped = x < -1 ? -1 : x > 1 ? 1 : x;
    return (clamped + 12582912.0f) - 12582912.0f;
}

#endif

/* Elementary functions whose results do not depend on the CPU: only IEEE + - * / inside. */
#ifndef TRIT_MATH_H
#define TRIT_MATH_H

#include <stdint.h>

#include "runtime/base/half.h"

/* exp of CONVENTIONS.md ("Numbers"), the scalar twin of the kernels' one. */
static inline float trit_expf(float x)
{
    static const float c[] = { 1.0f,           1.0f,           0.5f,          1.66666672e-1f,
                               4.16666679e-2f, 8.33333377e-3f, 1.38888892e-3f };
    x = x > -87.0f ? x : -87.0f;
    x = x < 88.0f ? x : 88.0f;
    float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    float p = c[6];
    for (int i = 5; i >= 0; i--)
        p = p * r + c[i];
    return trit_bits_f32(trit_f32_bits(p) + ((uint32_t)(int32_t)n << 23));
}

/* binary64, error below 4 ulp for |x| < 1e6 (sin, cos) and normal results (exp, log). A NaN gives
 * NaN. */
double trit_exp(double x);
double trit_log(double x); /* 0 gives -infinity, x < 0 NaN */
/* From |x| = 1e6 on accuracy fades; from 2^30 on both are NaN. */
void trit_sincos(double x, double *sine, double *cosine);

#endif

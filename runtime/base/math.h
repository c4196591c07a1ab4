/* Elementary functions whose results do not depend on the CPU: only IEEE + - * / inside. */
#ifndef TRIT_MATH_H
#define TRIT_MATH_H

/* exp of CONVENTIONS.md ("Numbers"), the scalar twin of the kernels' one. */
float trit_expf(float x);

/* binary64, error below 4 ulp for |x| < 1e6 (sin, cos) and normal results (exp, log). A NaN gives
 * NaN. */
double trit_exp(double x);
double trit_log(double x); /* 0 gives -infinity, x < 0 NaN */
/* From |x| = 1e6 on accuracy fades; from 2^30 on both are NaN. */
void trit_sincos(double x, double *sine, double *cosine);

#endif

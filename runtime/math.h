/* Elementary functions whose results do not depend on the CPU: only IEEE + - * / and square root inside. */
#ifndef TRIT_MATH_H
#define TRIT_MATH_H

/* exp of CONVENTIONS.md ("Numbers"), the scalar twin of the kernels' one. */
float trit_expf(float x);

/* binary64, error below 4 ulp for |x| < 1e6 (sin, cos) and normal results (exp, log). */
double trit_exp(double x);
double trit_log(double x); /* x > 0 */
void trit_sincos(double x, double *sine, double *cosine);

#endif

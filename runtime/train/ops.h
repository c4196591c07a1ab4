/* What happens to one row of numbers, forward and back. Definitions: CONVENTIONS.md, "Numbers" and
   "Training". `back` functions take the gradient of what the forward one gave. */
#ifndef TRIT_TRAIN_OPS_H
#define TRIT_TRAIN_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/train/real.h"

/* y = x * r * w with r = 1 / sqrt(mean of squares + eps), which is returned. y may be x. */
trit_real trit_train_norm(size_t k, const trit_real *x, const trit_real *w, trit_real eps,
                          trit_real *y);
/* Adds the gradients of x to dx, of w to dw. dx may not be dy. */
struct trit_train_norm_back {
    size_t k;
    const trit_real *x, *w, *dy;
    trit_real r, *dx, *dw;
};
void trit_train_norm_back(const struct trit_train_norm_back *b);

/* xq of x, k inputs, by groups of so many (0: all together), 8 or 4 bits (0: as they are). xq may
   be x. Its gradient is that of x. */
struct trit_train_inputs {
    size_t group;
    unsigned bits;
};
void trit_train_quantise_inputs(const struct trit_train_inputs *how, size_t k, const trit_real *x,
                                trit_real *xq);

/* x turned in place by blocks of so many, a power of two that divides k; its own inverse and
   transpose. */
void trit_train_rotate(size_t k, size_t block, trit_real *x);

/* f = relu(g)^2 * u, or silu(g) * u; back: dg and du, which may be in place of df. */
enum trit_train_gate { TRIT_TRAIN_RELU2, TRIT_TRAIN_SILU };
void trit_train_gate(enum trit_train_gate gate, size_t n, const trit_real *g, const trit_real *u,
                     trit_real *f);
struct trit_train_gate_back {
    size_t n;
    const trit_real *g, *u, *df;
    trit_real *dg, *du;
};
void trit_train_gate_back(enum trit_train_gate gate, const struct trit_train_gate_back *b);

/* Pairs (i, i + n/2) of a head of n elements by the angles of one position, n/2 each; back: by the
   opposite ones. In place. */
void trit_train_rope(size_t n, const trit_real *cosine, const trit_real *sine, bool back,
                     trit_real *x);

/* x becomes exp(x - max) / sum; returns ln(sum) + max. n >= 1. */
trit_real trit_train_softmax(size_t n, trit_real *x);

/* Sums in a fixed order, R16's. */
trit_real trit_train_dot(size_t n, const trit_real *a, const trit_real *b);
double trit_train_squares(size_t n, const trit_real *x);

#endif

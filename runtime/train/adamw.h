/* Updates of masters: AdamW (Loshchilov, Hutter 2019), gradients clipped to a norm, decay of
   matrices and of the embedding alone; and the two-stage schedule of BitNet b1.58 ("The Era of
   1-bit LLMs: Training Tips, Code and FAQ", Microsoft 2024). */
#ifndef TRIT_TRAIN_ADAMW_H
#define TRIT_TRAIN_ADAMW_H

#include "runtime/train/net.h"

#define TRIT_TRAIN_B1  0.9
#define TRIT_TRAIN_B2  0.95
#define TRIT_TRAIN_EPS 1e-8

/* What one update goes by. */
struct trit_train_rate {
    double lr, decay;
    double clip; /* the norm that all gradients together have at most; 0: any */
};

/* m, v: [layout.floats], zeros before the first update; step: 1 for it. g is zero afterwards.
   Returns the norm of the gradients before clipping; where that is not finite nothing has changed.
   Bits do not depend on threads. */
double trit_train_update(struct trit_train_net *net, trit_real *m, trit_real *v, uint64_t step,
                         const struct trit_train_rate *rate);

struct trit_train_schedule {
    uint64_t steps, warmup, second; /* the second stage begins behind so many steps */
    double lr, lr2, decay, clip;    /* peaks of the stages; the decay of the first */
};
/* Of step 1 .. steps: lr * (1 - step / steps), in the second stage lr2 * (1 - step / steps) without
   decay; over the warm-up times step / warmup. */
struct trit_train_rate trit_train_rate_at(const struct trit_train_schedule *s, uint64_t step);

#endif

/* What the passes multiply by instead of the masters: CONVENTIONS.md, "Training". */
#ifndef TRIT_TRAIN_QUANTISE_H
#define TRIT_TRAIN_QUANTISE_H

#include "runtime/thread/pool.h"
#include "runtime/train/real.h"
#include "runtime/train/shape.h"

/* What is done to a tensor's masters in a shape. */
enum trit_train_way {
    TRIT_TRAIN_KEPT,   /* nothing */
    TRIT_TRAIN_WHOLE,  /* one scale for the matrix, which f16 has where inputs have groups */
    TRIT_TRAIN_GROUPED /* one for each TRIT_TRAIN_GROUP columns, which f16 has */
};
enum trit_train_way trit_train_way(const struct trit_train_shape *shape,
                                   const struct trit_train_tensor *t);

/* wq[t->n * t->k] from the masters w of one tensor, which it does not overlap, in pieces whose
   bounds do not depend on the pool: the same bits with any number of threads. Binary64 masters are
   rounded to binary32 before they are quantised. What is KEPT is copied. */
void trit_train_quantise_weights(struct trit_pool *pool, const struct trit_train_shape *shape,
                                 const struct trit_train_tensor *t, const trit_real *w,
                                 trit_real *wq);

#endif

/* How fast the machine can multiply and add in binary32, and how much of that training needs. */
#ifndef TRIT_TRAIN_PEAK_H
#define TRIT_TRAIN_PEAK_H

#include "runtime/thread/pool.h"
#include "runtime/train/shape.h"

/* 10^9 multiplications and additions a second (a fused one is two) by all threads of the pool, the
   best of some samples: 50 ms. */
double trit_train_peak(struct trit_pool *pool);

/* Multiplications and additions that a trained token needs: three products for each weight of a
   matrix and of the head, and attention over half the sequence in the mean. What is computed twice
   to save memory does not count. */
double trit_train_work(const struct trit_train_shape *shape);

#endif

/* The feed-forward half where zeros are skipped: Wup's rows only where the gate is open, Wdown's
   columns only where the int8 input is not 0. Private to the model. */
#ifndef TRIT_FFN_SKIP_H
#define TRIT_FFN_SKIP_H

#include "runtime/product.h"

/* Finds the share of open gates above which all rows of Wup are read: on the model's own matrices,
   with all threads. */
void trit_skip_measure(struct trit_model *model);

/* up[from .. to-1] of all tokens from gate; where it is left at 0 the gate is not open. from is a
   multiple of Wup's NR. */
void trit_skip_up(struct trit_work *work, const struct trit_layer *layer, size_t from, size_t to,
                  int thread);

/* x = x + Wdown a. */
void trit_skip_down(struct trit_work *work, const struct trit_layer *layer);

/* Enters what trit_skip_up did in all threads into the work's counts. */
void trit_skip_count_up(struct trit_work *work, const struct trit_layer *layer);

#endif

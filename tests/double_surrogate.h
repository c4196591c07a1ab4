/* The trainer's quantisers as what their straight-through derivative is that of: each call adds to
   its numbers what the quantiser did when it was recorded, whatever the numbers are. For tests with
   the line `wraps: trit_train_quantise_inputs trit_train_quantise_weights` and one thread, whose
   calls come in the same order each time. */
#ifndef TRIT_DOUBLE_SURROGATE_H
#define TRIT_DOUBLE_SURROGATE_H

/* From now on calls are the quantiser's own, and kept in the place of those kept before. What they
   give is held to CONVENTIONS.md, "Training", bit for bit. */
void trit_surrogate_record(void);
/* From now on calls are the recorded ones, from the first. */
void trit_surrogate_replay(void);
void trit_surrogate_free(void);

#endif

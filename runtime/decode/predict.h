/* Drafts by a model's prediction block (runtime/model/model.h): the block follows a sequence, so
   that it can say what comes after a token that was just chosen. How many tokens it drafts follows
   from how many were right and from what they cost. */
#ifndef TRIT_PREDICT_H
#define TRIT_PREDICT_H

#include "runtime/model/model.h"

struct trit_predict;

/* For a sequence of at most `context` tokens, evaluated at most `chunk` at a time; drafts of at
   most `most` <= TRIT_DRAFTS tokens, or always of as many (fixed). A model without a block is
   TRIT_EARGUMENT. */
struct trit_predict_sizes {
    size_t context, chunk, most;
    bool fixed;
};
enum trit_code trit_predict_create(struct trit_predict **predict, struct trit_model *model,
                                   const struct trit_predict_sizes *sizes,
                                   struct trit_error *error);
void trit_predict_free(struct trit_predict *predict); /* NULL allowed */

/* Where the normed states of the tokens that are evaluated next go, at most `chunk`. */
float *trit_predict_states(struct trit_predict *predict);
/* They were evaluated, and the first n of them stand. */
enum trit_code trit_predict_tell(struct trit_predict *predict, const int32_t *tokens, size_t n,
                                 struct trit_error *error);

/* What may follow `token`, which is not evaluated yet: *n tokens, at most `limit`, to draft; 0
   where none is worth it. */
enum trit_code trit_predict_draft(struct trit_predict *predict, int32_t token, size_t limit,
                                  int32_t *draft, size_t *n, struct trit_error *error);
/* What the block's passes cost so far. */
const struct trit_counts *trit_predict_counts(const struct trit_predict *predict);
/* The pass with them took so long, and so many were right. Passes without drafts are told too. */
void trit_predict_learn(struct trit_predict *predict, size_t drafted, size_t right, double seconds);

#endif

/* Guesses how a text goes on: as it did where its last tokens stood before (prompt lookup). A guess
   costs a wider pass of the model and may be wrong; a guess that is right saves a pass. So the
   lookup keeps an account: in the long run it spends no more than a small share of the time on
   guesses that are wrong. It never decides what the text is. */
#ifndef TRIT_LOOKUP_H
#define TRIT_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum { TRIT_LOOKUP_MAX = 64 }; /* tokens of a guess */

struct trit_lookup;

/* Guesses of at most `most` tokens, 1 .. TRIT_LOOKUP_MAX, for a text of at most `length`. */
enum trit_code trit_lookup_create(struct trit_lookup **lookup, size_t most, size_t length,
                                  struct trit_error *error);
void trit_lookup_free(struct trit_lookup *lookup); /* NULL allowed */

/* The text goes on with these tokens; more than `length` are forgotten. */
void trit_lookup_tell(struct trit_lookup *lookup, const int32_t *tokens, size_t n);

/* A guess of at most min(most, limit) tokens to draft; returns how many, 0 where none is worth it.
 */
size_t trit_lookup_guess(struct trit_lookup *lookup, size_t limit, int32_t *draft);

/* A pass with that many guessed tokens took so long, and so many of them were right. Passes without
   a guess are told too: they are the measure. */
void trit_lookup_learn(struct trit_lookup *lookup, size_t guessed, size_t right, double seconds);

#endif

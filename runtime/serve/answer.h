/* Tokens of one choice on their way to text: content, thinking, calls. Private to
   runtime/serve/generate.c. */
#ifndef TRIT_SERVE_ANSWER_H
#define TRIT_SERVE_ANSWER_H

#include "runtime/serve/generate.h"

/* thinking: the prompt ends within it. The choice is freed by trit_choice_free, whatever happened.
 */
enum trit_code trit_choice_begin(struct trit_choice *choice, bool thinking,
                                 struct trit_error *error);
bool trit_choice_token(struct trit_choice *choice, const struct trit_job_token *token);
void trit_choice_end(struct trit_choice *choice);
void trit_choice_free(struct trit_choice *choice);

#endif

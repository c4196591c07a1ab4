/* What an ask gives the scheduler: prompts as tokens, and the grammar of answers. Private to
   runtime/serve/generate.c. */
#ifndef TRIT_SERVE_PROMPT_H
#define TRIT_SERVE_PROMPT_H

#include "runtime/serve/generate.h"

struct trit_prompt {
    int32_t *ids;
    size_t n;
    size_t *turns, nturns;
    bool thinking; /* the answer begins within its thinking */
};
void trit_prompt_free(struct trit_prompt *prompt);

/* Whose template and forms of answers: the ask's own, or the model's. */
const struct trit_chat *trit_ask_chat(const struct trit_ask *ask, const struct trit_served *served);
/* What the request leaves open is the model's Modelfile's, then the defaults. */
void trit_ask_complete(struct trit_ask *ask, const struct trit_served *served);
/* free() *prompts after each was freed. *param: the parameter that is wrong, where it is known. */
enum trit_code trit_prompts_make(const struct trit_ask *ask, const struct trit_served *served,
                                 struct trit_prompt **prompts, size_t *n, const char **param,
                                 struct trit_error *error);
/* NULL: any answer. */
enum trit_code trit_prompt_grammar(const struct trit_ask *ask, const struct trit_served *served,
                                   const struct trit_prompt *prompt, struct trit_grammar **grammar,
                                   const char **param, struct trit_error *error);

#endif

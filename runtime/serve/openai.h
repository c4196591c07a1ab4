/* OpenAI's requests, read; and answers, written. Private to runtime/serve. */
#ifndef TRIT_OPENAI_H
#define TRIT_OPENAI_H

#include "runtime/serve/generate.h"

/* What is asked by the body of /v1/chat/completions, /v1/completions. *ask is freed by
   trit_ask_free, whatever happened; *param: what is wrong. */
enum trit_code trit_openai_chat(json_t *body, struct trit_ask **ask, const char **param,
                                struct trit_error *error);
enum trit_code trit_openai_completion(json_t *body, struct trit_ask **ask, const char **param,
                                      struct trit_error *error);

extern const struct trit_writer trit_openai_chat_whole, trit_openai_chat_stream,
    trit_openai_completion_whole, trit_openai_completion_stream;

/* What both have: usage and timings; NULL: no memory. */
json_t *trit_openai_usage(const struct trit_generation *generation);
json_t *trit_openai_timings(const struct trit_generation *generation);
/* The log-probabilities of tokens from that one on, before `end`; a new reference. */
json_t *trit_openai_logprobs(const struct trit_choice *choice, size_t first, size_t end);
/* How many tokens of the choice stand in the text that was told. */
size_t trit_openai_told(const struct trit_choice *choice);
json_t *trit_openai_completion_logprobs(const struct trit_choice *choice, size_t first, size_t end);
void trit_openai_fail(struct trit_generation *generation, unsigned status, const char *param,
                      const char *message);

#endif

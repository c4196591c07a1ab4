/* Private to `tritmill run`: what was asked, what happened, and how it is told. */
#ifndef TRIT_CMD_RUN_H
#define TRIT_CMD_RUN_H

#include "runtime/cli.h"
#include "runtime/cli_engine.h"
#include "runtime/decode.h"
#include "runtime/sampler.h"

enum trit_run_output { TRIT_RUN_TEXT, TRIT_RUN_JSON };

struct trit_run_options {
    const char *model, *prompt, *file, *profile;
    int predict, context, threads, chunk, output, lookup, sparse, kv;
    uint64_t seed; /* UINT64_MAX: to be drawn */
    int top_k, repeat_last_n;
    double temperature, top_p, min_p, repeat_penalty;
    bool escape, no_escape, no_special, no_display_prompt, ignore_eos, quiet;
};

enum trit_run_stop {
    TRIT_RUN_ON, /* nothing stops it */
    TRIT_RUN_LENGTH,
    TRIT_RUN_END,
    TRIT_RUN_CONTEXT,
    TRIT_RUN_INTERRUPT,
    TRIT_RUN_CLOSED,
};

struct trit_run_result {
    const char *model;
    const struct trit_tokenizer *tokenizer;
    int threads;
    uint64_t seed;
    struct trit_text prompt;
    const int32_t *tokens;            /* the continuation, without the end token */
    size_t nprompt, ntokens, decoded; /* tokens; decoded: chosen after the first */
    const struct trit_decoded *passes;
    size_t context, trained; /* of this run, of the model */
    enum trit_run_stop stop;
    double load, prefill, decode, total; /* seconds */
};

void trit_run_summary(const struct trit_run_result *result);
/* One JSON object on stdout. */
enum trit_code trit_run_json(const struct trit_run_result *result, struct trit_error *error);

#endif

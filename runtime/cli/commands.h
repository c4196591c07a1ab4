/* The subcommands; each lives in the folder whose work it does. */
#ifndef TRIT_COMMANDS_H
#define TRIT_COMMANDS_H

#include "runtime/cli/cli.h"

/* A line each, in the order of the help. */
/* clang-format off */
#define TRIT_COMMANDS(ROW) \
    ROW(run) \
    ROW(chat) \
    ROW(serve) \
    ROW(bench) \
    ROW(estimate) \
    ROW(inspect) \
    ROW(tokenize) \
    ROW(perplexity) \
    ROW(eval) \
    ROW(embed) \
    ROW(cpu) \
    ROW(check) \
    ROW(compare) \
    ROW(profile) \
    ROW(synth) \
    ROW(generate) \
    ROW(tune) \
    ROW(train) \
    ROW(train_tokenizer) \
    ROW(convert) \
    ROW(pack) \
    ROW(pull) \
    ROW(list) \
    ROW(create) \
    ROW(rm)
/* clang-format on */

#define TRIT_DECLARE(name) extern const struct trit_command trit_cmd_##name;
TRIT_COMMANDS(TRIT_DECLARE)
#undef TRIT_DECLARE

#endif

/* The options of commands that draw tokens: their rows, defaults, and what they come to. */
#ifndef TRIT_CLI_SAMPLING_H
#define TRIT_CLI_SAMPLING_H

#include <stdint.h>

#include "runtime/cli/cli.h"
#include "runtime/decode/sampler.h"

/* What is not given is INT_MIN, NAN, or UINT64_MAX for a seed that is drawn. */
struct trit_cli_sampling {
    uint64_t seed;
    int top_k, repeat_last_n;
    double temperature, top_p, min_p, repeat_penalty;
};

/* Nothing is given. */
struct trit_cli_sampling trit_cli_sampling_none(void);

/* Rows of a command's table; AT(member) is the offset of that member of its sampling. */
/* clang-format off */
#define TRIT_SAMPLING_OPTIONS(AT) \
    { "-s,--seed", TRIT_OPT_U64, AT(seed), "N", \
      "seed of the draws (default: random; printed at the end)", 0, 0, NULL }, \
    { "--temp;--temperature", TRIT_OPT_FLOAT, AT(temperature), "T", \
      "temperature (default: this and the next five as the model's file advises, else 0.8; 0: " \
      "always the most likely token)", -1e6, 1e6, NULL }, \
    { "--top-k", TRIT_OPT_INT, AT(top_k), "N", \
      "draw among the N most likely tokens (default 40; 0: all)", -1, 1e9, NULL }, \
    { "--top-p", TRIT_OPT_FLOAT, AT(top_p), "P", \
      "draw among the most likely tokens that sum to P (default 0.95; 1: all)", 0, 1e6, NULL }, \
    { "--min-p", TRIT_OPT_FLOAT, AT(min_p), "P", \
      "leave out tokens below P times the most likely one (default 0.05; 0: none)", 0, 1, NULL }, \
    { "--repeat-penalty", TRIT_OPT_FLOAT, AT(repeat_penalty), "X", \
      "divide the score of recent tokens by X (default 1: off)", 1e-3, 1e3, NULL }, \
    { "--repeat-last-n", TRIT_OPT_INT, AT(repeat_last_n), "N", \
      "how many tokens count as recent (default 64; -1: all)", -1, 1e9, NULL }
/* clang-format on */

/* The model's defaults for what was not given (runtime/decode/defaults.h); a seed is drawn. */
struct trit_sampling trit_cli_sampling(const struct trit_cli_sampling *options,
                                       const struct trit_sampling *usual);

#endif

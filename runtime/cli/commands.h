/* The subcommands; each lives in the folder whose work it does. */
#ifndef TRIT_COMMANDS_H
#define TRIT_COMMANDS_H

#include "runtime/cli/cli.h"

extern const struct trit_command trit_cmd_run, trit_cmd_bench, trit_cmd_inspect, trit_cmd_tokenize,
    trit_cmd_perplexity, trit_cmd_cpu, trit_cmd_check, trit_cmd_compare, trit_cmd_profile,
    trit_cmd_synth, trit_cmd_generate, trit_cmd_tune, trit_cmd_pack;

#endif

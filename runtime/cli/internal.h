/* What the files of the command line share. */
#ifndef TRIT_CLI_INTERNAL_H
#define TRIT_CLI_INTERNAL_H

#include "runtime/cli/cli.h"

/* The option with the name word[0 .. n-1], NULL: none. */
const struct trit_option *trit_option_find(const struct trit_command *command, const char *word,
                                           size_t n);

/* Whether the command's rules hold; given[i]: option i was given. False after one line on stderr.
 */
bool trit_rules_hold(const struct trit_command *command, const void *values, const bool *given);

#endif

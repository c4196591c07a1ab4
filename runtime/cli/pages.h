/* What is made of the tables of options besides the parser and the help: manual pages, and
   completions for shells. The build runs the program to write the files that are installed
   (runtime/cli/pages.cmake). */
#ifndef TRIT_PAGES_H
#define TRIT_PAGES_H

#include "runtime/cli/cli.h"

struct trit_commands {
    const struct trit_command *const *list;
    size_t n;
    const char *overview; /* lines about the program as a whole, under the list of commands */
};

/* `tritmill help --man [COMMAND]`: a page for man(1), of section 1; command NULL: the program's. */
void trit_man(const struct trit_commands *all, const struct trit_command *command, FILE *to);

/* `tritmill help --completion SHELL`: a script for bash, zsh or fish; false: another shell. */
bool trit_completion(const struct trit_commands *all, const char *shell, FILE *to);

#endif

/* Private to the generator: Lua runs in a child process with a limit on CPU time. */
#ifndef TRIT_GENERATE_CHILD_H
#define TRIT_GENERATE_CHILD_H

#include <stdbool.h>
#include <stdio.h>

#include "runtime/base/error.h"

enum { TRIT_DOING = 4096 };

/* Writes its findings to `to`, and true; or a message, and false. */
typedef bool trit_child_fn(void *arg, FILE *to, char *doing);

/* Called in the child where it begins with something new: that is named if it has to be killed, and
   has a time limit of its own. doing: as work got it. */
void trit_generate_doing(char *doing, const char *name);

/* Runs work in a child; *text gets its findings, to free(), with a 0 after them. */
enum trit_code trit_generate_apart(trit_child_fn *work, void *arg, char **text, size_t *bytes,
                                   struct trit_error *error);

#endif

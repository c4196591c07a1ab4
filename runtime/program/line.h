/* Messages as a person types them: edited on a terminal, with a history, or read from a pipe. */
#ifndef TRIT_PROGRAM_LINE_H
#define TRIT_PROGRAM_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/error.h"

enum trit_line {
    TRIT_LINE,       /* a message */
    TRIT_LINE_AGAIN, /* it was taken back (Ctrl-C) */
    TRIT_LINE_END,   /* there are no more */
};

struct trit_lines;
/* From stdin; on a terminal with the history of last time, which is kept where there is a place for
   it. commands: words that a line may begin with, which TAB completes, NULL at the end. */
enum trit_code trit_lines_open(struct trit_lines **lines, const char *const *commands,
                               struct trit_error *error);
bool trit_lines_terminal(const struct trit_lines *lines);
/* The next message, without the newline at its end; it belongs to lines until the next one. A line
   that ends in a backslash goes on in the next; lines from one that begins with three quotes to one
   that ends with them are one message. A line with a NUL is TRIT_EARGUMENT. */
enum trit_code trit_lines_next(struct trit_lines *lines, enum trit_line *what, const char **text,
                               size_t *bytes, struct trit_error *error);
void trit_lines_close(struct trit_lines *lines); /* keeps the history; NULL allowed */

#endif

/* What the files of `chat` share. */
#ifndef TRIT_PROGRAM_CHAT_H
#define TRIT_PROGRAM_CHAT_H

#include "runtime/program/line.h"
#include "runtime/program/talk.h"

struct trit_chatting {
    struct trit_talk talk;
    struct trit_lines *lines;
    bool terminal;     /* somebody types and reads */
    bool dimmed;       /* what is shown is thinking */
    bool quit, failed; /* failed: without a terminal, where nobody can try again */
};

/* Asks for an answer and shows it; an error is told. */
void trit_chat_answer(struct trit_chatting *chat);
void trit_chat_stats(const struct trit_chatting *chat); /* of the last answer, on stderr */

/* A line that begins with '/'. */
void trit_chat_command(struct trit_chatting *chat, const char *line);
const char *const *trit_chat_commands(void); /* "/help", ..., NULL at the end */

#endif

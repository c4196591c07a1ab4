/* What the files of chat.h share. */
#ifndef TRIT_CHAT_PARTS_H
#define TRIT_CHAT_PARTS_H

#include "runtime/chat/chat.h"
#include "runtime/chat/jinja.h"

struct trit_chat {
    struct trit_chat_traits traits;
    struct trit_jinja *jinja;
    char *source, *why;
    json_t *bos, *eos; /* strings, empty where the model has none */
};

/* A copy of the messages as templates expect them: content a string, arguments of calls an object
   where they are one, developer a system. TRIT_EARGUMENT names what is no message. */
enum trit_code trit_chat_messages(const json_t *messages, json_t **copy, struct trit_error *error);

/* trit_chat_render with a limit of its own. */
enum trit_code trit_chat_render_steps(const struct trit_chat *chat, const struct trit_chat_ask *ask,
                                      size_t steps, struct trit_chat_prompt *prompt,
                                      struct trit_error *error);

#endif

/* Templates that are built in, and which model gets which where its file has none that serves. */
#ifndef TRIT_CHAT_BUILTIN_H
#define TRIT_CHAT_BUILTIN_H

#include "runtime/format/gguf.h"

struct trit_chat_builtin {
    const char *name, *aliases; /* words with a blank between */
    const char *source;
};
const struct trit_chat_builtin *trit_chat_builtin(const char *name); /* NULL: there is none */
/* Of the model's architecture and tokens; *why says by what it was chosen. */
const struct trit_chat_builtin *trit_chat_family(const struct trit_gguf *gguf, const char **why);

#endif

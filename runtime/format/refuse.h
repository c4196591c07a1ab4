/* Files that are well formed, but of whose weights something else would be made than they mean. */
#ifndef TRIT_REFUSE_H
#define TRIT_REFUSE_H

#include "runtime/format/gguf.h"

/* TRIT_EUNSUPPORTED where a key or a tensor's type shows such a file, naming it, and what to use
   instead. */
enum trit_code trit_gguf_refuse(const struct trit_gguf *gguf, struct trit_error *error);

#endif

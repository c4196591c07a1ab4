/* What tells one model file from another, without reading all of it. */
#ifndef TRIT_GGUF_DIGEST_H
#define TRIT_GGUF_DIGEST_H

#include "runtime/format/gguf.h"

/* XXH3 of keys and tensor table, as they stand, and of some bytes of every tensor; zeros without
   memory. */
void trit_gguf_digest(const struct trit_gguf *gguf, uint64_t out[2]);
enum { TRIT_DIGEST_TEXT = 33 };
void trit_gguf_digest_text(const struct trit_gguf *gguf, char out[TRIT_DIGEST_TEXT]); /* hex */

#endif

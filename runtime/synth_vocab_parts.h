/* What the vocabulary's own files share: its texts and how they are kept. Private to them. */
#ifndef TRIT_SYNTH_VOCAB_PARTS_H
#define TRIT_SYNTH_VOCAB_PARTS_H

#include "runtime/synth_vocab.h"

/* tokenizer.ggml.token_type, those that are made here. */
enum {
    TRIT_VOCAB_NORMAL = 1,
    TRIT_VOCAB_CONTROL = 3,
    TRIT_VOCAB_USER = 4,
    TRIT_VOCAB_UNUSED = 5,
};

/* An empty vocabulary of `tokens` ids without texts, with room for `merges`; false: no memory.
 * Freed in either case. */
bool trit_vocab_reserve(struct trit_vocab *vocab, size_t tokens, size_t merges);

/* *out = a, between, b, kept as long as the vocabulary; false: no memory. */
bool trit_vocab_join(struct trit_vocab *vocab, struct trit_text a, const char *between,
                     struct trit_text b, struct trit_text *out);

#endif

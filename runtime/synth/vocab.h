/* The vocabulary of a synthetic model: built in, or read from a tokenizer.json. */
#ifndef TRIT_SYNTH_VOCAB_H
#define TRIT_SYNTH_VOCAB_H

#include "runtime/format/gguf.h"

struct trit_vocab {
    size_t n, nmerges;
    struct trit_text *tokens, *merges; /* tokens in the byte-level alphabet; merges "left right" */
    int32_t *types;                    /* as tokenizer.ggml.token_type has them */
    int32_t bos, eos;                  /* -1: none */
    struct trit_vocab_block *blocks;   /* where the texts live, private */
};

enum { TRIT_VOCAB_MAX = 1 << 22 };

/* One token per byte, a few merges of English letters, <|begin_of_text|> and <|end_of_text|>: 274
 * tokens. */
enum trit_code trit_vocab_builtin(struct trit_vocab *vocab, struct trit_error *error);

/* The byte-level BPE of a Hugging Face tokenizer.json: model.vocab, model.merges, added_tokens.
   Whatever a tokenizer could not use later (ids twice or out of range, merges of unknown tokens) is
   TRIT_EFORMAT naming file and place. An id that is not given is left without a text. */
enum trit_code trit_vocab_read(struct trit_vocab *vocab, const char *path,
                               struct trit_error *error);

/* Makes it n >= vocab->n tokens: every id without a text becomes "<|reserved_ID|>", of type unused.
   A text that stands twice is TRIT_EFORMAT. */
enum trit_code trit_vocab_pad(struct trit_vocab *vocab, size_t n, struct trit_error *error);

/* Empty allowed. The functions above leave *vocab empty when they fail. */
void trit_vocab_free(struct trit_vocab *vocab);

#endif

/* The vocabulary of a folder while it is put together of its files. */
#ifndef TRIT_HF_VOCAB_H
#define TRIT_HF_VOCAB_H

#include "runtime/convert/hf.h"

/* tokenizer.ggml.token_type, numbered as in the file; 0: there is no such token yet. SentencePiece
   has the same numbers. */
enum trit_hf_token {
    TRIT_HF_NORMAL = 1,
    TRIT_HF_UNKNOWN,
    TRIT_HF_CONTROL,
    TRIT_HF_USER,
    TRIT_HF_UNUSED,
    TRIT_HF_BYTE,
};

enum { TRIT_HF_BOS, TRIT_HF_EOS, TRIT_HF_EOT, TRIT_HF_EOM, TRIT_HF_PAD, TRIT_HF_UNK, TRIT_HF_IDS };

struct trit_hf_vocab {
    size_t rows; /* of the embedding: ids are 0 .. rows-1 */
    char **tokens;
    float *scores;
    int32_t *types;
    struct trit_text *merges; /* byte-level BPE's, "a b", of malloc */
    size_t nmerges;
    const char *pre;          /* NULL: the vocabulary is SentencePiece's */
    int64_t ids[TRIT_HF_IDS]; /* -1: none */
    bool add_bos, add_eos, space_prefix, trim_spaces;
    char *chat_template; /* NULL: none */
};

struct trit_hf_new {
    int64_t id;
    struct trit_text text; /* is copied */
    enum trit_hf_token type;
    bool over; /* it takes the place of one that is there */
};

/* TRIT_EFORMAT where the id is no row, the text empty, or there is another token of that id. where:
   what has it, for messages. */
enum trit_code trit_hf_token_set(struct trit_hf_vocab *v, const char *where,
                                 const struct trit_hf_new *token, struct trit_error *error);
/* The id of a token's text; -1: none. Slow: it looks at all. */
int64_t trit_hf_token_find(const struct trit_hf_vocab *v, const char *text);

/* A tokenizer.json: hf_tokenizer.c. */
enum trit_code trit_hf_tokenizer_json(struct trit_hf_vocab *v, const json_t *root, const char *path,
                                      struct trit_error *error);
extern const struct trit_json_limits trit_hf_tokenizer_limits;
/* Its pre_tokenizer and normalizer, of byte-level BPE: v->pre; of SentencePiece's kind:
   v->space_prefix. hf_pre.c. */
enum trit_code trit_hf_pre_read(struct trit_hf_vocab *v, const struct trit_json_in *root,
                                bool whole);
enum trit_code trit_hf_spaces_read(struct trit_hf_vocab *v, const struct trit_json_in *root);
/* A tokenizer.model: sentencepiece.c. */
enum trit_code trit_hf_sentencepiece(struct trit_hf_vocab *v, const void *data, size_t bytes,
                                     const char *path, struct trit_error *error);

/* An empty one; trit_hf_vocab_free. */
enum trit_code trit_hf_vocab_create(struct trit_hf_vocab **v, size_t rows, const char *path,
                                    struct trit_error *error);

#endif

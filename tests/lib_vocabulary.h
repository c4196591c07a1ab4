/* A small vocabulary, byte-level or SentencePiece's, as a GGUF in memory; tests change or spoil it
   first. */
#ifndef TRIT_LIB_VOCABULARY_H
#define TRIT_LIB_VOCABULARY_H

#include "runtime/text/tokenizer.h"

enum { TRIT_VOCABULARY_TOKENS = 512, TRIT_VOCABULARY_MERGES = 512, TRIT_VOCABULARY_NAME = 24 };

struct trit_words {
    const char *model, *pre, *arch, *chat; /* NULL: the key is left out */
    struct trit_text tokens[TRIT_VOCABULARY_TOKENS];
    int32_t types[TRIT_VOCABULARY_TOKENS];
    size_t ntokens, ntypes; /* 0 types: the key is left out */
    float scores[TRIT_VOCABULARY_TOKENS];
    size_t nscores; /* 0: the key is left out */
    const char *merges[TRIT_VOCABULARY_MERGES];
    size_t nmerges;
    int64_t bos, eos, eot;              /* -1: the key is left out */
    int add_bos, add_eos, prefix, fold; /* -1: the key is left out */
    const char *omit;                   /* a key that is left out */
    const char *as_bool;                /* a key whose value is a bool instead */
    char alphabet[256][7];              /* the bytes' tokens */
};

/* Token b is the byte b, of type normal; no merges; nothing else. */
void trit_vocabulary_init(struct trit_words *v);
/* The same in SentencePiece's way: token b is <0xXX> of type byte. */
void trit_vocabulary_init_sentence(struct trit_words *v);
/* Appends, with a score of 0 where there are scores; returns the id. The text must live on. */
int32_t trit_vocabulary_add(struct trit_words *v, const char *token, int32_t type);
/* A normal token with a score. */
int32_t trit_vocabulary_score(struct trit_words *v, const char *token, float score);
void trit_vocabulary_merge(struct trit_words *v, const char *merge);
/* The GGUF, free() it. */
uint8_t *trit_vocabulary_write(const struct trit_words *v, size_t *bytes);
/* Writes it, reads it back and loads the tokenizer. */
enum trit_code trit_vocabulary_load(const struct trit_words *v, struct trit_tokenizer **tokenizer,
                                    struct trit_error *error);

#endif

/* What the tokenizer's own files share: the vocabulary in memory, the steps from text to ids. */
#ifndef TRIT_TOKENIZER_PARTS_H
#define TRIT_TOKENIZER_PARTS_H

#include "runtime/base/utf8.h"
#include "runtime/text/tokenizer.h"

enum { TRIT_TOKEN_MAX = 64 << 10 }; /* longest token, bytes */

/* tokenizer.ggml.token_type, numbered as in the file. */
enum trit_token_type {
    TRIT_TOKEN_NORMAL = 1,
    TRIT_TOKEN_UNKNOWN,
    TRIT_TOKEN_CONTROL,
    TRIT_TOKEN_USER,
    TRIT_TOKEN_UNUSED,
    TRIT_TOKEN_BYTE,
};

/* n strings end to end: string i is bytes[at[i] .. at[i + 1]). */
struct trit_strings {
    char *bytes;
    uint32_t *at;
    size_t n, used;
};

static inline struct trit_text trit_string(const struct trit_strings *s, size_t i)
{
    return (struct trit_text){ s->bytes + s->at[i], s->at[i + 1] - s->at[i] };
}

/* Room for count strings of at most bytes together; false: no memory. */
bool trit_strings_create(struct trit_strings *s, size_t count, size_t bytes);
void trit_strings_add(struct trit_strings *s, struct trit_text text);
void trit_strings_free(struct trit_strings *s);

/* From a string to its number: open addressing, at most half full. */
struct trit_index {
    const struct trit_strings *strings;
    uint32_t *slots; /* number + 1, 0: empty */
    size_t mask;
};

bool trit_index_create(struct trit_index *index, const struct trit_strings *strings, size_t count);
/* Adds string i; the number of an equal one that is already there (and stays), else -1. */
int32_t trit_index_add(struct trit_index *index, uint32_t i);
int32_t trit_index_find(const struct trit_index *index, struct trit_text text); /* -1: absent */
void trit_index_free(struct trit_index *index);

/* Merges by rank, and from a pair of ids to the rank. */
struct trit_merge {
    uint32_t left, right, result;
};
struct trit_merges {
    struct trit_merge *list;
    uint32_t *slots; /* rank + 1, 0: empty */
    size_t n, mask;
};
#define TRIT_NO_MERGE UINT32_MAX

bool trit_merges_create(struct trit_merges *m, size_t count);
/* Gives it the next rank; the rank of the same pair if it is already there, else TRIT_NO_MERGE. */
uint32_t trit_merges_add(struct trit_merges *m, struct trit_merge merge);
uint32_t trit_merges_find(const struct trit_merges *m, uint32_t left, uint32_t right);
void trit_merges_free(struct trit_merges *m);

/* Tokens that are found in the raw text, sorted by their bytes. */
struct trit_specials {
    uint32_t *ids;
    size_t n;
    bool first[256]; /* bytes that begin one */
    const uint8_t *types;
};

bool trit_specials_create(struct trit_specials *sp, const struct trit_strings *strings,
                          const uint8_t *types, bool control);
/* The first place in text where one stands, the longest there; its id, or -1 and *at = text.n.
   given: as in trit_tokenizer_encode_marked. */
int32_t trit_specials_find(const struct trit_specials *sp, const struct trit_strings *strings,
                           struct trit_text text, const uint8_t *given, size_t *at);
void trit_specials_free(struct trit_specials *sp);

/* The compiled pre-tokenizer, shared by all threads, and one thread's walk over a text. */
struct trit_splitter;
struct trit_split;

/* The pre-tokenizers; tokenizer.c names them as files do. */
enum trit_split_kind { TRIT_SPLIT_LLAMA3, TRIT_SPLIT_QWEN2, TRIT_SPLIT_QWEN35, TRIT_NSPLITS };

enum trit_code trit_splitter_create(struct trit_splitter **splitter, enum trit_split_kind kind,
                                    struct trit_error *error);
void trit_splitter_free(struct trit_splitter *splitter);
struct trit_split *trit_split_create(const struct trit_splitter *splitter); /* NULL: no memory */
/* *length gets the bytes of the piece that begins at from < text.n, at least 1. text is UTF-8. */
enum trit_code trit_split_next(struct trit_split *split, struct trit_text text, size_t from,
                               size_t *length, struct trit_error *error);
void trit_split_free(struct trit_split *split);

/* Working memory of merging, zeroed before its first use; grows to the longest piece. */
struct trit_bpe_node {
    uint32_t id, prev, next;
};
struct trit_bpe {
    struct trit_bpe_node *nodes;
    uint64_t *heap;
    size_t room, nheap;
};

/* Merges ids[0 .. n) in place, lowest rank first, leftmost first among equals; *left of them
   remain. n < 2^31. O(n log n). False: no memory. */
bool trit_bpe_merge(struct trit_bpe *bpe, const struct trit_merges *merges, int32_t *ids, size_t n,
                    size_t *left);
void trit_bpe_free(struct trit_bpe *bpe);

/* The bytes that a piece spells in the byte-level alphabet, in out (room: piece.n). A character
   outside the alphabet gives s = NULL. */
struct trit_text trit_alphabet_decode(struct trit_text piece, char *out);

struct trit_tokenizer {
    size_t n;
    uint8_t *types;             /* enum trit_token_type */
    bool *ends;                 /* generation stops here */
    struct trit_strings pieces; /* as in the file */
    struct trit_strings bytes;  /* what they stand for */
    struct trit_index words;    /* normal tokens by their bytes */
    int32_t byte_ids[256];
    struct trit_merges merges;
    struct trit_specials specials[2]; /* user-defined; user-defined and control */
    struct trit_splitter *splitter;
    enum trit_split_kind split;
    bool whole; /* a piece that is a token stays one, whatever merging would give */
    int32_t bos;
    bool add_bos;
};

#endif

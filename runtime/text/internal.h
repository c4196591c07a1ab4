/* What the tokenizer's own files share: the vocabulary in memory, the steps from text to ids. */
#ifndef TRIT_TOKENIZER_PARTS_H
#define TRIT_TOKENIZER_PARTS_H

#include "runtime/base/utf8.h"
#include "runtime/text/cut.h"
#include "runtime/text/pre.h"
#include "runtime/text/tokenizer.h"

enum { TRIT_TOKEN_MAX = 64 << 10 }; /* longest token, bytes */

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

/* A symbol: what value means is the rules' business; rank: of the pair that it begins. */
struct trit_bpe_node {
    uint32_t value, prev, next, rank;
};
#define TRIT_NO_NODE UINT32_MAX

/* Working memory of merging, zeroed before its first use; grows to the longest piece. */
struct trit_bpe {
    struct trit_bpe_node *nodes;
    uint64_t *heap;
    size_t room, nheap;
};

/* Which pairs are merged. */
struct trit_bpe_rules {
    const void *context;
    /* Of node i and the next one, which there is; TRIT_NO_MERGE: they are not merged. */
    uint32_t (*rank)(const void *context, const struct trit_bpe *bpe, uint32_t i);
    /* The value of what node i and the next one become, with their rank. */
    uint32_t (*join)(const void *context, const struct trit_bpe *bpe, uint32_t i);
};

/* Room for n < 2^31 symbols, whose values are then set. False: no memory. */
bool trit_bpe_reserve(struct trit_bpe *bpe, size_t n);
/* Merges the n >= 1 symbols, lowest rank first, leftmost first among equals. What remains begins
   with node 0. O(n log n) of rank. */
void trit_bpe_merge(struct trit_bpe *bpe, const struct trit_bpe_rules *rules, size_t n);
void trit_bpe_free(struct trit_bpe *bpe);

/* The bytes that a piece spells in the byte-level alphabet, in out (room: piece.n). A character
   outside the alphabet gives s = NULL. */
struct trit_text trit_alphabet_decode(struct trit_text piece, char *out);

/* --- loading --- */

/* What a load in progress needs beside the tokenizer. */
struct trit_loader {
    struct trit_tokenizer *t;
    const struct trit_gguf *gguf;
    struct trit_error *error;
    struct trit_text *texts; /* tokens, then merges, in the mapping */
    size_t ntexts;
    struct trit_index index; /* every token by its piece */
    char *joined;            /* 2 * TRIT_TOKEN_MAX: what is put together */
};

#define TRIT_KEY(name) "tokenizer.ggml." name

/* How much of a text an error shows. */
static inline int trit_shown(struct trit_text text)
{
    return text.n < 40 ? (int)text.n : 40;
}

/* A fault of element i of key. */
enum trit_code trit_load_bad_item(const struct trit_loader *l, const char *key, size_t i,
                                  struct trit_text text, const char *what);
enum trit_code trit_load_no_memory(const struct trit_loader *l);
/* An optional array beside the tokens must be as long as they are. */
enum trit_code trit_load_beside(const struct trit_loader *l, const char *key,
                                const struct trit_gguf_kv **kv);

/* --- encoding --- */

/* A text on its way to ids. */
struct trit_encoder {
    const struct trit_tokenizer *t;
    const char *text;     /* as given */
    const uint8_t *given; /* of each byte; NULL: none */
    const char *masked;   /* valid UTF-8 of the same length; = text where all of it is */
    struct trit_split *split;
    struct trit_bpe bpe;
    char *section; /* SentencePiece: what lies between special tokens, as tokens spell it */
    size_t section_room;
    int32_t *ids;
    size_t n, room;
    struct trit_error *error;
};

/* Room for more ids; false: no memory. */
bool trit_encoder_reserve(struct trit_encoder *e, size_t more);
enum trit_code trit_encoder_no_memory(const struct trit_encoder *e, size_t bytes);

/* --- the tokenizer --- */

/* What tokenizer.ggml.model names. */
struct trit_token_model {
    const char *name;
    bool add_bos; /* where neither the file nor its pre-tokenizer says */
    /* The bytes that token i stands for, in room for piece.n; s = NULL: there are none, and *fault
       says why. */
    struct trit_text (*spell)(struct trit_loader *l, uint32_t i, const char **fault);
    /* After the tokens: what else there is, and whether any text can be encoded. */
    enum trit_code (*finish)(struct trit_loader *l);
    /* The ids of the text from .. to, to > from, in which there is no special token. */
    enum trit_code (*encode)(struct trit_encoder *e, size_t from, size_t to);
};
extern const struct trit_token_model trit_byte_level, trit_sentence_piece;

struct trit_tokenizer {
    const struct trit_token_model *model;
    size_t n;
    uint8_t *types;                   /* enum trit_token_type */
    bool *ends;                       /* generation stops here */
    struct trit_strings pieces;       /* as in the file */
    struct trit_strings bytes;        /* what they stand for */
    struct trit_index words;          /* normal tokens by their bytes */
    int32_t byte_ids[256];            /* -1: none */
    struct trit_specials specials[2]; /* user-defined; user-defined, control and unknown */
    int32_t bos, eos, unknown;
    bool add_bos, add_eos;

    /* byte-level */
    const struct trit_pre *pre;
    struct trit_splitter *splitter;
    struct trit_merges merges;

    /* SentencePiece */
    uint32_t *ranks;   /* of tokens: the higher a score, the lower */
    size_t longest;    /* bytes of a normal token */
    bool prefix;       /* a text, and each part of it after a special token, begins with a space */
    bool crossed[256]; /* bytes that stand before a space in a token: after others text is cut */
};

#endif

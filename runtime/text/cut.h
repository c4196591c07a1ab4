/* How a text is cut before tokens are merged: at special tokens, then by a pre-tokenizer. For the
   tokenizer, and for those who train one. */
#ifndef TRIT_CUT_H
#define TRIT_CUT_H

#include "runtime/text/pre.h"

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

enum trit_code trit_splitter_create(struct trit_splitter **splitter, const struct trit_pre *pre,
                                    struct trit_error *error);
void trit_splitter_free(struct trit_splitter *splitter);
struct trit_split *trit_split_create(const struct trit_splitter *splitter); /* NULL: no memory */
/* text is UTF-8, n > 0, and stays. */
void trit_split_begin(struct trit_split *split, struct trit_text text);
/* The next piece, empty behind the last. */
enum trit_code trit_split_next(struct trit_split *split, struct trit_text *piece,
                               struct trit_error *error);
void trit_split_free(struct trit_split *split);

/* The character of the byte-level alphabet that spells a byte: 1 or 2 bytes of UTF-8 into out,
   their number. */
size_t trit_alphabet_encode(unsigned char byte, char out[2]);

#endif

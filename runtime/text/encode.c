/* From text to ids: special tokens first, then pieces, then a token whole or merged from bytes. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/text/internal.h"

/* Stands for a byte that is not UTF-8 while pieces are cut: one byte, as the one it stands for, and
   like U+FFFD neither letter nor number nor white space. */
enum { MASK = 0x01 };

struct encoder {
    const struct trit_tokenizer *t;
    const char *text;     /* as given */
    const uint8_t *given; /* of each byte; NULL: none */
    const char *masked;   /* the same with MASK, valid UTF-8; = text where nothing is masked */
    struct trit_split *split;
    struct trit_bpe bpe;
    int32_t *ids;
    size_t n, room;
    struct trit_error *error;
};

static enum trit_code no_memory(const struct encoder *e, size_t bytes)
{
    return trit_fail(e->error, TRIT_EMEMORY, "no memory to tokenize %zu bytes", bytes);
}

/* A valid copy of text, NULL where there is no memory. */
static char *mask(const char *text, size_t n, size_t valid)
{
    char *copy = malloc(n);
    if (!copy)
        return NULL;
    memcpy(copy, text, n);
    for (size_t i = valid; i < n; i += 1 + trit_utf8_valid(text + i + 1, n - i - 1))
        copy[i] = MASK;
    return copy;
}

/* Room for more ids. Doubling; n never exceeds the text's bytes, which fit in 32 bits. */
static bool reserve(struct encoder *e, size_t more)
{
    size_t room = e->room ? e->room : 64;
    if (e->n + more <= e->room)
        return true;
    while (room < e->n + more)
        room *= 2;
    int32_t *ids = realloc(e->ids, room * sizeof *ids);
    if (!ids)
        return false;
    e->ids = ids;
    e->room = room;
    return true;
}

/* The ids of one piece. */
static bool add_piece(struct encoder *e, struct trit_text piece)
{
    if (!reserve(e, piece.n))
        return false;
    int32_t whole = e->t->whole ? trit_index_find(&e->t->words, piece) : -1;
    if (whole >= 0) {
        e->ids[e->n++] = whole;
        return true;
    }
    int32_t *ids = e->ids + e->n;
    size_t left;
    for (size_t i = 0; i < piece.n; i++)
        ids[i] = e->t->byte_ids[(unsigned char)piece.s[i]];
    if (!trit_bpe_merge(&e->bpe, &e->t->merges, ids, piece.n, &left))
        return false;
    e->n += left;
    return true;
}

/* Text between special tokens, from .. to: it is cut as if nothing stood around it. */
static enum trit_code add_plain(struct encoder *e, size_t from, size_t to)
{
    struct trit_text masked = { e->masked + from, to - from };
    for (size_t at = 0, length; at < masked.n; at += length) {
        enum trit_code code = trit_split_next(e->split, masked, at, &length, e->error);
        if (code)
            return code;
        if (!add_piece(e, (struct trit_text){ e->text + from + at, length }))
            return no_memory(e, length);
    }
    return TRIT_OK;
}

static enum trit_code add_text(struct encoder *e, size_t n, bool special)
{
    const struct trit_tokenizer *t = e->t;
    for (size_t from = 0, at; from < n;) {
        struct trit_text rest = { e->text + from, n - from };
        int32_t id = trit_specials_find(&t->specials[special], &t->bytes, rest,
                                        e->given ? e->given + from : NULL, &at);
        enum trit_code code = add_plain(e, from, from + at);
        if (code || id < 0)
            return code;
        if (!reserve(e, 1))
            return no_memory(e, n);
        e->ids[e->n++] = id;
        from += at + trit_string(&t->bytes, (size_t)id).n;
    }
    return TRIT_OK;
}

static enum trit_code encode(struct encoder *e, size_t n, bool special)
{
    size_t valid = trit_utf8_valid(e->text, n);
    char *copy = valid < n ? mask(e->text, n, valid) : NULL;
    e->masked = copy ? copy : e->text;
    e->split = trit_split_create(e->t->splitter);
    enum trit_code code = TRIT_OK;
    if (!e->split || (valid < n && !copy) || !reserve(e, 1))
        code = no_memory(e, n);
    if (!code)
        code = add_text(e, n, special);
    trit_split_free(e->split);
    trit_bpe_free(&e->bpe);
    free(copy);
    return code;
}

static enum trit_code encode_all(struct encoder *e, size_t n, bool special, int32_t **ids,
                                 size_t *count)
{
    *ids = NULL;
    *count = 0;
    if (n > TRIT_TEXT_MAX)
        return trit_fail(e->error, TRIT_EARGUMENT,
                         "text of %zu bytes, at most %d can be tokenized at once", n,
                         TRIT_TEXT_MAX);
    enum trit_code code = encode(e, n, special);
    if (code) {
        free(e->ids);
        return code;
    }
    *ids = e->ids;
    *count = e->n;
    return TRIT_OK;
}

enum trit_code trit_tokenizer_encode(const struct trit_tokenizer *tokenizer, struct trit_text text,
                                     bool special, int32_t **ids, size_t *count,
                                     struct trit_error *error)
{
    struct encoder e = { .t = tokenizer, .text = text.s, .error = error };
    return encode_all(&e, text.n, special, ids, count);
}

enum trit_code trit_tokenizer_encode_marked(const struct trit_tokenizer *tokenizer,
                                            struct trit_text text, const uint8_t *given,
                                            int32_t **ids, size_t *count, struct trit_error *error)
{
    struct encoder e = { .t = tokenizer, .text = text.s, .given = given, .error = error };
    return encode_all(&e, text.n, true, ids, count);
}

/* From text to ids: special tokens first; what lies between them is the model's. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/text/internal.h"

/* Stands for a byte that is not UTF-8 while pieces are cut: one byte, as the one it stands for, and
   like U+FFFD neither letter nor number nor white space. */
enum { MASK = 0x01 };

enum trit_code trit_encoder_no_memory(const struct trit_encoder *e, size_t bytes)
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

/* Doubling; n never exceeds the text's bytes twice (SentencePiece adds spaces), which fit in 32
 * bits. */
bool trit_encoder_reserve(struct trit_encoder *e, size_t more)
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

static enum trit_code add_text(struct trit_encoder *e, size_t n, bool special)
{
    const struct trit_tokenizer *t = e->t;
    for (size_t from = 0, at; from < n;) {
        struct trit_text rest = { e->text + from, n - from };
        int32_t id = trit_specials_find(&t->specials[special], &t->bytes, rest,
                                        e->given ? e->given + from : NULL, &at);
        enum trit_code code = at ? t->model->encode(e, from, from + at) : TRIT_OK;
        if (code || id < 0)
            return code;
        if (!trit_encoder_reserve(e, 1))
            return trit_encoder_no_memory(e, n);
        e->ids[e->n++] = id;
        from += at + trit_string(&t->bytes, (size_t)id).n;
    }
    return TRIT_OK;
}

static enum trit_code encode(struct trit_encoder *e, size_t n, bool special)
{
    size_t valid = e->t->splitter ? trit_utf8_valid(e->text, n) : n;
    char *copy = valid < n ? mask(e->text, n, valid) : NULL;
    e->masked = copy ? copy : e->text;
    e->split = e->t->splitter ? trit_split_create(e->t->splitter) : NULL;
    enum trit_code code = TRIT_OK;
    if ((e->t->splitter && !e->split) || (valid < n && !copy) || !trit_encoder_reserve(e, 1))
        code = trit_encoder_no_memory(e, n);
    if (!code)
        code = add_text(e, n, special);
    trit_split_free(e->split);
    trit_bpe_free(&e->bpe);
    free(e->section);
    free(copy);
    return code;
}

static enum trit_code encode_all(struct trit_encoder *e, size_t n, bool special, int32_t **ids,
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
    struct trit_encoder e = { .t = tokenizer, .text = text.s, .error = error };
    return encode_all(&e, text.n, special, ids, count);
}

enum trit_code trit_tokenizer_encode_marked(const struct trit_tokenizer *tokenizer,
                                            struct trit_text text, const uint8_t *given,
                                            int32_t **ids, size_t *count, struct trit_error *error)
{
    struct trit_encoder e = { .t = tokenizer, .text = text.s, .given = given, .error = error };
    return encode_all(&e, text.n, true, ids, count);
}

/* How a vocabulary is put together, and the built-in one: bytes, a few merges, begin and end of
 * text. */
#include "runtime/synth/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/synth/internal.h"

enum { BLOCK_BYTES = 1 << 16 };

struct trit_vocab_block {
    struct trit_vocab_block *next;
    size_t used, room;
    char bytes[];
};

bool trit_vocab_reserve(struct trit_vocab *v, size_t tokens, size_t merges)
{
    *v = (struct trit_vocab){ .n = tokens, .bos = -1, .eos = -1 };
    v->tokens = calloc(tokens + 1, sizeof *v->tokens);
    v->types = calloc(tokens + 1, sizeof *v->types);
    v->merges = calloc(merges + 1, sizeof *v->merges);
    return v->tokens && v->types && v->merges;
}

void trit_vocab_free(struct trit_vocab *vocab)
{
    while (vocab->blocks) {
        struct trit_vocab_block *next = vocab->blocks->next;
        free(vocab->blocks);
        vocab->blocks = next;
    }
    free(vocab->tokens);
    free(vocab->types);
    free(vocab->merges);
    *vocab = (struct trit_vocab){ .bos = -1, .eos = -1 };
}

/* Room for n bytes that stay where they are, or NULL. */
static char *room_for(struct trit_vocab *v, size_t n)
{
    struct trit_vocab_block *b = v->blocks;
    if (!b || b->room - b->used < n) {
        size_t room = n > BLOCK_BYTES ? n : BLOCK_BYTES;
        if (room > SIZE_MAX - sizeof *b || !(b = malloc(sizeof *b + room)))
            return NULL;
        *b = (struct trit_vocab_block){ .next = v->blocks, .room = room };
        v->blocks = b;
    }
    b->used += n;
    return b->bytes + b->used - n;
}

bool trit_vocab_join(struct trit_vocab *v, struct trit_text a, const char *between,
                     struct trit_text b, struct trit_text *out)
{
    size_t gap = strlen(between);
    char *s = room_for(v, a.n + gap + b.n);
    if (!s)
        return false;
    memcpy(s, a.s, a.n);
    memcpy(s + a.n, between, gap);
    memcpy(s + a.n + gap, b.s, b.n);
    *out = (struct trit_text){ s, a.n + gap + b.n };
    return true;
}

static struct trit_text text_of(const char *s)
{
    return (struct trit_text){ s, strlen(s) };
}

static bool set(struct trit_vocab *v, size_t id, const char *text, int32_t type)
{
    v->types[id] = type;
    return trit_vocab_join(v, text_of(text), "", text_of(""), &v->tokens[id]);
}

/* The printable character that stands for a byte: itself, or from U+0100 on for those that do not
 * show. */
static void byte_text(unsigned byte, char *out)
{
    unsigned shown = byte, hidden = 0;
    for (unsigned b = 0; b <= byte; b++) {
        bool shows = (b > 32 && b < 127) || (b > 160 && b != 173);
        shown = shows ? b : 256 + hidden++;
    }
    size_t n = 0;
    if (shown < 128) {
        out[n++] = (char)shown;
    } else {
        out[n++] = (char)(0xc0 | shown >> 6);
        out[n++] = (char)(0x80 | (shown & 63));
    }
    out[n] = '\0';
}

/* U+0120 is the space. */
static const char *const merges[][2] = {
    { "\xc4\xa0", "t" }, { "h", "e" },          { "\xc4\xa0", "a" }, { "i", "n" },
    { "r", "e" },        { "\xc4\xa0t", "he" }, { "o", "n" },        { "\xc4\xa0", "s" },
    { "e", "r" },        { "a", "n" },          { "\xc4\xa0", "w" }, { "n", "d" },
    { "\xc4\xa0", "o" }, { "i", "s" },          { "o", "u" },        { "e", "n" },
};

enum { NMERGES = sizeof merges / sizeof *merges, BYTES = 256 };

static bool add_merges(struct trit_vocab *v)
{
    for (size_t i = 0; i < NMERGES; i++) {
        struct trit_text left = text_of(merges[i][0]), right = text_of(merges[i][1]);
        v->types[BYTES + i] = TRIT_VOCAB_NORMAL;
        if (!trit_vocab_join(v, left, "", right, &v->tokens[BYTES + i]) ||
            !trit_vocab_join(v, left, " ", right, &v->merges[v->nmerges++]))
            return false;
    }
    return true;
}

enum trit_code trit_vocab_builtin(struct trit_vocab *vocab, struct trit_error *error)
{
    bool ok = trit_vocab_reserve(vocab, BYTES + NMERGES + 2, NMERGES);
    for (unsigned b = 0; b < BYTES && ok; b++) {
        char text[4];
        byte_text(b, text);
        ok = set(vocab, b, text, TRIT_VOCAB_NORMAL);
    }
    vocab->bos = BYTES + NMERGES;
    vocab->eos = vocab->bos + 1;
    if (ok && add_merges(vocab) &&
        set(vocab, (size_t)vocab->bos, "<|begin_of_text|>", TRIT_VOCAB_CONTROL) &&
        set(vocab, (size_t)vocab->eos, "<|end_of_text|>", TRIT_VOCAB_CONTROL))
        return TRIT_OK;
    trit_vocab_free(vocab);
    return trit_fail(error, TRIT_EMEMORY, "vocabulary: out of memory");
}

static int by_bytes(const void *a, const void *b)
{
    const struct trit_text *x = a, *y = b;
    int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* All tokens differ, or the error says which does not. */
static enum trit_code check_unique(const struct trit_vocab *v, struct trit_error *error)
{
    struct trit_text *sorted = malloc(v->n * sizeof *sorted);
    if (!sorted)
        return trit_fail(error, TRIT_EMEMORY, "vocabulary: out of memory");
    memcpy(sorted, v->tokens, v->n * sizeof *sorted);
    qsort(sorted, v->n, sizeof *sorted, by_bytes);
    enum trit_code code = TRIT_OK;
    for (size_t i = 1; i < v->n && !code; i++)
        if (by_bytes(&sorted[i - 1], &sorted[i]) == 0)
            code = trit_fail(error, TRIT_EFORMAT, "vocabulary: duplicate token '%.*s'",
                             (int)(sorted[i].n < 80 ? sorted[i].n : 80), sorted[i].s);
    free(sorted);
    return code;
}

/* Room for n tokens, the new ones without a text. */
static bool widen(struct trit_vocab *v, size_t n)
{
    struct trit_text *tokens = realloc(v->tokens, n * sizeof *tokens);
    if (tokens)
        v->tokens = tokens;
    int32_t *types = tokens ? realloc(v->types, n * sizeof *types) : NULL;
    if (!types)
        return false;
    v->types = types;
    for (; v->n < n; v->n++) {
        v->tokens[v->n] = (struct trit_text){ NULL, 0 };
        v->types[v->n] = TRIT_VOCAB_UNUSED;
    }
    return true;
}

enum trit_code trit_vocab_pad(struct trit_vocab *vocab, size_t n, struct trit_error *error)
{
    bool ok = widen(vocab, n);
    for (size_t i = 0; i < vocab->n && ok; i++) {
        char text[40];
        snprintf(text, sizeof text, "<|reserved_%zu|>", i);
        if (!vocab->tokens[i].s)
            ok = set(vocab, i, text, TRIT_VOCAB_UNUSED);
    }
    enum trit_code code = ok ? check_unique(vocab, error)
                             : trit_fail(error, TRIT_EMEMORY, "vocabulary: out of memory");
    if (code)
        trit_vocab_free(vocab);
    return code;
}

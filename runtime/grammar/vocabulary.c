/* The trie of a vocabulary's bytes, and what is known of the bytes below each of its nodes. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/grammar/internal.h"

struct word {
    struct trit_text text;
    int32_t id;
};

static int by_bytes(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    const size_t least = x->text.n < y->text.n ? x->text.n : y->text.n;
    const int order = memcmp(x->text.s, y->text.s, least);
    if (order)
        return order;
    if (x->text.n != y->text.n)
        return x->text.n < y->text.n ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Tokens with bytes, in order, and the end tokens. Those of 64 KB are left out: they never come. */
static void gather(struct trit_vocabulary *v, struct word *words)
{
    for (size_t i = 0; i < v->ids; i++) {
        const int32_t id = (int32_t)i;
        const struct trit_text text = trit_tokenizer_decode(v->tokenizer, id, false);
        if (trit_tokenizer_is_end(v->tokenizer, id))
            v->ends[v->nends++] = id;
        else if (text.n > 0 && text.n < UINT16_MAX)
            words[v->ntokens++] = (struct word){ text, id };
    }
    if (v->ntokens)
        qsort(words, v->ntokens, sizeof *words, by_bytes);
    for (uint32_t i = 0; i < v->ntokens; i++)
        v->order[i] = words[i].id;
}

static size_t common(const struct word *words, uint32_t i)
{
    size_t n = 0;
    if (i == 0)
        return 0;
    const struct trit_text a = words[i - 1].text, b = words[i].text;
    while (n < a.n && n < b.n && a.s[n] == b.s[n])
        n++;
    return n;
}

/* Nodes in preorder, each behind the one above it; parents: a node's. */
static void make_nodes(struct trit_vocabulary *v, const struct word *words, uint32_t *parents)
{
    uint32_t node = 0, n = 1; /* where the last word ended; nodes so far */
    for (uint32_t i = 0; i < v->ntokens; i++) {
        const struct trit_text text = words[i].text;
        const size_t shared = common(words, i);
        for (; v->depths[node] > shared; node = parents[node])
            v->past[node] = n;
        for (size_t depth = shared; depth < text.n; depth++) {
            parents[n] = node;
            v->bytes[n] = (uint8_t)text.s[depth];
            v->depths[n] = (uint16_t)(depth + 1);
            v->tokens[n] = i;
            node = n++;
        }
        v->deepest = v->depths[node] > v->deepest ? v->depths[node] : v->deepest;
    }
    for (; node; node = parents[node])
        v->past[node] = n;
    v->past[0] = n;
    v->tokens[n] = v->ntokens;
}

/* --- what is below --- */

/* What a character still lacks: nothing; 1, 2, 3 bytes; the rest of one that begins with E0, ED,
   F0, F4. */
enum { WHOLE, ONE, TWO, THREE, AFTER_E0, AFTER_ED, AFTER_F0, AFTER_F4, WRONG };

static int utf8_next(int state, uint8_t byte)
{
    static const struct {
        uint8_t state, low, high, next;
    } steps[] = {
        { WHOLE, 0x00, 0x7f, WHOLE },    { WHOLE, 0xc2, 0xdf, ONE },
        { WHOLE, 0xe0, 0xe0, AFTER_E0 }, { WHOLE, 0xe1, 0xec, TWO },
        { WHOLE, 0xed, 0xed, AFTER_ED }, { WHOLE, 0xee, 0xef, TWO },
        { WHOLE, 0xf0, 0xf0, AFTER_F0 }, { WHOLE, 0xf1, 0xf3, THREE },
        { WHOLE, 0xf4, 0xf4, AFTER_F4 }, { ONE, 0x80, 0xbf, WHOLE },
        { TWO, 0x80, 0xbf, ONE },        { THREE, 0x80, 0xbf, TWO },
        { AFTER_E0, 0xa0, 0xbf, ONE },   { AFTER_ED, 0x80, 0x9f, ONE },
        { AFTER_F0, 0x90, 0xbf, TWO },   { AFTER_F4, 0x80, 0x8f, TWO },
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i].state == state && byte >= steps[i].low && byte <= steps[i].high)
            return steps[i].next;
    return WRONG;
}

static uint8_t stop_of(uint8_t byte)
{
    static const uint8_t stops[256] = {
        [0] = TRIT_STOP_NUL,          ['\n'] = TRIT_STOP_NEWLINE, ['"'] = TRIT_STOP_QUOTE,
        ['\\'] = TRIT_STOP_BACKSLASH, ['<'] = TRIT_STOP_LESS,     ['{'] = TRIT_STOP_BRACE
    };
    return stops[byte] | (byte < 32 && byte != '\n' ? TRIT_STOP_CONTROL : 0);
}

/* From the last node to the first, so that all below a node has been seen before it. wrong: a
   node's bit s says that something below it is not UTF-8 where a character lacks s. */
static void look_below(struct trit_vocabulary *v, const uint32_t *parents, uint8_t *wrong)
{
    uint8_t next[256][WRONG];
    for (int byte = 0; byte < 256; byte++)
        for (int state = 0; state < WRONG; state++)
            next[byte][state] = (uint8_t)utf8_next(state, (uint8_t)byte);
    for (uint32_t i = v->nnodes; i-- > 1;) {
        const uint32_t up = parents[i];
        const uint8_t byte = v->bytes[i];
        const unsigned begun = v->longest[i] + ((byte & 0xc0) != 0x80);
        if (v->longest[up] < begun)
            v->longest[up] = begun < 255 ? (uint8_t)begun : 255;
        v->below[up] |= v->below[i] | stop_of(byte);
        for (int s = 0; s < WRONG; s++)
            if (next[byte][s] == WRONG || wrong[i] >> next[byte][s] & 1)
                wrong[up] |= (uint8_t)(1 << s);
    }
    for (uint32_t i = 0; i < v->nnodes; i++)
        if (wrong[i] & 1 << WHOLE)
            v->below[i] |= TRIT_STOP_BROKEN;
}

/* --- creation --- */

static bool allocate_nodes(struct trit_vocabulary *v)
{
    v->past = trit_alloc(v->nnodes, sizeof *v->past);
    v->tokens = trit_alloc((size_t)v->nnodes + 1, sizeof *v->tokens);
    v->depths = trit_alloc(v->nnodes, sizeof *v->depths);
    v->bytes = trit_alloc(v->nnodes, sizeof *v->bytes);
    v->below = trit_alloc(v->nnodes, sizeof *v->below);
    v->longest = trit_alloc(v->nnodes, sizeof *v->longest);
    return v->past && v->tokens && v->depths && v->bytes && v->below && v->longest;
}

/* False: no memory. */
static bool make_trie(struct trit_vocabulary *v, struct word *words)
{
    uint64_t nnodes = 1;
    gather(v, words);
    for (uint32_t i = 0; i < v->ntokens; i++)
        nnodes += words[i].text.n - common(words, i);
    if (nnodes > UINT32_MAX / 2)
        return false;
    v->nnodes = (uint32_t)nnodes;
    uint32_t *parents = trit_alloc(v->nnodes, sizeof *parents);
    uint8_t *wrong = trit_alloc(v->nnodes, 1);
    const bool good = parents && wrong && allocate_nodes(v);
    if (good) {
        make_nodes(v, words, parents);
        look_below(v, parents, wrong);
    }
    free(parents);
    free(wrong);
    return good;
}

enum trit_code trit_vocabulary_create(struct trit_vocabulary **vocabulary,
                                      const struct trit_tokenizer *tokenizer,
                                      struct trit_error *error)
{
    struct trit_vocabulary *v = trit_alloc(1, sizeof *v);
    const size_t ids = trit_tokenizer_size(tokenizer);
    struct word *words = trit_alloc(ids + 1, sizeof *words);
    *vocabulary = NULL;
    if (v && words) {
        v->tokenizer = tokenizer;
        v->ids = ids;
        v->order = trit_alloc(ids + 1, sizeof *v->order);
        v->ends = trit_alloc(ids + 1, sizeof *v->ends);
    }
    if (v && words && v->order && v->ends && make_trie(v, words)) {
        *vocabulary = v;
        v = NULL;
    }
    free(words);
    trit_vocabulary_free(v);
    return *vocabulary
               ? TRIT_OK
               : trit_fail(error, TRIT_EMEMORY, "no memory for the bytes of %zu tokens", ids);
}

void trit_vocabulary_free(struct trit_vocabulary *v)
{
    if (!v)
        return;
    free(v->past);
    free(v->tokens);
    free(v->depths);
    free(v->bytes);
    free(v->below);
    free(v->longest);
    free(v->order);
    free(v->ends);
    free(v);
}

/* tokenizer.ggml.model "llama": SentencePiece's BPE. Any two neighbours whose text together is a
   token may be merged, the token of the highest score first; characters that are no token become
   their bytes' tokens. Spaces are U+2581 in tokens; here they are spaces again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/text/internal.h"

#define SPACE "\xe2\x96\x81"
enum { SPACE_BYTES = sizeof SPACE - 1 };

/* With spaces for U+2581, into out, which has room for text.n. */
static size_t put_spaces(struct trit_text text, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n;) {
        const bool space = text.n - i >= SPACE_BYTES && !memcmp(text.s + i, SPACE, SPACE_BYTES);
        out[n++] = space ? ' ' : text.s[i];
        i += space ? SPACE_BYTES : 1;
    }
    return n;
}

/* --- loading --- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* The byte of "<0xXX>". */
static struct trit_text spell_byte(struct trit_loader *l, uint32_t i, const char **fault)
{
    const struct trit_text none = { NULL, 0 }, piece = l->texts[i];
    const bool framed = piece.n == 6 && !memcmp(piece.s, "<0x", 3) && piece.s[5] == '>';
    const int high = framed ? hex(piece.s[3]) : -1, low = framed ? hex(piece.s[4]) : -1;
    *fault = "is of type byte, but not <0x00> to <0xFF>";
    if (high < 0 || low < 0)
        return none;
    int32_t *id = &l->t->byte_ids[high << 4 | low];
    *fault = "is a byte that has a token already";
    if (*id >= 0)
        return none;
    *id = (int32_t)i;
    l->joined[0] = (char)(high << 4 | low);
    return (struct trit_text){ l->joined, 1 };
}

static struct trit_text spell(struct trit_loader *l, uint32_t i, const char **fault)
{
    struct trit_tokenizer *t = l->t;
    if (t->types[i] == TRIT_TOKEN_BYTE)
        return spell_byte(l, i, fault);
    if (t->types[i] != TRIT_TOKEN_NORMAL && t->types[i] != TRIT_TOKEN_USER)
        return l->texts[i];
    return (struct trit_text){ l->joined, put_spaces(l->texts[i], l->joined) };
}

/* A text that has no token of its own must end somewhere. */
static enum trit_code check_bytes(const struct trit_loader *l)
{
    for (int byte = 0; byte < 256 && l->t->unknown < 0; byte++)
        if (l->t->byte_ids[byte] < 0)
            return trit_fail(l->error, TRIT_EFORMAT,
                             "%s: " TRIT_KEY("tokens") " has neither a token <0x%02X> of type "
                                                       "byte nor an unknown token",
                             l->gguf->path, byte);
    return TRIT_OK;
}

/* Lower for a higher score, less than TRIT_NO_MERGE for one that is not NaN. */
static uint32_t rank_of(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~bits & INT32_MAX;
}

static enum trit_code load_scores(const struct trit_loader *l)
{
    const struct trit_gguf_kv *kv;
    struct trit_tokenizer *t = l->t;
    enum trit_code code = trit_load_beside(l, TRIT_KEY("scores"), &kv);
    if (code)
        return code;
    if (!kv || kv->item != TRIT_GGUF_F32)
        return trit_fail(l->error, TRIT_EFORMAT, "%s: " TRIT_KEY("scores") " %s", l->gguf->path,
                         kv ? "does not hold f32" : "is missing");
    t->ranks = trit_alloc(t->n, sizeof *t->ranks);
    if (!t->ranks)
        return trit_load_no_memory(l);
    for (size_t i = 0; i < t->n; i++) {
        float score;
        memcpy(&score, kv->data + i * sizeof score, sizeof score);
        if (isnan(score))
            return trit_load_bad_item(l, TRIT_KEY("scores"), i, trit_string(&t->pieces, i),
                                      "is not a number");
        t->ranks[i] = rank_of(score);
    }
    return TRIT_OK;
}

/* What holds of all words: the longest, and what stands before spaces in them. */
static void look_at_words(struct trit_tokenizer *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct trit_text word = trit_string(&t->bytes, i);
        if (t->types[i] != TRIT_TOKEN_NORMAL)
            continue;
        t->longest = word.n > t->longest ? word.n : t->longest;
        for (size_t k = 1; k < word.n; k++)
            t->crossed[(unsigned char)word.s[k - 1]] |= word.s[k] == ' ';
    }
    t->crossed[' '] = true; /* runs of spaces stay together */
}

/* Keys whose value would change the ids, and which llama.cpp's converter does not write. */
static enum trit_code load_switches(const struct trit_loader *l)
{
    struct trit_tokenizer *t = l->t;
    bool fold = false;
    enum trit_code code = TRIT_OK;
    t->prefix = true;
    if (trit_gguf_find(l->gguf, TRIT_KEY("add_space_prefix")))
        code = trit_gguf_bool(l->gguf, TRIT_KEY("add_space_prefix"), &t->prefix, l->error);
    if (!code && trit_gguf_find(l->gguf, TRIT_KEY("remove_extra_whitespaces")))
        code = trit_gguf_bool(l->gguf, TRIT_KEY("remove_extra_whitespaces"), &fold, l->error);
    if (!code && fold)
        code = trit_fail(l->error, TRIT_EUNSUPPORTED,
                         "%s: " TRIT_KEY("remove_extra_whitespaces") " is set: texts would not "
                                                                     "come back from their tokens",
                         l->gguf->path);
    return code;
}

static enum trit_code finish(struct trit_loader *l)
{
    enum trit_code code = check_bytes(l);
    if (code || (code = load_scores(l)) || (code = load_switches(l)))
        return code;
    look_at_words(l->t);
    return TRIT_OK;
}

/* --- encoding --- */

/* What is merged: a part of a section. Values are where symbols begin. */
struct part {
    const struct trit_tokenizer *t;
    struct trit_text text;
};

/* The text of node i, or of it and the next one. */
static struct trit_text symbol(const struct part *p, const struct trit_bpe *bpe, uint32_t i,
                               bool with_next)
{
    const struct trit_bpe_node *node = &bpe->nodes[i];
    const uint32_t next = with_next ? bpe->nodes[node->next].next : node->next;
    const size_t end = next == TRIT_NO_NODE ? p->text.n : bpe->nodes[next].value;
    return (struct trit_text){ p->text.s + node->value, end - node->value };
}

static uint32_t rank(const void *context, const struct trit_bpe *bpe, uint32_t i)
{
    const struct part *p = context;
    const struct trit_text both = symbol(p, bpe, i, true);
    const int32_t id = both.n > p->t->longest ? -1 : trit_index_find(&p->t->words, both);
    return id < 0 ? TRIT_NO_MERGE : p->t->ranks[id];
}

static uint32_t join(const void *context, const struct trit_bpe *bpe, uint32_t i)
{
    (void)context;
    return bpe->nodes[i].value;
}

/* One symbol for each character, and for each byte that is no part of one. */
static size_t put_symbols(struct trit_bpe *bpe, struct trit_text text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n;) {
        const int length = trit_utf8_at(text.s + i, text.n - i);
        bpe->nodes[n++].value = (uint32_t)i;
        i += length > 0 ? (size_t)length : 1;
    }
    return n;
}

/* The tokens of what merging left of one symbol: its own, its bytes', or the unknown one, once for
   several in a row. */
static void add_symbol(struct trit_encoder *e, struct trit_text text, bool *unknown)
{
    const struct trit_tokenizer *t = e->t;
    const int32_t id = trit_index_find(&t->words, text);
    bool known = true;
    for (size_t i = 0; i < text.n; i++)
        known &= t->byte_ids[(unsigned char)text.s[i]] >= 0;
    if (id >= 0)
        e->ids[e->n++] = id;
    else if (!known && !*unknown)
        e->ids[e->n++] = t->unknown;
    else if (known)
        for (size_t i = 0; i < text.n; i++)
            e->ids[e->n++] = t->byte_ids[(unsigned char)text.s[i]];
    *unknown = id < 0 && !known;
}

static bool add_part(struct trit_encoder *e, struct trit_text text, bool *unknown)
{
    const struct part part = { e->t, text };
    const struct trit_bpe_rules rules = { &part, rank, join };
    if (!trit_bpe_reserve(&e->bpe, text.n) || !trit_encoder_reserve(e, text.n))
        return false;
    trit_bpe_merge(&e->bpe, &rules, put_symbols(&e->bpe, text));
    for (uint32_t i = 0; i != TRIT_NO_NODE; i = e->bpe.nodes[i].next)
        add_symbol(e, symbol(&part, &e->bpe, i, false), unknown);
    return true;
}

/* Bytes of text that no token goes beyond. */
static size_t part_bytes(const struct trit_tokenizer *t, struct trit_text text)
{
    for (size_t i = 1; i < text.n; i++)
        if (text.s[i] == ' ' && !t->crossed[(unsigned char)text.s[i - 1]])
            return i;
    return text.n;
}

static enum trit_code encode(struct trit_encoder *e, size_t from, size_t to)
{
    const struct trit_text raw = { e->text + from, to - from };
    size_t n = 0;
    bool unknown = false;
    if (!trit_grow(&e->section, &e->section_room, raw.n + 1, 1))
        return trit_encoder_no_memory(e, raw.n);
    if (e->t->prefix)
        e->section[n++] = ' ';
    n += put_spaces(raw, e->section + n);
    for (size_t at = 0, bytes; at < n; at += bytes) {
        bytes = part_bytes(e->t, (struct trit_text){ e->section + at, n - at });
        if (!add_part(e, (struct trit_text){ e->section + at, bytes }, &unknown))
            return trit_encoder_no_memory(e, bytes);
    }
    return TRIT_OK;
}

const struct trit_token_model trit_sentence_piece = { "llama", true, spell, finish, encode };

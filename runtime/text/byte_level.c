/* tokenizer.ggml.model "gpt2": byte-level BPE. Tokens are spelt in an alphabet of 256 characters,
   text is cut by a pre-tokenizer, bytes are merged by a list of merges. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/text/internal.h"

static struct trit_text spell(struct trit_loader *l, uint32_t i, const char **fault)
{
    struct trit_tokenizer *t = l->t;
    if (t->types[i] != TRIT_TOKEN_NORMAL)
        return l->texts[i];
    struct trit_text bytes = trit_alphabet_decode(l->texts[i], l->joined);
    *fault = "has a character outside the byte-level alphabet";
    if (bytes.n == 1)
        t->byte_ids[(unsigned char)bytes.s[0]] = (int32_t)i;
    return bytes;
}

/* Real vocabularies lack control characters and bytes that are rare or never in UTF-8 (GPT-NeoX's
   13, Falcon's 28), but not what texts are made of. */
static enum trit_code check_bytes(const struct trit_loader *l)
{
    for (int byte = '\t'; byte <= '~'; byte++)
        if (l->t->byte_ids[byte] < 0 && (byte >= ' ' || strchr("\t\n\r", byte)))
            return trit_fail(l->error, TRIT_EFORMAT,
                             "%s: " TRIT_KEY("tokens") " has no token for the byte 0x%02x",
                             l->gguf->path, byte);
    return TRIT_OK;
}

static enum trit_code load_pre(const struct trit_loader *l)
{
    struct trit_tokenizer *t = l->t;
    struct trit_text name = { "default", 7 };
    char list[256];
    if (trit_gguf_find(l->gguf, TRIT_KEY("pre"))) {
        enum trit_code code = trit_gguf_text(l->gguf, TRIT_KEY("pre"), &name, l->error);
        if (code)
            return code;
    }
    const struct trit_text mark = { TRIT_PRE_LLAMA3, strlen(TRIT_PRE_LLAMA3) };
    t->pre = trit_text_is(name, "default") ? trit_pre_absent(trit_index_find(&l->index, mark) >= 0)
                                           : trit_pre_named(name);
    if (!t->pre)
        return trit_fail(l->error, TRIT_EUNSUPPORTED,
                         "%s: " TRIT_KEY("pre") " is '%.*s', supported are %s", l->gguf->path,
                         trit_shown(name), name.s, trit_pre_list(list, sizeof list));
    t->add_bos = t->pre->add_bos;
    return trit_splitter_create(&t->splitter, t->pre, l->error);
}

/* The ids of "left right"; a fault in words, or NULL. */
static const char *parse_merge(const struct trit_loader *l, struct trit_text text,
                               struct trit_merge *merge)
{
    const char *space = memchr(text.s, ' ', text.n);
    if (!space)
        return "has no space between its parts";
    struct trit_text left = { text.s, (size_t)(space - text.s) },
                     right = { space + 1, text.n - left.n - 1 };
    int32_t a = trit_index_find(&l->index, left), b = trit_index_find(&l->index, right);
    if (a < 0 || b < 0)
        return a < 0 ? "its left part is not a token" : "its right part is not a token";
    memcpy(l->joined, left.s, left.n); /* tokens, so each has at most TRIT_TOKEN_MAX bytes */
    memcpy(l->joined + left.n, right.s, right.n);
    int32_t result = trit_index_find(&l->index, (struct trit_text){ l->joined, left.n + right.n });
    if (result < 0)
        return "its result is not a token";
    if (l->t->types[result] == TRIT_TOKEN_CONTROL)
        return "its result is a control token";
    *merge = (struct trit_merge){ (uint32_t)a, (uint32_t)b, (uint32_t)result };
    return NULL;
}

static enum trit_code load_merges(struct trit_loader *l)
{
    free(l->texts);
    l->texts = NULL;
    enum trit_code code =
        trit_gguf_texts(l->gguf, TRIT_KEY("merges"), &l->texts, &l->ntexts, l->error);
    if (code)
        return code;
    if (!trit_merges_create(&l->t->merges, l->ntexts))
        return trit_load_no_memory(l);
    for (size_t i = 0; i < l->ntexts; i++) {
        struct trit_merge merge;
        const char *fault = parse_merge(l, l->texts[i], &merge);
        if (!fault && trit_merges_add(&l->t->merges, merge) != TRIT_NO_MERGE)
            fault = "duplicate merge";
        if (fault)
            return trit_load_bad_item(l, TRIT_KEY("merges"), i, l->texts[i], fault);
    }
    return TRIT_OK;
}

static enum trit_code finish(struct trit_loader *l)
{
    enum trit_code code = check_bytes(l);
    if (!code)
        code = load_pre(l);
    return code ? code : load_merges(l);
}

/* Values are ids. */
static uint32_t rank(const void *context, const struct trit_bpe *bpe, uint32_t i)
{
    const struct trit_bpe_node *left = &bpe->nodes[i];
    return trit_merges_find(context, left->value, bpe->nodes[left->next].value);
}

static uint32_t join(const void *context, const struct trit_bpe *bpe, uint32_t i)
{
    const struct trit_merges *merges = context;
    return merges->list[bpe->nodes[i].rank].result;
}

/* The ids of one piece. */
static bool add_piece(struct trit_encoder *e, struct trit_text piece)
{
    const struct trit_tokenizer *t = e->t;
    const struct trit_bpe_rules rules = { &t->merges, rank, join };
    if (!trit_encoder_reserve(e, piece.n))
        return false;
    int32_t whole = t->pre->whole ? trit_index_find(&t->words, piece) : -1;
    if (whole >= 0) {
        e->ids[e->n++] = whole;
        return true;
    }
    if (!trit_bpe_reserve(&e->bpe, piece.n))
        return false;
    size_t n = 0;
    for (size_t i = 0; i < piece.n; i++) {
        const int32_t id = t->byte_ids[(unsigned char)piece.s[i]];
        if (id >= 0) /* what has no token is left out, as in HuggingFace's */
            e->bpe.nodes[n++].value = (uint32_t)id;
    }
    trit_bpe_merge(&e->bpe, &rules, n);
    for (uint32_t i = n ? 0 : TRIT_NO_NODE; i != TRIT_NO_NODE; i = e->bpe.nodes[i].next)
        e->ids[e->n++] = (int32_t)e->bpe.nodes[i].value;
    return true;
}

/* The text is cut as if nothing stood around it. */
static enum trit_code encode(struct trit_encoder *e, size_t from, size_t to)
{
    struct trit_text piece;
    trit_split_begin(e->split, (struct trit_text){ e->masked + from, to - from });
    for (;;) {
        enum trit_code code = trit_split_next(e->split, &piece, e->error);
        if (code || piece.n == 0)
            return code;
        if (!add_piece(e, (struct trit_text){ e->text + (piece.s - e->masked), piece.n }))
            return trit_encoder_no_memory(e, piece.n);
    }
}

const struct trit_token_model trit_byte_level = { "gpt2", false, spell, finish, encode };

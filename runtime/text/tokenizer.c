/* Loads a vocabulary from a GGUF's tokenizer keys, believing nothing, and tells of its tokens. */
#include "runtime/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/text/internal.h"

#define KEY(name) "tokenizer.ggml." name

/* What a load in progress needs beside the tokenizer. */
struct loader {
    struct trit_tokenizer *t;
    const struct trit_gguf *gguf;
    struct trit_error *error;
    struct trit_text *texts; /* tokens, then merges, in the mapping */
    size_t ntexts;
    struct trit_index index; /* every token by its piece */
    char *joined;            /* 2 * TRIT_TOKEN_MAX: a merge's two parts as one */
};

/* Tokens that end a text or a turn even where no key names them, as 2B4T's <|eot_id|>. */
static const char *const end_names[] = {
    "<|eot_id|>",    "<|end_of_text|>", "<|eom_id|>",    "<|im_end|>",
    "<|endoftext|>", "<|end|>",         "<end_of_turn>", "</s>",
    "<EOT>",         "<|fim_pad|>",     "<|repo_name|>", "<|file_sep|>",
};

static const struct {
    const char *key;
    bool end;
} id_keys[] = {
    { KEY("eos_token_id"), true },      { KEY("eot_token_id"), true },
    { KEY("eom_token_id"), true },      { KEY("unknown_token_id"), false },
    { KEY("padding_token_id"), false },
};

/* tokenizer.ggml.pre, and what follows from it; the first where there is none, as in 2B4T. */
static const struct pre {
    const char *name;
    enum trit_split_kind split;
    bool whole;   /* a piece that is a token stays one */
    bool add_bos; /* where the file does not say */
} pres[] = {
    { "llama-bpe", TRIT_SPLIT_LLAMA3, true, true }, { "llama3", TRIT_SPLIT_LLAMA3, true, true },
    { "llama-v3", TRIT_SPLIT_LLAMA3, true, true },  { "falcon3", TRIT_SPLIT_LLAMA3, true, true },
    { "qwen2", TRIT_SPLIT_QWEN2, false, false },    { "qwen35", TRIT_SPLIT_QWEN35, false, false },
};
enum { NPRE = sizeof pres / sizeof *pres };

static enum trit_code no_memory(const struct loader *l)
{
    return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory for the vocabulary", l->gguf->path);
}

/* How much of a text an error shows. */
static int shown(struct trit_text text)
{
    return text.n < 40 ? (int)text.n : 40;
}

/* A fault of element i of key. */
static enum trit_code bad_item(const struct loader *l, const char *key, size_t i,
                               struct trit_text text, const char *what)
{
    return trit_fail(l->error, TRIT_EFORMAT, "%s: %s[%zu] '%.*s': %s", l->gguf->path, key, i,
                     shown(text), text.s, what);
}

static enum trit_code unknown_pre(const struct loader *l, struct trit_text pre)
{
    const char *names[NPRE];
    char list[256];
    for (size_t i = 0; i < NPRE; i++)
        names[i] = pres[i].name;
    return trit_fail(l->error, TRIT_EUNSUPPORTED, "%s: " KEY("pre") " is '%.*s', supported are %s",
                     l->gguf->path, shown(pre), pre.s,
                     trit_list_text(names, NPRE, "", list, sizeof list));
}

static enum trit_code check_kind(const struct loader *l)
{
    struct trit_text model, pre = { pres->name, strlen(pres->name) };
    struct trit_tokenizer *t = l->t;
    enum trit_code code = trit_gguf_text(l->gguf, KEY("model"), &model, l->error);
    if (code)
        return code;
    if (!trit_text_is(model, "gpt2"))
        return trit_fail(l->error, TRIT_EUNSUPPORTED,
                         "%s: " KEY("model") " is '%.*s', supported is 'gpt2'", l->gguf->path,
                         shown(model), model.s);
    if (trit_gguf_find(l->gguf, KEY("pre")) &&
        (code = trit_gguf_text(l->gguf, KEY("pre"), &pre, l->error)))
        return code;
    size_t i = 0;
    while (i < NPRE && !trit_text_is(pre, pres[i].name))
        i++;
    if (i == NPRE)
        return unknown_pre(l, pre);
    t->split = pres[i].split;
    t->whole = pres[i].whole;
    t->add_bos = pres[i].add_bos;
    return TRIT_OK;
}

static const char *token_fault(struct trit_text token)
{
    if (token.n == 0)
        return "empty";
    if (token.n > TRIT_TOKEN_MAX)
        return "longer than 65536 bytes";
    if (trit_utf8_valid(token.s, token.n) < token.n)
        return "not UTF-8";
    return NULL;
}

/* Checks each token by itself and adds up their lengths. */
static enum trit_code check_tokens(const struct loader *l, size_t *bytes)
{
    if (l->ntexts == 0 || l->ntexts > INT32_MAX - 1)
        return trit_fail(l->error, TRIT_EFORMAT, "%s: " KEY("tokens") " has %zu elements",
                         l->gguf->path, l->ntexts);
    for (size_t i = 0; i < l->ntexts; i++) {
        const char *fault = token_fault(l->texts[i]);
        if (fault)
            return bad_item(l, KEY("tokens"), i, l->texts[i], fault);
        *bytes += l->texts[i].n;
    }
    if (*bytes > UINT32_MAX)
        return trit_fail(l->error, TRIT_EFORMAT, "%s: " KEY("tokens") " holds more than 4 GiB",
                         l->gguf->path);
    return TRIT_OK;
}

/* An optional array beside the tokens must be as long as they are. */
static enum trit_code find_beside(const struct loader *l, const char *key,
                                  const struct trit_gguf_kv **kv)
{
    *kv = trit_gguf_find(l->gguf, key);
    if (!*kv || ((*kv)->type == TRIT_GGUF_ARRAY && (*kv)->count == l->t->n))
        return TRIT_OK;
    return trit_fail(l->error, TRIT_EFORMAT,
                     "%s: %s is not an array of %zu elements, one per token", l->gguf->path, key,
                     l->t->n);
}

static enum trit_code load_types(const struct loader *l)
{
    const struct trit_gguf_kv *kv;
    enum trit_code code = find_beside(l, KEY("scores"), &kv);
    if (code || (code = find_beside(l, KEY("token_type"), &kv)))
        return code;
    memset(l->t->types, TRIT_TOKEN_NORMAL, l->t->n);
    if (!kv)
        return TRIT_OK;
    if (kv->item != TRIT_GGUF_I32 && kv->item != TRIT_GGUF_U32)
        return trit_fail(l->error, TRIT_EFORMAT, "%s: " KEY("token_type") " holds %s, not i32",
                         l->gguf->path, trit_gguf_type_name(kv->item));
    for (size_t i = 0; i < l->t->n; i++) {
        uint32_t type;
        memcpy(&type, kv->data + i * sizeof type, sizeof type);
        if (type < TRIT_TOKEN_NORMAL || type > TRIT_TOKEN_BYTE)
            return trit_fail(l->error, TRIT_EFORMAT,
                             "%s: " KEY("token_type") "[%zu] is %d, must be 1 to 6", l->gguf->path,
                             i, (int)type);
        l->t->types[i] = (uint8_t)type;
    }
    return TRIT_OK;
}

/* Copies piece i and what it stands for: the byte-level alphabet spells normal tokens only. */
static enum trit_code add_token(struct loader *l, uint32_t i)
{
    struct trit_tokenizer *t = l->t;
    struct trit_text piece = l->texts[i], bytes = piece;
    if (t->types[i] == TRIT_TOKEN_NORMAL)
        bytes = trit_alphabet_decode(piece, l->joined);
    if (!bytes.s)
        return bad_item(l, KEY("tokens"), i, piece,
                        "has a character outside the byte-level alphabet");
    trit_strings_add(&t->pieces, piece);
    trit_strings_add(&t->bytes, bytes);
    int32_t same = trit_index_add(&l->index, i);
    if (same >= 0)
        return trit_fail(l->error, TRIT_EFORMAT,
                         "%s: " KEY("tokens") "[%u] is the same as [%d], '%.*s'", l->gguf->path, i,
                         same, shown(piece), piece.s);
    if (t->types[i] != TRIT_TOKEN_NORMAL)
        return TRIT_OK;
    trit_index_add(&t->words, i); /* the alphabet is one to one: no two are the same */
    if (bytes.n == 1)
        t->byte_ids[(unsigned char)bytes.s[0]] = (int32_t)i;
    return TRIT_OK;
}

static enum trit_code load_tokens(struct loader *l)
{
    struct trit_tokenizer *t = l->t;
    size_t bytes = 0;
    enum trit_code code = trit_gguf_texts(l->gguf, KEY("tokens"), &l->texts, &l->ntexts, l->error);
    if (code || (code = check_tokens(l, &bytes)))
        return code;
    t->n = l->ntexts;
    t->types = trit_alloc(t->n, sizeof *t->types);
    t->ends = trit_alloc(t->n, sizeof *t->ends);
    l->joined = trit_alloc(2, TRIT_TOKEN_MAX);
    if (!t->types || !t->ends || !l->joined || !trit_strings_create(&t->pieces, t->n, bytes) ||
        !trit_strings_create(&t->bytes, t->n, bytes) ||
        !trit_index_create(&l->index, &t->pieces, t->n) ||
        !trit_index_create(&t->words, &t->bytes, t->n))
        return no_memory(l);
    if ((code = load_types(l)))
        return code;
    memset(t->byte_ids, -1, sizeof t->byte_ids);
    for (uint32_t i = 0; i < t->n; i++)
        if ((code = add_token(l, i)))
            return code;
    for (int byte = 0; byte < 256; byte++)
        if (t->byte_ids[byte] < 0)
            return trit_fail(l->error, TRIT_EFORMAT,
                             "%s: " KEY("tokens") " has no token for the byte 0x%02x",
                             l->gguf->path, byte);
    return TRIT_OK;
}

/* The ids of "left right"; a fault in words, or NULL. */
static const char *parse_merge(const struct loader *l, struct trit_text text,
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

static enum trit_code load_merges(struct loader *l)
{
    free(l->texts);
    l->texts = NULL;
    enum trit_code code = trit_gguf_texts(l->gguf, KEY("merges"), &l->texts, &l->ntexts, l->error);
    if (code)
        return code;
    if (!trit_merges_create(&l->t->merges, l->ntexts))
        return no_memory(l);
    for (size_t i = 0; i < l->ntexts; i++) {
        struct trit_merge merge;
        const char *fault = parse_merge(l, l->texts[i], &merge);
        if (!fault && trit_merges_add(&l->t->merges, merge) != TRIT_NO_MERGE)
            fault = "duplicate merge";
        if (fault)
            return bad_item(l, KEY("merges"), i, l->texts[i], fault);
    }
    return TRIT_OK;
}

/* The id under key, -1 where the key is absent. */
static enum trit_code load_id(const struct loader *l, const char *key, int32_t *id)
{
    uint32_t value;
    *id = -1;
    if (!trit_gguf_find(l->gguf, key))
        return TRIT_OK;
    enum trit_code code = trit_gguf_u32(l->gguf, key, &value, l->error);
    if (code)
        return code;
    if (value >= l->t->n)
        return trit_fail(l->error, TRIT_EFORMAT, "%s: %s is %u, but there are only %zu tokens",
                         l->gguf->path, key, value, l->t->n);
    *id = (int32_t)value;
    return TRIT_OK;
}

static enum trit_code load_ends(const struct loader *l)
{
    struct trit_tokenizer *t = l->t;
    for (size_t i = 0; i < sizeof id_keys / sizeof *id_keys; i++) {
        int32_t id;
        enum trit_code code = load_id(l, id_keys[i].key, &id);
        if (code)
            return code;
        if (id >= 0)
            t->ends[id] |= id_keys[i].end;
    }
    for (size_t i = 0; i < sizeof end_names / sizeof *end_names; i++) {
        int32_t id =
            trit_index_find(&l->index, (struct trit_text){ end_names[i], strlen(end_names[i]) });
        if (id >= 0)
            t->ends[id] = true;
    }
    return TRIT_OK;
}

static enum trit_code load_bos(const struct loader *l)
{
    struct trit_tokenizer *t = l->t;
    enum trit_code code = load_id(l, KEY("bos_token_id"), &t->bos);
    t->add_bos &= t->bos >= 0;
    if (code || !trit_gguf_find(l->gguf, KEY("add_bos_token")))
        return code;
    if ((code = trit_gguf_bool(l->gguf, KEY("add_bos_token"), &t->add_bos, l->error)))
        return code;
    if (t->add_bos && t->bos < 0)
        return trit_fail(l->error, TRIT_EFORMAT,
                         "%s: " KEY("add_bos_token") " is set, but there is no bos_token_id",
                         l->gguf->path);
    return TRIT_OK;
}

static enum trit_code load(struct loader *l)
{
    struct trit_tokenizer *t = l->t;
    enum trit_code code = check_kind(l);
    if (code || (code = load_tokens(l)) || (code = load_merges(l)) || (code = load_bos(l)) ||
        (code = load_ends(l)))
        return code;
    if (!trit_specials_create(&t->specials[false], &t->bytes, t->types, false) ||
        !trit_specials_create(&t->specials[true], &t->bytes, t->types, true))
        return no_memory(l);
    return trit_splitter_create(&t->splitter, t->split, l->error);
}

enum trit_code trit_tokenizer_load(struct trit_tokenizer **tokenizer, const struct trit_gguf *gguf,
                                   struct trit_error *error)
{
    struct loader l = { .t = trit_alloc(1, sizeof *l.t), .gguf = gguf, .error = error };
    *tokenizer = NULL;
    if (!l.t)
        return no_memory(&l);
    enum trit_code code = load(&l);
    trit_index_free(&l.index);
    free(l.texts);
    free(l.joined);
    if (code)
        trit_tokenizer_free(l.t);
    else
        *tokenizer = l.t;
    return code;
}

void trit_tokenizer_free(struct trit_tokenizer *t)
{
    if (!t)
        return;
    free(t->types);
    free(t->ends);
    trit_strings_free(&t->pieces);
    trit_strings_free(&t->bytes);
    trit_index_free(&t->words);
    trit_merges_free(&t->merges);
    trit_specials_free(&t->specials[false]);
    trit_specials_free(&t->specials[true]);
    trit_splitter_free(t->splitter);
    free(t);
}

static bool known(const struct trit_tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->n;
}

size_t trit_tokenizer_size(const struct trit_tokenizer *t)
{
    return t->n;
}

int32_t trit_tokenizer_bos(const struct trit_tokenizer *t)
{
    return t->bos;
}

bool trit_tokenizer_add_bos(const struct trit_tokenizer *t)
{
    return t->add_bos;
}

bool trit_tokenizer_lacks_bos(const struct trit_tokenizer *t, const int32_t *ids, size_t n)
{
    const int32_t bos = trit_tokenizer_bos(t);
    return trit_tokenizer_add_bos(t) && bos >= 0 && (n == 0 || ids[0] != bos);
}

bool trit_tokenizer_is_end(const struct trit_tokenizer *t, int32_t id)
{
    return known(t, id) && t->ends[id];
}

bool trit_tokenizer_is_special(const struct trit_tokenizer *t, int32_t id)
{
    return known(t, id) &&
           (t->types[id] == TRIT_TOKEN_CONTROL || t->types[id] == TRIT_TOKEN_UNKNOWN);
}

struct trit_text trit_tokenizer_piece(const struct trit_tokenizer *t, int32_t id)
{
    return known(t, id) ? trit_string(&t->pieces, (size_t)id) : (struct trit_text){ "", 0 };
}

struct trit_text trit_tokenizer_decode(const struct trit_tokenizer *t, int32_t id, bool special)
{
    if (!known(t, id) || (!special && trit_tokenizer_is_special(t, id)))
        return (struct trit_text){ "", 0 };
    return trit_string(&t->bytes, (size_t)id);
}

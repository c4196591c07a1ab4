/* Loads a vocabulary from a GGUF's tokenizer keys, believing nothing, and tells of its tokens. */
#include "runtime/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/text/internal.h"

#define KEY TRIT_KEY

/* Tokens that end a text or a turn even where no key names them, as 2B4T's <|eot_id|>; control: if
   they are of that type (Gemma's </s> is HTML). */
static const struct {
    const char *name;
    bool control;
} end_names[] = {
    { "<|eot_id|>", false },    { "<|end_of_text|>", false },
    { "<|eom_id|>", false },    { "<|im_end|>", false },
    { "<|endoftext|>", false }, { "<|end|>", false },
    { "<end_of_turn>", false }, { "</s>", true },
    { "<EOT>", false },         { "<|fim_pad|>", false },
    { "<|repo_name|>", false }, { "<|file_sep|>", false },
    { "<eos>", false },
};

static const struct {
    const char *key;
    bool end;
} id_keys[] = {
    { KEY("eos_token_id"), true },
    { KEY("eot_token_id"), true },
    { KEY("eom_token_id"), true },
    { KEY("padding_token_id"), false },
};

static const struct trit_token_model *const models[] = { &trit_byte_level, &trit_sentence_piece };
enum { NMODELS = sizeof models / sizeof *models };

enum trit_code trit_load_no_memory(const struct trit_loader *l)
{
    return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory for the vocabulary", l->gguf->path);
}

enum trit_code trit_load_bad_item(const struct trit_loader *l, const char *key, size_t i,
                                  struct trit_text text, const char *what)
{
    return trit_fail(l->error, TRIT_EFORMAT, "%s: %s[%zu] '%.*s': %s", l->gguf->path, key, i,
                     trit_shown(text), text.s, what);
}

static enum trit_code find_model(const struct trit_loader *l)
{
    struct trit_text name;
    enum trit_code code = trit_gguf_text(l->gguf, KEY("model"), &name, l->error);
    for (size_t i = 0; i < NMODELS && !code; i++)
        if (trit_text_is(name, models[i]->name)) {
            l->t->model = models[i];
            return TRIT_OK;
        }
    if (code)
        return code;
    return trit_fail(l->error, TRIT_EUNSUPPORTED,
                     "%s: " KEY("model") " is '%.*s', supported are 'gpt2' and 'llama'",
                     l->gguf->path, trit_shown(name), name.s);
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
static enum trit_code check_tokens(const struct trit_loader *l, size_t *bytes)
{
    if (l->ntexts == 0 || l->ntexts > INT32_MAX - 1)
        return trit_fail(l->error, TRIT_EFORMAT, "%s: " KEY("tokens") " has %zu elements",
                         l->gguf->path, l->ntexts);
    for (size_t i = 0; i < l->ntexts; i++) {
        const char *fault = token_fault(l->texts[i]);
        if (fault)
            return trit_load_bad_item(l, KEY("tokens"), i, l->texts[i], fault);
        *bytes += l->texts[i].n;
    }
    if (*bytes > UINT32_MAX)
        return trit_fail(l->error, TRIT_EFORMAT, "%s: " KEY("tokens") " holds more than 4 GiB",
                         l->gguf->path);
    return TRIT_OK;
}

enum trit_code trit_load_beside(const struct trit_loader *l, const char *key,
                                const struct trit_gguf_kv **kv)
{
    *kv = trit_gguf_find(l->gguf, key);
    if (!*kv || ((*kv)->type == TRIT_GGUF_ARRAY && (*kv)->count == l->t->n))
        return TRIT_OK;
    return trit_fail(l->error, TRIT_EFORMAT,
                     "%s: %s is not an array of %zu elements, one per token", l->gguf->path, key,
                     l->t->n);
}

static enum trit_code load_types(const struct trit_loader *l)
{
    const struct trit_gguf_kv *kv;
    enum trit_code code = trit_load_beside(l, KEY("scores"), &kv);
    if (code || (code = trit_load_beside(l, KEY("token_type"), &kv)))
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

/* Copies piece i and what it stands for. */
static enum trit_code add_token(struct trit_loader *l, uint32_t i)
{
    struct trit_tokenizer *t = l->t;
    const char *fault = NULL;
    const struct trit_text piece = l->texts[i], bytes = t->model->spell(l, i, &fault);
    if (!bytes.s)
        return trit_load_bad_item(l, KEY("tokens"), i, piece, fault);
    trit_strings_add(&t->pieces, piece);
    trit_strings_add(&t->bytes, bytes);
    int32_t same = trit_index_add(&l->index, i);
    if (same >= 0)
        return trit_fail(l->error, TRIT_EFORMAT,
                         "%s: " KEY("tokens") "[%u] is the same as [%d], '%.*s'", l->gguf->path, i,
                         same, trit_shown(piece), piece.s);
    /* Spaces are spelt otherwise in the vocabulary: one that stands for itself comes from nowhere,
       and so no two words are the same. */
    if (t->types[i] == TRIT_TOKEN_NORMAL && !memchr(piece.s, ' ', piece.n))
        trit_index_add(&t->words, i);
    return TRIT_OK;
}

static enum trit_code load_tokens(struct trit_loader *l)
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
        return trit_load_no_memory(l);
    if ((code = load_types(l)))
        return code;
    memset(t->byte_ids, -1, sizeof t->byte_ids);
    for (uint32_t i = 0; i < t->n; i++)
        if ((code = add_token(l, i)))
            return code;
    return TRIT_OK;
}

/* The id under key, -1 where the key is absent. */
static enum trit_code load_id(const struct trit_loader *l, const char *key, int32_t *id)
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

static enum trit_code load_ends(const struct trit_loader *l)
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
        const struct trit_text name = { end_names[i].name, strlen(end_names[i].name) };
        const int32_t id = trit_index_find(&l->index, name);
        if (id >= 0)
            t->ends[id] |= !end_names[i].control || t->types[id] == TRIT_TOKEN_CONTROL;
    }
    return TRIT_OK;
}

/* The unknown token: by its key, else the first of that type. */
static enum trit_code load_unknown(const struct trit_loader *l)
{
    struct trit_tokenizer *t = l->t;
    enum trit_code code = load_id(l, KEY("unknown_token_id"), &t->unknown);
    for (size_t i = 0; i < t->n && t->unknown < 0; i++)
        if (t->types[i] == TRIT_TOKEN_UNKNOWN)
            t->unknown = (int32_t)i;
    return code;
}

/* Whether a token is added, where the file says so; there must be one. */
static enum trit_code load_add(const struct trit_loader *l, const char *key, const char *id_key,
                               int32_t id, bool *add)
{
    *add &= id >= 0;
    if (!trit_gguf_find(l->gguf, key))
        return TRIT_OK;
    enum trit_code code = trit_gguf_bool(l->gguf, key, add, l->error);
    if (!code && *add && id < 0)
        code = trit_fail(l->error, TRIT_EFORMAT, "%s: %s is set, but there is no %s", l->gguf->path,
                         key, id_key);
    return code;
}

static enum trit_code load_adds(const struct trit_loader *l)
{
    struct trit_tokenizer *t = l->t;
    enum trit_code code = load_id(l, KEY("bos_token_id"), &t->bos);
    if (code || (code = load_id(l, KEY("eos_token_id"), &t->eos)) ||
        (code = load_add(l, KEY("add_bos_token"), "bos_token_id", t->bos, &t->add_bos)))
        return code;
    return load_add(l, KEY("add_eos_token"), "eos_token_id", t->eos, &t->add_eos);
}

static enum trit_code load(struct trit_loader *l)
{
    struct trit_tokenizer *t = l->t;
    enum trit_code code = find_model(l);
    if (code)
        return code;
    t->add_bos = t->model->add_bos;
    if ((code = load_tokens(l)) || (code = load_unknown(l)) || (code = t->model->finish(l)) ||
        (code = load_adds(l)) || (code = load_ends(l)))
        return code;
    if (!trit_specials_create(&t->specials[false], &t->bytes, t->types, false) ||
        !trit_specials_create(&t->specials[true], &t->bytes, t->types, true))
        return trit_load_no_memory(l);
    return TRIT_OK;
}

enum trit_code trit_tokenizer_load(struct trit_tokenizer **tokenizer, const struct trit_gguf *gguf,
                                   struct trit_error *error)
{
    struct trit_loader l = { .t = trit_alloc(1, sizeof *l.t), .gguf = gguf, .error = error };
    *tokenizer = NULL;
    if (!l.t)
        return trit_load_no_memory(&l);
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

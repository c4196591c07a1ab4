/* A tokenizer.json as Hugging Face's tokenizers writes it, as far as byte-level BPE needs it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/synth/internal.h"

enum { FILE_MAX = 256 << 20, TOKEN_MAX = 64 << 10 };

/* A file being read. */
struct reading {
    const char *path;
    json_t *root, *vocab, *merges, *added;
    struct trit_vocab *out;
    struct trit_error *error;
};

static const char *const bos_names[] = { "<|begin_of_text|>", "<s>", "<bos>", "<|startoftext|>",
                                         "[BOS]" };
static const char *const eos_names[] = { "<|end_of_text|>", "</s>", "<eos>", "<|endoftext|>",
                                         "[EOS]" };

static enum trit_code bad(const struct reading *r, const char *what, const char *name)
{
    return trit_fail(r->error, TRIT_EFORMAT, "%s: %s%s%.80s%s", r->path, what, name ? " '" : "",
                     name ? name : "", name ? "'" : "");
}

static enum trit_code no_memory(const struct reading *r)
{
    return trit_fail(r->error, TRIT_EMEMORY, "%s: out of memory", r->path);
}

static struct trit_text text_of(const json_t *string)
{
    return (struct trit_text){ json_string_value(string), json_string_length(string) };
}

static enum trit_code parse(struct reading *r)
{
    char *data;
    size_t bytes;
    json_error_t why;
    enum trit_code code = trit_file_read(r->path, FILE_MAX, &data, &bytes, r->error);
    if (code)
        return code;
    r->root = json_loadb(data, bytes, JSON_REJECT_DUPLICATES, &why);
    free(data);
    if (!r->root)
        return trit_fail(r->error, TRIT_EFORMAT, "%s: line %d, column %d: %s", r->path, why.line,
                         why.column, why.text);
    return TRIT_OK;
}

/* The parts that are needed are there and of the right kind. */
static enum trit_code find_parts(struct reading *r)
{
    const json_t *model = json_object_get(r->root, "model");
    const char *kind = json_string_value(json_object_get(model, "type"));
    r->vocab = json_object_get(model, "vocab");
    r->merges = json_object_get(model, "merges");
    r->added = json_object_get(r->root, "added_tokens");
    if (!json_is_object(model))
        return bad(r, "no object 'model': not a tokenizer.json", NULL);
    if (kind && strcmp(kind, "BPE"))
        return trit_fail(r->error, TRIT_EUNSUPPORTED, "%s: model.type is '%.40s', not BPE", r->path,
                         kind);
    if (json_is_true(json_object_get(model, "byte_fallback")))
        return trit_fail(r->error, TRIT_EUNSUPPORTED,
                         "%s: model.byte_fallback is set: a SentencePiece vocabulary, not a "
                         "byte-level one",
                         r->path);
    if (!json_is_object(r->vocab))
        return bad(r, "model.vocab is not an object of token to id", NULL);
    if (!json_is_array(r->merges))
        return bad(r, "model.merges is not an array", NULL);
    if (r->added && !json_is_array(r->added))
        return bad(r, "added_tokens is not an array", NULL);
    return TRIT_OK;
}

/* Ids from 0 to the largest, where texts and ids are what they should be. */
static enum trit_code check_token(const struct reading *r, const char *text, size_t bytes,
                                  const json_t *id, size_t *n)
{
    json_int_t i = json_is_integer(id) ? json_integer_value(id) : -1;
    if (i < 0 || i >= TRIT_VOCAB_MAX)
        return bad(r, "no id from 0 to 4194303 for token", text);
    if (bytes == 0)
        return bad(r, "an empty token", NULL);
    if (bytes > TOKEN_MAX)
        return bad(r, "more than 65536 bytes in token", text);
    if ((size_t)i >= *n)
        *n = (size_t)i + 1;
    return TRIT_OK;
}

static enum trit_code measure(const struct reading *r, size_t *n)
{
    const char *text;
    json_t *id, *item;
    size_t i;
    enum trit_code code = TRIT_OK;
    *n = 0;
    json_object_foreach(r->vocab, text,
                        id) if ((code = check_token(r, text, strlen(text), id, n))) return code;
    json_array_foreach(r->added, i, item)
    {
        const json_t *content = json_object_get(item, "content");
        if (!json_is_string(content))
            return bad(r, "added_tokens has an entry without 'content'", NULL);
        text = json_string_value(content);
        if ((code = check_token(r, text, strlen(text), json_object_get(item, "id"), n)))
            return code;
    }
    return *n ? TRIT_OK : bad(r, "model.vocab is empty", NULL);
}

/* One text for one id: an added token may only repeat what model.vocab says. */
static enum trit_code place(const struct reading *r, struct trit_text text, const json_t *id,
                            int32_t type)
{
    size_t i = (size_t)json_integer_value(id);
    struct trit_text *slot = &r->out->tokens[i];
    if (slot->s && (slot->n != text.n || memcmp(slot->s, text.s, text.n)))
        return trit_fail(r->error, TRIT_EFORMAT, "%s: id %zu is both '%.*s' and '%.80s'", r->path,
                         i, (int)(slot->n < 80 ? slot->n : 80), slot->s, text.s);
    r->out->types[i] = type;
    if (!slot->s && !trit_vocab_join(r->out, text, "", (struct trit_text){ "", 0 }, slot))
        return no_memory(r);
    return TRIT_OK;
}

static enum trit_code place_tokens(const struct reading *r)
{
    const char *text;
    json_t *id, *item;
    size_t i;
    enum trit_code code = TRIT_OK;
    json_object_foreach(r->vocab, text,
                        id) if ((code = place(r, (struct trit_text){ text, strlen(text) }, id,
                                              TRIT_VOCAB_NORMAL))) return code;
    json_array_foreach(r->added, i, item)
    {
        bool special = json_is_true(json_object_get(item, "special"));
        if ((code = place(r, text_of(json_object_get(item, "content")), json_object_get(item, "id"),
                          special ? TRIT_VOCAB_CONTROL : TRIT_VOCAB_USER)))
            return code;
    }
    return TRIT_OK;
}

/* The two sides of a merge: "left right", or [left, right]. */
static bool sides(const json_t *merge, struct trit_text *left, struct trit_text *right)
{
    *left = *right = text_of(merge);
    if (json_is_array(merge) && json_array_size(merge) == 2) {
        *left = text_of(json_array_get(merge, 0));
        *right = text_of(json_array_get(merge, 1));
    } else if (left->s) {
        const char *space = memchr(left->s, ' ', left->n);
        size_t n = space ? (size_t)(space - left->s) : left->n;
        left->n = n;
        right->n -= n + !!space;
        right->s += n + !!space;
    }
    return left->s && right->s && left->n && right->n && !memchr(left->s, ' ', left->n) &&
           !memchr(right->s, ' ', right->n);
}

static bool known(const struct reading *r, struct trit_text text)
{
    return json_object_getn(r->vocab, text.s, text.n) != NULL;
}

static enum trit_code place_merge(const struct reading *r, size_t i, const json_t *merge)
{
    struct trit_text left, right, *whole = &r->out->merges[i];
    char both[2 * TOKEN_MAX];
    if (!sides(merge, &left, &right))
        return trit_fail(r->error, TRIT_EFORMAT,
                         "%s: model.merges[%zu] is neither \"left right\" nor [left, right]",
                         r->path, i);
    bool fits = left.n <= TOKEN_MAX && right.n <= TOKEN_MAX;
    if (fits) {
        memcpy(both, left.s, left.n);
        memcpy(both + left.n, right.s, right.n);
    }
    if (!fits || !known(r, left) || !known(r, right) ||
        !known(r, (struct trit_text){ both, left.n + right.n }))
        return trit_fail(r->error, TRIT_EFORMAT,
                         "%s: model.merges[%zu], '%.*s' with '%.*s', is not made of tokens",
                         r->path, i, (int)(left.n < 80 ? left.n : 80), left.s,
                         (int)(right.n < 80 ? right.n : 80), right.s);
    return trit_vocab_join(r->out, left, " ", right, whole) ? TRIT_OK : no_memory(r);
}

static enum trit_code place_merges(const struct reading *r)
{
    size_t i;
    json_t *merge;
    enum trit_code code = TRIT_OK;
    json_array_foreach(r->merges, i, merge)
    {
        if ((code = place_merge(r, i, merge)))
            return code;
        r->out->nmerges++;
    }
    return TRIT_OK;
}

/* The first of the usual names that is a control token; -1: none is. */
static int32_t named(const struct trit_vocab *v, const char *const *names, size_t n)
{
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < v->n; i++)
            if (v->types[i] == TRIT_VOCAB_CONTROL && trit_text_is(v->tokens[i], names[k]))
                return (int32_t)i;
    return -1;
}

static enum trit_code fill(struct reading *r)
{
    size_t n;
    enum trit_code code = find_parts(r);
    if (code || (code = measure(r, &n)))
        return code;
    if (!trit_vocab_reserve(r->out, n, json_array_size(r->merges)))
        return no_memory(r);
    if ((code = place_tokens(r)) || (code = place_merges(r)))
        return code;
    r->out->bos = named(r->out, bos_names, sizeof bos_names / sizeof *bos_names);
    r->out->eos = named(r->out, eos_names, sizeof eos_names / sizeof *eos_names);
    return TRIT_OK;
}

enum trit_code trit_vocab_read(struct trit_vocab *vocab, const char *path, struct trit_error *error)
{
    struct reading r = { .path = path, .out = vocab, .error = error };
    *vocab = (struct trit_vocab){ .bos = -1, .eos = -1 };
    enum trit_code code = parse(&r);
    if (!code)
        code = fill(&r);
    json_decref(r.root);
    if (code)
        trit_vocab_free(vocab);
    return code;
}

/* tokenizer.json of BPE: tokens, merges, added tokens. Byte-level ones keep their merges; those of
   SentencePiece's kind (byte_fallback) get scores that make the same merges. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/convert/hf_vocab.h"

/* Gemma 3's has 33 MB, 515,000 arrays and 1.9 million values. */
const struct trit_json_limits trit_hf_tokenizer_limits = {
    .bytes = 48 << 20, .depth = 32, .objects = 1 << 16, .arrays = 1 << 20, .values = 5 << 19
};

struct reader {
    struct trit_hf_vocab *v;
    struct trit_json_in root, model;
    const json_t *vocab, *merges;
    struct trit_error *error;
};

static enum trit_code bad_merge(const struct reader *r, size_t i, const char *what)
{
    return trit_fail(r->error, TRIT_EFORMAT, "%s: key 'model.merges', element %zu: %s",
                     r->root.path, i, what);
}

/* Switches that make another tokenizer. */
static enum trit_code check_model(struct reader *r)
{
    static const char *const absent[] = { "dropout", "continuing_subword_prefix",
                                          "end_of_word_suffix" };
    const json_t *type = trit_json_get(&r->model, "type");
    if (type && !trit_json_is(type, "BPE"))
        return trit_json_refuse(&r->model, "type", "supported is 'BPE'");
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        const json_t *value = trit_json_get(&r->model, absent[i]);
        if (value && !trit_json_is(value, "") && !trit_json_is(value, "0"))
            return trit_json_refuse(&r->model, absent[i], "supported is none");
    }
    r->vocab = trit_json_get(&r->model, "vocab");
    r->merges = trit_json_get(&r->model, "merges");
    if (!json_is_object(r->vocab) || !json_is_array(r->merges))
        return trit_fail(r->error, TRIT_EFORMAT,
                         "%s: keys 'model.vocab' and 'model.merges' must be an object and a list",
                         r->root.path);
    return TRIT_OK;
}

static enum trit_code read_tokens(struct reader *r)
{
    const char *text;
    json_t *id;
    json_object_foreach((json_t *)(uintptr_t)r->vocab, text, id)
    {
        if (!json_is_integer(id))
            return trit_fail(r->error, TRIT_EFORMAT,
                             "%s: key 'model.vocab': '%.64s' has no integer", r->root.path, text);
        const struct trit_hf_new token = { .id = json_integer_value(id),
                                           .text = { text, strlen(text) },
                                           .type = TRIT_HF_NORMAL };
        const enum trit_code code = trit_hf_token_set(r->v, r->root.path, &token, r->error);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static enum trit_code read_added(struct reader *r)
{
    const json_t *list = trit_json_get(&r->root, "added_tokens");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i), *id = json_object_get(one, "id");
        const char *text = json_string_value(json_object_get(one, "content"));
        if (!json_is_integer(id) || !text)
            return trit_fail(r->error, TRIT_EFORMAT,
                             "%s: key 'added_tokens', element %zu has no 'id' or 'content'",
                             r->root.path, i);
        const bool special = json_is_true(json_object_get(one, "special"));
        const int64_t at = json_integer_value(id);
        const json_t *known = json_object_get(r->vocab, text);
        if (known && json_integer_value(known) != at)
            return trit_fail(r->error, TRIT_EFORMAT,
                             "%s: key 'added_tokens': '%.64s' has id %lld, but %lld in "
                             "'model.vocab'",
                             r->root.path, text, (long long)at,
                             (long long)json_integer_value(known));
        const struct trit_hf_new token = {
            at, { text, strlen(text) }, special ? TRIT_HF_CONTROL : TRIT_HF_USER, known != NULL
        };
        const enum trit_code code = trit_hf_token_set(r->v, r->root.path, &token, r->error);
        if (code)
            return code;
    }
    return TRIT_OK;
}

/* --- merges --- */

struct merge {
    struct trit_text left, right;
};

/* "a b", or ["a", "b"]. */
static bool take_merge(const json_t *element, struct merge *m)
{
    const json_t *a = json_array_get(element, 0), *b = json_array_get(element, 1);
    if (json_is_array(element)) {
        m->left = (struct trit_text){ json_string_value(a), json_string_length(a) };
        m->right = (struct trit_text){ json_string_value(b), json_string_length(b) };
        return json_array_size(element) == 2 && m->left.n && m->right.n;
    }
    const char *text = json_string_value(element), *space = text ? strchr(text, ' ') : NULL;
    if (!space)
        return false;
    m->left = (struct trit_text){ text, (size_t)(space - text) };
    m->right = (struct trit_text){ space + 1, strlen(space + 1) };
    return m->left.n && m->right.n && !strchr(space + 1, ' ');
}

enum { TOKEN_MAX = 64 << 10 };

/* Which token the n bytes are: room has that many and one more. -1: none. */
static int64_t id_of(const struct reader *r, const char *text, size_t n, char *room)
{
    memcpy(room, text, n);
    room[n] = 0;
    const json_t *id = json_object_get(r->vocab, room);
    return json_is_integer(id) ? json_integer_value(id) : -1;
}

/* Checks one, "a b" in room; *result: the id of both as one. */
static enum trit_code check_merge(const struct reader *r, size_t i, char *room, size_t *length,
                                  int64_t *result)
{
    struct merge m;
    if (!take_merge(json_array_get(r->merges, i), &m))
        return bad_merge(r, i, "is neither \"a b\" nor [\"a\", \"b\"]");
    if (m.left.n + m.right.n > TOKEN_MAX)
        return bad_merge(r, i, "is longer than 65536 bytes");
    if (id_of(r, m.left.s, m.left.n, room) < 0 || id_of(r, m.right.s, m.right.n, room) < 0)
        return bad_merge(r, i, "has a part that is no token");
    memcpy(room, m.left.s, m.left.n);
    memcpy(room + m.left.n, m.right.s, m.right.n);
    room[m.left.n + m.right.n] = 0;
    const json_t *id = json_object_get(r->vocab, room);
    *result = json_is_integer(id) ? json_integer_value(id) : -1;
    if (*result < 0)
        return bad_merge(r, i, "makes what is no token");
    *length = m.left.n + 1 + m.right.n;
    memmove(room + m.left.n + 1, room + m.left.n, m.right.n);
    room[m.left.n] = ' ';
    return TRIT_OK;
}

static enum trit_code keep_merges(struct reader *r, char *room)
{
    struct trit_hf_vocab *v = r->v;
    const size_t n = json_array_size(r->merges);
    if (!(v->merges = trit_alloc(n + 1, sizeof *v->merges)))
        return trit_fail(r->error, TRIT_EMEMORY, "%s: out of memory", r->root.path);
    for (size_t i = 0; i < n; i++) {
        size_t length;
        int64_t result;
        const enum trit_code code = check_merge(r, i, room, &length, &result);
        if (code)
            return code;
        char *text = malloc(length);
        if (!text)
            return trit_fail(r->error, TRIT_EMEMORY, "%s: out of memory", r->root.path);
        memcpy(text, room, length);
        v->merges[v->nmerges++] = (struct trit_text){ text, length };
    }
    return TRIT_OK;
}

/* Scores in the order of the merges, so that the same pairs are merged first. All merges that make
   one token must stand together, as those made of a SentencePiece vocabulary do; but for added
   tokens, which are found in a text before anything is merged (Gemma's runs of spaces). */
static enum trit_code score_merges(struct reader *r, char *room)
{
    const size_t n = json_array_size(r->merges);
    int64_t last = -1, result;
    for (size_t i = 0; i < r->v->rows; i++)
        r->v->scores[i] = -(float)n;
    for (size_t i = 0; i < n; i++, last = result) {
        size_t length;
        const enum trit_code code = check_merge(r, i, room, &length, &result);
        if (code)
            return code;
        const bool first = r->v->scores[result] == -(float)n;
        if (result != last && !first && r->v->types[result] == TRIT_HF_NORMAL)
            return bad_merge(r, i,
                             "merges that make one token do not stand together: they are not "
                             "those of a SentencePiece vocabulary");
        if (first)
            r->v->scores[result] = -(float)i;
    }
    return TRIT_OK;
}

static enum trit_code read_merges(struct reader *r, bool bytes)
{
    char *room = malloc(TOKEN_MAX + 2);
    if (!room)
        return trit_fail(r->error, TRIT_EMEMORY, "%s: out of memory", r->root.path);
    const enum trit_code code = bytes ? score_merges(r, room) : keep_merges(r, room);
    free(room);
    return code;
}

/* --- SentencePiece's kind --- */

static bool is_byte(const char *s)
{
    return s && strlen(s) == 6 && !strncmp(s, "<0x", 3) && s[5] == '>' &&
           strspn(s + 3, "0123456789ABCDEFabcdef") == 2;
}

static enum trit_code read_pieces(struct reader *r)
{
    struct trit_hf_vocab *v = r->v;
    const char *unknown = NULL;
    enum trit_code code = trit_json_string(&r->model, "unk_token", &unknown);
    if (code || (code = trit_hf_spaces_read(v, &r->root)))
        return code;
    for (size_t i = 0; i < v->rows; i++)
        if (v->types[i] == TRIT_HF_NORMAL && is_byte(v->tokens[i]))
            v->types[i] = TRIT_HF_BYTE;
    const json_t *id = unknown ? json_object_get(r->vocab, unknown) : NULL;
    if (id) {
        v->ids[TRIT_HF_UNK] = json_integer_value(id);
        v->types[v->ids[TRIT_HF_UNK]] = TRIT_HF_UNKNOWN;
    }
    return TRIT_OK;
}

/* --- what is put around a text --- */

/* The id of a part that is a token; -1: it is none. */
static int64_t special_id(const struct trit_hf_vocab *v, const json_t *part)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(part, "SpecialToken"), "id"));
    return text ? trit_hf_token_find(v, text) : -1;
}

static void read_template(struct trit_hf_vocab *v, const json_t *post)
{
    const json_t *single = json_object_get(post, "single");
    const size_t n = json_array_size(single);
    if (!trit_json_is(json_object_get(post, "type"), "TemplateProcessing") || n < 2)
        return;
    v->ids[TRIT_HF_BOS] = special_id(v, json_array_get(single, 0));
    v->ids[TRIT_HF_EOS] = special_id(v, json_array_get(single, n - 1));
    v->add_bos = v->ids[TRIT_HF_BOS] >= 0;
    v->add_eos = v->ids[TRIT_HF_EOS] >= 0;
}

static void read_post(struct trit_hf_vocab *v, const json_t *post)
{
    const json_t *list = json_object_get(post, "processors");
    read_template(v, post);
    for (size_t i = 0; i < json_array_size(list); i++)
        read_template(v, json_array_get(list, i));
}

enum trit_code trit_hf_tokenizer_json(struct trit_hf_vocab *v, const json_t *root, const char *path,
                                      struct trit_error *error)
{
    struct reader r = { .v = v, .root = { path, "", root, error }, .error = error };
    bool bytes, whole;
    r.model = (struct trit_json_in){ path, "model.", json_object_get(root, "model"), error };
    if (!json_is_object(r.model.object))
        return trit_fail(error, TRIT_EFORMAT, "%s: key 'model' is missing", path);
    enum trit_code code = check_model(&r);
    if (code || (code = trit_json_bool(&r.model, "byte_fallback", false, &bytes)) ||
        (code = trit_json_bool(&r.model, "ignore_merges", false, &whole)) ||
        (code = read_tokens(&r)) || (code = read_added(&r)) || (code = read_merges(&r, bytes)) ||
        (code = bytes ? read_pieces(&r) : trit_hf_pre_read(v, &r.root, whole)))
        return code;
    read_post(v, trit_json_get(&r.root, "post_processor"));
    return TRIT_OK;
}

/* The vocabulary of a folder: tokenizer.model or tokenizer.json, then what stands beside it: which
   tokens begin and end texts, and the chat template. */
#include "runtime/convert/hf_vocab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/base/utf8.h"

enum { TOKEN_MAX = 64 << 10, MODEL_MAX = 64 << 20, TEMPLATE_MAX = 1 << 20 };

static enum trit_code no_memory(const char *path, struct trit_error *error)
{
    return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
}

enum trit_code trit_hf_vocab_create(struct trit_hf_vocab **v, size_t rows, const char *path,
                                    struct trit_error *error)
{
    struct trit_hf_vocab *new = calloc(1, sizeof *new);
    *v = new;
    if (!new)
        return no_memory(path, error);
    new->rows = rows;
    new->tokens = trit_alloc(rows, sizeof *new->tokens);
    new->scores = trit_alloc(rows, sizeof *new->scores);
    new->types = trit_alloc(rows, sizeof *new->types);
    for (size_t i = 0; i < TRIT_HF_IDS; i++)
        new->ids[i] = -1;
    return new->tokens &&new->scores &&new->types ? TRIT_OK : no_memory(path, error);
}

void trit_hf_vocab_free(struct trit_hf_vocab *v)
{
    if (!v)
        return;
    for (size_t i = 0; v->tokens && i < v->rows; i++)
        free(v->tokens[i]);
    for (size_t i = 0; i < v->nmerges; i++)
        free((char *)(uintptr_t)v->merges[i].s);
    free(v->tokens);
    free(v->scores);
    free(v->types);
    free(v->merges);
    free(v->chat_template);
    free(v);
}

enum trit_code trit_hf_token_set(struct trit_hf_vocab *v, const char *where,
                                 const struct trit_hf_new *token, struct trit_error *error)
{
    const struct trit_text text = token->text;
    const int64_t id = token->id;
    const bool row = id >= 0 && (uint64_t)id < v->rows;
    const char *what = text.n == 0                    ? "is empty"
                       : text.n > TOKEN_MAX           ? "is longer than 65536 bytes"
                       : !row                         ? "has an id that is no row of the "
                                                        "embedding"
                       : v->types[id] && !token->over ? "has an id that another has"
                                                      : NULL;
    if (what)
        return trit_fail(error, TRIT_EFORMAT, "%s: token %lld, '%.*s', %s (%zu rows)", where,
                         (long long)id, text.n < 64 ? (int)text.n : 64, text.s, what, v->rows);
    char *copy = strndup(text.s, text.n);
    if (!copy)
        return no_memory(where, error);
    free(v->tokens[id]);
    v->tokens[id] = copy;
    v->types[id] = token->type;
    return TRIT_OK;
}

int64_t trit_hf_token_find(const struct trit_hf_vocab *v, const char *text)
{
    for (size_t i = 0; i < v->rows; i++)
        if (v->tokens[i] && !strcmp(v->tokens[i], text))
            return (int64_t)i;
    return -1;
}

/* --- the files beside --- */

static enum trit_code take_id(struct trit_hf_vocab *v, const struct trit_json_in *in,
                              const char *key, const json_t *value, int role)
{
    const json_int_t id = json_integer_value(value);
    if (!json_is_integer(value) || id < 0)
        return TRIT_OK; /* none: written as null or -1 */
    if ((uint64_t)id >= v->rows)
        return trit_fail(in->error, TRIT_EFORMAT,
                         "%s: key '%s' is %lld, but the embedding has %zu rows", in->path, key,
                         (long long)id, v->rows);
    if (v->ids[role] < 0)
        v->ids[role] = id;
    return TRIT_OK;
}

/* One id more that ends texts, in the first key that is free; those that have no key are known by
   their names (runtime/text). */
static enum trit_code take_end(struct trit_hf_vocab *v, const struct trit_json_in *in,
                               const json_t *value)
{
    static const int roles[] = { TRIT_HF_EOS, TRIT_HF_EOT, TRIT_HF_EOM };
    for (size_t i = 0; i < 3; i++) {
        if (v->ids[roles[i]] >= 0 && json_is_integer(value) &&
            v->ids[roles[i]] == json_integer_value(value))
            return TRIT_OK;
        if (v->ids[roles[i]] < 0)
            return take_id(v, in, "eos_token_id", value, roles[i]);
    }
    return TRIT_OK;
}

/* The ids in generation_config.json or config.json: an end may be a list. */
static enum trit_code take_ids(struct trit_hf_vocab *v, const struct trit_json_in *in)
{
    const json_t *end = trit_json_get(in, "eos_token_id");
    enum trit_code code =
        take_id(v, in, "bos_token_id", trit_json_get(in, "bos_token_id"), TRIT_HF_BOS);
    if (!code)
        code = take_id(v, in, "pad_token_id", trit_json_get(in, "pad_token_id"), TRIT_HF_PAD);
    if (!code && end && !json_is_array(end))
        code = take_end(v, in, end);
    for (size_t i = 0; i < json_array_size(end) && !code; i++)
        code = take_end(v, in, json_array_get(end, i));
    return code;
}

static enum trit_code read_ids(struct trit_hf_vocab *v, const char *folder, const char *name,
                               struct trit_error *error)
{
    json_t *json;
    char *path;
    enum trit_code code = trit_json_optional(&json, &path, folder, name, &trit_json_small, error);
    const struct trit_json_in in = { path, "", json, error };
    if (!code && json)
        code = take_ids(v, &in);
    json_decref(json);
    free(path);
    return code;
}

static enum trit_code keep_template(struct trit_hf_vocab *v, const char *text, const char *path,
                                    struct trit_error *error)
{
    if (v->chat_template)
        return TRIT_OK;
    if (strlen(text) > TEMPLATE_MAX || trit_utf8_valid(text, strlen(text)) < strlen(text))
        return trit_fail(error, TRIT_EFORMAT, "%s: the chat template is no UTF-8, or too long",
                         path);
    v->chat_template = strdup(text);
    return v->chat_template ? TRIT_OK : no_memory(path, error);
}

/* A text, or a list of them with names, of which "default" counts. */
static enum trit_code take_template(struct trit_hf_vocab *v, const struct trit_json_in *in)
{
    const json_t *value = trit_json_get(in, "chat_template");
    if (json_is_string(value))
        return keep_template(v, json_string_value(value), in->path, in->error);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *one = json_array_get(value, i), *text = json_object_get(one, "template");
        if (json_is_string(text) && trit_json_is(json_object_get(one, "name"), "default"))
            return keep_template(v, json_string_value(text), in->path, in->error);
    }
    return TRIT_OK;
}

static enum trit_code read_template(struct trit_hf_vocab *v, const char *folder,
                                    struct trit_error *error)
{
    char *path = trit_path_join(folder, "chat_template.jinja"), *text = NULL;
    size_t bytes;
    enum trit_code code = path ? TRIT_OK : no_memory(folder, error);
    if (!code && (!access(path, F_OK) || errno != ENOENT) &&
        !(code = trit_file_read(path, TEMPLATE_MAX, &text, &bytes, error)))
        code = strlen(text) == bytes
                   ? keep_template(v, text, path, error)
                   : trit_fail(error, TRIT_EFORMAT, "%s: has a byte that is 0", path);
    free(text);
    free(path);
    return code;
}

/* A token that a template puts around texts stays what it is; another that ends them is one more.
 */
static void take_role(struct trit_hf_vocab *v, int role, int64_t id, bool over)
{
    if (over || v->ids[role] < 0)
        v->ids[role] = id;
    else if (role == TRIT_HF_EOS && v->ids[role] != id)
        v->ids[TRIT_HF_EOT] = id;
}

/* The tokens that tokenizer_config.json names by their text, or by an object with it. */
static void take_named(struct trit_hf_vocab *v, const struct trit_json_in *in, bool over)
{
    static const struct {
        const char *key;
        int role;
    } named[] = {
        { "bos_token", TRIT_HF_BOS },
        { "eos_token", TRIT_HF_EOS },
        { "pad_token", TRIT_HF_PAD },
    };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        const json_t *value = trit_json_get(in, named[i].key);
        const json_t *inner = json_object_get(value, "content");
        const char *text = json_string_value(inner ? inner : value);
        const int64_t id = text ? trit_hf_token_find(v, text) : -1;
        if (id >= 0)
            take_role(v, named[i].role, id, over);
    }
}

/* Tokens that were added to a tokenizer.model: {"32000": {"content": "<x>", "special": true}}. */
static enum trit_code take_added(struct trit_hf_vocab *v, const struct trit_json_in *in)
{
    json_t *added = trit_json_get(in, "added_tokens_decoder"), *one;
    const char *key;
    json_object_foreach(added, key, one)
    {
        char *end;
        const long long id = strtoll(key, &end, 10);
        const char *text = json_string_value(json_object_get(one, "content"));
        const bool special = json_is_true(json_object_get(one, "special"));
        if (*end || end == key || !text)
            return trit_fail(in->error, TRIT_EFORMAT,
                             "%s: key 'added_tokens_decoder': '%.32s' is no id with 'content'",
                             in->path, key);
        if (id >= 0 && (uint64_t)id < v->rows && v->tokens[id] && !strcmp(v->tokens[id], text) &&
            v->types[id] != TRIT_HF_NORMAL)
            continue;
        const struct trit_hf_new token = {
            id, { text, strlen(text) }, special ? TRIT_HF_CONTROL : TRIT_HF_USER, true
        };
        const enum trit_code code = trit_hf_token_set(v, in->path, &token, in->error);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static enum trit_code read_beside(struct trit_hf_vocab *v, const char *folder, bool pieces,
                                  struct trit_error *error)
{
    json_t *json;
    char *path;
    enum trit_code code = read_template(v, folder, error);
    if (code)
        return code;
    code =
        trit_json_optional(&json, &path, folder, "tokenizer_config.json", &trit_json_reals, error);
    const struct trit_json_in in = { path, "", json, error };
    if (!code && json && !(pieces && (code = take_added(v, &in)))) {
        take_named(v, &in, pieces);
        code = trit_json_bool(&in, "add_bos_token", v->add_bos, &v->add_bos);
        if (!code)
            code = trit_json_bool(&in, "add_eos_token", v->add_eos, &v->add_eos);
        if (!code)
            code = take_template(v, &in);
    }
    json_decref(json);
    free(path);
    if (code || (code = read_ids(v, folder, "generation_config.json", error)))
        return code;
    return read_ids(v, folder, "config.json", error);
}

/* --- the vocabulary itself --- */

static enum trit_code read_model(struct trit_hf_vocab *v, const char *path,
                                 struct trit_error *error)
{
    char *data;
    size_t bytes;
    enum trit_code code = trit_file_read(path, MODEL_MAX, &data, &bytes, error);
    if (code)
        return code;
    code = trit_hf_sentencepiece(v, data, bytes, path, error);
    free(data);
    return code;
}

static enum trit_code read_json(struct trit_hf_vocab *v, const char *folder,
                                struct trit_error *error)
{
    json_t *json;
    char *path;
    enum trit_code code = trit_json_optional(&json, &path, folder, "tokenizer.json",
                                             &trit_hf_tokenizer_limits, error);
    if (!code && !json)
        code = trit_fail(error, TRIT_EIO, "%s: there is neither tokenizer.json nor tokenizer.model",
                         folder);
    if (!code)
        code = trit_hf_tokenizer_json(v, json, path, error);
    json_decref(json);
    free(path);
    return code;
}

/* Rows that no token has are written as llama.cpp's converter names them. */
static enum trit_code pad(struct trit_hf_vocab *v, const char *folder, struct trit_error *error)
{
    char name[32];
    for (size_t i = 0; i < v->rows; i++) {
        if (v->types[i])
            continue;
        const int n = snprintf(name, sizeof name, "[PAD%zu]", i);
        const struct trit_hf_new token = { (int64_t)i, { name, (size_t)n }, TRIT_HF_UNUSED, false };
        const enum trit_code code = trit_hf_token_set(v, folder, &token, error);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static enum trit_code read_vocab(struct trit_hf_vocab *v, const char *folder,
                                 struct trit_error *error)
{
    char *path = trit_path_join(folder, "tokenizer.model");
    if (!path)
        return no_memory(folder, error);
    const bool pieces = !access(path, F_OK);
    enum trit_code code = pieces ? read_model(v, path, error) : read_json(v, folder, error);
    free(path);
    if (!code)
        code = read_beside(v, folder, pieces, error);
    return code ? code : pad(v, folder, error);
}

enum trit_code trit_hf_vocab_read(struct trit_hf_vocab **vocab, const char *folder, size_t rows,
                                  struct trit_error *error)
{
    enum trit_code code = trit_hf_vocab_create(vocab, rows, folder, error);
    if (!code)
        code = read_vocab(*vocab, folder, error);
    for (size_t i = 0; i < TRIT_HF_IDS && !code; i++)
        if ((*vocab)->ids[i] >= (int64_t)rows)
            code = trit_fail(error, TRIT_EFORMAT,
                             "%s/tokenizer.model: an id of a special token is no row of the "
                             "embedding",
                             folder);
    if (code) {
        trit_hf_vocab_free(*vocab);
        *vocab = NULL;
    }
    return code;
}

/* --- a vocabulary without a model --- */

enum { ROWS_MAX = 1 << 22 };

/* One more than the largest id; 0 where none is one. */
static size_t count_rows(const json_t *root)
{
    const json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab"),
                 *added = json_object_get(root, "added_tokens");
    json_int_t largest = -1;
    const char *text;
    json_t *id;
    json_object_foreach((json_t *)(uintptr_t)vocab, text, id)
    {
        if (json_integer_value(id) > largest)
            largest = json_integer_value(id);
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_int_t value =
            json_integer_value(json_object_get(json_array_get(added, i), "id"));
        if (value > largest)
            largest = value;
    }
    return largest < ROWS_MAX ? (size_t)(largest + 1) : 0;
}

static enum trit_code read_alone(struct trit_hf_vocab **vocab, const json_t *json, const char *path,
                                 struct trit_error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return no_memory(path, error);
    enum trit_code code = trit_hf_vocab_create(vocab, count_rows(json), path, error);
    if (!code)
        code = trit_hf_tokenizer_json(*vocab, json, path, error);
    if (!code)
        code = read_beside(*vocab, folder, false, error);
    free(folder);
    return code ? code : pad(*vocab, path, error);
}

enum trit_code trit_hf_vocab_file(struct trit_hf_vocab **vocab, const char *path,
                                  struct trit_error *error)
{
    json_t *json;
    *vocab = NULL;
    enum trit_code code = trit_json_file(&json, path, &trit_hf_tokenizer_limits, error);
    if (code)
        return code;
    code = read_alone(vocab, json, path, error);
    json_decref(json);
    if (code) {
        trit_hf_vocab_free(*vocab);
        *vocab = NULL;
    }
    return code;
}

/* --- keys --- */

static enum trit_code put_tokens(const struct trit_hf_vocab *v, struct trit_gguf_writer *w,
                                 struct trit_error *error)
{
    struct trit_text *texts = trit_alloc(v->rows, sizeof *texts);
    if (!texts)
        return no_memory("the vocabulary", error);
    for (size_t i = 0; i < v->rows; i++)
        texts[i] = (struct trit_text){ v->tokens[i], strlen(v->tokens[i]) };
    trit_gguf_put_texts(w, "tokenizer.ggml.tokens", texts, v->rows);
    free(texts);
    if (!v->pre)
        trit_gguf_put_f32s(w, "tokenizer.ggml.scores", v->scores, v->rows);
    trit_gguf_put_i32s(w, "tokenizer.ggml.token_type", v->types, v->rows);
    if (v->pre)
        trit_gguf_put_texts(w, "tokenizer.ggml.merges", v->merges, v->nmerges);
    return TRIT_OK;
}

enum trit_code trit_hf_vocab_put(const struct trit_hf_vocab *v, struct trit_gguf_writer *w,
                                 struct trit_error *error)
{
    static const char *const keys[TRIT_HF_IDS] = {
        [TRIT_HF_BOS] = "tokenizer.ggml.bos_token_id",
        [TRIT_HF_EOS] = "tokenizer.ggml.eos_token_id",
        [TRIT_HF_EOT] = "tokenizer.ggml.eot_token_id",
        [TRIT_HF_EOM] = "tokenizer.ggml.eom_token_id",
        [TRIT_HF_PAD] = "tokenizer.ggml.padding_token_id",
        [TRIT_HF_UNK] = "tokenizer.ggml.unknown_token_id",
    };
    trit_gguf_put_text(w, "tokenizer.ggml.model", v->pre ? "gpt2" : "llama");
    trit_gguf_put_text(w, "tokenizer.ggml.pre", v->pre ? v->pre : "default");
    const enum trit_code code = put_tokens(v, w, error);
    if (code)
        return code;
    for (size_t i = 0; i < TRIT_HF_IDS; i++)
        if (v->ids[i] >= 0)
            trit_gguf_put_u32(w, keys[i], (uint32_t)v->ids[i]);
    trit_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", v->add_bos && v->ids[TRIT_HF_BOS] >= 0);
    if (v->add_eos)
        trit_gguf_put_bool(w, "tokenizer.ggml.add_eos_token", true);
    if (!v->pre)
        trit_gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", v->space_prefix);
    if (!v->pre && v->trim_spaces)
        trit_gguf_put_bool(w, "tokenizer.ggml.remove_extra_whitespaces", true);
    if (v->chat_template)
        trit_gguf_put_text(w, "tokenizer.chat_template", v->chat_template);
    return TRIT_OK;
}

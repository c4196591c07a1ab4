/* vocab_gguf TOKENIZER.JSON OUT.gguf: a GGUF that holds a byte-level BPE vocabulary and nothing
 * else. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/gguf_write.h"
#include "runtime/mem.h"

struct vocabulary {
    struct trit_text *tokens, *merges;
    int32_t *types;
    size_t n, nmerges;
};

static int fail(const char *what)
{
    fprintf(stderr, "vocab_gguf: %s\n", what);
    return 1;
}

static bool set_token(struct vocabulary *v, json_int_t id, const char *text, int32_t type)
{
    if (id < 0 || (size_t)id >= v->n || !text)
        return false;
    v->tokens[id] = (struct trit_text){ text, strlen(text) };
    v->types[id] = type;
    return true;
}

static bool read_tokens(struct vocabulary *v, json_t *vocab, json_t *added)
{
    const char *text;
    json_t *value;
    size_t i;
    v->n = json_object_size(vocab) + json_array_size(added);
    v->tokens = trit_alloc(v->n, sizeof *v->tokens);
    v->types = trit_alloc(v->n, sizeof *v->types);
    if (!v->tokens || !v->types)
        return false;
    json_object_foreach(vocab, text, value)
    {
        if (!set_token(v, json_integer_value(value), text, 1))
            return false;
    }
    json_array_foreach(added, i, value)
    {
        int32_t type = json_is_true(json_object_get(value, "special")) ? 3 : 4;
        if (!set_token(v, json_integer_value(json_object_get(value, "id")),
                       json_string_value(json_object_get(value, "content")), type))
            return false;
    }
    return true;
}

static bool read_merges(struct vocabulary *v, json_t *merges)
{
    json_t *value;
    size_t i;
    v->nmerges = json_array_size(merges);
    v->merges = trit_alloc(v->nmerges, sizeof *v->merges);
    if (!v->merges)
        return false;
    json_array_foreach(merges, i, value)
    {
        if (!json_is_string(value))
            return false;
        v->merges[i] = (struct trit_text){ json_string_value(value), json_string_length(value) };
    }
    return true;
}

static enum trit_code write_gguf(const struct vocabulary *v, const char *path,
                                 struct trit_error *error)
{
    struct trit_gguf_writer *w;
    enum trit_code code = trit_gguf_writer_create(&w, path, error);
    if (code)
        return code;
    trit_gguf_put_text(w, "general.architecture", "bitnet-b1.58");
    trit_gguf_put_text(w, "tokenizer.ggml.model", "gpt2");
    trit_gguf_put_texts(w, "tokenizer.ggml.tokens", v->tokens, v->n);
    trit_gguf_put_i32s(w, "tokenizer.ggml.token_type", v->types, v->n);
    trit_gguf_put_texts(w, "tokenizer.ggml.merges", v->merges, v->nmerges);
    if ((code = trit_gguf_write_begin(w, error))) {
        trit_gguf_writer_abandon(w);
        return code;
    }
    return trit_gguf_writer_finish(w, error);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return fail("usage: vocab_gguf TOKENIZER.JSON OUT.gguf");
    json_error_t where;
    struct trit_error error = { 0 };
    struct vocabulary v = { 0 };
    json_t *root = json_load_file(argv[1], 0, &where), *model = json_object_get(root, "model");
    int code = 0;
    if (!root)
        code = fail(where.text);
    else if (!read_tokens(&v, json_object_get(model, "vocab"),
                          json_object_get(root, "added_tokens")) ||
             !read_merges(&v, json_object_get(model, "merges")))
        code = fail("not a tokenizer.json with vocabulary, added tokens and merges");
    else if (write_gguf(&v, argv[2], &error))
        code = fail(error.text);
    free(v.tokens);
    free(v.types);
    free(v.merges);
    json_decref(root);
    return code;
}

/* Masters as a folder of Hugging Face's: how its files call what is trained, and their bytes. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/train/export_parts.h"
#include "runtime/train/quantise.h"
#include "runtime/train/vocabulary_parts.h"

#define WEIGHTS "model.safetensors"

/* --- what config.json has words for --- */

static const char *nameless(const struct trit_train_shape *s)
{
    return s->weights == TRIT_TRAIN_BINARY     ? "binary weights"
           : s->weight_group || s->input_group ? "scales for groups of columns"
           : s->input_bits == 4                ? "inputs of 4 bits"
           : s->hadamard                       ? "rotated inputs"
           : s->low_rows                       ? "a quantised embedding"
                                               : NULL;
}

/* The shortest decimals that are x again. */
static json_t *real(float x)
{
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if (!(strtof(text, NULL) < x || strtof(text, NULL) > x))
            break;
    }
    return json_real(strtod(text, NULL));
}

static json_t *config_of(const struct trit_train_export *x, const struct trit_train_vocabulary *v)
{
    const struct trit_train_shape *s = x->shape;
    const struct trit_train_class *class = &trit_train_classes[s->family];
    const char *name = NULL;
    for (size_t i = 0; i < x->nfacts; i++)
        name = !strcmp(x->facts[i].key, "name") ? x->facts[i].value : name;
    json_t *quant = json_pack("{s:s, s:s, s:s}", "quant_method", "bitnet", "linear_class",
                              "autobitlinear", "quantization_mode", "online");
    json_t *root = json_pack(
        "{s:[s], s:s, s:s*, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:b, s:b, s:s}",
        "architectures", class->name, "model_type", class->type, "_name_or_path", name,
        "hidden_act", class->act, "vocab_size", (int)s->vocab, "hidden_size", (int)s->hidden,
        "intermediate_size", (int)s->ffn, "num_hidden_layers", (int)s->layers,
        "num_attention_heads", (int)s->heads, "num_key_value_heads", (int)s->kv_heads, "head_dim",
        (int)s->head_dim, "max_position_embeddings", (int)s->context, "rms_norm_eps", real(s->eps),
        "rope_theta", real(s->rope_base), "tie_word_embeddings", 1, "attention_bias", 0,
        "torch_dtype", "float32");
    if (v->bos >= 0)
        json_object_set_new(root, "bos_token_id", json_integer(v->bos));
    if (v->eos >= 0)
        json_object_set_new(root, "eos_token_id", json_integer(v->eos));
    if (s->weights == TRIT_TRAIN_TERNARY && json_object_set(root, "quantization_config", quant)) {
        json_decref(root);
        root = NULL;
    }
    json_decref(quant);
    return root;
}

/* --- model.safetensors --- */

static bool is_safetensors(const char *head, size_t bytes)
{
    return bytes > 9 && head[8] == '{' && !head[7] && !head[6] && !head[5];
}

/* What a config.json says of its model begins with this here, and near its beginning elsewhere. */
static bool is_model_config(const char *head, size_t bytes)
{
    static const char key[] = "\"architectures\"";
    return bytes && head[0] == '{' && memmem(head, bytes, key, sizeof key - 1);
}

static const struct trit_file_kind safetensors = { "a safetensors file", is_safetensors, 0666 },
                                   model_config = { "a model's config.json", is_model_config,
                                                    0666 };

/* "blk.3.attn_q.weight": "model.layers.3.self_attn.q_proj.weight". */
static void name_of(const struct trit_train_shape *s, const char *gguf, char name[128])
{
    const struct trit_hf_family *family = trit_train_config(s).family;
    unsigned layer = 0;
    int at = 0;
    const bool inside = sscanf(gguf, "blk.%u.%n", &layer, &at) == 1 && at;
    size_t i = 0;
    while (i + 1 < family->nnames && strcmp(family->names[i].gguf, gguf + at))
        i++;
    if (inside)
        snprintf(name, 128, "model.layers.%u.%s", layer, family->names[i].hf);
    else
        snprintf(name, 128, "model.%s", family->names[i].hf);
}

/* The header behind its length, of malloc, with spaces so that the data begin at a multiple of 8.
 */
static char *header_of(const struct trit_train_export *x, size_t *bytes)
{
    const struct trit_train_layout *l = x->layout;
    json_t *root = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    json_int_t at = 0;
    for (size_t i = 0; i < l->ntensors; i++) {
        const struct trit_train_tensor *t = &l->list[i];
        const json_int_t end = at + (json_int_t)(t->n * t->k * sizeof *x->w);
        char name[128];
        json_t *shape = t->role == TRIT_TRAIN_NORM
                            ? json_pack("[I]", (json_int_t)t->k)
                            : json_pack("[I, I]", (json_int_t)t->n, (json_int_t)t->k);
        name_of(x->shape, t->name, name);
        json_object_set_new(root, name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape,
                                      "data_offsets", at, end));
        at = end;
    }
    char *text = json_object_size(root) == l->ntensors + 1 ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    *bytes = text ? trit_round_up(strlen(text), 8) : 0;
    char *padded = text ? malloc(*bytes + 1) : NULL;
    if (padded)
        snprintf(padded, *bytes + 1, "%-*s", (int)*bytes, text);
    free(text);
    return padded;
}

static enum trit_code write_weights(const struct trit_train_export *x, const char *path,
                                    struct trit_error *error)
{
    const struct trit_train_layout *l = x->layout;
    size_t bytes;
    char *header = header_of(x, &bytes);
    if (!header)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    struct trit_file *file;
    enum trit_code code = trit_file_create_as(&file, path, &safetensors, error);
    if (!code) {
        const uint64_t length = bytes;
        trit_file_write(file, &length, sizeof length);
        trit_file_write(file, header, bytes);
        for (size_t i = 0; i < l->ntensors; i++)
            trit_file_write(file, x->w + l->list[i].at, l->list[i].n * l->list[i].k * sizeof *x->w);
        code = trit_file_commit(file, error);
    }
    free(header);
    return code;
}

/* --- the folder --- */

/* The files that are written here, those of the vocabulary aside. */
struct places {
    char *weights, *config, *tokenizer;
};

static void free_places(struct places *p)
{
    free(p->weights);
    free(p->config);
    free(p->tokenizer);
}

/* To be freed whatever is returned. */
static enum trit_code find_places(struct places *p, const char *folder, struct trit_error *error)
{
    *p = (struct places){ trit_path_join(folder, WEIGHTS), trit_path_join(folder, "config.json"),
                          trit_path_join(folder, "tokenizer.json") };
    return p->weights && p->config && p->tokenizer
               ? TRIT_OK
               : trit_fail(error, TRIT_EMEMORY, "%s: no memory", folder);
}

/* Of a vocabulary that the shape has, which is read. */
static enum trit_code check(const struct trit_train_export *x, const struct places *p,
                            struct trit_train_vocabulary *v, struct trit_error *error)
{
    const char *what = nameless(x->shape);
    if (what)
        return trit_fail(error, TRIT_EARGUMENT,
                         "%s: has no words for %s, and a reader would compute something else: "
                         "keep a checkpoint, or write a GGUF",
                         p->config, what);
    enum trit_code code = trit_train_vocabulary_read(v, x->vocabulary, error);
    return code ? code : trit_train_check_tokens(x, error);
}

static enum trit_code check_places(const struct places *p, const char *const *files, size_t n,
                                   struct trit_error *error)
{
    enum trit_code code = trit_output_check(p->weights, &safetensors, files, n, error);
    if (!code)
        code = trit_output_check(p->config, &model_config, files, n, error);
    return code ? code : trit_train_vocabulary_check(p->tokenizer, files, n, error);
}

static enum trit_code write_files(const struct trit_train_export *x, const struct places *p,
                                  const struct trit_train_vocabulary *v, struct trit_error *error)
{
    enum trit_code code = trit_train_vocabulary_write_json(v, p->tokenizer, error);
    if (!code)
        code = write_weights(x, p->weights, error);
    return code ? code : trit_train_write_json(config_of(x, v), p->config, &model_config, error);
}

/* Beside n files, none of which is replaced; where it writes, after all was checked. */
static enum trit_code fill(const struct trit_train_export *x, const char *folder,
                           const char *const *files, size_t n, bool writes,
                           struct trit_error *error)
{
    struct trit_train_vocabulary v = { 0 };
    struct places p;
    enum trit_code code = find_places(&p, folder, error);
    if (!code)
        code = check(x, &p, &v, error);
    if (!code)
        code = check_places(&p, files, n, error);
    if (!code)
        code = trit_need_disk(p.weights, (uint64_t)x->layout->floats * sizeof *x->w, error);
    if (!code && writes)
        code = write_files(x, &p, &v, error);
    trit_train_vocabulary_free(&v);
    free_places(&p);
    return code;
}

enum trit_code trit_train_masters_check(const struct trit_train_export *x, const char *folder,
                                        const char *const *files, size_t n,
                                        struct trit_error *error)
{
    return fill(x, folder, files, n, false, error);
}

enum trit_code trit_train_export_masters(const struct trit_train_export *x, const char *folder,
                                         struct trit_error *error)
{
    return fill(x, folder, NULL, 0, true, error);
}

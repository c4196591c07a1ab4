/* config.json: the sizes and numbers of a model. A key that is neither read here nor known to
   change nothing is refused by its name: the graph might be another. */
#include "runtime/convert/hf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIM = 1 << 20, MAX_LAYERS = 4096, MAX_CONTEXT = 1 << 24, MAX_VOCAB = 1 << 24 };

/* The keys that are read, here and in hf_quant.c and hf_rotation.c. */
static const char *const read_keys[] = {
    "hidden_size",         "intermediate_size",   "num_hidden_layers", "max_position_embeddings",
    "num_attention_heads", "num_key_value_heads", "head_dim",          "rms_norm_eps",
    "vocab_size",          "tie_word_embeddings", "rope_theta",        "rope_scaling",
    "rope_parameters",     "quantization_config", "quantization",      "use_sliding_window",
    "sliding_window",      "layer_types",
};
static const char *const window_keys[] = {
    "sliding_window_pattern", "_sliding_window_pattern", "rope_local_base_freq",
    "query_pre_attn_scalar",  "cache_implementation",
};
static const char *const delta_keys[] = {
    "full_attention_interval",
    "linear_num_key_heads",
    "linear_num_value_heads",
    "linear_key_head_dim",
    "linear_value_head_dim",
    "linear_conv_kernel_dim",
    "partial_rotary_factor",
    "hadamard_config",
    "modules",
    "text_config",
};

static bool among(const char *key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], key))
            return true;
    return false;
}

static const struct trit_hf_neutral *neutral_of(const struct trit_hf_family *family,
                                                const char *key)
{
    for (size_t i = 0; i < family->nneutral; i++)
        if (!strcmp(family->neutral[i].key, key))
            return &family->neutral[i];
    return NULL;
}

static enum trit_code check_key(const struct trit_hf_family *family, const struct trit_json_in *in,
                                const char *key, const json_t *value)
{
    const struct trit_hf_neutral *neutral = neutral_of(family, key);
    if (neutral && !json_is_null(value) && !trit_json_is(value, neutral->value) &&
        !trit_json_is(value, neutral->other))
        return trit_json_refuse(in, key, "the graph would be another than this family's");
    if (neutral || trit_hf_harmless(key) ||
        among(key, read_keys, sizeof read_keys / sizeof *read_keys) ||
        (family->windows && among(key, window_keys, sizeof window_keys / sizeof *window_keys)) ||
        (family->delta && among(key, delta_keys, sizeof delta_keys / sizeof *delta_keys)))
        return TRIT_OK;
    if (trit_json_is(value, "null") || trit_json_is(value, "false") || trit_json_is(value, "[]"))
        return TRIT_OK;
    return trit_json_refuse(in, key, "is not known: the graph might be another");
}

static enum trit_code check_keys(const struct trit_hf_family *family, const struct trit_json_in *in)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)in->object, key, value)
    {
        const enum trit_code code = check_key(family, in, key, value);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static enum trit_code find_family(struct trit_hf_config *c, const struct trit_json_in *in)
{
    const json_t *classes = trit_json_get(in, "architectures");
    const char *class = json_string_value(json_array_get(classes, 0)), *type = NULL;
    char list[256], text[400];
    enum trit_code code = trit_json_string(in, "model_type", &type);
    if (code)
        return code;
    if (json_array_size(classes) > 1)
        return trit_json_refuse(in, "architectures", "which of them?");
    c->family = class ? trit_hf_family_find(class) : type ? trit_hf_family_find(type) : NULL;
    if (c->family)
        return TRIT_OK;
    snprintf(text, sizeof text, "supported are %s", trit_hf_family_list(list, sizeof list));
    return trit_fail(in->error, TRIT_EUNSUPPORTED, "%s: architecture '%.64s': %s", in->path,
                     class  ? class
                     : type ? type
                            : "(absent)",
                     text);
}

static enum trit_code read_sizes(struct trit_hf_config *c, const struct trit_json_in *in)
{
    const struct {
        const char *key;
        size_t min, max, fallback, *out;
    } sizes[] = {
        { "hidden_size", 2, MAX_DIM, SIZE_MAX, &c->dim[TRIT_HF_HIDDEN] },
        { "intermediate_size", 1, MAX_DIM, SIZE_MAX, &c->dim[TRIT_HF_FFN] },
        { "num_hidden_layers", 1, MAX_LAYERS, SIZE_MAX, &c->layers },
        { "max_position_embeddings", 1, MAX_CONTEXT, SIZE_MAX, &c->context },
        { "num_attention_heads", 1, 1 << 12, SIZE_MAX, &c->heads },
        { "vocab_size", 1, MAX_VOCAB, SIZE_MAX, &c->dim[TRIT_HF_VOCAB] },
    };
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !code; i++)
        code = trit_json_size(in, sizes[i].key, sizes[i].min, sizes[i].max, sizes[i].fallback,
                              sizes[i].out);
    if (!code)
        code = trit_json_float(in, "rms_norm_eps", 0, &c->eps);
    return code;
}

static enum trit_code read_heads(struct trit_hf_config *c, const struct trit_json_in *in)
{
    const size_t hidden = c->dim[TRIT_HF_HIDDEN];
    size_t *head = &c->dim[TRIT_HF_HEAD];
    enum trit_code code = trit_json_size(in, "num_key_value_heads", 1, c->heads,
                                         c->family->own_head ? SIZE_MAX : c->heads, &c->kv_heads);
    if (!code)
        code = trit_json_size(
            in, "head_dim", 2, 1 << 12,
            c->family->own_head || hidden % c->heads ? SIZE_MAX : hidden / c->heads, head);
    if (code)
        return code;
    if (c->heads % c->kv_heads)
        return trit_json_refuse(in, "num_key_value_heads", "must divide num_attention_heads");
    if (*head % 2)
        return trit_json_refuse(in, "head_dim", "must be even");
    c->dim[TRIT_HF_ONE] = 1;
    c->dim[TRIT_HF_Q] = c->heads * *head;
    c->dim[TRIT_HF_KV] = c->kv_heads * *head;
    c->dim[TRIT_HF_Q_GATED] = 2 * c->dim[TRIT_HF_Q];
    c->rope_dims = *head;
    return TRIT_OK;
}

/* --- rotation --- */

static enum trit_code read_yarn(struct trit_hf_config *c, const struct trit_json_in *in)
{
    static const char *const known[] = { "rope_type",        "type",
                                         "factor",           "original_max_position_embeddings",
                                         "attention_factor", "beta_fast",
                                         "beta_slow",        "rope_theta" };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)in->object, key, value) if (
        !among(key, known, sizeof known / sizeof *known) &&
        !json_is_null(
            value)) return trit_json_refuse(in, key, "is not known: the rotation might be another");
    enum trit_code code = trit_json_float(in, "factor", 0, &c->yarn.factor);
    if (code || (code = trit_json_size(in, "original_max_position_embeddings", 1, MAX_CONTEXT,
                                       SIZE_MAX, &c->yarn.original)))
        return code;
    if (trit_json_get(in, "attention_factor"))
        return trit_json_refuse(in, "attention_factor", "only the usual one of YaRN is known");
    if ((code = trit_json_float(in, "beta_fast", 32, &c->yarn.beta_fast)))
        return code;
    return trit_json_float(in, "beta_slow", 1, &c->yarn.beta_slow);
}

/* rope_scaling, or rope_parameters as later versions have it. */
static enum trit_code read_scaling(struct trit_hf_config *c, const struct trit_json_in *in)
{
    const char *type = NULL, *older = NULL;
    enum trit_code code = trit_json_string(in, "rope_type", &type);
    if (code || (code = trit_json_string(in, "type", &older)))
        return code;
    const char *key = type ? "rope_type" : "type";
    type = type ? type : older;
    if (!type || !strcmp(type, "default"))
        return TRIT_OK;
    if (c->family->yarn && !strcmp(type, "yarn"))
        return read_yarn(c, in);
    if (c->family->windows && !strcmp(type, "linear"))
        return trit_json_float(in, "factor", 0, &c->linear);
    return trit_json_refuse(in, key, "this family's rotations are not scaled so");
}

/* Text stands at the same position in each section, so that they are no others than plain rotation;
   they are written as the file has them. */
static enum trit_code read_sections(struct trit_hf_config *c, const struct trit_json_in *in)
{
    const json_t *list = trit_json_get(in, "mrope_section");
    int64_t pairs = 0;
    if (!list)
        return TRIT_OK;
    bool wrong = json_array_size(list) != 3;
    for (size_t i = 0; i < 3 && !wrong; i++) {
        const json_int_t n = json_integer_value(json_array_get(list, i));
        wrong = n < 0 || n > MAX_DIM;
        c->delta.sections[i] = (int32_t)n;
        pairs += n;
    }
    if (wrong || pairs != (int64_t)c->rope_dims / 2)
        return trit_json_refuse(in, "mrope_section",
                                "its three sections do not make the pairs that are rotated");
    return TRIT_OK;
}

static enum trit_code read_partial(struct trit_hf_config *c, const struct trit_json_in *in,
                                   const struct trit_json_in *rope)
{
    const struct trit_json_in *where =
        rope->object && trit_json_get(rope, "partial_rotary_factor") ? rope : in;
    float share;
    enum trit_code code = trit_json_float(where, "partial_rotary_factor", 0.25f, &share);
    if (code)
        return code;
    const float dims = share * (float)c->dim[TRIT_HF_HEAD];
    c->rope_dims = dims >= 2 && dims <= (float)c->dim[TRIT_HF_HEAD] ? (size_t)dims : 0;
    if (!c->rope_dims || c->rope_dims % 2)
        return trit_json_refuse(where, "partial_rotary_factor",
                                "does not leave an even part of a head");
    return rope->object ? read_sections(c, rope) : TRIT_OK;
}

static enum trit_code read_rope(struct trit_hf_config *c, const struct trit_json_in *in)
{
    const json_t *params = trit_json_get(in, "rope_parameters");
    const json_t *scaling = trit_json_get(in, "rope_scaling");
    char name[64];
    snprintf(name, sizeof name, "%s%s.", in->name, params ? "rope_parameters" : "rope_scaling");
    const struct trit_json_in rope = { in->path, name, params ? params : scaling, in->error };
    if (rope.object && !json_is_object(rope.object))
        return trit_json_refuse(in, params ? "rope_parameters" : "rope_scaling", "is no object");
    const bool inside = rope.object && trit_json_get(&rope, "rope_theta");
    enum trit_code code = trit_json_float(inside ? &rope : in, "rope_theta",
                                          c->family->own_head ? 0 : 10000, &c->rope_base);
    if (!code && rope.object)
        code = read_scaling(c, &rope);
    return code || !c->family->delta ? code : read_partial(c, in, &rope);
}

static enum trit_code read_text(struct trit_hf_config *c, const struct trit_json_in *in)
{
    enum trit_code code = read_sizes(c, in);
    if (code || (code = read_heads(c, in)) ||
        (c->family->delta && (code = trit_hf_delta_read(c, in))) || (code = read_rope(c, in)) ||
        (code = trit_hf_layers_read(c, in)))
        return code;
    return check_keys(c->family, in);
}

static enum trit_code read_parts(struct trit_hf_config *c, const struct trit_json_in *root)
{
    enum trit_code code = find_family(c, root);
    if (code)
        return code;
    const json_t *inner = c->family->delta ? trit_json_get(root, "text_config") : NULL;
    if (inner && !json_is_object(inner))
        return trit_json_refuse(root, "text_config", "is no object");
    c->text = inner ? (json_t *)(uintptr_t)inner : c->root;
    const struct trit_json_in text = { c->path, inner ? "text_config." : "", c->text, root->error };
    if (inner && !trit_json_is(json_object_get(inner, "model_type"), "qwen3_5_text"))
        return trit_json_refuse(&text, "model_type", "supported is 'qwen3_5_text'");
    if ((code = read_text(c, &text)) || (inner && (code = check_keys(c->family, root))))
        return code;
    const struct trit_json_in *tied =
        inner && trit_json_get(&text, "tie_word_embeddings") == NULL ? root : &text;
    return trit_json_bool(tied, "tie_word_embeddings", c->family->tied, &c->tied);
}

/* Of c->root, which was read from c->path. */
static enum trit_code read_root(struct trit_hf_config *c, struct trit_error *error)
{
    const struct trit_json_in in = { c->path, "", c->root, error };
    enum trit_code code = read_parts(c, &in);
    return code ? code : trit_hf_quant_read(c, error);
}

enum trit_code trit_hf_config_read(struct trit_hf_config *c, const char *folder,
                                   struct trit_error *error)
{
    *c = (struct trit_hf_config){ 0 };
    enum trit_code code =
        trit_json_optional(&c->root, &c->path, folder, "config.json", &trit_json_small, error);
    if (!code && !c->root)
        code = trit_fail(error, TRIT_EIO, "%s: is missing", c->path);
    if (!code)
        code = read_root(c, error);
    if (code)
        trit_hf_config_free(c);
    return code;
}

enum trit_code trit_hf_config_parse(struct trit_hf_config *c, const char *text, size_t bytes,
                                    const char *path, struct trit_error *error)
{
    *c = (struct trit_hf_config){ .path = strdup(path) };
    enum trit_code code =
        c->path ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    if (!code)
        code = trit_json_parse(&c->root, text, bytes, path, &trit_json_small, error);
    if (!code)
        code = read_root(c, error);
    if (code)
        trit_hf_config_free(c);
    return code;
}

void trit_hf_config_free(struct trit_hf_config *c)
{
    json_decref(c->root);
    free(c->path);
    *c = (struct trit_hf_config){ 0 };
}

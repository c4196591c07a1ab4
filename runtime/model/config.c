/* The hyper-parameters of a BitNet model: where they stand in the file, and what they may be. */
#define _GNU_SOURCE
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "runtime/model/model.h"

static const char *const architectures[] = { "bitnet-b1.58", "bitnet-25" };

enum { MAX_DIM = 1 << 20, MAX_LAYERS = 4096, MAX_CONTEXT = 1 << 24, MAX_VOCAB = 1 << 24 };

static enum trit_code read_arch(struct trit_config *c, const struct trit_gguf *g,
                                struct trit_error *e)
{
    struct trit_text arch = { "(absent)", 8 };
    enum trit_code code = TRIT_OK;
    if (trit_gguf_find(g, "general.architecture"))
        code = trit_gguf_text(g, "general.architecture", &arch, e);
    if (code)
        return code;
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (trit_text_is(arch, architectures[i])) {
            strcpy(c->arch, architectures[i]);
            return TRIT_OK;
        }
    return trit_fail(e, TRIT_EUNSUPPORTED,
                     "%s: key 'general.architecture' is '%.*s': supported are '%s' and '%s'",
                     g->path, (int)(arch.n < 64 ? arch.n : 64), arch.s, architectures[0],
                     architectures[1]);
}

/* An integer key {arch}.name within min .. max; `fallback` where it is absent and fallback is not
 * 0. */
static enum trit_code read_size(const struct trit_config *c, const struct trit_gguf *g,
                                const char *name, size_t min, size_t max, size_t fallback,
                                size_t *out, struct trit_error *e)
{
    char key[96];
    uint32_t value;
    snprintf(key, sizeof key, "%s.%s", c->arch, name);
    if (fallback && !trit_gguf_find(g, key)) {
        *out = fallback;
        return TRIT_OK;
    }
    enum trit_code code = trit_gguf_u32(g, key, &value, e);
    if (code)
        return code;
    if (value < min || value > max)
        return trit_fail(e, TRIT_EFORMAT, "%s: key '%s' is %u: must be %zu .. %zu", g->path, key,
                         value, min, max);
    *out = value;
    return TRIT_OK;
}

static enum trit_code read_float(const struct trit_config *c, const struct trit_gguf *g,
                                 const char *name, float min, float max, float *out,
                                 struct trit_error *e)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", c->arch, name);
    enum trit_code code = trit_gguf_f32(g, key, out, e);
    if (code)
        return code;
    if (!(*out >= min && *out <= max))
        return trit_fail(e, TRIT_EFORMAT, "%s: key '%s' is %g: must be %g .. %g", g->path, key,
                         (double)*out, (double)min, (double)max);
    return TRIT_OK;
}

/* A key that other graphs have, and its values that change nothing here: one of two texts, or a
   number. */
struct neutral {
    const char *name, *text, *other; /* text NULL: the number */
    float number;
};

static enum trit_code check_text(const struct trit_gguf *g, const char *key,
                                 const struct neutral *neutral, struct trit_error *e)
{
    struct trit_text text;
    enum trit_code code = trit_gguf_text(g, key, &text, e);
    if (code || trit_text_is(text, neutral->text) || trit_text_is(text, neutral->other))
        return code;
    return trit_fail(e, TRIT_EUNSUPPORTED, "%s: key '%s' is '%.*s': supported are '%s' and '%s'",
                     g->path, key, (int)(text.n < 64 ? text.n : 64), text.s, neutral->text,
                     neutral->other);
}

static enum trit_code check_number(const struct trit_gguf *g, const char *key,
                                   const struct neutral *neutral, struct trit_error *e)
{
    const uint32_t type = trit_gguf_find(g, key)->type;
    const bool real = type == TRIT_GGUF_F32 || type == TRIT_GGUF_F64;
    float number;
    uint32_t integer;
    enum trit_code code =
        real ? trit_gguf_f32(g, key, &number, e) : trit_gguf_u32(g, key, &integer, e);
    if (code)
        return code;
    number = real ? number : (float)integer;
    if (number == neutral->number)
        return TRIT_OK;
    return trit_fail(e, TRIT_EUNSUPPORTED, "%s: key '%s' is %g: supported is only %g", g->path, key,
                     (double)number, (double)neutral->number);
}

/* What would silently be another model is refused. */
static enum trit_code check_graph(const struct trit_config *c, const struct trit_gguf *g,
                                  struct trit_error *e)
{
    static const struct neutral keys[] = {
        { .name = "hidden_activation", .text = "relu2", .other = "relu_sqr" },
        { .name = "rope.scaling.type", .text = "none", .other = "linear" },
        { .name = "rope.scaling.factor", .number = 1 },
        { .name = "expert_count", .number = 0 },
        { .name = "attention.sliding_window", .number = 0 },
    };
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !code; i++) {
        char key[96];
        snprintf(key, sizeof key, "%s.%s", c->arch, keys[i].name);
        if (trit_gguf_find(g, key))
            code = (keys[i].text ? check_text : check_number)(g, key, &keys[i], e);
    }
    return code;
}

static enum trit_code read_sizes(struct trit_config *c, const struct trit_gguf *g,
                                 struct trit_error *e)
{
    const struct {
        const char *name;
        size_t min, max, fallback, *out;
    } keys[] = {
        { "embedding_length", 2, MAX_DIM, 0, &c->hidden },
        { "feed_forward_length", 1, MAX_DIM, 0, &c->ffn },
        { "block_count", 1, MAX_LAYERS, 0, &c->layers },
        { "context_length", 1, MAX_CONTEXT, 0, &c->context },
        { "attention.head_count", 1, MAX_DIM, 0, &c->heads },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        enum trit_code code = read_size(c, g, keys[i].name, keys[i].min, keys[i].max,
                                        keys[i].fallback, keys[i].out, e);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static enum trit_code read_heads(struct trit_config *c, const struct trit_gguf *g,
                                 struct trit_error *e)
{
    enum trit_code code =
        read_size(c, g, "attention.head_count_kv", 1, c->heads, c->heads, &c->kv_heads, e);
    if (code)
        return code;
    if (c->hidden % c->heads)
        return trit_fail(
            e, TRIT_EFORMAT,
            "%s: key '%s.attention.head_count' is %zu: must divide embedding_length %zu", g->path,
            c->arch, c->heads, c->hidden);
    if (c->heads % c->kv_heads)
        return trit_fail(e, TRIT_EFORMAT,
                         "%s: key '%s.attention.head_count_kv' is %zu: must divide head_count %zu",
                         g->path, c->arch, c->kv_heads, c->heads);
    c->head_dim = c->hidden / c->heads;
    if (c->head_dim < 2)
        return trit_fail(e, TRIT_EFORMAT,
                         "%s: embedding_length %zu / head_count %zu leaves %zu element per head: "
                         "rotation needs 2 at least",
                         g->path, c->hidden, c->heads, c->head_dim);
    static const char *const fixed[] = { "attention.key_length", "attention.value_length" };
    for (size_t i = 0; i < 2; i++) {
        size_t length = 0;
        code = read_size(c, g, fixed[i], 1, MAX_DIM, c->head_dim, &length, e);
        if (code)
            return code;
        if (length != c->head_dim)
            return trit_fail(e, TRIT_EUNSUPPORTED,
                             "%s: key '%s.%s' is %zu, but embedding_length / head_count is %zu",
                             g->path, c->arch, fixed[i], length, c->head_dim);
    }
    code = read_size(c, g, "rope.dimension_count", 2, c->head_dim, c->head_dim, &c->rope_dims, e);
    if (!code && c->rope_dims % 2)
        code = trit_fail(e, TRIT_EFORMAT,
                         "%s: key '%s.rope.dimension_count' (absent: the head's %zu) is %zu: must "
                         "be even",
                         g->path, c->arch, c->head_dim, c->rope_dims);
    return code;
}

/* The vocabulary's size stands in up to three places, which must agree. */
static enum trit_code read_vocab(struct trit_config *c, const struct trit_gguf *g,
                                 struct trit_error *e)
{
    const struct trit_gguf_tensor *embd = trit_gguf_tensor(g, "token_embd.weight");
    if (!embd)
        return trit_fail(e, TRIT_EFORMAT, "%s: tensor 'token_embd.weight' is missing", g->path);
    if (embd->ndims != 2 || embd->ne[0] != c->hidden || embd->ne[1] < 1 || embd->ne[1] > MAX_VOCAB)
        return trit_fail(
            e, TRIT_EFORMAT,
            "%s: tensor 'token_embd.weight' has %u dimensions, %llu x %llu: must have 2, "
            "embedding_length %zu x vocabulary (1 .. %d)",
            g->path, embd->ndims, (unsigned long long)embd->ne[0], (unsigned long long)embd->ne[1],
            c->hidden, MAX_VOCAB);
    c->vocab = (size_t)embd->ne[1];
    size_t size = 0;
    enum trit_code code = read_size(c, g, "vocab_size", 1, MAX_VOCAB, c->vocab, &size, e);
    if (code)
        return code;
    const struct trit_gguf_kv *tokens = trit_gguf_find(g, "tokenizer.ggml.tokens");
    if (size != c->vocab)
        return trit_fail(e, TRIT_EFORMAT,
                         "%s: key '%s.vocab_size' is %zu, but 'token_embd.weight' has %zu rows",
                         g->path, c->arch, size, c->vocab);
    if (tokens && tokens->count != c->vocab)
        return trit_fail(
            e, TRIT_EFORMAT,
            "%s: 'tokenizer.ggml.tokens' has %llu tokens, but 'token_embd.weight' has %zu rows",
            g->path, (unsigned long long)tokens->count, c->vocab);
    return TRIT_OK;
}

enum trit_code trit_config_read(struct trit_config *c, const struct trit_gguf *g,
                                struct trit_error *e)
{
    *c = (struct trit_config){ 0 };
    enum trit_code code = read_arch(c, g, e);
    if (code || (code = read_sizes(c, g, e)) || (code = read_heads(c, g, e)))
        return code;
    if ((code = read_float(c, g, "attention.layer_norm_rms_epsilon", FLT_MIN, 1, &c->eps, e)) ||
        (code = read_float(c, g, "rope.freq_base", 1, 1e12f, &c->rope_base, e)) ||
        (code = check_graph(c, g, e)) || (code = read_vocab(c, g, e)))
        return code;
    struct trit_text name = { "", 0 };
    if (trit_gguf_find(g, "general.name") && (code = trit_gguf_text(g, "general.name", &name, e)))
        return code;
    snprintf(c->name, sizeof c->name, "%.*s",
             (int)(name.n < sizeof c->name ? name.n : sizeof c->name - 1), name.s);
    c->tied = trit_gguf_tensor(g, "output.weight") == NULL;
    return TRIT_OK;
}

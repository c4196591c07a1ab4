/* The hyper-parameters of a model: where they stand in the file, and what they may be. */
#define _GNU_SOURCE
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "runtime/format/group.h"
#include "runtime/format/refuse.h"
#include "runtime/model/family.h"
#include "runtime/model/hadamard.h"
#include "runtime/model/keys.h"
#include "runtime/model/model.h"
#include "runtime/model/own.h"

enum { MAX_DIM = 1 << 20, MAX_LAYERS = 4096, MAX_CONTEXT = 1 << 24, MAX_VOCAB = 1 << 24 };

static enum trit_code unknown_arch(const struct trit_gguf *g, struct trit_text arch,
                                   struct trit_error *e)
{
    char list[512];
    if (trit_text_is(arch, "clip"))
        return trit_fail(e, TRIT_EUNSUPPORTED,
                         "%s: is the part of a model that reads images (mmproj), which is not "
                         "supported: name the model's own file",
                         g->path);
    return trit_fail(e, TRIT_EUNSUPPORTED,
                     "%s: key 'general.architecture' is '%.*s': supported are %s", g->path,
                     (int)(arch.n < 64 ? arch.n : 64), arch.s, trit_family_list(list, sizeof list));
}

static enum trit_code read_arch(struct trit_config *c, const struct trit_gguf *g,
                                struct trit_error *e)
{
    struct trit_text arch = { "(absent)", 8 };
    enum trit_code code = TRIT_OK;
    if (trit_gguf_find(g, "general.architecture"))
        code = trit_gguf_text(g, "general.architecture", &arch, e);
    if (code)
        return code;
    if (!(c->family = trit_family_find(arch.s, arch.n)))
        return unknown_arch(g, arch, e);
    snprintf(c->arch, sizeof c->arch, "%.*s", (int)arch.n, arch.s);
    return TRIT_OK;
}

struct trit_yarn trit_yarn_usual(float factor, size_t original)
{
    return (struct trit_yarn){
        .factor = factor, .attn_factor = 1, .beta_fast = 32, .beta_slow = 1, .original = original
    };
}

static enum trit_code read_yarn(struct trit_config *c, const struct trit_gguf *g,
                                struct trit_error *e)
{
    static const struct trit_neutral_key neutral[] = {
        { .name = "rope.scaling.yarn_ext_factor", .number = 1 },
        { .name = "rope.scaling.yarn_attn_factor", .number = 1 },
    };
    struct trit_yarn *y = &c->yarn;
    *y = trit_yarn_usual(0, 0);
    const struct trit_size_key original = { "rope.scaling.original_context_length", 1, MAX_CONTEXT,
                                            0, &y->original };
    const struct trit_float_key keys[] = {
        { "rope.scaling.factor", 1, 65536, &y->factor },
        { "rope.scaling.attn_factor", 1e-3f, 1e3f, &y->attn_factor },
        { "rope.scaling.yarn_beta_fast", 1e-3f, 1e6f, &y->beta_fast },
        { "rope.scaling.yarn_beta_slow", 1e-3f, 1e6f, &y->beta_slow },
    };
    enum trit_code code = trit_key_neutral(c, g, neutral, sizeof neutral / sizeof *neutral, e);
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !code; i++)
        code = trit_key_float(c, g, &keys[i], e);
    if (code || (code = trit_key_size(c, g, &original, e)))
        return code;
    if (y->beta_slow > y->beta_fast)
        return trit_fail(e, TRIT_EFORMAT,
                         "%s: key '%s.rope.scaling.yarn_beta_slow' is %g: must be at most "
                         "yarn_beta_fast, %g",
                         g->path, c->arch, (double)y->beta_slow, (double)y->beta_fast);
    if (!(c->rope_base > 1))
        return trit_fail(e, TRIT_EFORMAT,
                         "%s: key '%s.rope.freq_base' is %g: YaRN needs more than 1", g->path,
                         c->arch, (double)c->rope_base);
    return TRIT_OK;
}

/* Rotations as they are, or as YaRN changes them. */
static enum trit_code read_scaling(struct trit_config *c, const struct trit_gguf *g,
                                   struct trit_error *e)
{
    const struct trit_neutral_key type = { .name = "rope.scaling.type",
                                           .text = "none",
                                           .other = c->family->yarn ? "yarn" : "linear" };
    static const struct trit_neutral_key none[] = {
        { .name = "rope.scaling.attn_factor", .number = 1 },
        { .name = "rope.scale_linear", .number = 1 },
        { .name = "rope.scaling.factor", .number = 1 },
    };
    const struct trit_float_key factor = { "rope.scaling.factor", 1, 65536, &c->rope_linear };
    struct trit_text text = { "", 0 };
    char key[96];
    snprintf(key, sizeof key, "%s.rope.scaling.type", c->arch);
    enum trit_code code = trit_key_neutral(c, g, &type, 1, e);
    if (!code && trit_gguf_find(g, key))
        code = trit_gguf_text(g, key, &text, e);
    if (code)
        return code;
    if (trit_text_is(text, "yarn"))
        return read_yarn(c, g, e);
    const bool linear = c->family->linear && trit_text_is(text, "linear");
    code = trit_key_neutral(c, g, none, sizeof none / sizeof *none - linear, e);
    return code || !linear ? code : trit_key_float(c, g, &factor, e);
}

/* What would silently be another model is refused. */
static enum trit_code check_graph(const struct trit_config *c, const struct trit_gguf *g,
                                  struct trit_error *e)
{
    static const struct trit_neutral_key causal = { .name = "attention.causal", .number = 1 },
                                         window = { .name = "attention.sliding_window" },
                                         experts = { .name = "expert_count" };
    enum trit_code code = trit_key_neutral(c, g, &causal, 1, e);
    if (!code && !c->family->windows)
        code = trit_key_neutral(c, g, &window, 1, e);
    if (!code && !c->family->experts)
        code = trit_key_neutral(c, g, &experts, 1, e);
    return code ? code : trit_key_neutral(c, g, c->family->neutral, c->family->nneutral, e);
}

static enum trit_code read_sizes(struct trit_config *c, const struct trit_gguf *g,
                                 struct trit_error *e)
{
    const struct trit_size_key keys[] = {
        { "embedding_length", 2, MAX_DIM, 0, &c->hidden },
        { c->family->experts ? "expert_feed_forward_length" : "feed_forward_length", 1, MAX_DIM, 0,
          &c->ffn },
        { "block_count", 1, MAX_LAYERS, 0, &c->layers },
        { "context_length", 1, MAX_CONTEXT, 0, &c->context },
        { "attention.head_count", 1, MAX_DIM, 0, &c->heads },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        enum trit_code code = trit_key_size(c, g, &keys[i], e);
        if (code)
            return code;
    }
    return TRIT_OK;
}

/* Elements of a head: hidden / heads, or what the keys say where the family leaves them free. */
static enum trit_code read_head_dim(struct trit_config *c, const struct trit_gguf *g,
                                    struct trit_error *e)
{
    static const char *const names[] = { "attention.key_length", "attention.value_length" };
    const size_t usual = c->hidden / c->heads;
    size_t length[2];
    if (c->hidden % c->heads && !c->family->own_head_dim)
        return trit_fail(
            e, TRIT_EFORMAT,
            "%s: key '%s.attention.head_count' is %zu: must divide embedding_length %zu", g->path,
            c->arch, c->heads, c->hidden);
    for (size_t i = 0; i < 2; i++) {
        const size_t fallback = i > 0 ? length[0] : usual ? usual : 1;
        const struct trit_size_key key = { names[i], 1, MAX_DIM, fallback, &length[i] };
        enum trit_code code = trit_key_size(c, g, &key, e);
        if (code)
            return code;
        const size_t wanted = c->family->own_head_dim ? length[0] : usual;
        if (length[i] != wanted)
            return trit_fail(e, TRIT_EUNSUPPORTED, "%s: key '%s.%s' is %zu, but %s is %zu", g->path,
                             c->arch, names[i], length[i],
                             c->family->own_head_dim ? "attention.key_length"
                                                     : "embedding_length / head_count",
                             wanted);
    }
    c->head_dim = length[0];
    if (c->head_dim < 2)
        return trit_fail(e, TRIT_EFORMAT,
                         "%s: embedding_length %zu / head_count %zu leaves %zu element per head: "
                         "rotation needs 2 at least",
                         g->path, c->hidden, c->heads, c->head_dim);
    if (c->heads * c->head_dim > MAX_DIM)
        return trit_fail(e, TRIT_EFORMAT, "%s: %zu heads of %zu elements: more than %d in all",
                         g->path, c->heads, c->head_dim, MAX_DIM);
    return TRIT_OK;
}

static enum trit_code read_heads(struct trit_config *c, const struct trit_gguf *g,
                                 struct trit_error *e)
{
    const struct trit_size_key kv = { "attention.head_count_kv", 1, c->heads, c->heads,
                                      &c->kv_heads };
    enum trit_code code = trit_key_size(c, g, &kv, e);
    if (!code)
        code = read_head_dim(c, g, e);
    if (code)
        return code;
    if (c->heads % c->kv_heads)
        return trit_fail(e, TRIT_EFORMAT,
                         "%s: key '%s.attention.head_count_kv' is %zu: must divide head_count %zu",
                         g->path, c->arch, c->kv_heads, c->heads);
    const struct trit_size_key rope = { "rope.dimension_count", 2, c->head_dim, c->head_dim,
                                        &c->rope_dims };
    code = trit_key_size(c, g, &rope, e);
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
    const struct trit_size_key key = { "vocab_size", 1, MAX_VOCAB, c->vocab, &size };
    enum trit_code code = trit_key_size(c, g, &key, e);
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
    enum trit_code code = trit_gguf_refuse(g, e);
    if (code || (code = read_arch(c, g, e)) || (code = trit_own_read(c, g, e)) ||
        (code = trit_hadamard_read(c, g, e)) || (code = read_sizes(c, g, e)) ||
        (code = read_heads(c, g, e)))
        return code;
    c->rope_base = c->family->rope_base;
    const struct trit_float_key eps = { "attention.layer_norm_rms_epsilon", FLT_MIN, 1, &c->eps },
                                base = { "rope.freq_base", 1, 1e12f, &c->rope_base };
    if ((code = trit_key_float(c, g, &eps, e)) || (code = trit_key_float(c, g, &base, e)) ||
        (code = read_scaling(c, g, e)) || (code = check_graph(c, g, e)) ||
        (code = read_vocab(c, g, e)) || (c->family->read && (code = c->family->read(c, g, e))))
        return code;
    struct trit_text name = { "", 0 };
    if (trit_gguf_find(g, "general.name") && (code = trit_gguf_text(g, "general.name", &name, e)))
        return code;
    snprintf(c->name, sizeof c->name, "%.*s",
             (int)(name.n < sizeof c->name ? name.n : sizeof c->name - 1), name.s);
    c->norms_in = c->family->norms_in.layer && trit_gguf_tensor(g, "blk.0.attn_q_norm_in.weight");
    const struct trit_gguf_tensor *head = trit_gguf_tensor(g, "output.weight");
    c->tied = head == NULL;
    head = head ? head : trit_gguf_tensor(g, "token_embd.weight");
    struct trit_form form;
    c->packed_head = trit_type_has_groups(head->type) ||
                     (c->family->grouped && !trit_group_peek(g, head, &form, NULL));
    c->dense = trit_config_finds_dense(c, g);
    return TRIT_OK;
}

enum trit_code trit_config_file(struct trit_config *c, const char *path, struct trit_error *e)
{
    struct trit_gguf *gguf;
    enum trit_code code = trit_gguf_open(&gguf, path, e);
    if (code)
        return code;
    code = trit_config_read(c, gguf, e);
    trit_gguf_close(gguf);
    return code;
}

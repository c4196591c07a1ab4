/* The keys of a random model's file: its shape, how its weights count as rotated, its vocabulary.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/random.h"
#include "runtime/model/hadamard.h"
#include "runtime/synth/internal.h"

#define HADAMARD "prism.hadamard."

struct keys {
    const struct trit_synth *synth;
    const struct trit_synth_plan *plan;
    struct trit_gguf_writer *writer;
};

static void put_arch_u32(const struct keys *m, const char *key, size_t value)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", m->synth->arch, key);
    trit_gguf_put_u32(m->writer, name, (uint32_t)value);
}

static void put_arch_f32(const struct keys *m, const char *key, float value)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", m->synth->arch, key);
    trit_gguf_put_f32(m->writer, name, value);
}

/* Heads of their own size, and rotations that are stretched. */
static void put_more_keys(const struct keys *m)
{
    const struct trit_config *c = &m->plan->config;
    char name[96];
    if (c->family->own_head_dim) {
        put_arch_u32(m, "attention.key_length", c->head_dim);
        put_arch_u32(m, "attention.value_length", c->head_dim);
    }
    if (!(c->yarn.factor > 0))
        return;
    snprintf(name, sizeof name, "%s.rope.scaling.type", m->synth->arch);
    trit_gguf_put_text(m->writer, name, "yarn");
    put_arch_f32(m, "rope.scaling.factor", c->yarn.factor);
    put_arch_u32(m, "rope.scaling.original_context_length", c->yarn.original);
}

/* Layers with the delta rule, and how far text's positions are spread over its three sections. */
static void put_delta_keys(const struct keys *m)
{
    const struct trit_config *c = &m->plan->config;
    const size_t pairs = c->rope_dims / 2;
    const int32_t sections[] = { (int32_t)((pairs + 2) / 3), (int32_t)((pairs + 1) / 3),
                                 (int32_t)(pairs / 3), 0 };
    char name[96];
    if (!c->interval)
        return;
    snprintf(name, sizeof name, "%s.rope.dimension_sections", m->synth->arch);
    trit_gguf_put_i32s(m->writer, name, sections, sizeof sections / sizeof *sections);
    put_arch_u32(m, "full_attention_interval", c->interval);
    put_arch_u32(m, "ssm.conv_kernel", c->delta.taps);
    put_arch_u32(m, "ssm.state_size", c->delta.state);
    put_arch_u32(m, "ssm.group_count", c->delta.k_heads);
    put_arch_u32(m, "ssm.time_step_rank", c->delta.v_heads);
    put_arch_u32(m, "ssm.inner_size", trit_config_width(c, TRIT_INNER));
    if (c->predicting)
        put_arch_u32(m, "nextn_predict_layers", c->predicting);
}

/* Layers with a window and a base of their own, in the usual pattern. */
static void put_window_keys(const struct keys *m)
{
    const struct trit_windows *w = &m->plan->config.windows;
    if (!(w->rope_base > 0))
        return;
    put_arch_u32(m, "attention.sliding_window", w->length);
    put_arch_f32(m, "rope.freq_base_swa", w->rope_base);
}

/* Experts, the limits of their gates as published, and which layers have a window. */
static void put_expert_keys(const struct keys *m)
{
    const struct trit_config *c = &m->plan->config;
    int32_t windows[TRIT_SHAPE_LAYERS];
    float clamps[TRIT_SHAPE_LAYERS];
    char name[96];
    if (!c->experts.count)
        return;
    for (size_t i = 0; i < c->layers; i++) {
        windows[i] = trit_config_windowed(c, i);
        clamps[i] = 7;
    }
    put_arch_u32(m, "expert_count", c->experts.count);
    put_arch_u32(m, "expert_used_count", c->experts.used);
    put_arch_u32(m, "attention.sliding_window", c->windows.length);
    snprintf(name, sizeof name, "%s.attention.sliding_window_pattern", m->synth->arch);
    trit_gguf_put_i32s(m->writer, name, windows, c->layers);
    snprintf(name, sizeof name, "%s.swiglu_clamp_exp", m->synth->arch);
    trit_gguf_put_f32s(m->writer, name, clamps, c->layers);
}

static void put_model_keys(const struct keys *m)
{
    const struct trit_synth *s = m->synth;
    const struct trit_config *c = &m->plan->config;
    char name[96];
    snprintf(name, sizeof name, "synthetic %s, seed %llu", s->shape.name,
             (unsigned long long)s->seed);
    trit_gguf_put_text(m->writer, "general.architecture", s->arch);
    trit_gguf_put_text(m->writer, "general.name", name);
    trit_gguf_put_u32(m->writer, "general.file_type",
                      trit_gguf_file_type(s->legacy ? TRIT_Q2_0 : s->type));
    trit_gguf_put_u32(m->writer, "general.quantization_version", 2);
    put_arch_u32(m, "vocab_size", c->vocab);
    put_arch_u32(m, "context_length", c->context);
    put_arch_u32(m, "embedding_length", c->hidden);
    put_arch_u32(m, "block_count", c->layers + c->predicting);
    put_arch_u32(m, c->experts.count ? "expert_feed_forward_length" : "feed_forward_length",
                 c->ffn);
    put_arch_u32(m, "rope.dimension_count", c->rope_dims);
    put_arch_u32(m, "attention.head_count", c->heads);
    put_arch_u32(m, "attention.head_count_kv", c->kv_heads);
    put_arch_f32(m, "attention.layer_norm_rms_epsilon", c->eps);
    put_arch_f32(m, "rope.freq_base", c->rope_base);
    if (s->int4)
        trit_gguf_put_u32(m->writer, "tritmill.activation_bits", 4);
    put_more_keys(m);
    put_delta_keys(m);
    put_window_keys(m);
    put_expert_keys(m);
}

/* Numbers of columns that are rotated, each once, ascending: the embedding's among them. */
static size_t rotated_widths(const struct trit_synth_plan *p, int32_t widths[TRIT_SIGNS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < p->nparts; i++) {
        const int32_t width = (int32_t)p->parts[i].ne[0];
        size_t at = 0;
        while (at < n && widths[at] < width)
            at++;
        if ((i && !p->parts[i].turned) || (at < n && widths[at] == width) || n == TRIT_SIGNS_MAX)
            continue;
        for (size_t j = n++; j > at; j--)
            widths[j] = widths[j - 1];
        widths[at] = width;
    }
    return n;
}

static enum trit_code put_signs(const struct keys *m, struct trit_error *error)
{
    int32_t widths[TRIT_SIGNS_MAX];
    const size_t n = rotated_widths(m->plan, widths);
    size_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += (size_t)widths[i];
    int32_t *signs = trit_alloc(all, sizeof *signs);
    if (!signs)
        return trit_fail(error, TRIT_EMEMORY, "signs: out of memory");
    uint64_t state = trit_noise_seed(m->synth->seed, UINT64_MAX, 0);
    for (size_t i = 0; i < all; i++)
        signs[i] = trit_random_next(&state) >> 63 ? 1 : -1;
    trit_gguf_put_i32s(m->writer, HADAMARD "sign_widths", widths, n);
    trit_gguf_put_i32s(m->writer, HADAMARD "sign_values", signs, all);
    free(signs);
    return TRIT_OK;
}

static enum trit_code put_rotation(const struct keys *m, struct trit_error *error)
{
    const struct trit_synth_plan *p = m->plan;
    const struct trit_hadamard *h = &p->config.hadamard;
    static const struct trit_text embedding = { "token_embd.weight", 17 };
    struct trit_text *names = h->block ? calloc(p->nparts, sizeof *names) : NULL;
    size_t n = 0;
    if (!h->block)
        return TRIT_OK;
    if (!names)
        return trit_fail(error, TRIT_EMEMORY, "names of rotated weights: out of memory");
    for (size_t i = 0; i < p->nparts; i++)
        if (p->parts[i].turned)
            names[n++] = (struct trit_text){ p->parts[i].name, strlen(p->parts[i].name) };
    trit_gguf_put_u32(m->writer, HADAMARD "version", h->tied ? 2 : 1);
    trit_gguf_put_u32(m->writer, HADAMARD "block_size", (uint32_t)h->block);
    trit_gguf_put_text(m->writer, HADAMARD "transform", "normalized-sylvester-walsh-hadamard");
    trit_gguf_put_text(m->writer, HADAMARD "axis", "input-last-dimension");
    trit_gguf_put_text(m->writer, HADAMARD "sign_mode", h->signs ? "explicit" : "identity");
    trit_gguf_put_texts(m->writer, HADAMARD "weight_names", names, n);
    if (h->rows)
        trit_gguf_put_texts(m->writer, HADAMARD "inverse_weight_names", &embedding, 1);
    if (h->grouped)
        trit_gguf_put_bool(m->writer, HADAMARD "gdn_v_grouped", true);
    if (h->tied)
        trit_gguf_put_bool(m->writer, HADAMARD "tied_output", true);
    free(names);
    return h->signs ? put_signs(m, error) : TRIT_OK;
}

static enum trit_code put_vocabulary(const struct keys *m, struct trit_error *error)
{
    const struct trit_vocab *v = m->synth->vocabulary;
    float *scores = calloc(v->n, sizeof *scores);
    if (!scores)
        return trit_fail(error, TRIT_EMEMORY, "vocabulary: out of memory");
    const char *pre = m->plan->config.family->synth_pre;
    trit_gguf_put_text(m->writer, "tokenizer.ggml.model", "gpt2");
    if (pre)
        trit_gguf_put_text(m->writer, "tokenizer.ggml.pre", pre);
    trit_gguf_put_texts(m->writer, "tokenizer.ggml.tokens", v->tokens, v->n);
    trit_gguf_put_f32s(m->writer, "tokenizer.ggml.scores", scores, v->n);
    trit_gguf_put_i32s(m->writer, "tokenizer.ggml.token_type", v->types, v->n);
    trit_gguf_put_texts(m->writer, "tokenizer.ggml.merges", v->merges, v->nmerges);
    if (v->bos >= 0)
        trit_gguf_put_u32(m->writer, "tokenizer.ggml.bos_token_id", (uint32_t)v->bos);
    if (v->eos >= 0) {
        trit_gguf_put_u32(m->writer, "tokenizer.ggml.eos_token_id", (uint32_t)v->eos);
        trit_gguf_put_u32(m->writer, "tokenizer.ggml.padding_token_id", (uint32_t)v->eos);
    }
    trit_gguf_put_bool(m->writer, "tokenizer.ggml.add_bos_token", v->bos >= 0 && !pre);
    free(scores);
    return TRIT_OK;
}

enum trit_code trit_synth_keys(const struct trit_synth_plan *plan, struct trit_gguf_writer *writer,
                               struct trit_error *error)
{
    const struct keys m = { plan->synth, plan, writer };
    put_model_keys(&m);
    const enum trit_code code = put_rotation(&m, error);
    return code ? code : put_vocabulary(&m, error);
}

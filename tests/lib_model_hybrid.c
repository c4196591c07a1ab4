/* Toys whose layers have a state, but for every few of them. */
#include <stdio.h>

#include "tests/lib_model.h"

struct part {
    const char *name;
    enum trit_toy_values values;
    uint32_t type;
    size_t k, n; /* n 0: a vector */
    float d;
};

static void add(struct trit_toy *toy, const char *before, size_t layer, const struct part *p)
{
    struct trit_toy_tensor *t = &toy->tensors[toy->ntensors++];
    *t = (struct trit_toy_tensor){ .type = p->type,
                                   .ndims = p->n ? 2 : 1,
                                   .ne = { p->k, p->n ? p->n : 1, 1, 1 },
                                   .values = p->values,
                                   .seed = (uint32_t)toy->ntensors,
                                   .d = p->d };
    if (before)
        snprintf(t->name, sizeof t->name, "%s.%zu.%s", before, layer, p->name);
    else
        snprintf(t->name, sizeof t->name, "%s", p->name);
}

static void add_all(struct trit_toy *toy, size_t layer, const struct part *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(toy, "blk", layer, &parts[i]);
}

#define MATRIX(name, k, n)                                  \
    {                                                       \
        name ".weight", TOY_TRITS, TRIT_I2_S, k, n, 0.1875f \
    }
#define NORM(name, k)                               \
    {                                               \
        name ".weight", TOY_NORM, TRIT_F32, k, 0, 0 \
    }

static void add_full(struct trit_toy *toy, size_t layer, const struct trit_toy_shape *s)
{
    const size_t hd = s->hidden / s->heads;
    const struct part parts[] = {
        MATRIX("attn_q", s->hidden, 2 * s->hidden),
        MATRIX("attn_k", s->hidden, hd * s->kv_heads),
        MATRIX("attn_v", s->hidden, hd * s->kv_heads),
        NORM("attn_q_norm", hd),
        NORM("attn_k_norm", hd),
        MATRIX("attn_output", s->hidden, s->hidden),
    };
    add_all(toy, layer, parts, sizeof parts / sizeof *parts);
}

static void add_delta(struct trit_toy *toy, size_t layer, const struct trit_toy_shape *s,
                      const struct trit_toy_delta *d)
{
    const size_t inner = d->v_heads * d->state, mixed = 2 * d->k_heads * d->state + inner;
    const struct part parts[] = {
        MATRIX("attn_qkv", s->hidden, mixed),
        MATRIX("attn_gate", s->hidden, inner),
        { "ssm_alpha.weight", TOY_TRITS, TRIT_F32, s->hidden, d->v_heads, 0.1875f },
        { "ssm_beta.weight", TOY_TRITS, TRIT_F32, s->hidden, d->v_heads, 0.1875f },
        { "ssm_conv1d.weight", TOY_ROWS, TRIT_F32, d->taps, mixed, 0 },
        { "ssm_dt.bias", TOY_ROWS, TRIT_F32, d->v_heads, 0, 0 },
        { "ssm_a", TOY_SLOPES, TRIT_F32, d->v_heads, 0, 0 },
        NORM("ssm_norm", d->state),
        MATRIX("ssm_out", inner, s->hidden),
    };
    add_all(toy, layer, parts, sizeof parts / sizeof *parts);
}

static void add_layer(struct trit_toy *toy, size_t layer, const struct trit_toy_shape *s,
                      const struct trit_toy_delta *d)
{
    const struct part parts[] = {
        NORM("attn_norm", s->hidden),          NORM("post_attention_norm", s->hidden),
        MATRIX("ffn_gate", s->hidden, s->ffn), MATRIX("ffn_up", s->hidden, s->ffn),
        MATRIX("ffn_down", s->ffn, s->hidden),
    };
    if ((layer + 1) % d->interval == 0)
        add_full(toy, layer, s);
    else
        add_delta(toy, layer, s, d);
    add_all(toy, layer, parts, sizeof parts / sizeof *parts);
}

static void set_keys(struct trit_toy *toy, const struct trit_toy_shape *s,
                     const struct trit_toy_delta *d)
{
    const struct trit_toy_key keys[] = {
        { "qwen35.attention.key_length", TRIT_GGUF_U32, s->hidden / s->heads, 0, NULL },
        { "qwen35.attention.value_length", TRIT_GGUF_U32, s->hidden / s->heads, 0, NULL },
        { "qwen35.full_attention_interval", TRIT_GGUF_U32, d->interval, 0, NULL },
        { "qwen35.ssm.conv_kernel", TRIT_GGUF_U32, d->taps, 0, NULL },
        { "qwen35.ssm.state_size", TRIT_GGUF_U32, d->state, 0, NULL },
        { "qwen35.ssm.group_count", TRIT_GGUF_U32, d->k_heads, 0, NULL },
        { "qwen35.ssm.time_step_rank", TRIT_GGUF_U32, d->v_heads, 0, NULL },
        { "qwen35.ssm.inner_size", TRIT_GGUF_U32, d->v_heads * d->state, 0, NULL },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        trit_toy_set(toy, &keys[i]);
}

void trit_toy_hybrid(struct trit_toy *toy, const struct trit_toy_shape *s,
                     const struct trit_toy_delta *d)
{
    trit_toy_init(toy, "qwen35", s);
    toy->ntensors = 0;
    set_keys(toy, s, d);
    const struct part
        rows = { "token_embd.weight", TOY_ROWS, TRIT_F16, s->hidden, TRIT_TOY_VOCAB, 0 },
        norm = NORM("output_norm", s->hidden);
    add(toy, NULL, 0, &rows);
    for (size_t i = 0; i < s->layers; i++)
        add_layer(toy, i, s, d);
    add(toy, NULL, 0, &norm);
}

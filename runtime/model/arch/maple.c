/* Maple: a ternary mixture of experts. Attention as in Qwen3, q and k normed head by head before
   rotation; layers with a window are rotated, the others are not; behind each a few of many
   experts, chosen by a router of floats. Source: FORMATS-2, section 8. */
#include <stdlib.h>

#include "runtime/model/internal.h"
#include "runtime/model/keys.h"

static const char *const names[] = { "maple", NULL };

static const struct trit_layer_tensor tensors[] = {
    { "attn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_NORM, TRIT_AIM_PLAIN },
    { "attn_q", TRIT_Q, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_k", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_v", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_q_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_Q_NORM, TRIT_AIM_PLAIN },
    { "attn_k_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_K_NORM, TRIT_AIM_PLAIN },
    { "attn_output", TRIT_HIDDEN, TRIT_Q, TRIT_O, TRIT_AIM_RESIDUAL },
    { "ffn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_NORM, TRIT_AIM_PLAIN },
    { "ffn_gate_inp", TRIT_EXPERTS, TRIT_HIDDEN, 0, TRIT_AIM_ROUTER },
    { "ffn_gate_exps", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_EXPERT },
    { "ffn_up_exps", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_EXPERT },
    { "ffn_down_exps", TRIT_HIDDEN, TRIT_FFN, TRIT_DOWN, TRIT_AIM_EXPERT_RESIDUAL },
};

/* Other ways to choose experts, and to weigh them. */
static const struct trit_neutral_key neutral[] = {
    { .name = "hidden_activation", .text = "silu", .other = "swish" },
    { .name = "expert_shared_count", .number = 0 },
    { .name = "expert_gating_func", .number = 1 },
    { .name = "expert_weights_scale", .number = 1 },
};

/* Which layers have a window: a flag for each. */
static enum trit_code read_pattern(struct trit_config *c, const struct trit_gguf *g,
                                   struct trit_error *e)
{
    static const char key[] = "maple.attention.sliding_window_pattern";
    int64_t *flags;
    size_t n;
    enum trit_code code = trit_gguf_ints(g, key, &flags, &n, e);
    if (!code && n != c->layers)
        code = trit_fail(e, TRIT_EFORMAT, "%s: key '%s' has %zu flags, but block_count is %zu",
                         g->path, key, n, c->layers);
    for (size_t i = 0; i < c->layers && !code; i++)
        c->windows.layers[i / 64] |= (uint64_t)(flags[i] != 0) << i % 64;
    free(flags);
    return code;
}

static enum trit_code read_keys(struct trit_config *c, const struct trit_gguf *g,
                                struct trit_error *e)
{
    const struct trit_size_key length = { "attention.sliding_window", 1, 1 << 24, 0,
                                          &c->windows.length };
    const struct trit_float_key base = { "rope.freq_base_swa", 1, 1e12f, &c->windows.rope_base };
    enum trit_code code = trit_experts_read(c, g, e);
    if (code || (code = trit_key_size(c, g, &length, e)) || (code = read_pattern(c, g, e)))
        return code;
    c->windows.others_plain = true;
    return trit_gguf_find(g, "maple.rope.freq_base_swa") ? trit_key_float(c, g, &base, e) : TRIT_OK;
}

/* As published: of every four layers three have a window. */
static void shape(struct trit_config *c)
{
    c->experts = (struct trit_experts){ .count = 256, .used = 8 };
    c->windows = (struct trit_windows){ .length = 512, .others_plain = true };
    for (size_t i = 0; i < c->layers; i++)
        c->windows.layers[i / 64] |= (uint64_t)(i % 4 != 3) << i % 64;
}

static void layer(struct trit_work *w, size_t i)
{
    const struct trit_layer *l = &w->model->layers[i];
    trit_norm_stream(w, TRIT_PART_ATTN_NORM, &l->m[TRIT_QKV], l->vector[TRIT_ATTN_NORM]);
    trit_product(w, TRIT_PART_QKV, &l->m[TRIT_QKV], w->qkv, w->qkv_ld);
    trit_attention(w, i);
    trit_attention_out(w, l);
    trit_experts_run(w, l);
}

const struct trit_family trit_family_maple = {
    .names = names,
    .kinds = { { tensors, sizeof tensors / sizeof *tensors, layer } },
    .neutral = neutral,
    .nneutral = sizeof neutral / sizeof *neutral,
    .read = read_keys,
    .rope = TRIT_ROPE_NEOX,
    .own_head_dim = true,
    .gated = TRIT_OP_silu,
    .synth_eps = 1e-6f,
    .synth_rope_base = 1000000,
    .synth_type = TRIT_I2_S,
    .synth_pre = "qwen2",
    .shape = shape,
    .windows = true,
    .experts = true,
};

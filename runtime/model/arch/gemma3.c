/* Gemma 3's text models: the embedding is scaled, q and k are normed head by head, norms also stand
   behind attention and the feed-forward half, GELU as gate; of every few layers all but the last
   see a window of positions and turn q and k by a base of their own. */
#include <math.h>

#include "runtime/model/internal.h"
#include "runtime/model/keys.h"

static const char *const names[] = { "gemma3", NULL };

static const struct trit_layer_tensor tensors[] = {
    { "attn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_NORM, TRIT_AIM_PLAIN },
    { "attn_q", TRIT_Q, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_k", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_v", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_q_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_Q_NORM, TRIT_AIM_PLAIN },
    { "attn_k_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_K_NORM, TRIT_AIM_PLAIN },
    { "attn_output", TRIT_HIDDEN, TRIT_Q, TRIT_O, TRIT_AIM_RESIDUAL },
    { "post_attention_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_POST_NORM, TRIT_AIM_PLAIN },
    { "ffn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_NORM, TRIT_AIM_PLAIN },
    { "ffn_gate", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_GATE },
    { "ffn_up", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_PLAIN },
    { "ffn_down", TRIT_HIDDEN, TRIT_FFN, TRIT_DOWN, TRIT_AIM_RESIDUAL },
    { "post_ffw_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_POST_NORM, TRIT_AIM_PLAIN },
};

/* BitNet-embedding's: a norm before every projection. */
static const struct trit_layer_tensor norms_in[] = {
    { "attn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_NORM, TRIT_AIM_PLAIN },
    { "attn_q_norm_in", TRIT_ONE, TRIT_HIDDEN, TRIT_Q_NORM_IN, TRIT_AIM_PLAIN },
    { "attn_q", TRIT_Q, TRIT_HIDDEN, TRIT_Q_ALONE, TRIT_AIM_PLAIN },
    { "attn_k_norm_in", TRIT_ONE, TRIT_HIDDEN, TRIT_K_NORM_IN, TRIT_AIM_PLAIN },
    { "attn_k", TRIT_KV, TRIT_HIDDEN, TRIT_K_ALONE, TRIT_AIM_PLAIN },
    { "attn_v_norm_in", TRIT_ONE, TRIT_HIDDEN, TRIT_V_NORM_IN, TRIT_AIM_PLAIN },
    { "attn_v", TRIT_KV, TRIT_HIDDEN, TRIT_V_ALONE, TRIT_AIM_PLAIN },
    { "attn_q_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_Q_NORM, TRIT_AIM_PLAIN },
    { "attn_k_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_K_NORM, TRIT_AIM_PLAIN },
    { "attn_output_norm_in", TRIT_ONE, TRIT_Q, TRIT_ATTN_SUB_NORM, TRIT_AIM_PLAIN },
    { "attn_output", TRIT_HIDDEN, TRIT_Q, TRIT_O, TRIT_AIM_RESIDUAL },
    { "post_attention_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_POST_NORM, TRIT_AIM_PLAIN },
    { "ffn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_NORM, TRIT_AIM_PLAIN },
    { "ffn_gate_norm_in", TRIT_ONE, TRIT_HIDDEN, TRIT_GATE_NORM_IN, TRIT_AIM_PLAIN },
    { "ffn_gate", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_ALONE, TRIT_AIM_GATE },
    { "ffn_up_norm_in", TRIT_ONE, TRIT_HIDDEN, TRIT_UP_NORM_IN, TRIT_AIM_PLAIN },
    { "ffn_up", TRIT_FFN, TRIT_HIDDEN, TRIT_UP, TRIT_AIM_PLAIN },
    { "ffn_down_norm_in", TRIT_ONE, TRIT_FFN, TRIT_FFN_SUB_NORM, TRIT_AIM_PLAIN },
    { "ffn_down", TRIT_HIDDEN, TRIT_FFN, TRIT_DOWN, TRIT_AIM_RESIDUAL },
    { "post_ffw_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_POST_NORM, TRIT_AIM_PLAIN },
};

/* Softcapping is Gemma 2's; files of Gemma 3 have at most a 0 there. */
static const struct trit_neutral_key neutral[] = {
    { .name = "hidden_activation", .text = "gelu_pytorch_tanh", .other = "gelu" },
    { .name = "attn_logit_softcapping", .number = 0 },
    { .name = "final_logit_softcapping", .number = 0 },
};

/* The layers of Gemma 3 27B, the one size whose scores are not scaled by its heads' size; files do
   not say it otherwise. */
enum { OTHER_SCALE = 62 };

enum { MAX_WINDOW = 1 << 24, PERIOD = 6, WINDOW = 512 };
static const float LOCAL_BASE = 10000;

/* All layers but the last of each `period` have a window; 0: all have. */
static void set_windows(struct trit_config *c, size_t length, size_t period)
{
    c->windows = (struct trit_windows){ .length = length };
    for (size_t i = 0; i < c->layers && length; i++)
        if (!period || (i + 1) % period)
            c->windows.layers[i / 64] |= (uint64_t)1 << i % 64;
}

static void set_scale(struct trit_config *c)
{
    c->embd_scale = sqrtf((float)c->hidden);
}

static enum trit_code read_windows(struct trit_config *c, const struct trit_gguf *g,
                                   struct trit_error *e)
{
    size_t length = 0, period = PERIOD;
    const struct trit_size_key keys[] = {
        { "attention.sliding_window", 0, MAX_WINDOW, 0, &length },
        { "attention.sliding_window_pattern", 0, MAX_WINDOW, PERIOD, &period },
    };
    const struct trit_float_key base = { "rope.freq_base_swa", 1, 1e12f, &c->windows.rope_base };
    enum trit_code code = TRIT_OK;
    if (trit_gguf_find(g, "gemma3.attention.sliding_window"))
        code = trit_key_size(c, g, &keys[0], e);
    if (!code)
        code = trit_key_size(c, g, &keys[1], e);
    if (code)
        return code;
    set_windows(c, length, period);
    c->windows.rope_base = length ? LOCAL_BASE : 0;
    return length ? trit_key_float(c, g, &base, e) : TRIT_OK;
}

static enum trit_code read_keys(struct trit_config *c, const struct trit_gguf *g,
                                struct trit_error *e)
{
    if (c->layers == OTHER_SCALE)
        return trit_fail(e, TRIT_EUNSUPPORTED,
                         "%s: key 'gemma3.block_count' is %d: Gemma 3 27B, whose attention has a "
                         "scale of its own",
                         g->path, OTHER_SCALE);
    set_scale(c);
    return read_windows(c, g, e);
}

/* As the published sizes have it. */
static void shape(struct trit_config *c)
{
    set_scale(c);
    set_windows(c, WINDOW, PERIOD);
    c->windows.rope_base = LOCAL_BASE;
}

const struct trit_family trit_family_gemma3 = {
    .names = names,
    .kinds = { { tensors, sizeof tensors / sizeof *tensors, trit_layer_gated } },
    .neutral = neutral,
    .nneutral = sizeof neutral / sizeof *neutral,
    .read = read_keys,
    .rope = TRIT_ROPE_NEOX,
    .own_head_dim = true,
    .windows = true,
    .gated = TRIT_OP_gelu,
    .synth_eps = 1e-6f,
    .synth_rope_base = 1000000,
    .synth_type = TRIT_I2_S,
    .norms_in = { norms_in, sizeof norms_in / sizeof *norms_in, trit_layer_norms_in },
    .linear = true,
    .dense = true,
    .shape = shape,
};

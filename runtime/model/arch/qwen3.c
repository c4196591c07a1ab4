/* Qwen3 with ternary or 1-bit matrices (Bonsai): a scale for each group of columns, activations
   quantised by the same groups; q and k are normed head by head before rotation, of pairs
   (i, i + hd/2), which YaRN may have stretched; SiLU as gate. */
#include "runtime/model/internal.h"

static const char *const names[] = { "qwen3", NULL };

static const struct trit_layer_tensor tensors[] = {
    { "attn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_NORM, TRIT_AIM_PLAIN },
    { "attn_q", TRIT_Q, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_k", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_v", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_q_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_Q_NORM, TRIT_AIM_PLAIN },
    { "attn_k_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_K_NORM, TRIT_AIM_PLAIN },
    { "attn_output", TRIT_HIDDEN, TRIT_Q, TRIT_O, TRIT_AIM_RESIDUAL },
    { "ffn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_NORM, TRIT_AIM_PLAIN },
    { "ffn_gate", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_GATE },
    { "ffn_up", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_PLAIN },
    { "ffn_down", TRIT_HIDDEN, TRIT_FFN, TRIT_DOWN, TRIT_AIM_RESIDUAL },
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
    { "ffn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_NORM, TRIT_AIM_PLAIN },
    { "ffn_gate_norm_in", TRIT_ONE, TRIT_HIDDEN, TRIT_GATE_NORM_IN, TRIT_AIM_PLAIN },
    { "ffn_gate", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_ALONE, TRIT_AIM_GATE },
    { "ffn_up_norm_in", TRIT_ONE, TRIT_HIDDEN, TRIT_UP_NORM_IN, TRIT_AIM_PLAIN },
    { "ffn_up", TRIT_FFN, TRIT_HIDDEN, TRIT_UP, TRIT_AIM_PLAIN },
    { "ffn_down_norm_in", TRIT_ONE, TRIT_FFN, TRIT_FFN_SUB_NORM, TRIT_AIM_PLAIN },
    { "ffn_down", TRIT_HIDDEN, TRIT_FFN, TRIT_DOWN, TRIT_AIM_RESIDUAL },
};

static const struct trit_neutral_key neutral[] = {
    { .name = "hidden_activation", .text = "silu", .other = "swish" },
};

const struct trit_family trit_family_qwen3 = {
    .names = names,
    .kinds = { { tensors, sizeof tensors / sizeof *tensors, trit_layer_gated } },
    .neutral = neutral,
    .nneutral = sizeof neutral / sizeof *neutral,
    .rope = TRIT_ROPE_NEOX,
    .own_head_dim = true,
    .hadamard = true,
    .grouped = true,
    .yarn = true,
    .gated = TRIT_OP_silu,
    .synth_eps = 1e-6f,
    .synth_rope_base = 1000000,
    .synth_type = TRIT_PTQ1_0,
    .synth_pre = "qwen2",
    .dense = true,
    .norms_in = { norms_in, sizeof norms_in / sizeof *norms_in, trit_layer_norms_in },
};

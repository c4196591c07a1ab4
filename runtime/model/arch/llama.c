/* Llama with ternary matrices (Llama3-8B-1.58, Falcon3-1.58, Falcon-E): no norms inside attention
   and feed-forward, SiLU as gate, rotation of pairs (2i, 2i + 1), since converters permute the rows
   of Wq and Wk; int8 activations per token, as these models were trained. */
#include "runtime/model/internal.h"

static const char *const names[] = { "llama", NULL };

static const struct trit_layer_tensor tensors[] = {
    { "attn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_NORM, TRIT_AIM_PLAIN },
    { "attn_q", TRIT_Q, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_k", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_v", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_output", TRIT_HIDDEN, TRIT_Q, TRIT_O, TRIT_AIM_RESIDUAL },
    { "ffn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_NORM, TRIT_AIM_PLAIN },
    { "ffn_gate", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_GATE },
    { "ffn_up", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_PLAIN },
    { "ffn_down", TRIT_HIDDEN, TRIT_FFN, TRIT_DOWN, TRIT_AIM_RESIDUAL },
};

static const struct trit_neutral_key neutral[] = {
    { .name = "hidden_activation", .text = "silu", .other = "swish" },
};

const struct trit_family trit_family_llama = {
    .names = names,
    .kinds = { { tensors, sizeof tensors / sizeof *tensors, trit_layer_gated } },
    .neutral = neutral,
    .nneutral = sizeof neutral / sizeof *neutral,
    .rope = TRIT_ROPE_NORM,
    .own_head_dim = true,
    .rope_base = 10000,
    .gated = TRIT_OP_silu,
    .synth_eps = 1e-5f,
    .synth_rope_base = 500000,
    .synth_type = TRIT_I2_S,
    .dense = true,
    .linear = true,
};

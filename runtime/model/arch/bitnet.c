/* BitNet b1.58 2B4T: norms before and after the attention's and the feed-forward's inner products,
   the squared ReLU as gate, rotation of pairs (i, i + hd/2). */
#include "runtime/model/internal.h"

static const char *const names[] = { "bitnet-b1.58", "bitnet-25", NULL };

const struct trit_layer_tensor trit_bitnet_tensors[TRIT_BITNET_TENSORS] = {
    { "attn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_NORM, TRIT_AIM_PLAIN },
    { "attn_q", TRIT_Q, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_k", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_v", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_sub_norm", TRIT_ONE, TRIT_Q, TRIT_ATTN_SUB_NORM, TRIT_AIM_PLAIN },
    { "attn_output", TRIT_HIDDEN, TRIT_Q, TRIT_O, TRIT_AIM_RESIDUAL },
    { "ffn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_NORM, TRIT_AIM_PLAIN },
    { "ffn_gate", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_GATE },
    { "ffn_up", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_PLAIN },
    { "ffn_sub_norm", TRIT_ONE, TRIT_FFN, TRIT_FFN_SUB_NORM, TRIT_AIM_PLAIN },
    { "ffn_down", TRIT_HIDDEN, TRIT_FFN, TRIT_DOWN, TRIT_AIM_RESIDUAL },
};

static const struct trit_neutral_key neutral[] = {
    { .name = "hidden_activation", .text = "relu2", .other = "relu_sqr" },
};

const struct trit_family trit_family_bitnet = {
    .names = names,
    .kinds = { { trit_bitnet_tensors, TRIT_BITNET_TENSORS, trit_layer_gated } },
    .neutral = neutral,
    .nneutral = sizeof neutral / sizeof *neutral,
    .rope = TRIT_ROPE_NEOX,
    .hadamard = true,
    .gated = TRIT_OP_relu2,
    .skips = true,
    .synth_eps = 1e-5f,
    .synth_rope_base = 500000,
    .synth_type = TRIT_I2_S,
    .dense = true,
    .scales = true,
};

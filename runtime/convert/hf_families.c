/* The families: which classes they have in config.json, their tensors' names there and in GGUF, and
   what must be as their graphs have it. Source: FORMATS 1, 2, 11; FORMATS-2 2, 3.1, 6. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/convert/hf.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* The rows that all have alike. */
#define INPUT                                                                        \
    {                                                                                \
        "embed_tokens.weight", "token_embd.weight", TRIT_HF_MODEL, TRIT_SOURCE_ROWS, \
            TRIT_HF_VOCAB, TRIT_HF_HIDDEN, TRIT_HF_PLAIN                             \
    }
#define OUTPUT                                                                           \
    {                                                                                    \
        "lm_head.weight", "output.weight", TRIT_HF_END, TRIT_SOURCE_ROWS, TRIT_HF_VOCAB, \
            TRIT_HF_HIDDEN, TRIT_HF_PLAIN                                                \
    }
#define MATRIX(hf, gguf, where, n, k, way)                                              \
    {                                                                                   \
        hf ".weight", gguf ".weight", TRIT_HF_##where, TRIT_SOURCE_MATRIX, TRIT_HF_##n, \
            TRIT_HF_##k, TRIT_HF_##way                                                  \
    }
#define VECTOR(hf, gguf, where, k, way)                                                        \
    {                                                                                          \
        hf, gguf, TRIT_HF_##where, TRIT_SOURCE_FLOATS, TRIT_HF_ONE, TRIT_HF_##k, TRIT_HF_##way \
    }
#define NORM(hf, gguf, where, k, way) VECTOR(hf ".weight", gguf ".weight", where, k, way)

static const struct trit_hf_name bitnet_names[] = {
    INPUT,
    NORM("input_layernorm", "attn_norm", LAYER, HIDDEN, PLAIN),
    MATRIX("self_attn.q_proj", "attn_q", LAYER, Q, HIDDEN, PLAIN),
    MATRIX("self_attn.k_proj", "attn_k", LAYER, KV, HIDDEN, PLAIN),
    MATRIX("self_attn.v_proj", "attn_v", LAYER, KV, HIDDEN, PLAIN),
    NORM("self_attn.attn_sub_norm", "attn_sub_norm", LAYER, Q, PLAIN),
    MATRIX("self_attn.o_proj", "attn_output", LAYER, HIDDEN, Q, PLAIN),
    NORM("post_attention_layernorm", "ffn_norm", LAYER, HIDDEN, PLAIN),
    MATRIX("mlp.gate_proj", "ffn_gate", LAYER, FFN, HIDDEN, PLAIN),
    MATRIX("mlp.up_proj", "ffn_up", LAYER, FFN, HIDDEN, PLAIN),
    NORM("mlp.ffn_sub_norm", "ffn_sub_norm", LAYER, FFN, PLAIN),
    MATRIX("mlp.down_proj", "ffn_down", LAYER, HIDDEN, FFN, PLAIN),
    NORM("norm", "output_norm", END, HIDDEN, PLAIN),
    OUTPUT,
};

static const struct trit_hf_name bitnet_1bit_names[] = {
    INPUT,
    NORM("input_layernorm", "attn_norm", LAYER, HIDDEN, PLAIN),
    MATRIX("self_attn.q_proj", "attn_q", LAYER, Q, HIDDEN, PLAIN),
    MATRIX("self_attn.k_proj", "attn_k", LAYER, KV, HIDDEN, PLAIN),
    MATRIX("self_attn.v_proj", "attn_v", LAYER, KV, HIDDEN, PLAIN),
    NORM("self_attn.inner_attn_ln", "attn_sub_norm", LAYER, Q, PLAIN),
    MATRIX("self_attn.o_proj", "attn_output", LAYER, HIDDEN, Q, PLAIN),
    NORM("post_attention_layernorm", "ffn_norm", LAYER, HIDDEN, PLAIN),
    MATRIX("mlp.gate_proj", "ffn_gate", LAYER, FFN, HIDDEN, PLAIN),
    MATRIX("mlp.up_proj", "ffn_up", LAYER, FFN, HIDDEN, PLAIN),
    NORM("mlp.ffn_layernorm", "ffn_sub_norm", LAYER, FFN, PLAIN),
    MATRIX("mlp.down_proj", "ffn_down", LAYER, HIDDEN, FFN, PLAIN),
    NORM("norm", "output_norm", END, HIDDEN, PLAIN),
    OUTPUT,
};

static const struct trit_hf_name llama_names[] = {
    INPUT,
    NORM("input_layernorm", "attn_norm", LAYER, HIDDEN, PLAIN),
    MATRIX("self_attn.q_proj", "attn_q", LAYER, Q, HIDDEN, ROPE),
    MATRIX("self_attn.k_proj", "attn_k", LAYER, KV, HIDDEN, ROPE),
    MATRIX("self_attn.v_proj", "attn_v", LAYER, KV, HIDDEN, PLAIN),
    MATRIX("self_attn.o_proj", "attn_output", LAYER, HIDDEN, Q, PLAIN),
    NORM("post_attention_layernorm", "ffn_norm", LAYER, HIDDEN, PLAIN),
    MATRIX("mlp.gate_proj", "ffn_gate", LAYER, FFN, HIDDEN, PLAIN),
    MATRIX("mlp.up_proj", "ffn_up", LAYER, FFN, HIDDEN, PLAIN),
    MATRIX("mlp.down_proj", "ffn_down", LAYER, HIDDEN, FFN, PLAIN),
    NORM("norm", "output_norm", END, HIDDEN, PLAIN),
    OUTPUT,
};

static const struct trit_hf_name qwen3_names[] = {
    INPUT,
    NORM("input_layernorm", "attn_norm", LAYER, HIDDEN, PLAIN),
    NORM("self_attn.q_proj.norm", "attn_q_norm_in", NORMS_IN, HIDDEN, PLAIN),
    MATRIX("self_attn.q_proj", "attn_q", LAYER, Q, HIDDEN, PLAIN),
    NORM("self_attn.k_proj.norm", "attn_k_norm_in", NORMS_IN, HIDDEN, PLAIN),
    MATRIX("self_attn.k_proj", "attn_k", LAYER, KV, HIDDEN, PLAIN),
    NORM("self_attn.v_proj.norm", "attn_v_norm_in", NORMS_IN, HIDDEN, PLAIN),
    MATRIX("self_attn.v_proj", "attn_v", LAYER, KV, HIDDEN, PLAIN),
    NORM("self_attn.q_norm", "attn_q_norm", LAYER, HEAD, PLAIN),
    NORM("self_attn.k_norm", "attn_k_norm", LAYER, HEAD, PLAIN),
    NORM("self_attn.o_proj.norm", "attn_output_norm_in", NORMS_IN, Q, PLAIN),
    MATRIX("self_attn.o_proj", "attn_output", LAYER, HIDDEN, Q, PLAIN),
    NORM("post_attention_layernorm", "ffn_norm", LAYER, HIDDEN, PLAIN),
    NORM("mlp.gate_proj.norm", "ffn_gate_norm_in", NORMS_IN, HIDDEN, PLAIN),
    MATRIX("mlp.gate_proj", "ffn_gate", LAYER, FFN, HIDDEN, PLAIN),
    NORM("mlp.up_proj.norm", "ffn_up_norm_in", NORMS_IN, HIDDEN, PLAIN),
    MATRIX("mlp.up_proj", "ffn_up", LAYER, FFN, HIDDEN, PLAIN),
    NORM("mlp.down_proj.norm", "ffn_down_norm_in", NORMS_IN, FFN, PLAIN),
    MATRIX("mlp.down_proj", "ffn_down", LAYER, HIDDEN, FFN, PLAIN),
    NORM("norm", "output_norm", END, HIDDEN, PLAIN),
    OUTPUT,
};

static const struct trit_hf_name gemma3_names[] = {
    INPUT,
    NORM("input_layernorm", "attn_norm", LAYER, HIDDEN, OFFSET),
    MATRIX("self_attn.q_proj", "attn_q", LAYER, Q, HIDDEN, PLAIN),
    MATRIX("self_attn.k_proj", "attn_k", LAYER, KV, HIDDEN, PLAIN),
    MATRIX("self_attn.v_proj", "attn_v", LAYER, KV, HIDDEN, PLAIN),
    NORM("self_attn.q_norm", "attn_q_norm", LAYER, HEAD, OFFSET),
    NORM("self_attn.k_norm", "attn_k_norm", LAYER, HEAD, OFFSET),
    MATRIX("self_attn.o_proj", "attn_output", LAYER, HIDDEN, Q, PLAIN),
    NORM("post_attention_layernorm", "post_attention_norm", LAYER, HIDDEN, OFFSET),
    NORM("pre_feedforward_layernorm", "ffn_norm", LAYER, HIDDEN, OFFSET),
    MATRIX("mlp.gate_proj", "ffn_gate", LAYER, FFN, HIDDEN, PLAIN),
    MATRIX("mlp.up_proj", "ffn_up", LAYER, FFN, HIDDEN, PLAIN),
    MATRIX("mlp.down_proj", "ffn_down", LAYER, HIDDEN, FFN, PLAIN),
    NORM("post_feedforward_layernorm", "post_ffw_norm", LAYER, HIDDEN, OFFSET),
    NORM("norm", "output_norm", END, HIDDEN, OFFSET),
    OUTPUT,
};

static const struct trit_hf_name qwen35_names[] = {
    INPUT,
    NORM("input_layernorm", "attn_norm", LAYER, HIDDEN, OFFSET),
    MATRIX("self_attn.q_proj", "attn_q", FULL, Q_GATED, HIDDEN, PLAIN),
    MATRIX("self_attn.k_proj", "attn_k", FULL, KV, HIDDEN, PLAIN),
    MATRIX("self_attn.v_proj", "attn_v", FULL, KV, HIDDEN, PLAIN),
    NORM("self_attn.q_norm", "attn_q_norm", FULL, HEAD, OFFSET),
    NORM("self_attn.k_norm", "attn_k_norm", FULL, HEAD, OFFSET),
    MATRIX("self_attn.o_proj", "attn_output", FULL, HIDDEN, Q, PLAIN),
    MATRIX("linear_attn.in_proj_qkv", "attn_qkv", DELTA, MIXED, HIDDEN, GDN_QKV),
    MATRIX("linear_attn.in_proj_z", "attn_gate", DELTA, INNER, HIDDEN, GDN_ROWS),
    { "linear_attn.conv1d.weight", "ssm_conv1d.weight", TRIT_HF_DELTA, TRIT_SOURCE_FLOATS,
      TRIT_HF_MIXED, TRIT_HF_TAPS, TRIT_HF_GDN_TAPS },
    VECTOR("linear_attn.dt_bias", "ssm_dt.bias", DELTA, V_HEADS, GDN_STEPS),
    VECTOR("linear_attn.A_log", "ssm_a", DELTA, V_HEADS, GDN_SLOPES),
    MATRIX("linear_attn.in_proj_b", "ssm_beta", DELTA, V_HEADS, HIDDEN, GDN_GATES),
    MATRIX("linear_attn.in_proj_a", "ssm_alpha", DELTA, V_HEADS, HIDDEN, GDN_GATES),
    NORM("linear_attn.norm", "ssm_norm", DELTA, STATE, PLAIN),
    MATRIX("linear_attn.out_proj", "ssm_out", DELTA, HIDDEN, INNER, GDN_COLUMNS),
    NORM("post_attention_layernorm", "post_attention_norm", LAYER, HIDDEN, OFFSET),
    MATRIX("mlp.gate_proj", "ffn_gate", LAYER, FFN, HIDDEN, PLAIN),
    MATRIX("mlp.up_proj", "ffn_up", LAYER, FFN, HIDDEN, PLAIN),
    MATRIX("mlp.down_proj", "ffn_down", LAYER, HIDDEN, FFN, PLAIN),
    NORM("norm", "output_norm", END, HIDDEN, OFFSET),
    OUTPUT,
};

static const char *const bitnet_classes[] = { "BitNetForCausalLM", "bitnet", NULL };
static const char *const bitnet_1bit_classes[] = { "BitnetForCausalLM", NULL };
static const char *const llama_classes[] = { "LlamaForCausalLM", "llama", NULL };
static const char *const qwen3_classes[] = { "Qwen3ForCausalLM", "Qwen3Model", "qwen3", NULL };
static const char *const gemma3_classes[] = { "Gemma3ForCausalLM", "gemma3_text", NULL };
static const char *const qwen35_classes[] = {
    "Qwen3_5ForCausalLM", "Qwen3_5ForConditionalGeneration", "qwen3_5",
    "qwen3_5_text",       "prism_hadamard_qwen35",           NULL,
};

static const struct trit_hf_neutral squared[] = {
    { "hidden_act", "relu2", "relu2" },
    { "attention_bias", "false", "false" },
    { "mlp_bias", "false", "false" },
};
static const struct trit_hf_neutral usual[] = {
    { "hidden_act", "silu", "swish" },     { "attention_bias", "false", "false" },
    { "mlp_bias", "false", "false" },      { "pretraining_tp", "1", "0" },
    { "weight_bits", "1", "1" },           { "input_bits", "8", "8" },
    { "partial_rotary_factor", "1", "1" },
};
static const struct trit_hf_neutral gemma[] = {
    { "hidden_activation", "gelu_pytorch_tanh", "gelu_pytorch_tanh" },
    { "attention_bias", "false", "false" },
};
static const struct trit_hf_neutral hybrid[] = {
    { "hidden_act", "silu", "swish" },           { "attention_bias", "false", "false" },
    { "attn_output_gate", "true", "true" },      { "gdn_activation_layout", "grouped", "grouped" },
    { "base_model_type", "qwen3_5", "qwen3_5" },
};

static const struct trit_hf_family families[] = {
    { .classes = bitnet_classes,
      .arch = "bitnet-b1.58",
      .names = bitnet_names,
      .nnames = COUNT(bitnet_names),
      .neutral = squared,
      .nneutral = COUNT(squared),
      .rope_dims = true },
    { .classes = bitnet_1bit_classes,
      .arch = "bitnet",
      .names = bitnet_1bit_names,
      .nnames = COUNT(bitnet_1bit_names),
      .neutral = usual,
      .nneutral = COUNT(usual),
      .masters = true,
      .rope_dims = true },
    { .classes = llama_classes,
      .arch = "llama",
      .names = llama_names,
      .nnames = COUNT(llama_names),
      .neutral = usual,
      .nneutral = COUNT(usual),
      .divides = true,
      .rope_dims = true },
    { .classes = qwen3_classes,
      .arch = "qwen3",
      .names = qwen3_names,
      .nnames = COUNT(qwen3_names),
      .neutral = usual,
      .nneutral = COUNT(usual),
      .own_head = true,
      .yarn = true },
    { .classes = gemma3_classes,
      .arch = "gemma3",
      .names = gemma3_names,
      .nnames = COUNT(gemma3_names),
      .neutral = gemma,
      .nneutral = COUNT(gemma),
      .own_head = true,
      .rope_dims = true,
      .windows = true,
      .offset = true,
      .tied = true },
    { .classes = qwen35_classes,
      .arch = "qwen35",
      .names = qwen35_names,
      .nnames = COUNT(qwen35_names),
      .neutral = hybrid,
      .nneutral = COUNT(hybrid),
      .own_head = true,
      .rope_dims = true,
      .delta = true },
};

const struct trit_hf_family *trit_hf_family_find(const char *name)
{
    for (size_t i = 0; i < COUNT(families); i++)
        for (const char *const *one = families[i].classes; *one; one++)
            if (!strcmp(*one, name))
                return &families[i];
    return NULL;
}

char *trit_hf_family_list(char *out, size_t room)
{
    const char *names[COUNT(families)];
    for (size_t i = 0; i < COUNT(families); i++)
        names[i] = families[i].classes[0];
    return trit_list_text(names, COUNT(families), "'", out, room);
}

/* Of training, of other parts, of programs: the graph does not depend on them. */
static const char *const harmless[] = {
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_name_or_path",
    "architectures",
    "attention_dropout",
    "attn_implementation",
    "auto_map",
    "bos_token_id",
    "chunk_size_feed_forward",
    "components",
    "dtype",
    "eos_token_id",
    "id2label",
    "image_token_id",
    "initializer_range",
    "is_bitnet_config",
    "label2id",
    "mamba_ssm_dtype",
    "max_length",
    "max_window_layers",
    "min_length",
    "model_file",
    "model_type",
    "mtp_num_hidden_layers",
    "mtp_use_dedicated_embeddings",
    "output_router_logits",
    "pad_token_id",
    "requires_runtime",
    "return_dict",
    "schema_version",
    "temperature",
    "tensor_namespace",
    "tie_encoder_decoder",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "transformers_version",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_cache",
    "video_token_id",
    "vision_config",
    "vision_end_token_id",
    "vision_start_token_id",
};

bool trit_hf_harmless(const char *key)
{
    for (size_t i = 0; i < COUNT(harmless); i++)
        if (!strcmp(harmless[i], key))
            return true;
    return false;
}

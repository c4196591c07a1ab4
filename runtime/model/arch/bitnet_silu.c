/* 1bitLLM's reproductions of BitNet b1.58: norms as in 2B4T, SiLU as gate; beside each matrix there
   may be a factor. Newer converters name 2B4T so, too, with its activation in a key. */
#include "runtime/model/internal.h"
#include "runtime/model/keys.h"

static const char *const names[] = { "bitnet", NULL };

static enum trit_code read_activation(struct trit_config *c, const struct trit_gguf *g,
                                      struct trit_error *e)
{
    static const char key[] = "bitnet.hidden_activation";
    static const struct trit_neutral_key silu = { .name = "hidden_activation",
                                                  .text = "silu",
                                                  .other = "swish" };
    struct trit_text text = { "", 0 };
    enum trit_code code = TRIT_OK;
    if (trit_gguf_find(g, key))
        code = trit_gguf_text(g, key, &text, e);
    if (code)
        return code;
    if (!trit_text_is(text, "relu2") && !trit_text_is(text, "relu_sqr"))
        return trit_key_neutral(c, g, &silu, 1, e);
    c->family = &trit_family_bitnet;
    return TRIT_OK;
}

const struct trit_family trit_family_bitnet_silu = {
    .names = names,
    .kinds = { { trit_bitnet_tensors, TRIT_BITNET_TENSORS, trit_layer_gated } },
    .read = read_activation,
    .rope = TRIT_ROPE_NEOX,
    .rope_base = 10000,
    .gated = TRIT_OP_silu,
    .synth_eps = 1e-5f,
    .synth_rope_base = 10000,
    .synth_type = TRIT_I2_S,
    .scales = true,
};

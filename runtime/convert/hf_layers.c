/* config.json: what the layers are: attention, the delta rule, windows. */
#include <stdint.h>

#include "runtime/convert/hf.h"

enum { MAX_LAYERS = 4096 };

enum trit_code trit_hf_delta_read(struct trit_hf_config *c, const struct trit_json_in *in)
{
    size_t state, value;
    const struct {
        const char *key;
        size_t max, *out;
    } sizes[] = {
        { "linear_num_key_heads", 1 << 12, &c->delta.k_heads },
        { "linear_num_value_heads", 1 << 12, &c->delta.v_heads },
        { "linear_key_head_dim", 1 << 12, &state },
        { "linear_value_head_dim", 1 << 12, &value },
        { "linear_conv_kernel_dim", 64, &c->dim[TRIT_HF_TAPS] },
    };
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !code; i++)
        code = trit_json_size(in, sizes[i].key, 1, sizes[i].max, SIZE_MAX, sizes[i].out);
    if (code)
        return code;
    if (state != value)
        return trit_json_refuse(in, "linear_value_head_dim", "must be linear_key_head_dim");
    if (c->delta.v_heads % c->delta.k_heads)
        return trit_json_refuse(in, "linear_num_value_heads",
                                "must be a multiple of linear_num_key_heads");
    c->dim[TRIT_HF_STATE] = state;
    c->dim[TRIT_HF_V_HEADS] = c->delta.v_heads;
    c->dim[TRIT_HF_INNER] = c->delta.v_heads * state;
    c->dim[TRIT_HF_MIXED] = c->dim[TRIT_HF_INNER] + 2 * c->delta.k_heads * state;
    return trit_json_size(in, "full_attention_interval", 1, MAX_LAYERS, 4, &c->delta.interval);
}

bool trit_hf_is_full(const struct trit_hf_config *c, size_t layer)
{
    const size_t period = c->family->delta ? c->delta.interval : c->windows.period;
    return !period || (layer + 1) % period == 0;
}

static enum trit_code check_layers(const struct trit_hf_config *c, const struct trit_json_in *in)
{
    const char *const other = c->family->delta ? "linear_attention" : "sliding_attention";
    const json_t *types = trit_json_get(in, "layer_types");
    if (!types)
        return TRIT_OK;
    if (json_array_size(types) != c->layers)
        return trit_json_refuse(in, "layer_types", "must have a type for each hidden layer");
    for (size_t i = 0; i < c->layers; i++)
        if (!trit_json_is(json_array_get(types, i),
                          trit_hf_is_full(c, i) ? "full_attention" : other))
            return trit_fail(in->error, TRIT_EUNSUPPORTED,
                             "%s: key '%slayer_types': layer %zu is not of the type that this "
                             "family has there",
                             in->path, in->name, i);
    return TRIT_OK;
}

static enum trit_code check_window(const struct trit_json_in *in)
{
    bool used;
    enum trit_code code = trit_json_bool(in, "use_sliding_window", false, &used);
    if (code)
        return code;
    if (used || (trit_json_get(in, "sliding_window") && !trit_json_get(in, "use_sliding_window")))
        return trit_json_refuse(in, "sliding_window", "this family has no windows");
    return TRIT_OK;
}

/* All layers but the last of each period have a window, and a base of their own. */
static enum trit_code read_windows(struct trit_hf_config *c, const struct trit_json_in *in)
{
    size_t scale;
    const char *const key = trit_json_get(in, "_sliding_window_pattern") ? "_sliding_window_pattern"
                                                                         : "sliding_window_pattern";
    enum trit_code code =
        trit_json_size(in, "sliding_window", 1, 1 << 24, SIZE_MAX, &c->windows.length);
    if (code || (code = trit_json_size(in, key, 1, MAX_LAYERS, 6, &c->windows.period)) ||
        (code = trit_json_float(in, "rope_local_base_freq", 10000, &c->windows.base)) ||
        (code =
             trit_json_size(in, "query_pre_attn_scalar", 1, 1 << 12, c->dim[TRIT_HF_HEAD], &scale)))
        return code;
    return scale == c->dim[TRIT_HF_HEAD]
               ? TRIT_OK
               : trit_json_refuse(in, "query_pre_attn_scalar", "only head_dim is known");
}

enum trit_code trit_hf_layers_read(struct trit_hf_config *c, const struct trit_json_in *in)
{
    const enum trit_code code = c->family->windows ? read_windows(c, in) : check_window(in);
    return code ? code : check_layers(c, in);
}

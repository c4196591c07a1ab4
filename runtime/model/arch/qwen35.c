/* Qwen3.5's hybrid with ternary or 1-bit matrices (Bonsai 27B, Bonsai 2): of every few layers one
   has attention, with a gate for what each head gives; the others keep a state by the gated delta
   rule. Weights may be rotated. Source: FORMATS-2, section 3. */
#include <stdlib.h>

#include "runtime/format/group.h"
#include "runtime/model/internal.h"
#include "runtime/model/keys.h"

static const char *const names[] = { "qwen35", NULL };

static const struct trit_layer_tensor attention[] = {
    { "attn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_NORM, TRIT_AIM_PLAIN },
    { "attn_q", TRIT_Q_GATED, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_k", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_v", TRIT_KV, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_q_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_Q_NORM, TRIT_AIM_PLAIN },
    { "attn_k_norm", TRIT_ONE, TRIT_HEAD_DIM, TRIT_K_NORM, TRIT_AIM_PLAIN },
    { "attn_output", TRIT_HIDDEN, TRIT_Q, TRIT_O, TRIT_AIM_RESIDUAL },
    { "post_attention_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_NORM, TRIT_AIM_PLAIN },
    { "ffn_gate", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_GATE },
    { "ffn_up", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_PLAIN },
    { "ffn_down", TRIT_HIDDEN, TRIT_FFN, TRIT_DOWN, TRIT_AIM_RESIDUAL },
};

/* attn_gate is what opens the delta rule's output; it lies behind the convolution's channels. */
static const struct trit_layer_tensor delta[] = {
    { "attn_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_ATTN_NORM, TRIT_AIM_PLAIN },
    { "attn_qkv", TRIT_MIXED, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "attn_gate", TRIT_INNER, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_PLAIN },
    { "ssm_alpha", TRIT_V_HEADS, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_DELTA },
    { "ssm_beta", TRIT_V_HEADS, TRIT_HIDDEN, TRIT_QKV, TRIT_AIM_DELTA },
    { "ssm_conv1d", TRIT_MIXED, TRIT_TAPS, TRIT_SSM_CONV, TRIT_AIM_TAPS },
    { "ssm_dt.bias", TRIT_ONE, TRIT_V_HEADS, TRIT_SSM_DT, TRIT_AIM_STEP },
    { "ssm_a", TRIT_ONE, TRIT_V_HEADS, TRIT_SSM_A, TRIT_AIM_SLOPE },
    { "ssm_norm", TRIT_ONE, TRIT_STATE, TRIT_SSM_NORM, TRIT_AIM_PLAIN },
    { "ssm_out", TRIT_HIDDEN, TRIT_INNER, TRIT_O, TRIT_AIM_RESIDUAL },
    { "post_attention_norm", TRIT_ONE, TRIT_HIDDEN, TRIT_FFN_NORM, TRIT_AIM_PLAIN },
    { "ffn_gate", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_GATE },
    { "ffn_up", TRIT_FFN, TRIT_HIDDEN, TRIT_GATE_UP, TRIT_AIM_PLAIN },
    { "ffn_down", TRIT_HIDDEN, TRIT_FFN, TRIT_DOWN, TRIT_AIM_RESIDUAL },
};

static const struct trit_neutral_key neutral[] = {
    { .name = "hidden_activation", .text = "silu", .other = "swish" },
};

enum { MAX_HEADS = 1 << 12, MAX_LAYERS = 1 << 12 };

static enum trit_code read_delta(struct trit_config *c, const struct trit_gguf *g,
                                 struct trit_error *e)
{
    struct trit_delta *d = &c->delta;
    size_t inner;
    const struct trit_size_key keys[] = {
        { "ssm.group_count", 1, MAX_HEADS, 0, &d->k_heads },
        { "ssm.time_step_rank", 1, MAX_HEADS, 0, &d->v_heads },
        { "ssm.state_size", 1, TRIT_MAX_KEY, 0, &d->state },
        { "ssm.conv_kernel", 1, TRIT_MAX_TAPS, 0, &d->taps },
        { "ssm.inner_size", 1, (size_t)MAX_HEADS * TRIT_MAX_KEY, 0, &inner },
    };
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !code; i++)
        code = trit_key_size(c, g, &keys[i], e);
    if (code)
        return code;
    if (inner != d->v_heads * d->state)
        return trit_fail(e, TRIT_EFORMAT,
                         "%s: key '%s.ssm.inner_size' is %zu, but time_step_rank %zu heads of "
                         "state_size %zu make %zu",
                         g->path, c->arch, inner, d->v_heads, d->state, d->v_heads * d->state);
    if (d->v_heads % d->k_heads)
        return trit_fail(e, TRIT_EFORMAT,
                         "%s: key '%s.ssm.group_count' is %zu: must divide time_step_rank %zu",
                         g->path, c->arch, d->k_heads, d->v_heads);
    return TRIT_OK;
}

/* Text stands at the same position in each of three sections, so that they do not differ from plain
   rotation as long as they cover all pairs. */
static enum trit_code check_sections(const struct trit_config *c, const struct trit_gguf *g,
                                     struct trit_error *e)
{
    static const char key[] = "qwen35.rope.dimension_sections";
    int64_t *sections, pairs = 0;
    size_t n;
    if (!trit_gguf_find(g, key))
        return TRIT_OK;
    enum trit_code code = trit_gguf_ints(g, key, &sections, &n, e);
    if (code)
        return code;
    bool wrong = n < 3 || n > 4 || (n == 4 && sections[3] != 0);
    for (size_t i = 0; i < 3 && !wrong; i++) {
        wrong = sections[i] < 0 || sections[i] > (int64_t)c->rope_dims;
        pairs += sections[i];
    }
    if (wrong || pairs != (int64_t)c->rope_dims / 2)
        code = trit_fail(e, TRIT_EUNSUPPORTED,
                         "%s: key '%s' does not have three sections that make the %zu pairs of "
                         "rope.dimension_count, and a fourth of 0",
                         g->path, key, c->rope_dims / 2);
    free(sections);
    return code;
}

/* A flag for each layer, true where it has the delta rule, which must come to an interval. */
static enum trit_code read_flags(struct trit_config *c, const struct trit_gguf *g, size_t blocks,
                                 struct trit_error *e)
{
    static const char key[] = "qwen35.attention.recurrent_layers";
    int64_t *flags;
    size_t n;
    enum trit_code code = trit_gguf_ints(g, key, &flags, &n, e);
    if (code)
        return code;
    if (n != blocks)
        code = trit_fail(e, TRIT_EFORMAT, "%s: key '%s' has %zu flags, but there are %zu blocks",
                         g->path, key, n, blocks);
    for (c->interval = 1; !code && c->interval < c->layers && flags[c->interval - 1];)
        c->interval++;
    for (size_t i = 0; i < c->layers && !code; i++)
        if (!flags[i] != ((i + 1) % c->interval == 0))
            code = trit_fail(e, TRIT_EUNSUPPORTED,
                             "%s: key '%s': layers with attention do not stand at equal intervals",
                             g->path, key);
    free(flags);
    return code;
}

static enum trit_code read_interval(struct trit_config *c, const struct trit_gguf *g,
                                    struct trit_error *e)
{
    const struct trit_size_key interval = { "full_attention_interval", 1, MAX_LAYERS, 4,
                                            &c->interval },
                               predict = { "nextn_predict_layers", 0, 1, 0, &c->predicting };
    const size_t blocks = c->layers;
    enum trit_code code = TRIT_OK;
    if (trit_gguf_find(g, "qwen35.nextn_predict_layers"))
        code = trit_key_size(c, g, &predict, e);
    if (code)
        return code;
    c->layers -= c->predicting;
    if (trit_gguf_find(g, "qwen35.attention.recurrent_layers"))
        code = read_flags(c, g, blocks, e);
    else
        code = trit_key_size(c, g, &interval, e);
    if (!code && c->layers < c->interval)
        code = trit_fail(e, TRIT_EFORMAT,
                         "%s: key 'qwen35.block_count' is %zu: none of %zu layers has attention",
                         g->path, blocks, c->layers);
    return code;
}

/* As alpha of the first layer with the delta rule is stored. Beside rotated weights they are never
   codes, since they take inputs that are not rotated. */
static void read_gates(struct trit_config *c, const struct trit_gguf *g)
{
    const struct trit_gguf_tensor *alpha = trit_gguf_tensor(g, "blk.0.ssm_alpha.weight");
    struct trit_form form;
    c->delta.float_gates = c->hadamard.block || (alpha && !trit_type_has_groups(alpha->type) &&
                                                 trit_group_peek(g, alpha, &form, NULL) != TRIT_OK);
}

static enum trit_code read_keys(struct trit_config *c, const struct trit_gguf *g,
                                struct trit_error *e)
{
    enum trit_code code = read_delta(c, g, e);
    if (code || (code = check_sections(c, g, e)) || (code = read_interval(c, g, e)))
        return code;
    read_gates(c, g);
    return TRIT_OK;
}

static void attend(struct trit_work *w, size_t i)
{
    const struct trit_layer *l = &w->model->layers[i];
    trit_norm_stream(w, TRIT_PART_ATTN_NORM, &l->m[TRIT_QKV], l->vector[TRIT_ATTN_NORM]);
    trit_product(w, TRIT_PART_QKV, &l->m[TRIT_QKV], w->qkv, w->qkv_ld);
    trit_attention(w, i);
    trit_opened_quant(w, TRIT_PART_SUB_NORM, &l->m[TRIT_O]);
    trit_product_add(w, TRIT_PART_O, &l->m[TRIT_O]);
    trit_feed_forward(w, l);
}

/* The normed inputs stay where the layer's sums will be, for gates that are made of floats. */
static void remember(struct trit_work *w, size_t i)
{
    const struct trit_layer *l = &w->model->layers[i];
    trit_norm_keep(w, TRIT_PART_ATTN_NORM, &l->m[TRIT_QKV], l->vector[TRIT_ATTN_NORM],
                   w->model->config.delta.float_gates ? w->h : NULL);
    trit_product(w, TRIT_PART_QKV, &l->m[TRIT_QKV], w->qkv, w->qkv_ld);
    trit_delta_rule(w, i);
    trit_norm_quant(w, TRIT_PART_SUB_NORM, trit_delta_output(w), w->mix_ld, &l->m[TRIT_O], NULL);
    trit_product_add(w, TRIT_PART_O, &l->m[TRIT_O]);
    trit_feed_forward(w, l);
}

const struct trit_family trit_family_qwen35 = {
    .names = names,
    .kinds = { { attention, sizeof attention / sizeof *attention, attend },
               { delta, sizeof delta / sizeof *delta, remember } },
    .neutral = neutral,
    .nneutral = sizeof neutral / sizeof *neutral,
    .read = read_keys,
    .rope = TRIT_ROPE_NEOX,
    .own_head_dim = true,
    .gated_heads = true,
    .predicts = true,
    .hadamard = true,
    .prism = true,
    .grouped = true,
    .gated = TRIT_OP_silu,
    .synth_eps = 1e-6f,
    .synth_rope_base = 10000000,
    .synth_type = TRIT_PTQ1_0,
    .synth_turned = 4,
    .synth_pre = "qwen35",
};

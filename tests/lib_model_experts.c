/* Toys whose feed-forward halves are of experts. */
#include <stdio.h>

#include "tests/lib_model.h"

static void rename_tensor(struct trit_toy *toy, size_t layer, const char *from, const char *to)
{
    char name[64];
    snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, from);
    struct trit_toy_tensor *t = trit_toy_tensor(toy, name);
    snprintf(t->name, sizeof t->name, "blk.%zu.%s.weight", layer, to);
}

static struct trit_toy_tensor *of_layer(struct trit_toy *toy, size_t layer, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, part);
    return trit_toy_tensor(toy, name);
}

static void change_layer(struct trit_toy *toy, size_t layer, const struct trit_toy_shape *s,
                         const struct trit_toy_experts *e)
{
    static const char *const parts[][2] = { { "attn_sub_norm", "attn_q_norm" },
                                            { "ffn_sub_norm", "attn_k_norm" },
                                            { "ffn_gate", "ffn_gate_exps" },
                                            { "ffn_up", "ffn_up_exps" },
                                            { "ffn_down", "ffn_down_exps" } };
    char router[64];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        rename_tensor(toy, layer, parts[i][0], parts[i][1]);
        struct trit_toy_tensor *t = of_layer(toy, layer, parts[i][1]);
        if (t->ndims == 1) {
            t->ne[0] = s->hidden / s->heads;
        } else {
            t->ndims = 3;
            t->ne[2] = e->count;
        }
    }
    snprintf(router, sizeof router, "blk.%zu.ffn_gate_inp.weight", layer);
    struct trit_toy_tensor *t = trit_toy_add(toy, router, "token_embd.weight");
    t->type = TRIT_F32;
    t->ne[1] = e->count;
    t->seed += (uint32_t)layer + 100;
}

void trit_toy_experts(struct trit_toy *toy, const struct trit_toy_shape *s,
                      const struct trit_toy_experts *e)
{
    const struct trit_toy_key keys[] = {
        { "maple.expert_feed_forward_length", TRIT_GGUF_U32, s->ffn, 0, NULL },
        { "maple.expert_count", TRIT_GGUF_U32, e->count, 0, NULL },
        { "maple.expert_used_count", TRIT_GGUF_U32, e->used, 0, NULL },
        { "maple.attention.sliding_window", TRIT_GGUF_U32, e->window, 0, NULL },
        { "maple.attention.sliding_window_pattern", TRIT_GGUF_ARRAY, 1, 0, NULL },
    };
    trit_toy_init(toy, "maple", s);
    trit_toy_drop_key(toy, "maple.feed_forward_length");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        trit_toy_set(toy, &keys[i]);
    for (size_t i = 0; i < s->layers; i++)
        change_layer(toy, i, s, e);
}

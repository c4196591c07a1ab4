/* What files say of experts: how many there are, how many a token goes through, and the limits of
   their gates. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/model/loader.h"
#include "runtime/model/keys.h"

enum { MAX_EXPERTS = 4096 };

/* Of files without the key, as the published model has it; below the least one there is none. */
static const float USUAL_CLAMP = 7, LEAST_CLAMP = 1e-6f, MOST_CLAMP = 1e9f;

static bool is_clamp(float clamp)
{
    return clamp == 0 || (clamp > LEAST_CLAMP && clamp <= MOST_CLAMP);
}

/* swiglu_clamp_exp, one for each layer; clamps NULL: it is looked at. */
static enum trit_code read_clamps(const struct trit_config *c, const struct trit_gguf *g,
                                  struct trit_layer *layers, struct trit_error *e)
{
    char key[96];
    snprintf(key, sizeof key, "%s.swiglu_clamp_exp", c->arch);
    const struct trit_gguf_kv *kv = trit_gguf_find(g, key);
    if (kv && (kv->type != TRIT_GGUF_ARRAY || kv->item != TRIT_GGUF_F32))
        return trit_fail(e, TRIT_EFORMAT, "%s: key '%s' is no array of f32", g->path, key);
    if (kv && kv->count != c->layers)
        return trit_fail(e, TRIT_EFORMAT, "%s: key '%s' has %llu values, but block_count is %zu",
                         g->path, key, (unsigned long long)kv->count, c->layers);
    for (size_t i = 0; i < c->layers; i++) {
        float clamp = USUAL_CLAMP;
        if (kv)
            memcpy(&clamp, kv->data + i * sizeof clamp, sizeof clamp);
        if (!is_clamp(clamp))
            return trit_fail(e, TRIT_EFORMAT, "%s: key '%s' value %zu is %g: must be 0 or %g .. %g",
                             g->path, key, i, (double)clamp, (double)LEAST_CLAMP,
                             (double)MOST_CLAMP);
        if (layers)
            layers[i].clamp = clamp;
    }
    return TRIT_OK;
}

enum trit_code trit_experts_read(struct trit_config *c, const struct trit_gguf *g,
                                 struct trit_error *e)
{
    const struct trit_size_key count = { "expert_count", 1, MAX_EXPERTS, 0, &c->experts.count };
    enum trit_code code = trit_key_size(c, g, &count, e);
    if (code)
        return code;
    const struct trit_size_key used = { "expert_used_count", 1, c->experts.count, 0,
                                        &c->experts.used };
    code = trit_key_size(c, g, &used, e);
    return code ? code : read_clamps(c, g, NULL, e);
}

/* Whether all elements of f32 are such of bf16, too. */
static bool is_narrow(const struct trit_rows *rows)
{
    const uint8_t *data = rows->data;
    uint32_t low = 0, word;
    for (size_t i = 0; i < rows->data_bytes; i += sizeof word) {
        memcpy(&word, data + i, sizeof word);
        low |= word;
    }
    return (low & 0xffff) == 0;
}

/* Routers that were trained in bf16 are stored as f32: half of the bytes are read in each pass. */
static void narrow_routers(struct trit_model *model)
{
    uint8_t *to = model->gate_rows;
    for (size_t i = 0; i < model->config.layers; i++) {
        const struct trit_rows *rows = &model->layers[i].rows[0];
        if (strcmp(rows->packing, "f32") != 0 || !is_narrow(rows))
            return;
    }
    for (size_t i = 0; i < model->config.layers; i++) {
        struct trit_rows *rows = &model->layers[i].rows[0];
        const uint8_t *from = rows->data;
        rows->packing = "bf16";
        rows->data = to;
        rows->data_bytes /= 2;
        for (size_t j = 0; j < rows->data_bytes; j += 2, to += 2)
            memmove(to, from + 2 * j + 2, 2);
    }
}

enum trit_code trit_experts_load(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    if (!model->config.experts.count)
        return TRIT_OK;
    narrow_routers(model);
    struct trit_dense_part router = { .rows = model->layers[0].rows[0] };
    const enum trit_code code = trit_dense_pick(&router, l->error);
    model->ops.rows[0] = router.decode;
    model->ops.route = router.prefill;
    return code ? code : read_clamps(&model->config, l->gguf, model->layers, l->error);
}

struct trit_gguf_tensor trit_experts_flat(const struct trit_gguf_tensor *t)
{
    struct trit_gguf_tensor flat = *t;
    flat.ne[1] *= t->ne[2];
    flat.ne[2] = 1;
    return flat;
}

size_t trit_experts_touched(const struct trit_config *c, size_t m)
{
    const double all = (double)c->experts.count, used = (double)c->experts.used;
    return (size_t)(all * (1 - pow(1 - used / all, (double)m)) + 0.5);
}

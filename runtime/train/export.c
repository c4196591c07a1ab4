/* Which types hold what a shape trains, and the file that is written of them. */
#include "runtime/train/export.h"

#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/base/text.h"
#include "runtime/train/export_parts.h"
#include "runtime/train/quantise.h"

/* The types by what they are for; of each way the first is the one that TRIT_CONVERT_AUTO takes. A
   type tells the runtime, too, whether a matrix's inputs have groups: so none is for another way,
   even where it had the values. A mean of magnitudes is binary32, which of the types for whole
   matrices I2_S alone has for a scale. */
static const struct holder {
    uint32_t type;
    enum trit_train_way way;
    bool matrices, rows; /* what may be so where it is trained that way */
    bool signs_only;
} holders[] = {
    { TRIT_I2_S, TRIT_TRAIN_WHOLE, true, false, false },
    { TRIT_Q1_0, TRIT_TRAIN_GROUPED, true, true, true },
    { TRIT_PTQ1_0, TRIT_TRAIN_GROUPED, true, true, false },
    { TRIT_PQ2_0, TRIT_TRAIN_GROUPED, true, true, false },
    { TRIT_Q2_0, TRIT_TRAIN_GROUPED, true, true, false },
    { TRIT_F16, TRIT_TRAIN_KEPT, true, true, false },
    { TRIT_Q8_0, TRIT_TRAIN_KEPT, true, true, false },
    { TRIT_F32, TRIT_TRAIN_KEPT, true, true, false },
    { TRIT_Q6_K, TRIT_TRAIN_KEPT, false, true, false },
};
enum { HOLDERS = sizeof holders / sizeof *holders };

static const char *const ways[] = {
    [TRIT_TRAIN_KEPT] = "values that are not quantised",
    [TRIT_TRAIN_WHOLE] = "no groups of columns",
    [TRIT_TRAIN_GROUPED] = "groups of columns",
};

/* Where inputs alone have groups, the matrix's scale is repeated for each. */
static enum trit_train_way way_of(const struct trit_train_export *x,
                                  const struct trit_train_tensor *t)
{
    const enum trit_train_way way = trit_train_way(x->shape, t);
    return way == TRIT_TRAIN_WHOLE && x->shape->input_group ? TRIT_TRAIN_GROUPED : way;
}

static bool suits(const struct holder *h, const struct trit_train_export *x,
                  const struct trit_train_tensor *t)
{
    const bool role = t->role == TRIT_TRAIN_ROWS ? h->rows : h->matrices;
    return role && h->way == way_of(x, t) &&
           (!h->signs_only || x->shape->weights == TRIT_TRAIN_BINARY);
}

static enum trit_code no_holder(const struct trit_train_export *x, uint32_t type,
                                const struct trit_train_tensor *t, struct trit_error *error)
{
    const struct trit_type_info *info = trit_type_find(type);
    const char *names[HOLDERS];
    char list[128];
    size_t n = 0;
    for (size_t i = 0; i < HOLDERS; i++)
        if (suits(&holders[i], x, t))
            names[n++] = trit_type_find(holders[i].type)->name;
    return trit_fail(error, TRIT_EARGUMENT, "type %s is not for %s with %s: take %s",
                     info ? info->name : "unknown",
                     t->role == TRIT_TRAIN_ROWS ? "an embedding" : "matrices", ways[way_of(x, t)],
                     trit_list_text(names, n, "", list, 128));
}

/* The type of a tensor, of the wish for all of its role; bytes: its size so. */
static enum trit_code choose(const struct trit_train_export *x, const struct trit_train_tensor *t,
                             uint32_t *type, uint64_t *bytes, struct trit_error *error)
{
    const uint32_t wish = t->role == TRIT_TRAIN_ROWS ? x->rows : x->type;
    const uint64_t ne[4] = { t->k, t->n, 1, 1 };
    size_t i = 0;
    while (i < HOLDERS &&
           !(suits(&holders[i], x, t) && (wish == TRIT_CONVERT_AUTO || wish == holders[i].type)))
        i++;
    if (t->role != TRIT_TRAIN_NORM && i == HOLDERS)
        return no_holder(x, wish, t, error);
    *type = t->role == TRIT_TRAIN_NORM ? (uint32_t)TRIT_F32 : holders[i].type;
    const char *fault = trit_type_bytes(*type, ne, bytes);
    return fault ? trit_fail(error, TRIT_EARGUMENT, "tensor '%s', %zu x %zu: not as %s: %s",
                             t->name, t->n, t->k, trit_type_find(*type)->name, fault)
                 : TRIT_OK;
}

enum trit_code trit_train_check_tokens(const struct trit_train_export *x, struct trit_error *error)
{
    const struct trit_gguf_kv *tokens = trit_gguf_find(x->vocabulary, "tokenizer.ggml.tokens");
    if (!tokens || tokens->type != TRIT_GGUF_ARRAY)
        return trit_fail(error, TRIT_EARGUMENT, "%s: has no list of tokens, so no vocabulary",
                         x->vocabulary->path);
    if (tokens->count != x->shape->vocab)
        return trit_fail(error, TRIT_EARGUMENT,
                         "%s: a vocabulary of %llu tokens, but the model has %u",
                         x->vocabulary->path, (unsigned long long)tokens->count, x->shape->vocab);
    return TRIT_OK;
}

enum trit_code trit_train_export_check(const struct trit_train_export *x, const char *path,
                                       struct trit_error *error)
{
    enum trit_code code = trit_train_check_tokens(x, error);
    uint64_t all = 0;
    for (size_t i = 0; i < x->layout->ntensors && !code; i++) {
        uint32_t type;
        uint64_t bytes = 0;
        code = choose(x, &x->layout->list[i], &type, &bytes, error);
        all = trit_bytes_sum(all, bytes);
    }
    return code ? code : trit_need_disk(path, all, error);
}

/* What TRIT_TRAIN_KEPT keeps is rounded where the type does not have all of f32. */
static enum trit_code plan(struct trit_convert *c, const struct trit_train_export *x,
                           struct trit_error *error)
{
    const size_t n = x->layout->ntensors;
    enum trit_code code = TRIT_OK;
    c->encoders = trit_alloc(n, sizeof *c->encoders);
    c->types = trit_alloc(n, sizeof *c->types);
    if (!c->encoders || !c->types)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tensors", n);
    for (size_t i = 0; i < n && !code; i++) {
        const struct trit_train_tensor *t = &x->layout->list[i];
        const bool kept = trit_train_way(x->shape, t) == TRIT_TRAIN_KEPT;
        uint64_t bytes = 0;
        code = choose(x, t, &c->types[i], &bytes, error);
        c->encoders[i] = kept ? trit_encoder_rounding(c->types[i]) : NULL;
        c->encoders[i] = c->encoders[i] ? c->encoders[i] : trit_encoder_exact(c->types[i]);
        c->type = t->role == TRIT_TRAIN_MATRIX ? c->types[i] : c->type;
        c->matrices += t->role == TRIT_TRAIN_MATRIX;
        c->bytes += bytes;
    }
    return code;
}

enum trit_code trit_train_export_gguf(const struct trit_train_export *x, const char *path,
                                      struct trit_error *error)
{
    struct trit_convert c = { .pool = x->pool };
    enum trit_code code = trit_train_export_check(x, path, error);
    if (!code)
        code = trit_train_source(&c.source, x, path, error);
    if (!code)
        code = plan(&c, x, error);
    if (!code)
        code = trit_convert_write(&c, path, error);
    trit_convert_free(&c);
    trit_source_close(c.source);
    return code;
}

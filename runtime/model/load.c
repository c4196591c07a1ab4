/* From a checked GGUF to a model ready to run: every tensor accounted for, every matrix packed for
   its kernels, the mapped original out of memory again. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/math.h"
#include "runtime/base/mem.h"
#include "runtime/format/ternary.h"
#include "runtime/kernel/pack.h"
#include "runtime/model/internal.h"

struct loader {
    struct trit_model *model;
    const struct trit_gguf *gguf;
    const struct trit_load_options *options;
    struct trit_profile *profile; /* NULL: none */
    struct trit_error *error;
    struct trit_tensors tensors;
    uint64_t done, total; /* bytes of tensors, for progress */
};

static bool is_apart(const struct trit_model *model)
{
    return model->nroles == TRIT_NROLES;
}

/* The matrix of a family's tensor: where zeros are skipped, Wup's own. */
static enum trit_role role_of(const struct trit_model *model, const struct trit_layer_tensor *t)
{
    const bool up = t->slot == TRIT_GATE_UP && t->aim != TRIT_AIM_GATE;
    return up && is_apart(model) ? TRIT_UP : (enum trit_role)t->slot;
}

/* The family's tensors of a matrix: the first's number, and how many follow each other. */
static size_t parts_of(const struct trit_model *model, enum trit_role role, size_t *first)
{
    const struct trit_family *f = model->config.family;
    size_t n = *first = 0;
    for (size_t i = 0; i < f->ntensors; i++)
        if (f->tensors[i].n != TRIT_ONE && role_of(model, &f->tensors[i]) == role && n++ == 0)
            *first = i;
    return n;
}

/* One more tensor is loaded. */
static enum trit_code step(struct loader *l, const struct trit_gguf_tensor *t)
{
    l->done += t->bytes;
    if (l->options && l->options->progress &&
        !l->options->progress(l->options->progress_arg, l->done, l->total))
        return trit_fail(l->error, TRIT_ESTOPPED, "%s: loading was stopped", l->gguf->path);
    return TRIT_OK;
}

/* A checked vector, copied to out; all of it must be finite. */
static enum trit_code load_vector(struct loader *l, const struct trit_gguf_tensor *t, float *out)
{
    const size_t k = (size_t)t->ne[0];
    memcpy(out, t->data, k * sizeof *out);
    for (size_t i = 0; i < k; i++)
        if (!isfinite(out[i]))
            return trit_fail(l->error, TRIT_EFORMAT,
                             "%s: tensor '%.*s' element %zu is %g: must be finite", l->gguf->path,
                             (int)t->name.n, t->name.s, i, (double)out[i]);
    l->model->cost.params += k;
    return step(l, t);
}

static enum trit_code load_matrix(struct loader *l, size_t layer, enum trit_role role)
{
    const struct trit_gguf_tensor *parts[TRIT_PARTS] = { NULL };
    struct trit_matrix *matrix = &l->model->layers[layer].m[role];
    size_t first, n = parts_of(l->model, role, &first);
    for (size_t i = 0; i < n; i++)
        parts[i] = l->tensors.layer[layer * l->model->config.family->ntensors + first + i];
    enum trit_code code = TRIT_OK;
    if (!matrix->cached)
        code = trit_matrix_pack(matrix, l->gguf, parts, l->model->pool, l->error);
    l->model->cost.trits += matrix->n * matrix->k;
    for (size_t i = 0; i < n && !code; i++)
        code = step(l, parts[i]);
    return code;
}

/* The pair of the first matrix of this shape, and role if it skips; all are in the first layer. */
static enum trit_code pick(struct loader *l, struct trit_matrix *matrix, enum trit_role role)
{
    struct trit_model *model = l->model;
    const struct trit_matrix *first = model->layers[0].m;
    const bool skips = is_apart(model) && (role == TRIT_UP || role == TRIT_DOWN);
    for (int i = skips ? (int)role : 0; i < model->nroles && first + i < matrix; i++)
        if (first[i].n == matrix->n && first[i].k == matrix->k && !first[i].skip == !skips) {
            matrix->pair = first[i].pair;
            matrix->skip = first[i].skip;
            return TRIT_OK;
        }
    if (skips)
        return trit_pick_skip(role == TRIT_UP ? TRIT_OP_rows : TRIT_OP_cols, matrix->n, matrix->k,
                              &matrix->skip, &matrix->pair, l->error);
    const struct trit_product product = {
        matrix->n, matrix->k, { 0, TRIT_TRITS }, trit_pool_threads(model->pool)
    };
    return trit_pick_pair(&product, l->profile, &matrix->pair, l->error);
}

/* Name and kernels of one matrix, and the bytes that it takes. */
static enum trit_code plan_matrix(struct loader *l, size_t layer, enum trit_role role)
{
    struct trit_model *model = l->model;
    struct trit_matrix *x = &model->layers[layer].m[role];
    size_t first, n = parts_of(model, role, &first);
    const struct trit_layer_tensor *of = &model->config.family->tensors[first];
    snprintf(x->name, sizeof x->name, "blk.%zu.%s", layer, trit_role_name(role, is_apart(model)));
    x->k = trit_config_width(&model->config, of->k);
    for (size_t i = 0; i < n; i++)
        x->n += trit_config_width(&model->config, of[i].n);
    enum trit_code code = pick(l, x, role);
    if (code)
        return code;
    const size_t nr = (size_t)x->pair.decode->nr;
    x->packing = trit_packing_find(x->pair.decode->packing);
    x->kp = trit_round_up(x->k, x->packing->kr);
    x->block = trit_packed_bytes(x->packing, nr, x->k, nr);
    x->w_bytes = trit_round_up(trit_packed_bytes(x->packing, x->n, x->k, nr), TRIT_ALIGN);
    x->bytes = x->w_bytes + trit_round_up(trit_round_up(x->n, nr) * sizeof *x->d, TRIT_ALIGN);
    x->layout = trit_matrix_layout(x, model->layers);
    return TRIT_OK;
}

/* Every matrix into the packed cache where it is there, the others into an arena. */
static enum trit_code place_matrices(struct loader *l)
{
    struct trit_model *model = l->model;
    const size_t roles = (size_t)model->nroles, count = model->config.layers * roles;
    struct trit_cache *cache = l->options ? l->options->cache : NULL;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct trit_matrix *x = &model->layers[i / roles].m[i % roles];
        x->w = (uint8_t *)(uintptr_t)trit_matrix_cached(x, cache, model->pool);
        x->cached = x->w;
        trit_cost_section(&model->cost, cache, x->cached);
        model->cost.packed_bytes += x->bytes;
        model->arena_bytes += x->cached ? 0 : x->bytes;
    }
    if (model->arena_bytes && !(model->arena = trit_map(model->arena_bytes)))
        return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory for %zu bytes of packed weights",
                         l->gguf->path, model->arena_bytes);
    for (size_t i = 0; i < count; i++) {
        struct trit_matrix *x = &model->layers[i / roles].m[i % roles];
        if (!x->cached) {
            x->w = model->arena + at;
            at += x->bytes;
        }
        x->d = (float *)(void *)(x->w + x->w_bytes);
    }
    return TRIT_OK;
}

static enum trit_code plan_matrices(struct loader *l)
{
    const size_t roles = (size_t)l->model->nroles, count = l->model->config.layers * roles;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < count && !code; i++)
        code = plan_matrix(l, i / roles, i % roles);
    return code ? code : place_matrices(l);
}

static enum trit_code load_layers(struct loader *l)
{
    struct trit_model *model = l->model;
    const struct trit_family *f = model->config.family;
    float *floats = model->floats;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < model->config.layers; i++) {
        for (size_t j = 0; j < f->ntensors && !code; j++) {
            const struct trit_gguf_tensor *t = l->tensors.layer[i * f->ntensors + j];
            if (f->tensors[j].n != TRIT_ONE)
                continue;
            code = load_vector(l, t, floats);
            model->layers[i].norm[f->tensors[j].slot] = floats;
            floats += trit_round_up((size_t)t->ne[0], 16);
        }
        for (int role = 0; role < model->nroles && !code; role++)
            code = load_matrix(l, i, role);
        if (code)
            return code;
        const struct trit_matrix *up = &model->layers[i].m[TRIT_UP];
        for (size_t j = 0; j < up->n; j++)
            model->layers[i].most_up = fmaxf(model->layers[i].most_up, up->d[j]);
    }
    model->output_norm = floats;
    return load_vector(l, l->tensors.output_norm, floats);
}

/* Above this trit_sincos could not turn the last position of the longest context. */
static const double ROPE_MAX = 64;

/* Frequencies base^(-2i/dims), divided by the file's factors where it has them. */
static enum trit_code load_rope(struct loader *l)
{
    struct trit_model *model = l->model;
    const size_t half = model->config.rope_dims / 2;
    model->rope = trit_alloc(half, sizeof *model->rope);
    float *factors = trit_alloc(half, sizeof *factors);
    enum trit_code code = TRIT_OK;
    if (!model->rope || !factors)
        code = trit_fail(l->error, TRIT_EMEMORY, "%s: no memory", l->gguf->path);
    for (size_t i = 0; !code && i < half; i++)
        factors[i] = 1;
    if (!code && l->tensors.rope_freqs)
        code = load_vector(l, l->tensors.rope_freqs, factors);
    const double base = trit_log((double)model->config.rope_base);
    for (size_t i = 0; !code && i < half; i++) {
        model->rope[i] =
            trit_exp(-base * (double)(2 * i) / (double)(2 * half)) / (double)factors[i];
        if (!(model->rope[i] > 0 && model->rope[i] <= ROPE_MAX))
            code = trit_fail(l->error, TRIT_EFORMAT,
                             "%s: tensor 'rope_freqs.weight' element %zu is %g: it makes a "
                             "frequency of %g, must be above 0 and at most %g",
                             l->gguf->path, i, (double)factors[i], model->rope[i], ROPE_MAX);
    }
    free(factors);
    return code;
}

/* The rows of the embedding and of the head, where they stand in the file. */
static enum trit_code open_rows(struct loader *l)
{
    struct trit_model *model = l->model;
    enum trit_code code = trit_rows_open(&model->embd, l->gguf, l->tensors.embd, l->error);
    if (!code && !model->config.tied)
        code = trit_rows_open(&model->output, l->gguf, l->tensors.output, l->error);
    return code;
}

/* Their values, and the head. */
static enum trit_code load_head(struct loader *l)
{
    struct trit_model *model = l->model;
    const struct trit_config *c = &model->config;
    struct trit_rows *rows[] = { &model->embd, &model->output };
    const struct trit_gguf_tensor *const tensors[] = { l->tensors.embd, l->tensors.output };
    const size_t last = c->tied ? 0 : 1;
    struct trit_cache *cache = l->options ? l->options->cache : NULL;
    for (size_t i = 0; i <= last; i++) {
        enum trit_code code = i < last ? trit_rows_check(rows[i], model->pool, l->error)
                                       : trit_head_create(&model->head, rows[i], model->pool,
                                                          TRIT_HEAD_AUTO, cache, l->error);
        if (code || (code = step(l, tensors[i])))
            return code;
        model->cost.params += c->hidden * c->vocab;
    }
    if (trit_head_plane_bytes(model->head))
        trit_cost_section(&model->cost, cache, trit_head_from_cache(model->head));
    enum trit_code code = trit_pick(TRIT_OP_head, rows[last]->packing, &model->ops.head, l->error);
    if (!code)
        snprintf(model->head_why, sizeof model->head_why, "%s: strongest ISA, rows stored as %s",
                 trit_head_plane_bytes(model->head) ? "all logits, and rows that the planes leave"
                                                    : "all logits, and the k best",
                 rows[last]->packing);
    return code;
}

static enum trit_code pick_ops(struct loader *l)
{
    struct trit_ops *ops = &l->model->ops;
    const struct {
        enum trit_op op;
        const struct trit_kernel **kernel;
    } wanted[] = { { TRIT_OP_quant, &ops->quant },
                   { TRIT_OP_norm, &ops->norm },
                   { l->model->config.family->gated, &ops->gated },
                   { TRIT_OP_softmax, &ops->softmax },
                   { TRIT_OP_qk, &ops->qk },
                   { TRIT_OP_pv, &ops->pv },
                   { TRIT_OP_merge, &ops->merge },
                   { TRIT_OP_half, &ops->half },
                   { TRIT_OP_split, &ops->split } };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        enum trit_code code = trit_pick(wanted[i].op, NULL, wanted[i].kernel, l->error);
        if (code)
            return code;
    }
    return l->model->kv == &trit_kv_i8 ? trit_kv_i8_pick(&ops->dot, l->error) : TRIT_OK;
}

static enum trit_code allocate(struct loader *l)
{
    struct trit_model *model = l->model;
    const struct trit_config *c = &model->config;
    size_t per_layer = 0;
    for (size_t i = 0; i < c->family->ntensors; i++)
        if (c->family->tensors[i].n == TRIT_ONE)
            per_layer += trit_round_up(trit_config_width(c, c->family->tensors[i].k), 16);
    model->layers = trit_alloc(c->layers, sizeof *model->layers);
    model->floats =
        trit_alloc(c->layers * per_layer + trit_round_up(c->hidden, 16), sizeof *model->floats);
    if (!model->layers || !model->floats)
        return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory for %zu layers", l->gguf->path,
                         c->layers);
    return TRIT_OK;
}

/* Whether zeros are skipped. Where kernels are forced all matrices are to go through them. */
static enum trit_code choose_roles(struct loader *l)
{
    const struct trit_config *c = &l->model->config;
    const enum trit_sparse wish = l->options ? l->options->sparse : TRIT_SPARSE_AUTO;
    const bool skips =
        wish == TRIT_SPARSE_ON || (wish == TRIT_SPARSE_AUTO && l->options && !trit_pick_pattern() &&
                                   trit_cache_skips(l->options->cache));
    if (wish == TRIT_SPARSE_ON && !c->family->skips)
        return trit_fail(l->error, TRIT_EUNSUPPORTED,
                         "%s: architecture %s has no zeros to skip: use --sparse off",
                         l->gguf->path, c->arch);
    l->model->nroles = skips && c->family->skips ? TRIT_NROLES : TRIT_NROLES - 1;
    return TRIT_OK;
}

/* What it costs; and what loading touched of the file leaves memory. */
static void finish(struct loader *l)
{
    struct trit_model_cost *cost = &l->model->cost;
    cost->params += cost->trits;
    cost->file_bytes = l->gguf->size;
    trit_gguf_drop(l->gguf, l->gguf->base, l->gguf->size);
}

static enum trit_code load(struct loader *l)
{
    struct trit_model *model = l->model;
    enum trit_code code = trit_config_read(&model->config, l->gguf, l->error);
    if (code || (code = trit_tensors_find(&l->tensors, &model->config, l->gguf, l->error)) ||
        (code = pick_ops(l)) || (code = open_rows(l)) || (l->options && l->options->check))
        return code;
    if ((code = load_head(l)) || (code = allocate(l)) || (code = choose_roles(l)) ||
        (code = plan_matrices(l)) || (code = load_layers(l)) || (code = load_rope(l)))
        return code;
    if (is_apart(model))
        trit_skip_measure(model);
    finish(l);
    return TRIT_OK;
}

enum trit_code trit_model_load(struct trit_model **model, const struct trit_gguf *gguf,
                               struct trit_pool *pool, const struct trit_load_options *options,
                               struct trit_error *error)
{
    *model = NULL;
    const uint64_t start = trit_clock();
    struct loader l = { .gguf = gguf, .options = options, .error = error };
    l.profile = options ? options->profile : NULL;
    l.model = trit_alloc(1, sizeof *l.model);
    enum trit_code code = TRIT_OK;
    if (!l.model)
        code = trit_fail(error, TRIT_EMEMORY, "%s: no memory", gguf->path);
    for (size_t i = 0; i < gguf->ntensors; i++)
        l.total += gguf->tensors[i].bytes;
    if (!code) {
        l.model->pool = pool;
        l.model->kv = trit_kv_kind(options ? options->kv : TRIT_KV_F16);
        code = load(&l);
    }
    trit_tensors_free(&l.tensors);
    if (code || (options && options->check)) {
        trit_model_free(l.model);
        return code;
    }
    l.model->cost.load_seconds = 1e-9 * (double)(trit_clock() - start);
    *model = l.model;
    return TRIT_OK;
}

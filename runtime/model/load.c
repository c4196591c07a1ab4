/* From a checked GGUF to a model ready to run: every tensor accounted for, every matrix packed for
   its kernels, the mapped original out of memory again. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/format/group.h"
#include "runtime/model/loader.h"
#include "runtime/model/kv.h"

enum trit_code trit_loader_step(struct trit_loader *l, const struct trit_gguf_tensor *t)
{
    l->done += t->bytes;
    if (l->options && l->options->progress &&
        !l->options->progress(l->options->progress_arg, l->done, l->total))
        return trit_fail(l->error, TRIT_ESTOPPED, "%s: loading was stopped", l->gguf->path);
    return TRIT_OK;
}

/* A checked vector, copied to out; all of it must be finite. */
enum trit_code trit_loader_vector(struct trit_loader *l, const struct trit_gguf_tensor *t,
                                  float *out)
{
    const size_t k = (size_t)t->ne[0];
    struct trit_rows row;
    const enum trit_code code = trit_rows_open(&row, l->gguf, t, l->error);
    if (code)
        return code;
    trit_rows_get(&row, 0, out);
    for (size_t i = 0; i < k; i++)
        if (!isfinite(out[i]))
            return trit_fail(l->error, TRIT_EFORMAT,
                             "%s: tensor '%.*s' element %zu is %g: must be finite", l->gguf->path,
                             (int)t->name.n, t->name.s, i, (double)out[i]);
    l->model->cost.params += k;
    return trit_loader_step(l, t);
}

/* Heads of q and of k that are normed must not leave the finite numbers, nor must their products: a
   probability of NaN would go unseen. With 2^20 elements, keys of up to 2^16 and YaRN's factors the
   latter stay below 2^120. */
static enum trit_code check_head_norm(const struct trit_loader *l, const struct trit_gguf_tensor *t,
                                      const float *weights)
{
    static const float MOST = 0x1p60f;
    for (size_t i = 0; i < t->ne[0]; i++)
        if (!(fabsf(weights[i]) <= MOST))
            return trit_fail(l->error, TRIT_EFORMAT,
                             "%s: tensor '%.*s' element %zu is %g: must be within 2^60",
                             l->gguf->path, (int)t->name.n, t->name.s, i, (double)weights[i]);
    return TRIT_OK;
}

/* Rows of a float for each tap, which become taps of a float for each channel. */
static enum trit_code load_taps(struct trit_loader *l, const struct trit_gguf_tensor *t, float *out)
{
    const size_t taps = (size_t)t->ne[0], channels = (size_t)t->ne[1];
    float row[TRIT_MAX_TAPS];
    struct trit_rows rows;
    const enum trit_code code = trit_rows_open(&rows, l->gguf, t, l->error);
    if (code)
        return code;
    for (size_t c = 0; c < channels; c++) {
        trit_rows_get(&rows, c, row);
        for (size_t j = 0; j < taps; j++) {
            if (!isfinite(row[j]))
                return trit_fail(l->error, TRIT_EFORMAT,
                                 "%s: tensor '%.*s' row %zu element %zu is %g: must be finite",
                                 l->gguf->path, (int)t->name.n, t->name.s, c, j, (double)row[j]);
            out[j * channels + c] = row[j];
        }
    }
    l->model->cost.params += taps * channels;
    return trit_loader_step(l, t);
}

/* Rows leave the file for a place where those of all layers lie together; it takes memory as it is
   used. */
static enum trit_code move_rows(struct trit_loader *l, struct trit_rows *rows)
{
    struct trit_model *model = l->model;
    const size_t experts = model->config.experts.count ? model->config.layers : 0,
                 all = TRIT_GATE_ROWS * trit_config_deltas(&model->config) + experts;
    if (!model->gate_rows) {
        model->gate_bytes = all * rows->data_bytes;
        model->gate_rows = trit_map(model->gate_bytes);
    }
    if (!model->gate_rows)
        return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory for %zu bytes of rows",
                         l->gguf->path, model->gate_bytes);
    uint8_t *to = model->gate_rows + l->gates++ * rows->data_bytes;
    memcpy(to, rows->data, rows->data_bytes);
    rows->data = to;
    return TRIT_OK;
}

/* Rows that stay floats, and the kernel for them, which is that of all layers. */
static enum trit_code load_rows(struct trit_loader *l, const struct trit_gguf_tensor *t,
                                struct trit_layer *layer)
{
    struct trit_model *model = l->model;
    size_t i = 0;
    while (layer->rows[i].n)
        i++;
    struct trit_rows *rows = &layer->rows[i];
    const struct trit_kernel **kernel = &model->ops.rows[i];
    enum trit_code code = trit_rows_load(rows, l->gguf, t, model->pool, l->error);
    if (!code && !*kernel)
        code = trit_pick(TRIT_OP_head, rows->packing, kernel, l->error);
    if (!code && strcmp(rows->packing, (*kernel)->packing))
        code = trit_fail(l->error, TRIT_EUNSUPPORTED,
                         "%s: tensor '%.*s' is of another type than that of the layers before",
                         l->gguf->path, (int)t->name.n, t->name.s);
    if (!code && !rows->scale)
        code = move_rows(l, rows);
    model->cost.params += rows->n * rows->k;
    return code ? code : trit_loader_step(l, t);
}

/* Floats of a vector, or of rows of taps. */
static size_t floats_of(const struct trit_config *c, const struct trit_layer_tensor *t)
{
    const size_t floats = trit_config_width(c, t->k) * trit_config_width(c, t->n);
    const bool vector = !trit_config_packs(c, t) && !trit_config_rows(c, t);
    return vector ? trit_round_up(floats, 16) : 0;
}

/* What of a layer is not packed; *floats moves behind its vectors. */
static enum trit_code load_floats(struct trit_loader *l, size_t i, float **floats)
{
    const struct trit_config *c = &l->model->config;
    const struct trit_layer_kind *kind = trit_config_kind(c, i);
    struct trit_layer *layer = &l->model->layers[i];
    enum trit_code code = TRIT_OK;
    for (size_t j = 0; j < kind->ntensors && !code; j++) {
        const struct trit_layer_tensor *t = &kind->tensors[j];
        const struct trit_gguf_tensor *tensor = trit_tensors_of(&l->tensors, c, i)[j];
        if (trit_config_rows(c, t))
            code = load_rows(l, tensor, layer);
        if (!floats_of(c, t))
            continue;
        code = t->n == TRIT_ONE ? trit_loader_vector(l, tensor, *floats)
                                : load_taps(l, tensor, *floats);
        if (!code && (t->slot == TRIT_Q_NORM || t->slot == TRIT_K_NORM))
            code = check_head_norm(l, tensor, *floats);
        layer->vector[t->slot] = *floats;
        *floats += floats_of(c, t);
    }
    return code;
}

static enum trit_code load_layers(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    float *floats = model->floats;
    for (size_t i = 0; i < model->config.layers; i++) {
        enum trit_code code = load_floats(l, i, &floats);
        for (size_t j = 0; j < model->nroles && !code; j++)
            code = trit_matrix_load(l, i * model->nroles + j);
        if (code)
            return code;
        const struct trit_matrix *up = &model->layers[i].m[TRIT_UP];
        for (size_t j = 0; model->apart && j < up->n; j++)
            model->layers[i].most_up = fmaxf(model->layers[i].most_up, up->d[j]);
    }
    model->output_norm = floats;
    return trit_loader_vector(l, l->tensors.output_norm, floats);
}

/* Above this trit_sincos could not turn the last position of the longest context. */
static const double ROPE_MAX = 64;

/* Frequencies, divided by the file's factors where it has them. */
static enum trit_code load_rope(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    const size_t half = model->config.rope_dims / 2,
                 pairs = trit_config_ropes(&model->config) * half;
    model->rope = trit_alloc(pairs, sizeof *model->rope);
    float *factors = trit_alloc(pairs, sizeof *factors);
    enum trit_code code = TRIT_OK;
    if (!model->rope || !factors)
        code = trit_fail(l->error, TRIT_EMEMORY, "%s: no memory", l->gguf->path);
    for (size_t i = 0; !code && i < pairs; i++)
        factors[i] = 1;
    if (!code && l->tensors.rope_freqs)
        code = trit_loader_vector(l, l->tensors.rope_freqs, factors);
    if (!code)
        trit_rope_frequencies(&model->config, model->rope, &model->rope_size);
    for (size_t i = 0; !code && i < pairs; i++) {
        model->rope[i] = model->rope[i] / (double)factors[i];
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
static enum trit_code open_rows(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    enum trit_code code = trit_rows_open(&model->embd, l->gguf, l->tensors.embd, l->error);
    if (!code && !model->config.tied)
        code = trit_rows_open(&model->output, l->gguf, l->tensors.output, l->error);
    return code;
}

enum trit_code trit_loader_pick_head(struct trit_loader *l)
{
    const char *packing = trit_model_head(l->model)->packing;
    return trit_pick(TRIT_OP_head, packing, &l->model->ops.head, l->error);
}

/* A head in a float type is packed where all of its rows can be, as a packed cache has found. */
static void settle_head(struct trit_loader *l)
{
    struct trit_config *c = &l->model->config;
    const struct trit_gguf_tensor *head = c->tied ? l->tensors.embd : l->tensors.output;
    const struct trit_cache *cache = l->options ? l->options->cache : NULL;
    struct trit_form form;
    if (c->packed_head && !trit_type_has_groups(head->type) &&
        !trit_matrix_section(cache, "output"))
        c->packed_head = !trit_group_form(l->gguf, head, l->model->pool, &form, NULL);
}

static void find_turned_head(struct trit_loader *l)
{
    const struct trit_hadamard *h = &l->model->config.hadamard;
    const struct trit_gguf_tensor *output = l->tensors.output;
    l->model->head_turned =
        output ? l->tensors.rotated[output - l->gguf->tensors] : h->block && h->tied;
}

/* Their values are finite, as those of a file are that was packed; and a head of rows of floats. A
   packed one is made of its matrix. */
enum trit_code trit_loader_head(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    const struct trit_config *c = &model->config;
    struct trit_rows *rows[] = { &model->embd, &model->output };
    const struct trit_gguf_tensor *const tensors[] = { l->tensors.embd, l->tensors.output };
    const size_t last = c->tied ? 0 : 1;
    struct trit_cache *cache = l->options ? l->options->cache : NULL;
    for (size_t i = 0; i < last + !c->packed_head; i++) {
        enum trit_code code = TRIT_OK;
        if (i < last && !cache)
            code = trit_rows_check(rows[i], model->pool, l->error);
        else if (i == last)
            code = trit_head_create(&model->head, rows[i], model->pool, TRIT_HEAD_AUTO, cache,
                                    l->error);
        if (code || (code = trit_loader_step(l, tensors[i])))
            return code;
        model->cost.params += c->hidden * c->vocab;
    }
    if (c->packed_head)
        return TRIT_OK;
    if (trit_head_plane_bytes(model->head))
        trit_cost_section(&model->cost, cache, trit_head_from_cache(model->head));
    enum trit_code code = trit_loader_pick_head(l);
    if (!code)
        snprintf(model->head_why, sizeof model->head_why, "%s: strongest ISA, rows stored as %s",
                 trit_head_plane_bytes(model->head) ? "all logits, and rows that the planes leave"
                                                    : "all logits, and the k best",
                 rows[last]->packing);
    return code;
}

static struct trit_head_product product_of(const struct trit_matrix *x)
{
    return (struct trit_head_product){ .gemv = x->pair.decode,
                                       .gemm = x->pair.prefill,
                                       .w = x->w,
                                       .block = x->block,
                                       .kp = x->kp,
                                       .group = x->packing->group };
}

static enum trit_code load_packed_head(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    if (!model->config.packed_head)
        return TRIT_OK;
    enum trit_code code = trit_matrix_load(l, model->config.layers * model->nroles);
    const struct trit_head_product product = product_of(&model->out);
    struct trit_rows *rows = model->config.tied ? &model->embd : &model->output;
    return code ? code
                : trit_head_create_packed(&model->head, rows, &product, model->pool, l->error);
}

enum trit_code trit_loader_brief(struct trit_loader *b, const struct trit_loader *l)
{
    const struct trit_model *trunk = l->model;
    struct trit_rows *rows = &b->model->output; /* else without use: the head is the model's */
    const struct trit_head_product product = product_of(&trunk->out);
    if (!trunk->config.packed_head || trunk->config.vocab < 2 * TRIT_BRIEF_ROWS)
        return TRIT_OK;
    rows->n = TRIT_BRIEF_ROWS;
    return trit_head_create_packed(&b->model->brief, rows, &product, b->model->pool, b->error);
}

static enum trit_code pick_ops(struct trit_loader *l)
{
    struct trit_ops *ops = &l->model->ops;
    const struct trit_config *c = &l->model->config;
    const struct trit_family *family = c->family;
    const bool deltas = trit_config_deltas(c);
    const struct {
        enum trit_op op;
        const struct trit_kernel **kernel;
        bool wanted;
    } list[] = {
        { c->int4 ? TRIT_OP_quant4 : TRIT_OP_quant, &ops->inputs, true },
        { TRIT_OP_quant, &ops->quant, true },
        { TRIT_OP_norm, &ops->norm, true },
        { family->gated, &ops->gated, true },
        { TRIT_OP_softmax, &ops->softmax, true },
        { TRIT_OP_qk, &ops->qk, true },
        { TRIT_OP_pv, &ops->pv, true },
        { TRIT_OP_merge, &ops->merge, true },
        { TRIT_OP_half, &ops->half, true },
        { TRIT_OP_split, &ops->split, true },
        { TRIT_OP_rotate, &ops->rotate, c->hadamard.block },
        { TRIT_OP_sigmoid, &ops->open, family->gated_heads },
        { TRIT_OP_conv, &ops->conv, deltas },
        { TRIT_OP_l2, &ops->l2, deltas },
        { TRIT_OP_delta, &ops->delta, deltas },
        { TRIT_OP_gnorm, &ops->gnorm, deltas },
    };
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < sizeof list / sizeof *list && !code; i++)
        if (list[i].wanted)
            code = trit_pick(list[i].op, NULL, list[i].kernel, l->error);
    if (code)
        return code;
    return l->model->kv == &trit_kv_i8 ? trit_kv_i8_pick(&ops->dot, l->error) : TRIT_OK;
}

static enum trit_code allocate(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    const struct trit_config *c = &model->config;
    size_t floats = trit_round_up(c->hidden, 16);
    for (size_t i = 0; i < c->layers; i++)
        for (size_t j = 0; j < trit_config_kind(c, i)->ntensors; j++)
            floats += floats_of(c, &trit_config_kind(c, i)->tensors[j]);
    model->layers = trit_alloc(c->layers, sizeof *model->layers);
    model->floats = trit_alloc(floats, sizeof *model->floats);
    if (!model->layers || !model->floats)
        return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory for %zu layers", l->gguf->path,
                         c->layers);
    return TRIT_OK;
}

enum trit_code trit_loader_form(const struct trit_loader *l, const struct trit_gguf_tensor *t,
                                struct trit_form *form)
{
    return l->outline ? trit_group_peek(l->gguf, t, form, l->error)
                      : trit_group_form(l->gguf, t, l->model->pool, form, l->error);
}

/* A packed cache in which zeros are skipped is of a file without groups. */
static bool has_groups(const struct trit_loader *l, const struct trit_gguf_tensor *t)
{
    struct trit_form form = { 0 };
    if (!trit_type_folds(t->type) || (l->options && trit_cache_skips(l->options->cache)))
        return trit_type_has_groups(t->type);
    return !trit_loader_form(l, t, &form) && form.group;
}

static bool is_dense(const struct trit_loader *l, const struct trit_gguf_tensor *t)
{
    return trit_config_is_dense(&l->model->config, t->type);
}

/* Whether one of the file's matrices is so. */
static bool any_is(const struct trit_loader *l,
                   bool (*is)(const struct trit_loader *l, const struct trit_gguf_tensor *t))
{
    const struct trit_config *c = &l->model->config;
    bool any = false;
    for (size_t i = 0; !l->shape && i < c->layers; i++)
        for (size_t j = 0; !any && j < trit_config_kind(c, i)->ntensors; j++)
            any = is(l, trit_tensors_of(&l->tensors, c, i)[j]);
    return any;
}

/* Whether zeros are skipped. Where kernels are forced all matrices are to go through them. */
static enum trit_code choose_roles(struct trit_loader *l)
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
    const char *whole = NULL; /* matrices whose zeros cannot be skipped */
    if (skips && (l->shape ? trit_type_has_groups(l->shape->type) : any_is(l, has_groups)))
        whole = "matrices with a scale for each group of columns";
    else if (skips && any_is(l, is_dense))
        whole = "dense matrices";
    if (wish == TRIT_SPARSE_ON && whole)
        return trit_fail(l->error, TRIT_EUNSUPPORTED,
                         "%s: zeros are not skipped in %s: use --sparse off", l->gguf->path, whole);
    l->model->apart = skips && c->family->skips && !whole;
    trit_matrices_roles(l->model);
    return TRIT_OK;
}

enum trit_code trit_loader_open(struct trit_loader *l)
{
    const enum trit_code code = pick_ops(l);
    return code || l->shape ? code : open_rows(l);
}

enum trit_code trit_loader_plan(struct trit_loader *l)
{
    enum trit_code code = allocate(l);
    if (!code)
        code = choose_roles(l);
    return code ? code : trit_matrices_plan(l);
}

enum trit_code trit_loader_weights(struct trit_loader *l)
{
    enum trit_code code = load_layers(l);
    if (!code)
        code = trit_experts_load(l);
    if (!code)
        code = load_packed_head(l);
    return code ? code : load_rope(l);
}

/* What it costs; and what loading touched of the file leaves memory. */
static void finish(struct trit_loader *l)
{
    struct trit_model_cost *cost = &l->model->cost;
    cost->params += cost->trits;
    cost->file_bytes = trit_gguf_bytes(l->gguf);
    trit_gguf_drop_all(l->gguf);
}

static enum trit_code load(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    enum trit_code code = trit_config_read(&model->config, l->gguf, l->error);
    if (code || (code = trit_tensors_find(&l->tensors, &model->config, l->gguf, l->error)) ||
        (code = trit_loader_open(l)))
        return code;
    settle_head(l);
    find_turned_head(l);
    if ((code = trit_signs_load(model->signs, &model->config, l->gguf, l->error)) ||
        (code = trit_loader_head(l)) || (code = trit_loader_plan(l)) ||
        (code = trit_loader_weights(l)) || (code = trit_block_load(l)))
        return code;
    if (model->apart)
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
    struct trit_loader l = { .gguf = gguf, .options = options, .error = error };
    l.profile = options ? options->profile : NULL;
    l.model = trit_alloc(1, sizeof *l.model);
    enum trit_code code = TRIT_OK;
    if (!l.model)
        code = trit_fail(error, TRIT_EMEMORY, "%s: no memory", gguf->path);
    for (size_t i = 0; i < gguf->ntensors; i++)
        l.total += gguf->tensors[i].bytes;
    if (!code) {
        l.model->pool = pool;
        l.model->threads = pool ? trit_pool_threads(pool) : 1; /* what is refused needs none */
        l.model->kv = trit_kv_kind(options ? options->kv : TRIT_KV_F16);
        code = load(&l);
    }
    trit_tensors_free(&l.tensors);
    if (code) {
        trit_model_free(l.model);
        return code;
    }
    l.model->cost.load_seconds = 1e-9 * (double)(trit_clock() - start);
    *model = l.model;
    return TRIT_OK;
}

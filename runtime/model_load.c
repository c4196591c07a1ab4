/* From a checked GGUF to a model ready to run: every tensor accounted for, every matrix packed for
   its kernels, the mapped original out of memory again. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/math.h"
#include "runtime/mem.h"
#include "runtime/model_parts.h"
#include "runtime/pack.h"
#include "runtime/ternary.h"

static const char *const role_names[TRIT_NROLES] = { "attn_q",   "attn_k", "attn_v",  "attn_output",
                                                     "ffn_gate", "ffn_up", "ffn_down" };
static const char *const norm_names[TRIT_NNORMS] = { "attn_norm", "attn_sub_norm", "ffn_norm",
                                                     "ffn_sub_norm" };

struct loader {
    struct trit_model *model;
    const struct trit_gguf *gguf;
    const struct trit_load_options *options;
    struct trit_profile *profile; /* NULL: none */
    struct trit_error *error;
    uint64_t done, total; /* bytes of tensors, for progress */
    bool *placed;         /* per tensor of the file: it has a place in the model */
};

static void role_shape(const struct trit_config *c, enum trit_role role, size_t *n, size_t *k)
{
    const size_t kv = c->kv_heads * c->head_dim;
    const size_t shapes[TRIT_NROLES][2] = { { c->hidden, c->hidden }, { kv, c->hidden },
                                            { kv, c->hidden },        { c->hidden, c->hidden },
                                            { c->ffn, c->hidden },    { c->ffn, c->hidden },
                                            { c->hidden, c->ffn } };
    *n = shapes[role][0];
    *k = shapes[role][1];
}

static size_t norm_length(const struct trit_config *c, enum trit_norm norm)
{
    return norm == TRIT_FFN_SUB_NORM ? c->ffn : c->hidden;
}

/* The tensor NAME.weight, NULL where absent. */
static const struct trit_gguf_tensor *lookup(const struct loader *l, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    return trit_gguf_tensor(l->gguf, full);
}

static enum trit_code wrong_shape(struct loader *l, const struct trit_gguf_tensor *t, size_t k,
                                  size_t n)
{
    char has[96], wants[64];
    int at = 0;
    for (uint32_t i = 0; i < t->ndims; i++)
        at += snprintf(has + at, sizeof has - (size_t)at, "%s%llu", i ? " x " : "",
                       (unsigned long long)t->ne[i]);
    snprintf(wants, sizeof wants, n ? "%zu x %zu (columns x rows)" : "%zu", k, n);
    return trit_fail(l->error, TRIT_EFORMAT, "%s: tensor '%.*s' is %s: the file's keys make it %s",
                     l->gguf->path, (int)t->name.n, t->name.s, has, wants);
}

/* The tensor NAME.weight, which must be K x N (n = 0: one dimension of k). It has its place now. */
static enum trit_code find(struct loader *l, const char *name, size_t k, size_t n,
                           const struct trit_gguf_tensor **out)
{
    const struct trit_gguf_tensor *t = *out = lookup(l, name);
    if (!t)
        return trit_fail(l->error, TRIT_EFORMAT,
                         "%s: tensor '%s.weight' is missing: architecture %s with block_count %zu "
                         "needs it",
                         l->gguf->path, name, l->model->config.arch, l->model->config.layers);
    if (t->ndims != (n ? 2u : 1u) || t->ne[0] != k || t->ne[1] != (n ? n : 1))
        return wrong_shape(l, t, k, n);
    l->placed[t - l->gguf->tensors] = true;
    return TRIT_OK;
}

static enum trit_code check_vector(struct loader *l, const char *name, size_t k)
{
    const struct trit_gguf_tensor *t;
    enum trit_code code = find(l, name, k, 0, &t);
    if (code || t->type == TRIT_F32)
        return code;
    const struct trit_type_info *info = trit_type_find(t->type);
    return trit_fail(l->error, TRIT_EUNSUPPORTED,
                     "%s: tensor '%s.weight' has type %s (%u): vectors are read as F32 only",
                     l->gguf->path, name, info ? info->name : "unknown", (unsigned)t->type);
}

static enum trit_code check_matrix(struct loader *l, const char *name, size_t k, size_t n)
{
    const struct trit_gguf_tensor *t;
    enum trit_code code = find(l, name, k, n, &t);
    return code ? code : trit_ternary_check(l->gguf, t, l->error);
}

static enum trit_code check_layer(struct loader *l, size_t layer)
{
    const struct trit_config *c = &l->model->config;
    enum trit_code code = TRIT_OK;
    char name[48];
    for (int norm = 0; norm < TRIT_NNORMS && !code; norm++) {
        snprintf(name, sizeof name, "blk.%zu.%s", layer, norm_names[norm]);
        code = check_vector(l, name, norm_length(c, norm));
    }
    for (int role = 0; role < TRIT_NROLES && !code; role++) {
        size_t n, k;
        role_shape(c, role, &n, &k);
        snprintf(name, sizeof name, "blk.%zu.%s", layer, role_names[role]);
        code = check_matrix(l, name, k, n);
    }
    return code;
}

/* A tensor without a place means that the file is of another graph than its architecture says. */
static enum trit_code check_all_placed(struct loader *l)
{
    for (size_t i = 0; i < l->gguf->ntensors; i++) {
        const struct trit_text name = l->gguf->tensors[i].name;
        if (!l->placed[i])
            return trit_fail(l->error, TRIT_EUNSUPPORTED,
                             "%s: tensor '%.*s' has no place in architecture %s with block_count "
                             "%zu: the model would not be computed as it was meant",
                             l->gguf->path, (int)name.n, name.s, l->model->config.arch,
                             l->model->config.layers);
    }
    return TRIT_OK;
}

/* Every tensor against the keys, before there is memory for what the keys only claim: the vectors'
   and matrices' types have sizes, so that the file has at least a part of those bytes. */
static enum trit_code check_tensors(struct loader *l)
{
    const struct trit_config *c = &l->model->config;
    const struct trit_gguf_tensor *t;
    enum trit_code code = find(l, "token_embd", c->hidden, c->vocab, &t);
    if (!code && !c->tied)
        code = find(l, "output", c->hidden, c->vocab, &t);
    if (!code && lookup(l, "rope_freqs"))
        code = check_vector(l, "rope_freqs", c->rope_dims / 2);
    for (size_t i = 0; i < c->layers && !code; i++)
        code = check_layer(l, i);
    if (code || (code = check_vector(l, "output_norm", c->hidden)))
        return code;
    return check_all_placed(l);
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
static enum trit_code load_vector(struct loader *l, const char *name, float *out)
{
    const struct trit_gguf_tensor *t = lookup(l, name);
    const size_t k = (size_t)t->ne[0];
    memcpy(out, t->data, k * sizeof *out);
    for (size_t i = 0; i < k; i++)
        if (!isfinite(out[i]))
            return trit_fail(l->error, TRIT_EFORMAT,
                             "%s: tensor '%s.weight' element %zu is %g: must be finite",
                             l->gguf->path, name, i, (double)out[i]);
    l->model->cost.params += k;
    return step(l, t);
}

/* One matrix on its way into the arena, shared by the threads that pack it. */
struct packing {
    const struct trit_gguf *gguf;
    const struct trit_gguf_tensor *tensor;
    struct trit_matrix *matrix;
    uint8_t *codes; /* per thread: NR rows of k */
    pthread_mutex_t lock;
    struct trit_error error; /* the first; of the lowest block that failed */
    size_t failed_block;
};

static void pack_blocks(void *arg, size_t begin, size_t end, int thread)
{
    struct packing *p = arg;
    const struct trit_matrix *x = p->matrix;
    const size_t nr = (size_t)x->pair.decode->nr, kr = (size_t)x->pair.decode->kr;
    uint8_t *codes = p->codes + (size_t)thread * nr * x->k;
    const uint8_t shift = (uint8_t)(-1 - x->packing->low); /* what codes of trits lack */
    for (size_t b = begin; b < end; b++) {
        const size_t row = b * nr, rows = x->n - row < nr ? x->n - row : nr;
        struct trit_error error;
        if (trit_ternary_rows(p->gguf, p->tensor, row, rows, codes, x->k, x->d + row, &error)) {
            pthread_mutex_lock(&p->lock);
            if (b < p->failed_block) {
                p->failed_block = b;
                p->error = error;
            }
            pthread_mutex_unlock(&p->lock);
            return;
        }
        for (size_t i = 0; shift && i < rows * x->k; i++)
            codes[i] = (uint8_t)(codes[i] + shift);
        x->packing->pack(rows, x->k, codes, x->k, nr, kr, x->w + b * x->block);
    }
}

static enum trit_code load_matrix(struct loader *l, struct trit_matrix *matrix)
{
    const struct trit_gguf_tensor *t = lookup(l, matrix->name);
    struct trit_pool *pool = l->model->pool;
    const size_t nr = (size_t)matrix->pair.decode->nr, blocks = (matrix->n + nr - 1) / nr;
    struct packing p = { .gguf = l->gguf, .tensor = t, .matrix = matrix, .failed_block = SIZE_MAX };
    p.codes = trit_alloc((size_t)trit_pool_threads(pool) * nr, matrix->k);
    if (!p.codes)
        return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory to unpack '%s'", l->gguf->path,
                         matrix->name);
    pthread_mutex_init(&p.lock, NULL);
    trit_pool_for(pool, blocks, 4, pack_blocks, &p);
    pthread_mutex_destroy(&p.lock);
    free(p.codes);
    trit_gguf_drop(l->gguf, t->data, t->bytes);
    if (p.failed_block != SIZE_MAX)
        return trit_fail(l->error, p.error.code, "%s", p.error.text);
    l->model->cost.trits += matrix->n * matrix->k;
    return step(l, t);
}

/* The pair of the first matrix of this shape, all of which are in the first layer. */
static enum trit_code pick(struct loader *l, struct trit_matrix *matrix)
{
    struct trit_model *model = l->model;
    const struct trit_matrix *first = model->layers[0].m;
    for (int role = 0; role < TRIT_NROLES && first + role < matrix; role++)
        if (first[role].n == matrix->n && first[role].k == matrix->k) {
            matrix->pair = first[role].pair;
            return TRIT_OK;
        }
    return trit_pick_pair(matrix->n, matrix->k, trit_pool_threads(model->pool), l->profile,
                          &matrix->pair, l->error);
}

/* Names and kernels of all matrices, and the arena they need. */
static enum trit_code plan_matrices(struct loader *l)
{
    struct trit_model *model = l->model;
    size_t bytes = 0;
    for (size_t i = 0; i < model->config.layers; i++)
        for (int role = 0; role < TRIT_NROLES; role++) {
            struct trit_matrix *x = &model->layers[i].m[role];
            snprintf(x->name, sizeof x->name, "blk.%zu.%s", i, role_names[role]);
            role_shape(&model->config, role, &x->n, &x->k);
            enum trit_code code = pick(l, x);
            if (code)
                return code;
            const size_t nr = (size_t)x->pair.decode->nr;
            x->packing = trit_packing_find(x->pair.decode->packing);
            x->kp = trit_round_up(x->k, x->packing->kr);
            x->block = trit_packed_bytes(x->packing, nr, x->k, nr);
            x->w = (uint8_t *)bytes; /* an offset, until there is an arena */
            bytes += trit_round_up(trit_packed_bytes(x->packing, x->n, x->k, nr), TRIT_ALIGN);
            x->d = (float *)bytes;
            bytes += trit_round_up(trit_round_up(x->n, nr) * sizeof(float), TRIT_ALIGN);
        }
    model->arena_bytes = bytes;
    model->arena = trit_map(bytes);
    if (!model->arena)
        return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory for %zu bytes of packed weights",
                         l->gguf->path, bytes);
    for (size_t i = 0; i < model->config.layers; i++)
        for (int role = 0; role < TRIT_NROLES; role++) {
            struct trit_matrix *x = &model->layers[i].m[role];
            x->w = model->arena + (uintptr_t)x->w;
            x->d = (float *)(void *)(model->arena + (uintptr_t)x->d);
        }
    return TRIT_OK;
}

static enum trit_code load_layers(struct loader *l)
{
    struct trit_model *model = l->model;
    const struct trit_config *c = &model->config;
    float *floats = model->floats;
    for (size_t i = 0; i < c->layers; i++) {
        for (int norm = 0; norm < TRIT_NNORMS; norm++) {
            char name[48];
            snprintf(name, sizeof name, "blk.%zu.%s", i, norm_names[norm]);
            enum trit_code code = load_vector(l, name, floats);
            if (code)
                return code;
            model->layers[i].norm[norm] = floats;
            floats += trit_round_up(norm_length(c, norm), 16);
        }
        for (int role = 0; role < TRIT_NROLES; role++) {
            enum trit_code code = load_matrix(l, &model->layers[i].m[role]);
            if (code)
                return code;
        }
    }
    model->output_norm = floats;
    return load_vector(l, "output_norm", floats);
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
    if (!code && lookup(l, "rope_freqs"))
        code = load_vector(l, "rope_freqs", factors);
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

static enum trit_code load_head(struct loader *l)
{
    struct trit_model *model = l->model;
    const struct trit_config *c = &model->config;
    const struct {
        const char *name;
        struct trit_rows *rows;
    } dense[] = { { "token_embd", &model->embd }, { "output", &model->output } };
    for (size_t i = 0; i < (c->tied ? 1 : 2); i++) {
        const struct trit_gguf_tensor *t = lookup(l, dense[i].name);
        enum trit_code code = trit_rows_load(dense[i].rows, l->gguf, t, model->pool, l->error);
        if (code || (code = step(l, t)))
            return code;
        model->cost.params += c->hidden * c->vocab;
    }
    const struct trit_rows *head = trit_model_head(model);
    enum trit_code code = trit_pick(TRIT_OP_head, head->packing, &model->ops.head, l->error);
    if (!code)
        snprintf(model->head_why, sizeof model->head_why, "strongest ISA, rows stored as %s",
                 head->packing);
    return code;
}

static enum trit_code pick_ops(struct loader *l)
{
    struct trit_ops *ops = &l->model->ops;
    const struct {
        enum trit_op op;
        const struct trit_kernel **kernel;
    } wanted[] = { { TRIT_OP_quant, &ops->quant }, { TRIT_OP_norm, &ops->norm },
                   { TRIT_OP_relu2, &ops->relu2 }, { TRIT_OP_softmax, &ops->softmax },
                   { TRIT_OP_qk, &ops->qk },       { TRIT_OP_pv, &ops->pv } };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        enum trit_code code = trit_pick(wanted[i].op, NULL, wanted[i].kernel, l->error);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static enum trit_code allocate(struct loader *l)
{
    struct trit_model *model = l->model;
    const struct trit_config *c = &model->config;
    const size_t per_layer = 3 * trit_round_up(c->hidden, 16) + trit_round_up(c->ffn, 16);
    model->layers = trit_alloc(c->layers, sizeof *model->layers);
    model->floats =
        trit_alloc(c->layers * per_layer + trit_round_up(c->hidden, 16), sizeof *model->floats);
    if (!model->layers || !model->floats)
        return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory for %zu layers", l->gguf->path,
                         c->layers);
    return TRIT_OK;
}

static enum trit_code load(struct loader *l)
{
    struct trit_model *model = l->model;
    enum trit_code code = trit_config_read(&model->config, l->gguf, l->error);
    if (code || (code = check_tensors(l)) || (code = pick_ops(l)) || (code = load_head(l)) ||
        (code = allocate(l)) || (code = plan_matrices(l)) || (code = load_layers(l)) ||
        (code = load_rope(l)))
        return code;
    const struct trit_rows *head = trit_model_head(model);
    model->cost.packed_bytes = model->arena_bytes;
    model->cost.head_bytes = head->data_bytes + head->scale_bytes;
    model->cost.decode_bytes = model->cost.packed_bytes + model->cost.head_bytes;
    model->cost.params += model->cost.trits;
    model->cost.file_bytes = l->gguf->size;
    return TRIT_OK;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum trit_code trit_model_load(struct trit_model **model, const struct trit_gguf *gguf,
                               struct trit_pool *pool, const struct trit_load_options *options,
                               struct trit_error *error)
{
    *model = NULL;
    const double start = seconds();
    struct loader l = { .gguf = gguf, .options = options, .error = error };
    l.profile = options ? options->profile : NULL;
    l.model = trit_alloc(1, sizeof *l.model);
    l.placed = trit_alloc(gguf->ntensors, sizeof *l.placed);
    enum trit_code code = TRIT_OK;
    if (!l.model || !l.placed)
        code = trit_fail(error, TRIT_EMEMORY, "%s: no memory", gguf->path);
    for (size_t i = 0; i < gguf->ntensors; i++)
        l.total += gguf->tensors[i].bytes;
    if (!code) {
        l.model->pool = pool;
        code = load(&l);
    }
    free(l.placed);
    if (code) {
        trit_model_free(l.model);
        return code;
    }
    l.model->cost.load_seconds = seconds() - start;
    *model = l.model;
    return TRIT_OK;
}

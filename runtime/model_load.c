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
    struct trit_error *error;
    uint64_t done, total; /* bytes of tensors, for progress */
    size_t used;          /* tensors that had a place */
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

/* The tensor NAME.weight with the shape K x N (n = 0: one dimension). */
static enum trit_code find(struct loader *l, const char *name, size_t k, size_t n,
                           const struct trit_gguf_tensor **out)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    const struct trit_gguf_tensor *t = trit_gguf_tensor(l->gguf, full);
    if (!t)
        return trit_fail(l->error, TRIT_EFORMAT, "%s: tensor '%s' is missing", l->gguf->path, full);
    if (t->ndims != (n ? 2u : 1u) || t->ne[0] != k || t->ne[1] != (n ? n : 1))
        return trit_fail(l->error, TRIT_EFORMAT,
                         "%s: tensor '%s' has %u dimensions, %llu x %llu: must be %zu%s%.0zu",
                         l->gguf->path, full, t->ndims, (unsigned long long)t->ne[0],
                         (unsigned long long)t->ne[1], k, n ? " x " : "", n);
    *out = t;
    return TRIT_OK;
}

/* One more tensor has found its place. */
static enum trit_code step(struct loader *l, uint64_t bytes)
{
    l->used++;
    l->done += bytes;
    if (l->options && l->options->progress &&
        !l->options->progress(l->options->progress_arg, l->done, l->total))
        return trit_fail(l->error, TRIT_ESTOPPED, "%s: loading was stopped", l->gguf->path);
    return TRIT_OK;
}

/* A vector of F32, all finite, copied to out. */
static enum trit_code load_vector(struct loader *l, const char *name, size_t k, float *out)
{
    const struct trit_gguf_tensor *t;
    enum trit_code code = find(l, name, k, 0, &t);
    if (code)
        return code;
    if (t->type != TRIT_F32)
        return trit_fail(l->error, TRIT_EUNSUPPORTED,
                         "%s: tensor '%s.weight' has type %s: norms must be F32", l->gguf->path,
                         name, trit_type_find(t->type) ? trit_type_find(t->type)->name : "unknown");
    memcpy(out, t->data, k * sizeof *out);
    for (size_t i = 0; i < k; i++)
        if (!isfinite(out[i]))
            return trit_fail(l->error, TRIT_EFORMAT,
                             "%s: tensor '%s.weight' element %zu is not finite", l->gguf->path,
                             name, i);
    l->model->cost.params += k;
    return step(l, t->bytes);
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
    const size_t nr = (size_t)x->pair.decode->nr, kr = (size_t)x->pair.decode->kr,
                 block = trit_t2_bytes(nr, x->k, nr, kr);
    uint8_t *codes = p->codes + (size_t)thread * nr * x->k;
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
        trit_t2_pack_block(rows, x->k, codes, x->k, nr, kr, x->w + b * block);
    }
}

static enum trit_code load_matrix(struct loader *l, struct trit_matrix *matrix)
{
    const struct trit_gguf_tensor *t;
    enum trit_code code = find(l, matrix->name, matrix->k, matrix->n, &t);
    if (code || (code = trit_ternary_check(l->gguf, t, l->error)))
        return code;
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
    return step(l, t->bytes);
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
            const struct trit_gguf_tensor
                *t; /* before there is memory for what the file only claims */
            enum trit_code code = find(l, x->name, x->k, x->n, &t);
            if (!code)
                code = trit_pick_pair(x->n, x->k, &x->pair, l->error);
            if (code)
                return code;
            const size_t nr = (size_t)x->pair.decode->nr, kr = (size_t)x->pair.decode->kr;
            x->kp = trit_round_up(x->k, kr);
            x->w = (uint8_t *)bytes; /* an offset, until there is an arena */
            bytes += trit_round_up(trit_t2_bytes(x->n, x->k, nr, kr), TRIT_ALIGN);
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
    const size_t lengths[TRIT_NNORMS] = { c->hidden, c->hidden, c->hidden, c->ffn };
    float *floats = model->floats;
    for (size_t i = 0; i < c->layers; i++) {
        for (int norm = 0; norm < TRIT_NNORMS; norm++) {
            char name[48];
            snprintf(name, sizeof name, "blk.%zu.%s", i, norm_names[norm]);
            enum trit_code code = load_vector(l, name, lengths[norm], floats);
            if (code)
                return code;
            model->layers[i].norm[norm] = floats;
            floats += trit_round_up(lengths[norm], 16);
        }
        for (int role = 0; role < TRIT_NROLES; role++) {
            enum trit_code code = load_matrix(l, &model->layers[i].m[role]);
            if (code)
                return code;
        }
    }
    model->output_norm = floats;
    return load_vector(l, "output_norm", c->hidden, floats);
}

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
    if (!code && trit_gguf_tensor(l->gguf, "rope_freqs.weight"))
        code = load_vector(l, "rope_freqs", half, factors);
    const double base = trit_log((double)model->config.rope_base);
    for (size_t i = 0; !code && i < half; i++) {
        if (factors[i] <= 0)
            code = trit_fail(l->error, TRIT_EFORMAT,
                             "%s: tensor 'rope_freqs.weight' element %zu is not positive",
                             l->gguf->path, i);
        else
            model->rope[i] =
                trit_exp(-base * (double)(2 * i) / (double)(2 * half)) / (double)factors[i];
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
        const struct trit_gguf_tensor *t;
        enum trit_code code = find(l, dense[i].name, c->hidden, c->vocab, &t);
        if (code || (code = trit_rows_load(dense[i].rows, l->gguf, t, model->pool, l->error)) ||
            (code = step(l, t->bytes)))
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

/* A tensor that nothing asked for means that the file is of another graph than its architecture
 * says. */
static enum trit_code check_all_used(struct loader *l)
{
    if (l->used == l->gguf->ntensors)
        return TRIT_OK;
    static const char *const singles[] = { "token_embd", "output", "output_norm", "rope_freqs" };
    for (size_t i = 0; i < l->gguf->ntensors; i++) {
        const struct trit_text name = l->gguf->tensors[i].name;
        char text[80], expected[64];
        snprintf(text, sizeof text, "%.*s", (int)(name.n < 64 ? name.n : 64), name.s);
        unsigned layer;
        char part[32];
        bool known = false;
        for (size_t j = 0; j < sizeof singles / sizeof *singles; j++) {
            snprintf(expected, sizeof expected, "%s.weight", singles[j]);
            known |= !strcmp(text, expected);
        }
        if (sscanf(text, "blk.%u.%31[a-z_].weight", &layer, part) == 2 &&
            layer < l->model->config.layers) {
            for (int j = 0; j < TRIT_NROLES; j++)
                known |= !strcmp(part, role_names[j]);
            for (int j = 0; j < TRIT_NNORMS; j++)
                known |= !strcmp(part, norm_names[j]);
        }
        if (!known)
            return trit_fail(l->error, TRIT_EUNSUPPORTED,
                             "%s: tensor '%s' has no place in architecture %s with %zu layers",
                             l->gguf->path, text, l->model->config.arch, l->model->config.layers);
    }
    return trit_fail(l->error, TRIT_EUNSUPPORTED, "%s: has %zu tensors, architecture %s uses %zu",
                     l->gguf->path, l->gguf->ntensors, l->model->config.arch, l->used);
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
    if (code || (code = pick_ops(l)) || (code = allocate(l)) || (code = plan_matrices(l)) ||
        (code = load_layers(l)) || (code = load_rope(l)) || (code = load_head(l)))
        return code;
    const struct trit_rows *head = trit_model_head(model);
    model->cost.packed_bytes = model->arena_bytes;
    model->cost.head_bytes = head->data_bytes + head->scale_bytes;
    model->cost.decode_bytes = model->cost.packed_bytes + model->cost.head_bytes;
    model->cost.params += model->cost.trits;
    model->cost.file_bytes = l->gguf->size;
    return check_all_used(l);
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
    l.model = trit_alloc(1, sizeof *l.model);
    if (!l.model)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", gguf->path);
    l.model->pool = pool;
    for (size_t i = 0; i < gguf->ntensors; i++)
        l.total += gguf->tensors[i].bytes;
    enum trit_code code = load(&l);
    if (code) {
        trit_model_free(l.model);
        return code;
    }
    l.model->cost.load_seconds = seconds() - start;
    *model = l.model;
    return TRIT_OK;
}

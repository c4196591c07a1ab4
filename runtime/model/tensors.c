/* The tensors of a file by their places in the model: every one accounted for, before there is
   memory for what the keys only claim. The types of vectors and matrices have sizes, so that the
   file has at least a part of those bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/format/group.h"
#include "runtime/format/ternary.h"
#include "runtime/model/loader.h"

struct finder {
    struct trit_tensors *tensors;
    const struct trit_config *config;
    const struct trit_gguf *gguf;
    struct trit_error *error;
    bool *placed;   /* per tensor of the file: it has a place in the model; */
    bool *foldable; /* it is a matrix whose inputs can be rotated */
};

/* A tensor's k columns, n rows (0: it is a vector), and experts (0: it has no third dimension). */
struct dims {
    size_t k, n, experts;
};

static enum trit_code wrong_shape(const struct finder *f, const struct trit_gguf_tensor *t,
                                  struct dims d)
{
    char has[96], wants[96];
    int at = 0;
    for (uint32_t i = 0; i < t->ndims; i++)
        at += snprintf(has + at, sizeof has - (size_t)at, "%s%llu", i ? " x " : "",
                       (unsigned long long)t->ne[i]);
    if (d.experts)
        snprintf(wants, sizeof wants, "%zu x %zu x %zu (columns x rows x experts)", d.k, d.n,
                 d.experts);
    else
        snprintf(wants, sizeof wants, d.n ? "%zu x %zu (columns x rows)" : "%zu", d.k, d.n);
    return trit_fail(f->error, TRIT_EFORMAT, "%s: tensor '%.*s' is %s: the file's keys make it %s",
                     f->gguf->path, (int)t->name.n, t->name.s, has, wants);
}

/* The tensor of that name, which must have those dimensions. It has its place now. */
static enum trit_code find_dims(struct finder *f, const char *name, struct dims d,
                                const struct trit_gguf_tensor **out)
{
    const struct trit_gguf_tensor *t = *out = trit_gguf_tensor(f->gguf, name);
    if (!t)
        return trit_fail(
            f->error, TRIT_EFORMAT,
            "%s: tensor '%s' is missing: architecture %s with block_count %zu needs it",
            f->gguf->path, name, f->config->arch, f->config->layers);
    if (t->ndims != (d.experts ? 3u
                     : d.n     ? 2u
                               : 1u) ||
        t->ne[0] != d.k || t->ne[1] != (d.n ? d.n : 1) || t->ne[2] != (d.experts ? d.experts : 1))
        return wrong_shape(f, t, d);
    f->placed[t - f->gguf->tensors] = true;
    return TRIT_OK;
}

/* K x N; n = 0: one dimension of k. */
static enum trit_code find(struct finder *f, const char *name, size_t k, size_t n,
                           const struct trit_gguf_tensor **out)
{
    return find_dims(f, name, (struct dims){ k, n, 0 }, out);
}

/* A vector of k floats (n = 0), or n rows of k. */
static enum trit_code find_floats(struct finder *f, const char *name, size_t k, size_t n,
                                  const struct trit_gguf_tensor **out)
{
    static const uint32_t types[] = { TRIT_F32, TRIT_F16, TRIT_BF16, TRIT_Q8_0 };
    const enum trit_code code = find(f, name, k, n, out);
    for (size_t i = 0; i < sizeof types / sizeof *types && !code; i++)
        if ((*out)->type == types[i])
            return TRIT_OK;
    if (code)
        return code;
    const struct trit_type_info *info = trit_type_find((*out)->type);
    return trit_fail(f->error, TRIT_EUNSUPPORTED,
                     "%s: tensor '%s' has type %s (%u): %s are read as F32, F16, BF16 and Q8_0",
                     f->gguf->path, name, info ? info->name : "unknown", (unsigned)(*out)->type,
                     n ? "its rows" : "vectors");
}

static enum trit_code check_groups(const struct finder *f, const struct trit_gguf_tensor *t)
{
    return trit_family_groups(f->config->family, t->type) ? trit_group_check(f->gguf, t, f->error)
                                                          : TRIT_OK;
}

/* Rows of a type that is read as floats. */
static enum trit_code check_rows(const struct finder *f, const struct trit_gguf_tensor *t)
{
    struct trit_rows rows;
    return trit_rows_open(&rows, f->gguf, t, f->error);
}

/* Of a prediction block: codes, or such rows. */
static enum trit_code check_coarse(const struct finder *f, const struct trit_gguf_tensor *t)
{
    return trit_type_has_groups(t->type) ? trit_group_check(f->gguf, t, f->error)
                                         : check_rows(f, t);
}

/* The factor of a matrix, where it has one. */
static enum trit_code find_scale(struct finder *f, const struct trit_layer_tensor *t, size_t layer,
                                 const struct trit_gguf_tensor *matrix)
{
    char name[TRIT_TENSOR_NAME];
    snprintf(name, sizeof name, "blk.%zu.%s.scale", f->config->first + layer, t->name);
    if (!trit_gguf_tensor(f->gguf, name))
        return TRIT_OK;
    return find_floats(f, name, 1, 0, &f->tensors->scales[matrix - f->gguf->tensors]);
}

static enum trit_code find_tensor(struct finder *f, size_t layer, size_t i)
{
    const struct trit_layer_tensor *t = &trit_config_kind(f->config, layer)->tensors[i];
    const struct trit_gguf_tensor **out = &trit_tensors_of(f->tensors, f->config, layer)[i];
    const size_t k = trit_config_width(f->config, t->k);
    const size_t n = t->n == TRIT_ONE ? 0 : trit_config_width(f->config, t->n);
    char name[TRIT_TENSOR_NAME];
    trit_tensor_name(t, f->config->first + layer, name);
    if (!trit_config_packs(f->config, t))
        return find_floats(f, name, k, n, out);
    const struct dims dims = { k, n, trit_tensor_experts(t) ? f->config->experts.count : 0 };
    enum trit_code code = find_dims(f, name, dims, out);
    if (code)
        return code;
    const struct trit_gguf_tensor flat = trit_experts_flat(*out);
    f->foldable[*out - f->gguf->tensors] = t->aim != TRIT_AIM_DELTA;
    if (f->config->family->scales && (code = find_scale(f, t, layer, *out)))
        return code;
    if (f->config->joint)
        return check_coarse(f, *out);
    if (trit_config_is_dense(f->config, (*out)->type))
        return check_rows(f, *out);
    if (!trit_type_has_groups((*out)->type))
        code = trit_ternary_check(f->gguf, &flat, f->error);
    return code ? code : check_groups(f, &flat);
}

/* The floats first: they say at once where a file is of another graph. */
static enum trit_code find_layer(struct finder *f, size_t layer)
{
    const struct trit_layer_kind *kind = trit_config_kind(f->config, layer);
    enum trit_code code = TRIT_OK;
    for (int matrices = 0; matrices < 2; matrices++)
        for (size_t i = 0; i < kind->ntensors && !code; i++)
            if (trit_config_packs(f->config, &kind->tensors[i]) == matrices)
                code = find_tensor(f, layer, i);
    return code;
}

/* A tensor without a place means that the file is of another graph than its architecture says. */
static enum trit_code check_all_placed(const struct finder *f)
{
    for (size_t i = 0; i < f->gguf->ntensors; i++) {
        const struct trit_text name = f->gguf->tensors[i].name;
        if (!f->placed[i])
            return trit_fail(f->error, TRIT_EUNSUPPORTED,
                             "%s: tensor '%.*s' has no place in architecture %s with block_count "
                             "%zu: the model would be computed wrongly",
                             f->gguf->path, (int)name.n, name.s, f->config->arch,
                             f->config->layers);
    }
    return TRIT_OK;
}

/* What every model has beside its layers. */
static enum trit_code find_trunk(struct finder *f)
{
    const struct trit_config *c = f->config;
    struct trit_tensors *t = f->tensors;
    enum trit_code code = find(f, "token_embd.weight", c->hidden, c->vocab, &t->embd);
    if (!code && !c->tied)
        code = find(f, "output.weight", c->hidden, c->vocab, &t->output);
    if (!code && !c->tied)
        f->foldable[t->output - f->gguf->tensors] = true;
    if (!code && c->packed_head)
        code = trit_group_check(f->gguf, c->tied ? t->embd : t->output, f->error);
    if (!code && trit_gguf_tensor(f->gguf, "rope_freqs.weight"))
        code = find_floats(f, "rope_freqs.weight", c->rope_dims / 2, 0, &t->rope_freqs);
    return code ? code : find_floats(f, "output_norm.weight", c->hidden, 0, &t->output_norm);
}

/* A tensor of a prediction block beside its layer: n rows of k; 0 rows: a vector. */
struct next_tensor {
    const char *name;
    size_t k, n;
    const struct trit_gguf_tensor **out;
    bool optional; /* *out stays what it is where the file has none */
};

static enum trit_code find_next(struct finder *f, const struct next_tensor *next)
{
    char name[TRIT_TENSOR_NAME];
    snprintf(name, sizeof name, "blk.%zu.nextn.%s.weight", f->config->first, next->name);
    if (next->optional && !trit_gguf_tensor(f->gguf, name))
        return TRIT_OK;
    return (next->n ? find : find_floats)(f, name, next->k, next->n, next->out);
}

/* Of the prediction block; what it has not is that of its model, whose tensors are given. */
static enum trit_code find_block(struct finder *f, const struct trit_tensors *trunk)
{
    const struct trit_config *c = f->config;
    struct trit_tensors *t = f->tensors;
    const size_t hidden = c->hidden;
    const struct next_tensor list[] = {
        { "eh_proj", 2 * hidden, hidden, &t->joint, false },
        { "enorm", hidden, 0, &t->joint_norm[0], false },
        { "hnorm", hidden, 0, &t->joint_norm[1], false },
        { "shared_head_norm", hidden, 0, &t->output_norm, true },
        { "embed_tokens", hidden, c->vocab, &t->embd, true },
        { "shared_head_head", hidden, c->vocab, &t->output, true },
    };
    enum trit_code code = TRIT_OK;
    t->embd = trunk->embd;
    t->output = trunk->output ? trunk->output : trunk->embd;
    t->output_norm = trunk->output_norm;
    t->rope_freqs = trunk->rope_freqs;
    for (size_t i = 0; i < sizeof list / sizeof *list && !code; i++)
        code = find_next(f, &list[i]);
    return code ? code : check_coarse(f, t->joint);
}

static enum trit_code find_layers(struct finder *f)
{
    const struct trit_config *c = f->config;
    enum trit_code code = TRIT_OK;
    f->tensors->layer =
        trit_alloc(c->layers * trit_family_tensors(c->family), sizeof *f->tensors->layer);
    if (!f->tensors->layer)
        return trit_fail(f->error, TRIT_EMEMORY, "%s: no memory", f->gguf->path);
    for (size_t i = 0; i < c->layers && !code; i++)
        code = find_layer(f, i);
    return code;
}

/* The block's, where there is one, after the others. */
static enum trit_code find_predicting(struct finder *f)
{
    struct trit_tensors *trunk = f->tensors;
    struct trit_config config;
    struct finder block = *f;
    if (!f->config->predicting)
        return TRIT_OK;
    trit_config_block(f->config, &config);
    block.config = &config;
    block.tensors = trunk->block = trit_alloc(1, sizeof *trunk->block);
    if (!trunk->block)
        return trit_fail(f->error, TRIT_EMEMORY, "%s: no memory", f->gguf->path);
    const enum trit_code code = find_layers(&block);
    trunk->block->rotated = trunk->rotated;
    trunk->block->scales = trunk->scales;
    return code ? code : find_block(&block, trunk);
}

static enum trit_code find_all(struct finder *f)
{
    enum trit_code code = find_trunk(f);
    if (code || (code = find_layers(f)) || (code = find_predicting(f)) ||
        (code = check_all_placed(f)))
        return code;
    return trit_hadamard_names(f->config, f->gguf, f->foldable, f->tensors->rotated, f->error);
}

enum trit_code trit_tensors_find(struct trit_tensors *tensors, const struct trit_config *config,
                                 const struct trit_gguf *gguf, struct trit_error *error)
{
    struct finder f = { tensors, config, gguf, error, NULL, NULL };
    *tensors = (struct trit_tensors){ 0 };
    f.placed = trit_alloc(gguf->ntensors, sizeof *f.placed);
    f.foldable = trit_alloc(gguf->ntensors, sizeof *f.foldable);
    tensors->rotated = trit_alloc(gguf->ntensors, sizeof *tensors->rotated);
    tensors->scales = trit_alloc(gguf->ntensors, sizeof *tensors->scales);
    enum trit_code code = f.placed && f.foldable && tensors->rotated && tensors->scales
                              ? find_all(&f)
                              : trit_fail(error, TRIT_EMEMORY, "%s: no memory", gguf->path);
    free(f.placed);
    free(f.foldable);
    return code;
}

void trit_tensors_free(struct trit_tensors *tensors)
{
    if (tensors->block)
        free(tensors->block->layer);
    free(tensors->block);
    free(tensors->layer);
    free(tensors->rotated);
    free(tensors->scales);
    *tensors = (struct trit_tensors){ 0 };
}

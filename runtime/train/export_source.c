/* A trained model as a source: rows of its matrices are quantised tensor by tensor, its keys are
   made of the shape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/train/export_parts.h"
#include "runtime/train/quantise.h"
#include "runtime/train/vocabulary.h"

struct trained {
    struct trit_source base; /* first */
    const struct trit_train_export *what;
    struct trit_source_tensor *tensors; /* in the layout's order */
    float *wq;                          /* of the tensor that was prepared last */
};

const struct trit_train_class trit_train_classes[TRIT_TRAIN_FAMILIES] = {
    [TRIT_TRAIN_BITNET] = { "BitNetForCausalLM", "bitnet", "relu2" },
    [TRIT_TRAIN_QWEN3] = { "Qwen3ForCausalLM", "qwen3", "silu" },
};

struct trit_hf_config trit_train_config(const struct trit_train_shape *s)
{
    return (struct trit_hf_config){
        .family = trit_hf_family_find(trit_train_classes[s->family].name),
        .dim = { [TRIT_HF_HIDDEN] = s->hidden,
                 [TRIT_HF_FFN] = s->ffn,
                 [TRIT_HF_VOCAB] = s->vocab,
                 [TRIT_HF_HEAD] = s->head_dim },
        .layers = s->layers,
        .context = s->context,
        .heads = s->heads,
        .kv_heads = s->kv_heads,
        .rope_dims = s->head_dim,
        .eps = s->eps,
        .rope_base = s->rope_base,
        .tied = true,
    };
}

/* --- keys --- */

static void put_facts(const struct trit_train_export *x, const char *arch,
                      struct trit_gguf_writer *w)
{
    bool named = false;
    trit_gguf_put_text(w, "general.architecture", arch);
    for (size_t i = 0; i < x->nfacts; i++) {
        const struct trit_train_fact *f = &x->facts[i];
        char key[96];
        snprintf(key, sizeof key, "general.%s", f->key);
        if (f->advice)
            trit_advice_put(f->advice, w, f->number);
        else
            trit_gguf_put_text(w, key, f->value);
        named |= !strcmp(f->key, "name");
    }
    if (!named)
        trit_gguf_put_text(w, "general.name", arch);
}

/* Wo and Wdown of all layers. */
static enum trit_code put_rotation(const struct trained *t, struct trit_gguf_writer *w,
                                   struct trit_error *error)
{
    const struct trit_train_layout *l = t->what->layout;
    struct trit_hf_folder f = { .path = (char *)(uintptr_t)t->base.path,
                                .tensors = t->tensors,
                                .n = l->ntensors,
                                .rotation = { .block = t->what->shape->hadamard } };
    f.rotation.folded = trit_alloc(l->ntensors, sizeof *f.rotation.folded);
    if (!f.rotation.folded)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for keys", t->base.path);
    for (size_t i = 0; i < t->what->shape->layers; i++)
        for (size_t j = 0; j < l->ntensors; j++)
            f.rotation.folded[j] |= l->list[j].at == l->layers[i][TRIT_TRAIN_O].at ||
                                    l->list[j].at == l->layers[i][TRIT_TRAIN_DOWN].at;
    const enum trit_code code = trit_hf_rotation_put(&f, w, error);
    free(f.rotation.folded);
    return code;
}

static enum trit_code put_keys(struct trit_source *source, struct trit_gguf_writer *w,
                               struct trit_error *error)
{
    const struct trained *t = (const struct trained *)source;
    const struct trit_train_shape *s = t->what->shape;
    const struct trit_hf_config config = trit_train_config(s);
    put_facts(t->what, config.family->arch, w);
    trit_hf_put_sizes(&config, w);
    if (s->input_bits == 4)
        trit_gguf_put_u32(w, "tritmill.activation_bits", s->input_bits);
    trit_train_vocabulary_copy(t->what->vocabulary, w);
    return s->hadamard ? put_rotation(t, w, error) : TRIT_OK;
}

/* --- rows --- */

static enum trit_code quantise(struct trit_source *source, size_t i, struct trit_pool *pool,
                               struct trit_error *error)
{
    const struct trained *t = (const struct trained *)source;
    const struct trit_train_tensor *tensor = &t->what->layout->list[i];
    (void)error;
    trit_train_quantise_weights(pool, t->what->shape, tensor, t->what->w + tensor->at, t->wq);
    return TRIT_OK;
}

static enum trit_code rows(struct trit_source *source, size_t i, size_t first, size_t n, float *out,
                           struct trit_error *error)
{
    const struct trained *t = (const struct trained *)source;
    const size_t k = t->what->layout->list[i].k;
    (void)error;
    memcpy(out, t->wq + first * k, n * k * sizeof *out);
    return TRIT_OK;
}

static void close_trained(struct trit_source *source)
{
    struct trained *t = (struct trained *)source;
    free(t->tensors);
    free(t->wq);
    free(t);
}

static const struct trit_source_kind kind = {
    .put_keys = put_keys, .rows = rows, .prepare = quantise, .close = close_trained
};

static void describe(struct trit_source_tensor *to, const struct trit_train_tensor *t)
{
    static const enum trit_source_role roles[] = {
        [TRIT_TRAIN_MATRIX] = TRIT_SOURCE_MATRIX,
        [TRIT_TRAIN_ROWS] = TRIT_SOURCE_ROWS,
        [TRIT_TRAIN_NORM] = TRIT_SOURCE_FLOATS,
    };
    memcpy(to->name, t->name, sizeof to->name);
    to->role = roles[t->role];
    to->type = TRIT_F32;
    to->ndims = t->role == TRIT_TRAIN_NORM ? 1 : 2;
    to->ne[0] = t->k;
    to->ne[1] = t->n;
    to->ne[2] = to->ne[3] = 1;
    to->from = to->name;
}

enum trit_code trit_train_source(struct trit_source **source, const struct trit_train_export *what,
                                 const char *path, struct trit_error *error)
{
    const struct trit_train_layout *l = what->layout;
    size_t most = 0;
    struct trained *t = calloc(1, sizeof *t);
    *source = NULL;
    for (size_t i = 0; i < l->ntensors; i++)
        most = l->list[i].n * l->list[i].k > most ? l->list[i].n * l->list[i].k : most;
    if (t) {
        t->what = what;
        t->tensors = trit_alloc(l->ntensors, sizeof *t->tensors);
        t->wq = trit_alloc(most, sizeof *t->wq);
        t->base = (struct trit_source){ &kind, path, l->ntensors, t->tensors, NULL };
    }
    if (!t || !t->tensors || !t->wq) {
        if (t)
            close_trained(&t->base);
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory to write a model", path);
    }
    for (size_t i = 0; i < l->ntensors; i++)
        describe(&t->tensors[i], &l->list[i]);
    *source = &t->base;
    return TRIT_OK;
}

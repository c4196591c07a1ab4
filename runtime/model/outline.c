/* A model without its weights: what loading would refuse, what it would take in memory, and what a
   pass would read and multiply. */
#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/format/group.h"
#include "runtime/model/loader.h"
#include "runtime/model/kv.h"

/* The rows of a shape's head, which is all of it that its size depends on. */
static enum trit_code shape_rows(struct trit_loader *l, const struct trit_gguf_tensor *tensor)
{
    const struct trit_config *c = &l->model->config;
    return trit_rows_open(c->tied ? &l->model->embd : &l->model->output, l->gguf, tensor, l->error);
}

static enum trit_code outline_head(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    const struct trit_config *c = &model->config;
    struct trit_gguf_tensor tensor = { .name = { "output.weight", 13 },
                                       .type = l->shape ? l->shape->embd : 0,
                                       .ndims = 2,
                                       .ne = { c->hidden, c->vocab, 1, 1 } };
    const char *wrong = l->shape ? trit_type_bytes(tensor.type, tensor.ne, &tensor.bytes) : NULL;
    if (wrong)
        return trit_fail(l->error, TRIT_EFORMAT, "%s: the head's %s", l->gguf->path, wrong);
    enum trit_code code = l->shape ? shape_rows(l, &tensor) : TRIT_OK;
    if (!code && !c->packed_head)
        code = trit_loader_pick_head(l);
    if (code)
        return code;
    struct trit_rows *rows = c->tied ? &model->embd : &model->output;
    const size_t nr = c->packed_head ? (size_t)model->out.pair.decode->nr : 0;
    model->head_size = trit_head_size(rows, nr, model->threads);
    model->head_bytes = c->packed_head ? 0 : rows->n * rows->row_bytes;
    if (l->shape)
        *rows = (struct trit_rows){ 0 }; /* they are of the tensor here */
    return TRIT_OK;
}

/* Bytes of the rows that the layers' gates are made by, where they stay floats, or of
   routers. */
static void size_gates(struct trit_loader *l)
{
    const struct trit_config *c = &l->model->config;
    if (l->shape)
        l->model->gate_bytes = c->layers * c->experts.count * c->hidden * sizeof(float);
    for (size_t i = 0; i < c->layers && !l->shape; i++)
        for (size_t j = 0; j < trit_config_kind(c, i)->ntensors; j++)
            if (trit_config_rows(c, &trit_config_kind(c, i)->tensors[j]))
                l->model->gate_bytes += trit_tensors_of(&l->tensors, c, i)[j]->bytes;
}

static enum trit_code outline(struct trit_loader *l)
{
    enum trit_code code = TRIT_OK;
    if (l->shape) {
        l->model->config = *l->shape->config;
        l->model->config.packed_head =
            trit_type_has_groups(l->shape->embd) ||
            (l->shape->embd == l->shape->type &&
             trit_family_groups(l->model->config.family, l->shape->type));
    } else if (!(code = trit_config_read(&l->model->config, l->gguf, l->error))) {
        code = trit_tensors_find(&l->tensors, &l->model->config, l->gguf, l->error);
    }
    if (code || (code = trit_loader_open(l)) || (code = trit_loader_plan(l)) ||
        (code = outline_head(l)))
        return code;
    size_gates(l);
    return trit_block_load(l);
}

enum trit_code trit_model_outline(struct trit_model **model, const struct trit_outline_of *of,
                                  int threads, const struct trit_load_options *options,
                                  struct trit_error *error)
{
    struct trit_config none = { .name = "" };
    struct trit_gguf nameless = { .path = (char *)(of->config ? of->config : &none)->name };
    struct trit_loader l = { .gguf = of->gguf ? of->gguf : &nameless,
                             .options = options,
                             .profile = options ? options->profile : NULL,
                             .error = error,
                             .outline = true,
                             .shape = of->gguf ? NULL : of };
    *model = NULL;
    l.model = trit_alloc(1, sizeof *l.model);
    if (!l.model)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", l.gguf->path);
    l.model->threads = threads;
    l.model->kv = trit_kv_kind(options ? options->kv : TRIT_KV_F16);
    enum trit_code code = outline(&l);
    trit_tensors_free(&l.tensors);
    if (code)
        trit_model_free(l.model);
    else
        *model = l.model;
    return code;
}

uint64_t trit_model_trits(const struct trit_config *c)
{
    struct trit_model_matrix list[TRIT_MODEL_MATRICES];
    const size_t n = trit_model_matrices(c, list);
    uint64_t trits = 0;
    for (size_t i = 0; i < n; i++)
        trits = trit_bytes_sum(
            trits, trit_bytes_product(trit_bytes_product(list[i].n, list[i].k), list[i].held));
    return trits;
}

uint64_t trit_model_need(const struct trit_model *model, const struct trit_model_use *use,
                         struct trit_model_memory *memory)
{
    const struct trit_head_size *head = &model->head_size;
    const struct trit_config *c = &model->config;
    const size_t n = use->sequences;
    struct trit_model_memory m = { .weights = model->arena_bytes + model->dense_bytes,
                                   .head = head->memory - (use->cached ? head->plane : 0) };
    if (model->block)
        m.weights += model->block->arena_bytes;
    if (n) {
        m.kv = trit_bytes_product(n, trit_session_cache(model, use->context));
        if (model->block)
            m.kv = trit_bytes_sum(
                m.kv, trit_bytes_product(n, trit_session_cache(model->block, use->context)));
        m.states = trit_bytes_product(n, trit_states_bytes(c) + trit_states_log_bytes(c));
        m.work = trit_work_bytes(model, use->chunk) + n * trit_session_parts(model, use->context);
    }
    if (memory)
        *memory = m;
    return trit_bytes_sum(m.weights + m.head + m.states, trit_bytes_sum(m.kv, m.work));
}

size_t trit_model_largest(const struct trit_model *model, const struct trit_model_use *use,
                          uint64_t room)
{
    size_t fits = 0, beyond = ((size_t)1 << 24) + 1;
    while (beyond - fits > 1) {
        struct trit_model_use some = *use;
        some.context = fits + (beyond - fits) / 2;
        some.chunk = use->chunk < some.context ? use->chunk : some.context;
        if (trit_model_need(model, &some, NULL) <= room)
            fits = some.context;
        else
            beyond = some.context;
    }
    return fits;
}

uint64_t trit_model_packed(const struct trit_model *model)
{
    return model->cost.packed_bytes + model->head_size.planes;
}

size_t trit_model_products(const struct trit_model *model, struct trit_model_matrix *list,
                           size_t room)
{
    const size_t layers = model->config.layers * model->nroles;
    const struct trit_matrix *x;
    size_t n = 0;
    for (size_t i = 0; (x = trit_model_matrix(model, i)); i++) {
        const enum trit_role role = i < layers ? model->roles[i % model->nroles] : TRIT_NROLES;
        const size_t used = x->experts > 1 ? model->config.experts.used : 1;
        const struct trit_model_matrix m = { trit_role_label(role), x->n,      x->k, used, x->form,
                                             i >= layers,           x->experts };
        n = trit_model_matrix_add(list, n, room, &m);
    }
    return n;
}

/* A head that is no matrix. */
static void head_part(const struct trit_model *model, struct trit_model_part *part)
{
    const struct trit_config *c = &model->config;
    const struct trit_head_size *size = &model->head_size;
    *part = (struct trit_model_part){
        .packing = size->plane ? size->packing : model->ops.head->packing,
        .bytes = size->plane ? size->plane + model->head_bytes / c->vocab : model->head_bytes,
        .macs = (uint64_t)c->vocab * c->hidden,
        .head = true,
    };
}

/* Attention, in the layers that have it. */
static void attention_part(const struct trit_model *model, size_t m, size_t position,
                           struct trit_model_part *part)
{
    *part = (struct trit_model_part){ 0 };
    for (size_t i = 0; i < model->config.layers; i++) {
        uint64_t bytes, macs;
        if (!trit_config_attends(&model->config, i))
            continue;
        trit_attention_cost(model, i, position, m, &bytes, &macs);
        part->bytes += bytes;
        part->macs += macs;
    }
}

/* The delta rule, in the layers that have it; or routers. */
static void delta_part(const struct trit_model *model, size_t m, struct trit_model_part *part)
{
    const struct trit_config *c = &model->config;
    const size_t layers = trit_config_deltas(c),
                 gates = c->delta.float_gates ? TRIT_GATE_ROWS * c->delta.v_heads : 0;
    *part = (struct trit_model_part){ .delta = true };
    if (c->experts.count) {
        part->bytes = model->gate_bytes;
        part->macs = c->layers * m * c->experts.count * c->hidden;
    }
    if (!layers)
        return;
    trit_delta_cost(c, m, &part->bytes, &part->macs);
    part->bytes = layers * part->bytes + model->gate_bytes;
    part->macs = layers * (part->macs + m * gates * c->hidden);
}

static void matrix_part(const struct trit_model *model, const struct trit_matrix *x, size_t m,
                        bool head, struct trit_model_part *part)
{
    const struct trit_config *c = &model->config;
    const bool experts = x->experts > 1;
    const size_t times = head ? 1 : experts ? m * c->experts.used : m;
    *part = (struct trit_model_part){ .packing = x->pair.decode->packing,
                                      .bytes = trit_product_bytes(x),
                                      .macs = times * x->n * x->k,
                                      .head = head,
                                      .dense = trit_matrix_is_dense(x) };
    if (experts)
        part->bytes *= trit_experts_touched(c, m);
}

bool trit_model_part(const struct trit_model *model, size_t i, size_t m, size_t position,
                     struct trit_model_part *part)
{
    const struct trit_config *c = &model->config;
    const size_t layers = c->layers * model->nroles, matrices = layers + c->packed_head;
    const struct trit_matrix *x = trit_model_matrix(model, i);
    if (x) {
        matrix_part(model, x, m, i >= layers, part);
        return true;
    }
    if (i == matrices)
        attention_part(model, m, position, part);
    else if (i == matrices + 1)
        delta_part(model, m, part);
    else if (i == matrices + 2 && !c->packed_head)
        head_part(model, part);
    else
        return false;
    return true;
}

/* A model's matrices while it is loaded: of which tensors each is, what it holds, which kernels it
   gets, and where it lies. What a matrix with groups holds is known only after all of its weights
   were seen; a packed cache tells it by the packing that it has. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/format/group.h"
#include "runtime/model/loader.h"

static struct trit_matrix *matrix_at(const struct trit_loader *l, size_t i)
{
    return (struct trit_matrix *)(uintptr_t)trit_model_matrix(l->model, i);
}

static size_t matrices_of_layers(const struct trit_model *model)
{
    return model->config.layers * model->nroles;
}

static bool is_head(const struct trit_model *model, size_t i)
{
    return i == matrices_of_layers(model) && model->config.packed_head;
}

/* Of a prediction block. */
static bool is_joint(const struct trit_model *model, size_t i)
{
    return i >= matrices_of_layers(model) && !is_head(model, i);
}

/* Of matrix i of the layers. */
static enum trit_role role_at(const struct trit_model *model, size_t i)
{
    return model->roles[i % model->nroles];
}

/* The matrix of a family's tensor: where zeros are skipped, Wup's own. */
static enum trit_role role_of(const struct trit_model *model, const struct trit_layer_tensor *t)
{
    const bool up = t->slot == TRIT_GATE_UP && t->aim != TRIT_AIM_GATE;
    return up && model->apart ? TRIT_UP : (enum trit_role)t->slot;
}

void trit_matrices_roles(struct trit_model *model)
{
    const struct trit_layer_kind *kind = trit_config_kind(&model->config, 0);
    bool has[TRIT_NROLES] = { false };
    for (size_t i = 0; i < kind->ntensors; i++)
        if (trit_config_packs(&model->config, &kind->tensors[i]))
            has[role_of(model, &kind->tensors[i])] = true;
    model->nroles = 0;
    for (size_t role = 0; role < TRIT_NROLES; role++)
        if (has[role])
            model->roles[model->nroles++] = (enum trit_role)role;
}

/* The tensors of matrix i; how many. */
static size_t parts_of(const struct trit_loader *l, size_t i,
                       const struct trit_gguf_tensor *parts[TRIT_PARTS])
{
    const struct trit_model *model = l->model;
    const struct trit_config *c = &model->config;
    size_t n = 0;
    if (i >= matrices_of_layers(model)) {
        const struct trit_gguf_tensor *head = c->tied ? l->tensors.embd : l->tensors.output;
        parts[0] = is_joint(model, i) ? l->tensors.joint : head;
        return 1;
    }
    const size_t layer = i / model->nroles;
    const enum trit_role role = role_at(model, i);
    const struct trit_layer_kind *kind = trit_config_kind(c, layer);
    for (size_t j = 0; j < kind->ntensors; j++)
        if (trit_config_packs(c, &kind->tensors[j]) && role_of(model, &kind->tensors[j]) == role)
            parts[n++] = trit_tensors_of(&l->tensors, c, layer)[j];
    return n;
}

/* Rows or columns of which matrices are skipped. */
static enum trit_op skips_of(const struct trit_model *model, size_t i)
{
    if (!model->apart || i >= matrices_of_layers(model))
        return TRIT_NOP;
    const enum trit_role role = role_at(model, i);
    return role == TRIT_UP ? TRIT_OP_rows : role == TRIT_DOWN ? TRIT_OP_cols : TRIT_NOP;
}

static void name_matrix(const struct trit_model *model, size_t i, struct trit_matrix *x)
{
    const size_t first = model->config.first;
    if (is_joint(model, i))
        snprintf(x->name, sizeof x->name, "blk.%zu.nextn.eh_proj", first);
    else if (is_head(model, i) && model->config.joint)
        snprintf(x->name, sizeof x->name, "blk.%zu.nextn.shared_head_head", first);
    else if (is_head(model, i))
        snprintf(x->name, sizeof x->name, "output");
    else
        snprintf(x->name, sizeof x->name, "blk.%zu.%s", first + i / model->nroles,
                 trit_role_name(role_at(model, i), model->apart));
}

/* As its tensors are, whose shapes were checked. */
static void size_matrix(const struct trit_model *model, size_t i, struct trit_matrix *x)
{
    const struct trit_config *c = &model->config;
    x->experts = 1;
    if (i >= matrices_of_layers(model)) {
        x->n = is_joint(model, i) ? c->hidden : c->vocab;
        x->k = is_joint(model, i) ? 2 * c->hidden : c->hidden;
        return;
    }
    const struct trit_layer_kind *kind = trit_config_kind(c, i / model->nroles);
    for (size_t j = 0; j < kind->ntensors; j++) {
        const struct trit_layer_tensor *t = &kind->tensors[j];
        if (!trit_config_packs(c, t) || role_of(model, t) != role_at(model, i))
            continue;
        x->n += trit_config_width(c, t->n);
        x->k = trit_config_width(c, t->k);
        x->experts = trit_tensor_experts(t) ? c->experts.count : 1;
    }
}

static bool same_form(struct trit_form a, struct trit_form b)
{
    return a.group == b.group && a.values == b.values;
}

/* Kernels for the shape and form of p, and what follows from them. */
static enum trit_code pick(struct trit_loader *l, struct trit_picked *p)
{
    const struct trit_product product = { p->n, p->k, p->form, l->model->threads };
    enum trit_code code;
    if (p->skips != TRIT_NOP)
        code = trit_pick_skip(p->skips, p->n, p->k, &p->skip, &p->pair, l->error);
    else
        code = trit_pick_pair(&product, l->profile, &p->pair, l->error);
    if (!code)
        p->layout = trit_packing_layout(trit_packing_find(p->pair.decode->packing),
                                        (size_t)p->pair.decode->nr);
    return code;
}

/* Kernels of a matrix whose shape and form are known, and the bytes that it takes. */
static enum trit_code give_kernels(struct trit_loader *l, struct trit_matrix *x, enum trit_op skips)
{
    struct trit_picked fresh = { .n = x->n, .k = x->k, .form = x->form, .skips = skips };
    struct trit_picked *p = l->picked, *last = p + l->npicked;
    while (p < last &&
           (p->n != x->n || p->k != x->k || p->skips != skips || !same_form(p->form, x->form)))
        p++;
    if (p == last) {
        p = l->npicked < TRIT_PICKED ? p : &fresh;
        *p = fresh;
        enum trit_code code = pick(l, p);
        if (code)
            return code;
        l->npicked += p != &fresh;
    }
    const size_t nr = (size_t)p->pair.decode->nr;
    x->pair = p->pair;
    x->skip = p->skip;
    x->layout = p->layout;
    x->packing = trit_packing_find(x->pair.decode->packing);
    x->kp = trit_round_up(x->k, x->packing->kr);
    x->block = trit_packed_bytes(x->packing, nr, x->k, nr);
    x->w_bytes =
        trit_round_up(x->experts * trit_packed_bytes(x->packing, x->n, x->k, nr), TRIT_ALIGN);
    x->bytes = x->w_bytes;
    if (!x->packing->group)
        x->bytes += trit_round_up(x->experts * trit_round_up(x->n, nr) * sizeof *x->d, TRIT_ALIGN);
    return TRIT_OK;
}

/* It has groups, or its scales tell whether it has. In a prediction block floats are never read as
   codes. */
static bool may_have_groups(const struct trit_loader *l, const struct trit_gguf_tensor *t)
{
    const struct trit_config *c = &l->model->config;
    return c->joint ? trit_type_has_groups(t->type)
                    : trit_family_groups(c->family, t->type) || trit_type_folds(t->type);
}

/* differ: "is dense, one is not". */
static enum trit_code not_alike(const struct trit_loader *l, const struct trit_gguf_tensor *a,
                                const struct trit_gguf_tensor *b, const char *differ)
{
    return trit_fail(l->error, TRIT_EUNSUPPORTED,
                     "%s: of tensors '%.*s' and '%.*s', which take the same inputs, one %s",
                     l->gguf->path, (int)a->name.n, a->name.s, (int)b->name.n, b->name.s, differ);
}

/* Takes the form that leads to the packing which the cache has; false where none does. */
static bool form_from_cache(struct trit_loader *l, size_t i, struct trit_matrix *x)
{
    static const enum trit_values values[] = { TRIT_TRITS, TRIT_TWOS, TRIT_SIGNS };
    struct trit_cache *cache = l->options ? l->options->cache : NULL;
    const struct trit_section *s = trit_matrix_section(cache, x->name);
    const struct trit_packing *packing = s ? trit_packing_find(s->form) : NULL;
    for (size_t j = 0; packing && j < sizeof values / sizeof *values; j++) {
        x->form = (struct trit_form){ packing->group, values[j] };
        if (trit_packing_takes(packing, x->form) && !give_kernels(l, x, skips_of(l->model, i)) &&
            trit_matrix_cached(x, cache, l->model->pool))
            return true;
    }
    return false;
}

/* The largest group and the fewest values that hold both. */
static struct trit_form common(struct trit_form a, struct trit_form b)
{
    const bool twos = a.values == TRIT_TWOS || b.values == TRIT_TWOS;
    const enum trit_values mixed = twos ? TRIT_TWOS : TRIT_TRITS;
    const bool first = a.group && (!b.group || a.group < b.group);
    return (struct trit_form){ first ? a.group : b.group, a.values == b.values ? a.values : mixed };
}

/* Of all tensors together. */
static enum trit_code find_form(struct trit_loader *l, struct trit_matrix *x,
                                const struct trit_gguf_tensor *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct trit_gguf_tensor flat = trit_experts_flat(parts[i]);
        struct trit_form form = { 0, TRIT_TRITS };
        enum trit_code code = TRIT_OK;
        if (may_have_groups(l, parts[i]))
            code = trit_loader_form(l, &flat, &form);
        if (code)
            return code;
        x->form = i ? common(x->form, form) : form;
    }
    return TRIT_OK;
}

/* That all parts can be read in the matrix's form. */
static enum trit_code check_alike(const struct trit_loader *l, const struct trit_matrix *x,
                                  const struct trit_gguf_tensor *const *parts, size_t n)
{
    const bool groups = x->form.group;
    const struct trit_gguf_tensor *other = NULL;
    for (size_t i = 0; i < n; i++)
        other = groups && !may_have_groups(l, parts[i]) ? parts[i] : other;
    for (size_t i = 0; other && i < n; i++)
        if (parts[i] != other && may_have_groups(l, parts[i]))
            return not_alike(l, parts[i], other,
                             "has a scale for each group of columns, one has not");
    return TRIT_OK;
}

/* Whether its columns are rotated: those of all tensors, or of none. */
static enum trit_code check_turned(const struct trit_loader *l, struct trit_matrix *x,
                                   const struct trit_gguf_tensor *const *parts, size_t n)
{
    const struct trit_gguf_tensor *tensors = l->gguf->tensors;
    x->turned = l->tensors.rotated[parts[0] - tensors];
    for (size_t i = 1; i < n; i++)
        if (l->tensors.rotated[parts[i] - tensors] != x->turned)
            return not_alike(l, parts[0], parts[i],
                             "is rotated (prism.hadamard.weight_names), one is not");
    return TRIT_OK;
}

/* Whether the tensors are dense: all of them, or none. */
static enum trit_code check_dense(const struct trit_loader *l,
                                  const struct trit_gguf_tensor *const *parts, size_t n,
                                  bool *dense)
{
    const struct trit_config *c = &l->model->config;
    *dense = trit_config_is_dense(c, parts[0]->type);
    for (size_t i = 1; i < n; i++)
        if (trit_config_is_dense(c, parts[i]->type) != *dense)
            return not_alike(l, parts[0], parts[i], "is dense, one is not");
    return TRIT_OK;
}

/* Whose inputs are never quantised. */
static enum trit_code check_inputs(const struct trit_loader *l,
                                   const struct trit_gguf_tensor *dense)
{
    if (!l->model->config.int4)
        return TRIT_OK;
    return trit_fail(l->error, TRIT_EUNSUPPORTED,
                     "%s: tensor '%.*s' is dense: key 'tritmill.activation_bits' is 4, which is "
                     "for inputs of matrices of codes",
                     l->gguf->path, (int)dense->name.n, dense->name.s);
}

static enum trit_code form_in_file(struct trit_loader *l, size_t i, struct trit_matrix *x)
{
    const struct trit_gguf_tensor *parts[TRIT_PARTS] = { NULL };
    const size_t n = parts_of(l, i, parts);
    bool dense = false;
    enum trit_code code = is_head(l->model, i) ? TRIT_OK : check_dense(l, parts, n, &dense);
    if (!code)
        code = check_turned(l, x, parts, n);
    if (!code && dense)
        code = check_inputs(l, parts[0]);
    if (code || dense)
        return code ? code : trit_dense_plan(x, l->gguf, parts, n, l->error);
    /* What a block's stream is made of is held finer than what is added to it. */
    const enum trit_values coarse = is_joint(l->model, i) ? TRIT_BYTES : TRIT_NIBBLES;
    bool seen = false;
    x->form = (struct trit_form){ 0, l->model->config.joint ? coarse : TRIT_TRITS };
    for (size_t j = 0; j < n; j++)
        seen |= may_have_groups(l, parts[j]);
    if (!seen || form_from_cache(l, i, x))
        return TRIT_OK;
    code = find_form(l, x, parts, n);
    return code ? code : check_alike(l, x, parts, n);
}

/* As models of the type have it. */
static enum trit_code form_in_shape(const struct trit_loader *l, size_t i, struct trit_matrix *x)
{
    const bool head = i == matrices_of_layers(l->model);
    const uint32_t type = head ? l->shape->embd : l->shape->type;
    const struct trit_family *family = l->model->config.family;
    x->form = head || trit_family_groups(family, type) ? trit_group_usual(type)
                                                       : (struct trit_form){ 0, TRIT_TRITS };
    if (!x->form.group || x->k % x->form.group == 0)
        return TRIT_OK;
    return trit_fail(l->error, TRIT_EFORMAT,
                     "%s: matrix '%s' (type %s, %zu x %zu): its columns are not a multiple of %zu",
                     l->gguf->path, x->name, trit_type_find(type)->name, x->n, x->k, x->form.group);
}

/* Name, form and kernels of matrix i, and the bytes that it takes. */
static enum trit_code plan_matrix(struct trit_loader *l, size_t i)
{
    struct trit_matrix *x = matrix_at(l, i);
    name_matrix(l->model, i, x);
    size_matrix(l->model, i, x);
    enum trit_code code = l->shape ? form_in_shape(l, i, x) : form_in_file(l, i, x);
    return code || trit_matrix_is_dense(x) ? code : give_kernels(l, x, skips_of(l->model, i));
}

/* Every matrix into the packed cache where it is there, the others into an arena. */
static enum trit_code place_matrices(struct trit_loader *l)
{
    struct trit_model *model = l->model;
    struct trit_cache *cache = l->options ? l->options->cache : NULL;
    struct trit_matrix *x;
    size_t at = 0;
    for (size_t i = 0; (x = matrix_at(l, i)); i++) {
        model->dense_bytes += trit_dense_memory(x);
        if (trit_matrix_is_dense(x))
            continue;
        x->w = (uint8_t *)(uintptr_t)trit_matrix_cached(x, cache, model->pool);
        x->cached = x->w;
        trit_cost_section(&model->cost, cache, x->cached);
        model->cost.packed_bytes += x->bytes;
        model->arena_bytes += x->cached ? 0 : x->bytes;
    }
    if (l->outline)
        return TRIT_OK;
    if (model->arena_bytes && !(model->arena = trit_map(model->arena_bytes)))
        return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory for %zu bytes of packed weights",
                         l->gguf->path, model->arena_bytes);
    for (size_t i = 0; (x = matrix_at(l, i)); i++) {
        if (trit_matrix_is_dense(x))
            continue;
        if (!x->cached) {
            x->w = model->arena + at;
            at += x->bytes;
        }
        x->d = x->packing->group ? NULL : (float *)(void *)(x->w + x->w_bytes);
    }
    return TRIT_OK;
}

enum trit_code trit_matrices_plan(struct trit_loader *l)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; !code && trit_model_matrix(l->model, i); i++)
        code = plan_matrix(l, i);
    return code ? code : place_matrices(l);
}

enum trit_code trit_matrix_load(struct trit_loader *l, size_t i)
{
    const struct trit_gguf_tensor *parts[TRIT_PARTS] = { NULL };
    struct trit_matrix *x = matrix_at(l, i);
    const size_t n = parts_of(l, i, parts);
    const bool dense = trit_matrix_is_dense(x), cache = l->options && l->options->cache;
    enum trit_code code = TRIT_OK;
    if (dense)
        code = trit_dense_load(x, l->model->pool, cache, l->error);
    else if (!x->cached)
        code = trit_matrix_pack(x, l->gguf, parts, l->model->pool, l->error);
    if (!code)
        code = trit_factors_apply(l, x, parts, n);
    *(dense ? &l->model->cost.params : &l->model->cost.trits) += x->experts * x->n * x->k;
    for (size_t j = 0; j < n && !code; j++)
        code = trit_loader_step(l, parts[j]);
    return code;
}

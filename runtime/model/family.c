/* The families, and what follows from a family's table of tensors. */
#include "runtime/model/family.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/format/group.h"
#include "runtime/model/loader.h"

#define TRIT_FAMILY(name) extern const struct trit_family trit_family_##name;
#include "runtime/model/arch/families.inc"
#undef TRIT_FAMILY

static const struct trit_family *const families[] = {
#define TRIT_FAMILY(name) &trit_family_##name,
#include "runtime/model/arch/families.inc"
#undef TRIT_FAMILY
};

enum { NFAMILIES = sizeof families / sizeof *families };

#define HEAD "output"

/* Of a role: its matrix in a packed cache and in messages; the same in short, for tables. */
static const struct {
    const char *name, *label;
} roles[TRIT_NROLES] = {
    [TRIT_QKV] = { "attn_qkv", "q|k|v" },
    [TRIT_O] = { "attn_output", "o" },
    [TRIT_GATE_UP] = { "ffn_gate_up", "gate|up" },
    [TRIT_DOWN] = { "ffn_down", "down" },
    [TRIT_UP] = { "ffn_up", "up" },
    [TRIT_Q_ALONE] = { "attn_q", "q" },
    [TRIT_K_ALONE] = { "attn_k", "k" },
    [TRIT_V_ALONE] = { "attn_v", "v" },
    [TRIT_GATE_ALONE] = { "ffn_gate", "gate" },
};

const struct trit_family *trit_family_at(size_t i)
{
    return i < NFAMILIES ? families[i] : NULL;
}

const struct trit_family *trit_family_find(const char *name, size_t length)
{
    for (size_t i = 0; i < NFAMILIES; i++)
        for (const char *const *known = families[i]->names; *known; known++)
            if (strlen(*known) == length && !memcmp(*known, name, length))
                return families[i];
    return NULL;
}

char *trit_family_list(char *out, size_t room)
{
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < NFAMILIES; i++)
        for (const char *const *name = families[i]->names; *name; name++)
            if (n < sizeof names / sizeof *names)
                names[n++] = *name;
    return trit_list_text(names, n, "'", out, room);
}

bool trit_family_groups(const struct trit_family *family, uint32_t type)
{
    return trit_type_has_groups(type) || (family->grouped && trit_type_is_float(type));
}

bool trit_family_low_rows(const struct trit_family *family, uint32_t type)
{
    return family->grouped && type != TRIT_BF16 && trit_family_groups(family, type);
}

bool trit_config_attends(const struct trit_config *c, size_t layer)
{
    return !c->interval || (layer + 1) % c->interval == 0;
}

const struct trit_layer_kind *trit_config_kind(const struct trit_config *c, size_t layer)
{
    return c->norms_in ? &c->family->norms_in : &c->family->kinds[!trit_config_attends(c, layer)];
}

size_t trit_family_tensors(const struct trit_family *family)
{
    size_t most = family->norms_in.ntensors;
    for (size_t i = 0; i < TRIT_LAYER_KINDS; i++)
        most = family->kinds[i].ntensors > most ? family->kinds[i].ntensors : most;
    return most;
}

size_t trit_config_attending(const struct trit_config *c)
{
    return c->interval ? c->layers / c->interval : c->layers;
}

size_t trit_config_deltas(const struct trit_config *c)
{
    return c->layers - trit_config_attending(c);
}

size_t trit_config_order(const struct trit_config *c, size_t layer)
{
    const size_t attending = c->interval ? layer / c->interval : layer;
    return trit_config_attends(c, layer) ? attending : layer - attending;
}

bool trit_config_windowed(const struct trit_config *c, size_t layer)
{
    return c->windows.length && (c->windows.layers[layer / 64] >> layer % 64 & 1);
}

int trit_config_rope(const struct trit_config *c, size_t layer)
{
    if (trit_config_windowed(c, layer))
        return c->windows.rope_base > 0;
    return c->windows.others_plain ? -1 : 0;
}

size_t trit_config_ropes(const struct trit_config *c)
{
    return c->windows.rope_base > 0 ? 2 : 1;
}

bool trit_config_rows(const struct trit_config *c, const struct trit_layer_tensor *t)
{
    return t->aim == TRIT_AIM_ROUTER || (t->aim == TRIT_AIM_DELTA && c->delta.float_gates);
}

bool trit_config_packs(const struct trit_config *c, const struct trit_layer_tensor *t)
{
    return t->n != TRIT_ONE && t->aim != TRIT_AIM_TAPS && !trit_config_rows(c, t);
}

bool trit_tensor_experts(const struct trit_layer_tensor *t)
{
    return t->aim == TRIT_AIM_EXPERT || t->aim == TRIT_AIM_EXPERT_RESIDUAL;
}

void trit_tensor_name(const struct trit_layer_tensor *t, size_t layer, char name[TRIT_TENSOR_NAME])
{
    const bool bare = t->aim == TRIT_AIM_SLOPE || t->aim == TRIT_AIM_STEP;
    snprintf(name, TRIT_TENSOR_NAME, "blk.%zu.%s%s", layer, t->name, bare ? "" : ".weight");
}

size_t trit_config_width(const struct trit_config *c, enum trit_width width)
{
    const struct trit_delta *d = &c->delta;
    const size_t widths[] = {
        [TRIT_ONE] = 1,
        [TRIT_HIDDEN] = c->hidden,
        [TRIT_FFN] = c->ffn,
        [TRIT_Q] = c->heads * c->head_dim,
        [TRIT_Q_GATED] = 2 * c->heads * c->head_dim,
        [TRIT_KV] = c->kv_heads * c->head_dim,
        [TRIT_HEAD_DIM] = c->head_dim,
        [TRIT_STATE] = d->state,
        [TRIT_INNER] = d->v_heads * d->state,
        [TRIT_MIXED] = (2 * d->k_heads + d->v_heads) * d->state,
        [TRIT_V_HEADS] = d->v_heads,
        [TRIT_TAPS] = d->taps,
        [TRIT_EXPERTS] = c->experts.count,
    };
    return widths[width];
}

const char *trit_role_label(enum trit_role role)
{
    return role < TRIT_NROLES ? roles[role].label : HEAD;
}

const char *trit_role_name(enum trit_role role, bool apart)
{
    return apart && role == TRIT_GATE_UP ? "ffn_gate" : roles[role].name;
}

static struct trit_form usual_form(const struct trit_config *c)
{
    return (struct trit_form){ c->family->grouped && !c->norms_in ? 128 : 0, TRIT_TRITS };
}

size_t trit_model_matrix_add(struct trit_model_matrix *list, size_t n, size_t room,
                             const struct trit_model_matrix *matrix)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].name == matrix->name && list[i].n == matrix->n && list[i].k == matrix->k &&
            list[i].form.group == matrix->form.group &&
            list[i].form.values == matrix->form.values) {
            list[i].count += matrix->count;
            list[i].held += matrix->held;
            return n;
        }
    if (n < room)
        list[n++] = *matrix;
    return n;
}

/* The matrix of a role in layers of that kind; n 0: there is none. */
static struct trit_model_matrix of_role(const struct trit_config *c,
                                        const struct trit_layer_kind *kind, size_t role)
{
    struct trit_model_matrix m = {
        .name = roles[role].label, .count = 1, .form = usual_form(c), .held = 1
    };
    for (size_t i = 0; i < kind->ntensors; i++)
        if (trit_config_packs(c, &kind->tensors[i]) && (size_t)kind->tensors[i].slot == role) {
            const bool experts = trit_tensor_experts(&kind->tensors[i]);
            m.count = experts ? c->experts.used : 1;
            m.held = experts ? c->experts.count : 1;
            m.n += trit_config_width(c, kind->tensors[i].n);
            m.k = trit_config_width(c, kind->tensors[i].k);
        }
    return m;
}

/* Wgate alone. */
static struct trit_model_matrix gate_alone(const struct trit_config *c)
{
    const struct trit_layer_kind *kind = &c->family->kinds[0];
    struct trit_model_matrix gate = { .name = "gate", .form = usual_form(c) };
    for (size_t i = 0; i < kind->ntensors; i++)
        if (kind->tensors[i].aim == TRIT_AIM_GATE) {
            gate.n = trit_config_width(c, kind->tensors[i].n);
            gate.k = trit_config_width(c, kind->tensors[i].k);
        }
    return gate;
}

size_t trit_model_matrices(const struct trit_config *c,
                           struct trit_model_matrix matrices[TRIT_MODEL_MATRICES])
{
    size_t n = 0;
    for (size_t i = 0; i < c->layers; i++)
        for (size_t role = 0; role < TRIT_NROLES; role++) {
            const struct trit_model_matrix m = of_role(c, trit_config_kind(c, i), role);
            n = m.n ? trit_model_matrix_add(matrices, n, TRIT_MODEL_MATRICES, &m) : n;
        }
    if (c->family->skips)
        matrices[n++] = gate_alone(c);
    if (c->packed_head)
        matrices[n++] =
            (struct trit_model_matrix){ HEAD, c->vocab, c->hidden, 1, usual_form(c), true, 1 };
    return n;
}

void trit_config_block(const struct trit_config *c, struct trit_config *block)
{
    *block = *c;
    block->first = c->layers;
    block->layers = c->predicting;
    block->predicting = 0;
    block->joint = true;
    block->interval = 0;
    block->delta = (struct trit_delta){ 0 };
    block->packed_head = false; /* as long as it is the model's */
    block->int4 = false;        /* it holds no codes */
}

const struct trit_gguf_tensor *trit_family_matrix(const struct trit_config *c,
                                                  const struct trit_gguf *gguf)
{
    const struct trit_layer_kind *kind = trit_config_kind(c, 0);
    char name[TRIT_TENSOR_NAME];
    for (size_t i = 0; i < kind->ntensors; i++)
        if (trit_config_packs(c, &kind->tensors[i])) {
            trit_tensor_name(&kind->tensors[i], 0, name);
            return trit_gguf_tensor(gguf, name);
        }
    return NULL;
}

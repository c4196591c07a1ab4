/* The families, and what follows from a family's table of tensors. */
#include "runtime/model/family.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/format/group.h"
#include "runtime/model/internal.h"

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
    return trit_type_has_groups(type) || (family->grouped && type != TRIT_I2_S);
}

const struct trit_layer_kind *trit_config_kind(const struct trit_config *c, size_t layer)
{
    return &c->family->kinds[c->interval && (layer + 1) % c->interval != 0];
}

size_t trit_family_tensors(const struct trit_family *family)
{
    size_t most = 0;
    for (size_t i = 0; i < TRIT_LAYER_KINDS; i++)
        most = family->kinds[i].ntensors > most ? family->kinds[i].ntensors : most;
    return most;
}

size_t trit_config_width(const struct trit_config *c, enum trit_width width)
{
    const size_t widths[] = {
        [TRIT_ONE] = 1,
        [TRIT_HIDDEN] = c->hidden,
        [TRIT_FFN] = c->ffn,
        [TRIT_Q] = c->heads * c->head_dim,
        [TRIT_KV] = c->kv_heads * c->head_dim,
        [TRIT_HEAD_DIM] = c->head_dim,
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

/* The matrices of a layer, behind n that there are; alike ones of another layer count together. */
static size_t add_layer(const struct trit_config *c, const struct trit_layer_kind *kind,
                        struct trit_form form, struct trit_model_matrix *matrices, size_t n)
{
    const size_t before = n;
    for (size_t i = 0; i < kind->ntensors; i++) {
        const struct trit_layer_tensor *t = &kind->tensors[i];
        if (t->n == TRIT_ONE)
            continue;
        if (n == before || matrices[n - 1].name != roles[t->slot].label)
            matrices[n++] = (struct trit_model_matrix){
                roles[t->slot].label, 0, trit_config_width(c, t->k), 1, form, false
            };
        matrices[n - 1].n += trit_config_width(c, t->n);
    }
    return n;
}

/* Matrices first .. n-1 into those before where there are such; returns how many there are. */
static size_t join(struct trit_model_matrix *matrices, size_t first, size_t n)
{
    size_t kept = first;
    for (size_t i = first; i < n; i++) {
        size_t j = 0;
        while (j < first && (matrices[j].name != matrices[i].name ||
                             matrices[j].n != matrices[i].n || matrices[j].k != matrices[i].k))
            j++;
        if (j < first)
            matrices[j].count++;
        else
            matrices[kept++] = matrices[i];
    }
    return kept;
}

/* Wgate alone. */
static size_t add_gate(const struct trit_config *c, struct trit_form form,
                       struct trit_model_matrix *matrices, size_t n)
{
    const struct trit_layer_kind *kind = &c->family->kinds[0];
    for (size_t i = 0; i < kind->ntensors; i++)
        if (kind->tensors[i].aim == TRIT_AIM_GATE)
            matrices[n++] = (struct trit_model_matrix){ "gate",
                                                        trit_config_width(c, kind->tensors[i].n),
                                                        trit_config_width(c, kind->tensors[i].k),
                                                        0,
                                                        form,
                                                        false };
    return n;
}

size_t trit_model_matrices(const struct trit_config *c,
                           struct trit_model_matrix matrices[TRIT_MODEL_MATRICES])
{
    const struct trit_family *f = c->family;
    const struct trit_form form = { f->grouped ? 128 : 0, TRIT_TRITS };
    size_t n = 0;
    for (size_t i = 0; i < c->layers; i++)
        n = join(matrices, n, add_layer(c, trit_config_kind(c, i), form, matrices, n));
    if (f->skips)
        n = add_gate(c, form, matrices, n);
    if (c->packed_head)
        matrices[n++] = (struct trit_model_matrix){ HEAD, c->vocab, c->hidden, 1, form, true };
    return n;
}

const struct trit_gguf_tensor *trit_family_matrix(const struct trit_config *c,
                                                  const struct trit_gguf *gguf)
{
    const struct trit_layer_kind *kind = trit_config_kind(c, 0);
    char name[64];
    for (size_t i = 0; i < kind->ntensors; i++)
        if (kind->tensors[i].n != TRIT_ONE) {
            snprintf(name, sizeof name, "blk.0.%s.weight", kind->tensors[i].name);
            return trit_gguf_tensor(gguf, name);
        }
    return NULL;
}

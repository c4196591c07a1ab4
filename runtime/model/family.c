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

size_t trit_model_matrices(const struct trit_config *c,
                           struct trit_model_matrix matrices[TRIT_MODEL_MATRICES])
{
    const struct trit_family *f = c->family;
    const struct trit_form form = { f->grouped ? 128 : 0, TRIT_TRITS };
    struct trit_model_matrix gate = { .name = "gate" };
    size_t n = 0;
    for (size_t i = 0; i < f->ntensors; i++) {
        const struct trit_layer_tensor *t = &f->tensors[i];
        const size_t rows = trit_config_width(c, t->n), columns = trit_config_width(c, t->k);
        if (t->n == TRIT_ONE)
            continue;
        if (n == 0 || matrices[n - 1].name != roles[t->slot].label)
            matrices[n++] = (struct trit_model_matrix){
                roles[t->slot].label, 0, columns, c->layers, form, false
            };
        matrices[n - 1].n += rows;
        if (t->aim == TRIT_AIM_GATE)
            gate = (struct trit_model_matrix){ "gate", rows, columns, 0, form, false };
    }
    if (f->skips)
        matrices[n++] = gate;
    if (c->packed_head)
        matrices[n++] = (struct trit_model_matrix){ HEAD, c->vocab, c->hidden, 1, form, true };
    return n;
}

const struct trit_gguf_tensor *trit_family_matrix(const struct trit_config *c,
                                                  const struct trit_gguf *gguf)
{
    char name[64];
    for (size_t i = 0; i < c->family->ntensors; i++)
        if (c->family->tensors[i].n != TRIT_ONE) {
            snprintf(name, sizeof name, "blk.0.%s.weight", c->family->tensors[i].name);
            return trit_gguf_tensor(gguf, name);
        }
    return NULL;
}

/* The shape of a model that is trained, and where its tensors lie. */
#include "runtime/train/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

enum { MAX_WIDTH = 1 << 16, MAX_LAYERS = 1024, MAX_VOCAB = 1 << 20, MAX_CONTEXT = 1 << 17 };

enum { LANES = 16 };

static enum trit_code check_sizes(const struct trit_train_shape *s, struct trit_error *e)
{
    const struct {
        const char *name;
        uint32_t value, min, max;
    } sizes[] = {
        { "vocabulary", s->vocab, 2, MAX_VOCAB },
        { "hidden size", s->hidden, 2, MAX_WIDTH },
        { "feed-forward size", s->ffn, 1, MAX_WIDTH },
        { "number of layers", s->layers, 1, MAX_LAYERS },
        { "number of heads", s->heads, 1, MAX_WIDTH },
        { "number of kv heads", s->kv_heads, 1, s->heads },
        { "head size", s->head_dim, 2, MAX_WIDTH },
        { "context", s->context, 2, MAX_CONTEXT },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].value < sizes[i].min || sizes[i].value > sizes[i].max)
            return trit_fail(e, TRIT_EARGUMENT, "the %s is %u: must be %u .. %u", sizes[i].name,
                             sizes[i].value, sizes[i].min, sizes[i].max);
    if (s->heads % s->kv_heads)
        return trit_fail(e, TRIT_EARGUMENT, "%u heads: must be a multiple of the %u kv heads",
                         s->heads, s->kv_heads);
    if (s->head_dim % 2)
        return trit_fail(e, TRIT_EARGUMENT, "the head size is %u: must be even", s->head_dim);
    if (s->family == TRIT_TRAIN_BITNET && s->heads * s->head_dim != s->hidden)
        return trit_fail(e, TRIT_EARGUMENT,
                         "%u heads of %u elements: bitnet-b1.58 needs as many as the hidden "
                         "size, %u",
                         s->heads, s->head_dim, s->hidden);
    return TRIT_OK;
}

static enum trit_code check_groups(const struct trit_train_shape *s, struct trit_error *e)
{
    const uint32_t widths[] = { s->hidden, s->heads * s->head_dim, s->ffn };
    const bool groups = s->weight_group || s->input_group;
    if (s->weight_group && !s->input_group)
        return trit_fail(e, TRIT_EARGUMENT,
                         "weights with a scale for each group need inputs with groups");
    if (s->hadamard == 1)
        return trit_fail(e, TRIT_EARGUMENT,
                         "widths of %u and %u have no power of two in common to rotate by",
                         widths[1], widths[2]);
    for (size_t i = 0; i < 3; i++) {
        if ((groups || (i == 0 && s->low_rows)) && widths[i] % TRIT_TRAIN_GROUP)
            return trit_fail(e, TRIT_EARGUMENT,
                             "a width of %u cannot be cut into groups of %d columns", widths[i],
                             TRIT_TRAIN_GROUP);
        if (i > 0 && s->hadamard && widths[i] % s->hadamard)
            return trit_fail(e, TRIT_EARGUMENT, "a width of %u cannot be rotated by blocks of %u",
                             widths[i], s->hadamard);
    }
    return TRIT_OK;
}

enum trit_code trit_train_shape_check(const struct trit_train_shape *s, struct trit_error *e)
{
    const bool dense = s->weights == TRIT_TRAIN_DENSE;
    enum trit_code code = check_sizes(s, e);
    if (code)
        return code;
    if (s->family >= TRIT_TRAIN_FAMILIES || s->weights > TRIT_TRAIN_BINARY ||
        (s->weight_group && s->weight_group != TRIT_TRAIN_GROUP) ||
        (s->input_group && s->input_group != TRIT_TRAIN_GROUP) || s->low_rows > 1 ||
        (s->hadamard & (s->hadamard - 1)) || !(s->eps > 0 && s->eps < 1) ||
        !(s->rope_base > 1 && s->rope_base < 1e12f))
        return trit_fail(e, TRIT_EARGUMENT, "the shape has a value that is not known");
    if (dense ? s->input_bits || s->weight_group || s->input_group || s->hadamard || s->low_rows
              : s->input_bits != 8 && s->input_bits != 4)
        return trit_fail(e, TRIT_EARGUMENT,
                         dense ? "a dense model has no groups, rotation or bits of inputs"
                               : "inputs have 8 or 4 bits");
    return check_groups(s, e);
}

/* The next tensor of the list. */
struct maker {
    struct trit_train_layout *layout;
    const struct trit_train_shape *shape;
};

static struct trit_train_tensor add(struct maker *m, const char *name, enum trit_train_role role,
                                    size_t n, size_t k)
{
    struct trit_train_layout *l = m->layout;
    struct trit_train_tensor t = { .role = role, .n = n, .k = k, .at = l->floats };
    snprintf(t.name, sizeof t.name, "%s.weight", name);
    l->list[l->ntensors++] = t;
    l->floats += trit_round_up(n * k, LANES);
    return t;
}

/* Of which the families' layers are made; `only`: of that family alone. */
struct part {
    const char *name;
    enum trit_train_role role;
    size_t n, k;
    int only;
};

static void add_layer(struct maker *m, size_t layer)
{
    const struct trit_train_shape *s = m->shape;
    const size_t h = s->hidden, f = s->ffn, hd = s->head_dim, q = s->heads * hd,
                 kv = s->kv_heads * hd;
    const struct part parts[TRIT_TRAIN_SLOTS] = {
        [TRIT_TRAIN_ATTN_NORM] = { "attn_norm", TRIT_TRAIN_NORM, 1, h, -1 },
        [TRIT_TRAIN_Q] = { "attn_q", TRIT_TRAIN_MATRIX, q, h, -1 },
        [TRIT_TRAIN_K] = { "attn_k", TRIT_TRAIN_MATRIX, kv, h, -1 },
        [TRIT_TRAIN_V] = { "attn_v", TRIT_TRAIN_MATRIX, kv, h, -1 },
        [TRIT_TRAIN_Q_NORM] = { "attn_q_norm", TRIT_TRAIN_NORM, 1, hd, TRIT_TRAIN_QWEN3 },
        [TRIT_TRAIN_K_NORM] = { "attn_k_norm", TRIT_TRAIN_NORM, 1, hd, TRIT_TRAIN_QWEN3 },
        [TRIT_TRAIN_ATTN_SUB_NORM] = { "attn_sub_norm", TRIT_TRAIN_NORM, 1, q, TRIT_TRAIN_BITNET },
        [TRIT_TRAIN_O] = { "attn_output", TRIT_TRAIN_MATRIX, h, q, -1 },
        [TRIT_TRAIN_FFN_NORM] = { "ffn_norm", TRIT_TRAIN_NORM, 1, h, -1 },
        [TRIT_TRAIN_GATE] = { "ffn_gate", TRIT_TRAIN_MATRIX, f, h, -1 },
        [TRIT_TRAIN_UP] = { "ffn_up", TRIT_TRAIN_MATRIX, f, h, -1 },
        [TRIT_TRAIN_FFN_SUB_NORM] = { "ffn_sub_norm", TRIT_TRAIN_NORM, 1, f, TRIT_TRAIN_BITNET },
        [TRIT_TRAIN_DOWN] = { "ffn_down", TRIT_TRAIN_MATRIX, h, f, -1 },
    };
    for (size_t i = 0; i < TRIT_TRAIN_SLOTS; i++) {
        char name[48];
        if (parts[i].only >= 0 && (uint32_t)parts[i].only != s->family)
            continue;
        snprintf(name, sizeof name, "blk.%zu.%s", layer, parts[i].name);
        m->layout->layers[layer][i] = add(m, name, parts[i].role, parts[i].n, parts[i].k);
    }
}

enum trit_code trit_train_layout_create(struct trit_train_layout *l,
                                        const struct trit_train_shape *s, struct trit_error *e)
{
    struct maker m = { l, s };
    *l = (struct trit_train_layout){ 0 };
    l->layers = trit_alloc(s->layers, sizeof *l->layers);
    l->list = trit_alloc((size_t)s->layers * TRIT_TRAIN_SLOTS + 2, sizeof *l->list);
    if (!l->layers || !l->list) {
        trit_train_layout_free(l);
        return trit_fail(e, TRIT_EMEMORY, "no memory for a model of %u layers", s->layers);
    }
    l->embd = add(&m, "token_embd", TRIT_TRAIN_ROWS, s->vocab, s->hidden);
    for (size_t i = 0; i < s->layers; i++)
        add_layer(&m, i);
    l->norm = add(&m, "output_norm", TRIT_TRAIN_NORM, 1, s->hidden);
    return TRIT_OK;
}

void trit_train_layout_free(struct trit_train_layout *l)
{
    free(l->layers);
    free(l->list);
    *l = (struct trit_train_layout){ 0 };
}

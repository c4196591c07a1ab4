/* Which tensors of the files make which tensors of GGUF: by the family's table, every shape
   checked, every tensor of the files accounted for. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/base/mem.h"
#include "runtime/convert/hf.h"

/* Where the body stands: before "embed_tokens", and before "lm_head". */
static const struct prefix {
    const char *body, *head;
} prefixes[] = {
    { "model.", "" },
    { "", "" }, /* a body without a head: models of embeddings */
    { "model.language_model.", "" },
    { "language_model.model.", "language_model." },
};

/* Tensors of parts that are not converted: other inputs than text, drafts, tables that can be
   computed. */
static const char *const left_out[] = {
    "mtp.", "visual.", "model.visual.", "vision_tower.", "language_model.mtp.", "model.mtp."
};

struct finder {
    struct trit_hf_folder *f;
    const struct prefix *prefix;
    bool *used; /* of the files' tensors */
    bool raw;   /* norms are stored without their 1 */
    bool norms_in;
    struct trit_error *error;
};

static enum trit_code fault(const struct finder *x, const struct trit_st_tensor *t,
                            const char *what)
{
    return trit_fail(x->error, TRIT_EFORMAT, "%s: tensor '%s' (%s): %s",
                     trit_safetensors_path(&x->f->st, t), t->name, trit_st_type_name(t->type),
                     what);
}

static const struct trit_st_tensor *find(const struct finder *x, const char *name)
{
    const struct trit_st_tensor *t = trit_safetensors_find(&x->f->st, name);
    if (t)
        x->used[t - x->f->st.tensors] = true;
    return t;
}

/* The tensor beside a packed weight: "X.weight" and "_scale" make "X.weight_scale", "X.weight" and
   "scales" "X.scales". */
static const struct trit_st_tensor *beside(const struct finder *x, const struct trit_st_tensor *t,
                                           const char *name)
{
    char text[320];
    const char *dot = strrchr(t->name, '.');
    if (*name == '_')
        snprintf(text, sizeof text, "%s%s", t->name, name);
    else
        snprintf(text, sizeof text, "%.*s.%s", dot ? (int)(dot - t->name) : 0, t->name, name);
    return find(x, text);
}

static enum trit_code wrong_shape(const struct finder *x, const struct trit_st_tensor *t, size_t n,
                                  size_t k)
{
    char shape[200] = "";
    size_t at = 0;
    for (size_t i = 0; i < t->ndims && at < sizeof shape; i++)
        at += (size_t)snprintf(shape + at, sizeof shape - at, "%s%llu", i ? " x " : "",
                               (unsigned long long)t->shape[i]);
    return trit_fail(x->error, TRIT_EFORMAT,
                     "%s: tensor '%s' (%s) has shape %s, but config.json makes it %zu x %zu",
                     trit_safetensors_path(&x->f->st, t), t->name, trit_st_type_name(t->type),
                     t->ndims ? shape : "of none", n, k);
}

static bool is_float(enum trit_st_type type)
{
    return type == TRIT_ST_F32 || type == TRIT_ST_F16 || type == TRIT_ST_BF16;
}

static bool has_shape(const struct trit_st_tensor *t, size_t ndims, uint64_t a, uint64_t b)
{
    return t->ndims == ndims && t->shape[0] == a && (ndims < 2 || t->shape[1] == b);
}

/* --- one weight --- */

static enum trit_code take_floats(const struct finder *x, const struct trit_hf_name *name,
                                  struct trit_hf_recipe *r)
{
    const struct trit_st_tensor *t = r->weight;
    const bool taps = name->way == TRIT_HF_GDN_TAPS;
    if (!is_float(t->type))
        return fault(x, t, "must be F32, F16 or BF16");
    if (taps) /* channels x 1 x taps, or channels x taps x 1: the same bytes */
        return t->ndims == 3 && t->shape[0] == r->n && t->shape[1] * t->shape[2] == r->k &&
                       (t->shape[1] == 1 || t->shape[2] == 1)
                   ? TRIT_OK
                   : wrong_shape(x, t, r->n, r->k);
    const bool vector = name->n == TRIT_HF_ONE;
    if (!(vector ? has_shape(t, 1, r->k, 0) : has_shape(t, 2, r->n, r->k)))
        return wrong_shape(x, t, r->n, r->k);
    if (name->role == TRIT_SOURCE_MATRIX && name->way != TRIT_HF_GDN_GATES && x->f->config.masters)
        r->code = TRIT_HF_MASTER;
    return TRIT_OK;
}

float trit_hf_float(enum trit_st_type type, const uint8_t *bytes)
{
    uint16_t half;
    float f;
    memcpy(&half, bytes, 2);
    if (type == TRIT_ST_F16)
        return trit_f16_f32(half);
    if (type == TRIT_ST_BF16)
        return trit_bf16_f32(half);
    memcpy(&f, bytes, 4);
    return f;
}

static enum trit_code take_packed(const struct finder *x, struct trit_hf_recipe *r)
{
    const struct trit_st_tensor *t = r->weight;
    uint8_t bytes[8] = { 0 };
    r->code = TRIT_HF_PACKED;
    if (x->f->config.packed == TRIT_HF_UNTOLD)
        return trit_fail(x->error, TRIT_EUNSUPPORTED,
                         "%s: tensor '%s' is packed, but key 'quantization_config.linear_class' of "
                         "%s does not say whether its scale multiplies or divides",
                         trit_safetensors_path(&x->f->st, t), t->name, x->f->config.path);
    if (r->n % 4)
        return fault(x, t, "packed rows must be a multiple of 4");
    if (!has_shape(t, 2, r->n / 4, r->k))
        return wrong_shape(x, t, r->n / 4, r->k);
    if (!(r->scale = beside(x, t, "_scale")))
        return fault(x, t, "there is no tensor of its name with '_scale'");
    if (!is_float(r->scale->type) || r->scale->ndims > 1 || r->scale->shape[0] != 1)
        return fault(x, r->scale, "must be one number in F32, F16 or BF16");
    const enum trit_code code = trit_safetensors_read(
        &x->f->st, r->scale, 0, trit_st_type_bytes(r->scale->type), bytes, x->error);
    if (code)
        return code;
    const float scale = trit_hf_float(r->scale->type, bytes);
    r->d = x->f->config.packed == TRIT_HF_DIVIDE ? 1.0f / scale : scale;
    if (!(scale > 0) || !(r->d > 0) || r->d > 3e38f)
        return fault(x, r->scale, "must be finite and above 0, and so what it makes of 1");
    return TRIT_OK;
}

static enum trit_code take_mlx(const struct finder *x, struct trit_hf_recipe *r)
{
    const struct trit_st_tensor *t = r->weight;
    r->code = TRIT_HF_MLX;
    r->bits = x->f->config.bits;
    r->group = x->f->config.group;
    if (!r->bits)
        return trit_fail(x->error, TRIT_EUNSUPPORTED,
                         "%s: tensor '%s' is packed in 32 bits, but %s has no 'quantization' that "
                         "says how",
                         trit_safetensors_path(&x->f->st, t), t->name, x->f->config.path);
    if (r->k % r->group)
        return fault(x, t, "its columns are no multiple of 'quantization.group_size'");
    if (!has_shape(t, 2, r->n, r->k * r->bits / 32))
        return wrong_shape(x, t, r->n, r->k * r->bits / 32);
    r->scale = beside(x, t, "scales");
    r->bias = beside(x, t, "biases");
    r->signs = beside(x, t, "signs");
    if (!r->scale || !r->bias)
        return fault(x, t, "there are no tensors 'scales' and 'biases' beside it");
    if (!is_float(r->scale->type) || r->bias->type != r->scale->type)
        return fault(x, r->scale, "scales and biases must both be F16, BF16 or F32");
    if (!has_shape(r->scale, 2, r->n, r->k / r->group))
        return wrong_shape(x, r->scale, r->n, r->k / r->group);
    if (!has_shape(r->bias, 2, r->n, r->k / r->group))
        return wrong_shape(x, r->bias, r->n, r->k / r->group);
    if (r->signs && (r->signs->type != TRIT_ST_F32 || !has_shape(r->signs, 1, r->k, 0)))
        return fault(x, r->signs, "must be F32, one for each column");
    return TRIT_OK;
}

static void set_way(const struct finder *x, enum trit_hf_way way, struct trit_hf_recipe *r)
{
    const struct trit_hf_config *c = &x->f->config;
    const size_t state = c->dim[TRIT_HF_STATE], groups = c->delta.k_heads;
    const struct trit_hf_turn heads = { 0, c->dim[TRIT_HF_INNER], state, groups },
                              mixed = { 2 * groups * state, c->dim[TRIT_HF_INNER], state, groups },
                              each = { 0, c->delta.v_heads, 1, groups };
    const struct {
        enum trit_hf_way way;
        struct trit_hf_turn rows, columns;
        enum trit_hf_value value;
    } ways[] = {
        { TRIT_HF_ROPE, { 0, c->dim[TRIT_HF_HEAD], 1, 2 }, { 0 }, TRIT_HF_SAME },
        { TRIT_HF_OFFSET, { 0 }, { 0 }, x->raw ? TRIT_HF_PLUS_ONE : TRIT_HF_SAME },
        { TRIT_HF_GDN_QKV, mixed, { 0 }, TRIT_HF_SAME },
        { TRIT_HF_GDN_TAPS, mixed, { 0 }, TRIT_HF_SAME },
        { TRIT_HF_GDN_ROWS, heads, { 0 }, TRIT_HF_SAME },
        { TRIT_HF_GDN_GATES, each, { 0 }, TRIT_HF_SAME },
        { TRIT_HF_GDN_COLUMNS, { 0 }, heads, TRIT_HF_SAME },
        { TRIT_HF_GDN_STEPS, { 0 }, each, TRIT_HF_SAME },
        { TRIT_HF_GDN_SLOPES, { 0 }, each, TRIT_HF_MINUS_EXP },
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].way == way) {
            r->rows = ways[i].rows;
            r->columns = ways[i].columns;
            r->value = ways[i].value;
        }
}

/* --- the list --- */

/* GGML's type whose bytes hold what the recipe gives. */
static uint32_t type_of(const struct trit_hf_name *name, const struct trit_hf_recipe *r)
{
    if (name->way != TRIT_HF_GDN_GATES && name->role == TRIT_SOURCE_FLOATS)
        return TRIT_F32;
    if (r->code == TRIT_HF_PACKED || r->code == TRIT_HF_MASTER)
        return TRIT_I2_S;
    if (r->code == TRIT_HF_MLX)
        return r->bits == 1 ? TRIT_Q1_0 : r->group % 128 ? TRIT_Q2_0 : TRIT_PQ2_0;
    return r->weight->type == TRIT_ST_F16    ? TRIT_F16
           : r->weight->type == TRIT_ST_BF16 ? TRIT_BF16
                                             : TRIT_F32;
}

static void name_tensor(struct trit_source_tensor *s, const struct trit_hf_name *name, size_t layer)
{
    if (name->where == TRIT_HF_MODEL || name->where == TRIT_HF_END)
        snprintf(s->name, sizeof s->name, "%s", name->gguf);
    else
        snprintf(s->name, sizeof s->name, "blk.%zu.%s", layer, name->gguf);
}

static enum trit_code push(const struct finder *x, const struct trit_hf_name *name, size_t layer,
                           const struct trit_hf_recipe *r)
{
    struct trit_hf_folder *f = x->f;
    const bool vector = name->n == TRIT_HF_ONE;
    const bool gate = name->way == TRIT_HF_GDN_GATES && r->code == TRIT_HF_FLOATS;
    struct trit_source_tensor s = {
        .role = gate ? TRIT_SOURCE_FLOATS : name->role,
        .type = type_of(name, r),
        .ndims = vector ? 1 : 2,
        .ne = { r->k, r->n, 1, 1 },
        .from = r->weight->name,
    };
    name_tensor(&s, name, layer);
    if (!trit_grow(&f->tensors, &f->tensors_room, f->n + 1, sizeof s) ||
        !trit_grow(&f->recipes, &f->recipes_room, f->n + 1, sizeof *r))
        return trit_fail(x->error, TRIT_EMEMORY, "%s: out of memory", f->path);
    f->tensors[f->n] = s;
    f->recipes[f->n++] = *r;
    return TRIT_OK;
}

static void file_name(const struct finder *x, const struct trit_hf_name *name, size_t layer,
                      char out[192])
{
    if (!strncmp(name->hf, "lm_head", 7))
        snprintf(out, 192, "%s%s", x->prefix->head, name->hf);
    else if (name->where == TRIT_HF_MODEL || name->where == TRIT_HF_END)
        snprintf(out, 192, "%s%s", x->prefix->body, name->hf);
    else
        snprintf(out, 192, "%slayers.%zu.%s", x->prefix->body, layer, name->hf);
}

/* A tied head may be stored once more; it is the embedding all the same. */
static void leave_tied(const struct finder *x, const char *file)
{
    static const char *const ends[] = { "weight", "scales", "biases", "signs" };
    char text[192];
    const char *dot = strrchr(file, '.');
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(text, sizeof text, "%.*s.%s", (int)(dot - file), file, ends[i]);
        find(x, text);
    }
}

static enum trit_code take(const struct finder *x, const struct trit_hf_name *name, size_t layer)
{
    const struct trit_hf_config *c = &x->f->config;
    struct trit_hf_recipe r = { .n = c->dim[name->n], .k = c->dim[name->k] };
    char file[192];
    file_name(x, name, layer, file);
    if (!strncmp(name->hf, "lm_head", 7) && c->tied)
        return leave_tied(x, file), TRIT_OK;
    if (!(r.weight = find(x, file)))
        return trit_fail(x->error, TRIT_EFORMAT, "%s: tensor '%s' is missing%s", x->f->path, file,
                         !strncmp(name->hf, "lm_head", 7)
                             ? ", and config.json does not say 'tie_word_embeddings'"
                             : "");
    const bool matrix = name->role != TRIT_SOURCE_FLOATS;
    enum trit_code code = matrix && r.weight->type == TRIT_ST_U8    ? take_packed(x, &r)
                          : matrix && r.weight->type == TRIT_ST_U32 ? take_mlx(x, &r)
                                                                    : take_floats(x, name, &r);
    if (code)
        return code;
    set_way(x, name->way, &r);
    return push(x, name, layer, &r);
}

static bool stands(const struct finder *x, enum trit_hf_where where, size_t layer)
{
    return where == TRIT_HF_LAYER || (where == TRIT_HF_NORMS_IN && x->norms_in) ||
           where == (trit_hf_is_full(&x->f->config, layer) ? TRIT_HF_FULL : TRIT_HF_DELTA);
}

static enum trit_code take_all(const struct finder *x)
{
    const struct trit_hf_config *c = &x->f->config;
    const struct trit_hf_family *family = c->family;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < family->nnames && !code; i++)
        if (family->names[i].where == TRIT_HF_MODEL)
            code = take(x, &family->names[i], 0);
    for (size_t layer = 0; layer < c->layers; layer++)
        for (size_t i = 0; i < family->nnames && !code; i++)
            if (stands(x, family->names[i].where, layer))
                code = take(x, &family->names[i], layer);
    for (size_t i = 0; i < family->nnames && !code; i++)
        if (family->names[i].where == TRIT_HF_END)
            code = take(x, &family->names[i], 0);
    return code;
}

/* --- around them --- */

static enum trit_code find_prefix(struct finder *x)
{
    char name[96];
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(name, sizeof name, "%sembed_tokens.weight", prefixes[i].body);
        if (trit_safetensors_find(&x->f->st, name)) {
            x->prefix = &prefixes[i];
            return TRIT_OK;
        }
    }
    return trit_fail(x->error, TRIT_EFORMAT,
                     "%s: there is no tensor 'model.embed_tokens.weight', nor one of that name in "
                     "'language_model'",
                     x->f->path);
}

static bool begins(const char *s, const char *with)
{
    return !strncmp(s, with, strlen(with));
}

static bool is_left_out(const char *name)
{
    const size_t n = strlen(name), inv = sizeof "rotary_emb.inv_freq" - 1;
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (begins(name, left_out[i]))
            return true;
    return n > inv && !strcmp(name + n - inv, "rotary_emb.inv_freq");
}

static enum trit_code check_used(const struct finder *x)
{
    const struct trit_safetensors *st = &x->f->st;
    for (size_t i = 0; i < st->n; i++)
        if (!x->used[i] && !is_left_out(st->tensors[i].name))
            return fault(x, &st->tensors[i],
                         "is not known: a model of this family does not have it");
    return TRIT_OK;
}

/* As Hugging Face has them, norms are stored without the 1 that MLX's converters add. These also
   turn the convolution; the mean of the first norm settles it where a pack was made in another
   way. */
static enum trit_code find_offset(struct finder *x)
{
    char name[192];
    const struct trit_safetensors *st = &x->f->st;
    snprintf(name, sizeof name, "%slayers.0.linear_attn.conv1d.weight", x->prefix->body);
    const struct trit_st_tensor *conv = trit_safetensors_find(st, name);
    snprintf(name, sizeof name, "%slayers.0.input_layernorm.weight", x->prefix->body);
    const struct trit_st_tensor *norm = trit_safetensors_find(st, name);
    x->raw = !conv || conv->ndims != 3 || conv->shape[2] != 1;
    if (x->raw || !norm || !is_float(norm->type) || norm->ndims != 1 || norm->shape[0] > 1 << 20)
        return TRIT_OK;
    const size_t each = trit_st_type_bytes(norm->type), n = (size_t)(norm->bytes / each);
    uint8_t *bytes = malloc(norm->bytes + 8);
    if (!bytes)
        return trit_fail(x->error, TRIT_EMEMORY, "%s: out of memory", x->f->path);
    double sum = 0;
    const enum trit_code code = trit_safetensors_read(st, norm, 0, norm->bytes, bytes, x->error);
    for (size_t i = 0; i < n && !code; i++)
        sum += (double)trit_hf_float(norm->type, bytes + i * each);
    free(bytes);
    x->raw = sum < 0.75 * (double)n;
    return code;
}

/* Projections with norms of their own are BitLinear, which quantises its masters by absmean. */
static void find_norms_in(struct finder *x)
{
    struct trit_hf_config *c = &x->f->config;
    char name[192];
    snprintf(name, sizeof name, "%slayers.0.self_attn.q_proj.norm.weight", x->prefix->body);
    x->norms_in = trit_safetensors_find(&x->f->st, name) != NULL;
    c->masters = c->masters || (x->norms_in && !c->bits);
}

enum trit_code trit_hf_tensors(struct trit_hf_folder *f, struct trit_error *error)
{
    struct finder x = { .f = f, .used = trit_alloc(f->st.n + 1, sizeof(bool)), .error = error };
    if (!x.used)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", f->path);
    enum trit_code code = find_prefix(&x);
    x.raw = f->config.family->offset;
    if (!code)
        find_norms_in(&x);
    if (!code && f->config.family->delta)
        code = find_offset(&x);
    if (!code)
        code = take_all(&x);
    if (!code)
        code = check_used(&x);
    free(x.used);
    return code;
}

/* A GGUF file as a source: its keys as they are, its tensors by what their names and types say. */
#include "runtime/convert/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/base/mem.h"
#include "runtime/format/group.h"
#include "runtime/format/refuse.h"
#include "runtime/format/rows.h"
#include "runtime/format/ternary.h"

struct gguf_source {
    struct trit_source base;
    struct trit_gguf *gguf;
    struct trit_source_tensor *tensors;
    struct trit_gguf_tensor *flat; /* each as a matrix of all its rows */
    char *arch;
    uint64_t layers; /* from here on blocks predict the token after the next */
    bool rotated;
};

/* Names between "blk.N." and ".weight" of what is multiplied. Float tensors of other names, and
   those that are no matrix, are kept as they are. */
static const char *const matrices[] = {
    "attn_q",         "attn_k",        "attn_v",         "attn_qkv",
    "attn_output",    "attn_gate",     "ffn_gate",       "ffn_up",
    "ffn_down",       "ffn_gate_exps", "ffn_up_exps",    "ffn_down_exps",
    "ffn_gate_shexp", "ffn_up_shexp",  "ffn_down_shexp", "ssm_out",
};
/* These only where they hold groups of columns, and nothing in the file is rotated: else the model
   has them as floats (CONVENTIONS, "gates"). */
static const char *const gates[] = { "ssm_alpha", "ssm_beta" };

static bool is_one_of(const char *stem, size_t n, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i]) == n && !memcmp(names[i], stem, n))
            return true;
    return false;
}

/* "blk.7.attn_q.weight": 7, and where attn_q stands; false: another name. */
static bool split_name(const char *name, uint64_t *layer, const char **stem, size_t *n)
{
    unsigned long long number;
    int at = 0;
    if (sscanf(name, "blk.%llu.%n", &number, &at) != 1 || !at)
        return false;
    const char *end = strstr(name + at, ".weight");
    if (!end || end[strlen(".weight")])
        return false;
    *layer = number;
    *stem = name + at;
    *n = (size_t)(end - *stem);
    return true;
}

/* Whether its values can be had: as rows of any kind, or as trits. */
static bool opens(const struct trit_gguf *g, const struct trit_gguf_tensor *t)
{
    struct trit_rows rows;
    return !trit_rows_open(&rows, g, t, NULL) || !trit_ternary_check(g, t, NULL);
}

static enum trit_source_role role_of(const struct gguf_source *s, size_t i, const char *name)
{
    const struct trit_gguf_tensor *t = &s->flat[i];
    const bool codes = !trit_type_is_float(t->type) &&
                       (trit_type_has_groups(t->type) || !trit_ternary_check(s->gguf, t, NULL));
    const char *stem;
    size_t n;
    uint64_t layer;
    struct trit_form form;
    if (!opens(s->gguf, t) || s->gguf->tensors[i].ndims < 2)
        return TRIT_SOURCE_FLOATS;
    if (!strcmp(name, "token_embd.weight") || !strcmp(name, "output.weight"))
        return TRIT_SOURCE_ROWS;
    if (codes)
        return TRIT_SOURCE_MATRIX;
    if (!trit_type_is_float(t->type) || !split_name(name, &layer, &stem, &n) || layer >= s->layers)
        return TRIT_SOURCE_FLOATS;
    if (is_one_of(stem, n, gates, sizeof gates / sizeof *gates))
        return !s->rotated && !trit_group_peek(s->gguf, t, &form, NULL) ? TRIT_SOURCE_MATRIX
                                                                        : TRIT_SOURCE_FLOATS;
    return is_one_of(stem, n, matrices, sizeof matrices / sizeof *matrices) ? TRIT_SOURCE_MATRIX
                                                                            : TRIT_SOURCE_FLOATS;
}

static void describe(struct gguf_source *s, size_t i)
{
    const struct trit_gguf_tensor *t = &s->gguf->tensors[i];
    struct trit_source_tensor *to = &s->tensors[i];
    s->flat[i] = *t;
    s->flat[i].ndims = 2;
    s->flat[i].ne[1] = t->ne[1] * t->ne[2] * t->ne[3];
    s->flat[i].ne[2] = s->flat[i].ne[3] = 1;
    snprintf(to->name, sizeof to->name, "%.*s", (int)t->name.n, t->name.s);
    to->type = t->type;
    to->ndims = t->ndims;
    memcpy(to->ne, t->ne, sizeof to->ne);
    to->from = to->name;
    to->role = role_of(s, i, to->name);
}

/* Layers that are no prediction blocks: all where the keys say nothing. */
static uint64_t layers_of(const struct trit_gguf *g, const char *arch)
{
    char key[128];
    uint32_t all, predicting;
    snprintf(key, sizeof key, "%.64s.nextn_predict_layers", arch);
    if (trit_gguf_u32(g, key, &predicting, NULL))
        return UINT64_MAX;
    snprintf(key, sizeof key, "%.64s.block_count", arch);
    if (trit_gguf_u32(g, key, &all, NULL) || all < predicting)
        return UINT64_MAX;
    return all - predicting;
}

static bool is_own(struct trit_text key)
{
    static const char *const own[] = { "general.file_type", "general.quantization_version",
                                       "general.alignment" };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (trit_text_is(key, own[i]))
            return true;
    return key.n > 6 && !memcmp(key.s, "split.", 6);
}

static enum trit_code put_keys(struct trit_source *source, struct trit_gguf_writer *w,
                               struct trit_error *error)
{
    const struct gguf_source *s = (const struct gguf_source *)source;
    (void)error;
    for (size_t i = 0; i < s->gguf->nkv; i++)
        if (!is_own(s->gguf->kv[i].key))
            trit_gguf_put_copy(w, &s->gguf->kv[i]);
    return TRIT_OK;
}

/* Rows first .. first+n-1 of those that trit_rows reads. */
static enum trit_code read_rows(const struct gguf_source *s, const struct trit_rows *rows,
                                size_t first, size_t n, float *out, struct trit_error *error)
{
    void *buffer = trit_alloc(n, rows->row_bytes);
    if (!buffer)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for %zu rows", s->base.path, n);
    const uint8_t *in = trit_gguf_fetch(s->gguf, rows->tensor->data + first * rows->row_bytes,
                                        n * rows->row_bytes, buffer);
    enum trit_code code = TRIT_OK;
    for (size_t r = 0; r < n && !code; r++) {
        if (trit_rows_finite(rows, in + r * rows->row_bytes))
            trit_rows_decode(rows, in + r * rows->row_bytes, out + r * rows->k);
        else
            code = trit_rows_bad(rows, first + r, error);
    }
    free(buffer);
    return code;
}

/* What was read leaves memory with what the system brought in around it. */
static void drop_around(const struct trit_gguf *g, const struct trit_gguf_tensor *t, size_t first,
                        size_t n)
{
    enum { AROUND = 2 << 20 };
    const size_t row = (size_t)(t->bytes / t->ne[1]), at = first * row;
    const size_t begin = at > AROUND ? at - AROUND : 0, end = at + n * row + AROUND;
    trit_gguf_drop(g, t->data + begin, (end < t->bytes ? end : (size_t)t->bytes) - begin);
}

/* The same of codes with a scale for each so many columns. */
enum { GROUP = 128 };

static enum trit_code read_groups(const struct gguf_source *s, const struct trit_gguf_tensor *t,
                                  size_t first, size_t n, float *out, struct trit_error *error)
{
    const size_t k = (size_t)t->ne[0], groups = k / GROUP;
    uint8_t *codes = trit_alloc(n, k);
    uint16_t *d = trit_alloc(n * groups, sizeof *d);
    const struct trit_group_rows rows = { first, n, GROUP, codes, k, d, groups };
    enum trit_code code = TRIT_EMEMORY;
    if (codes && d)
        code = trit_group_rows(s->gguf, t, &rows, error);
    else
        trit_fail(error, code, "%s: no memory for %zu rows", s->base.path, n);
    for (size_t g = 0; g < n * groups && !code; g++)
        for (size_t i = 0; i < GROUP; i++)
            out[g * GROUP + i] = (float)(codes[g * GROUP + i] - 1) * trit_f16_f32(d[g]);
    drop_around(s->gguf, t, first, n);
    free(codes);
    free(d);
    return code;
}

/* And of trits with a scale for each row. */
static enum trit_code read_trits(const struct gguf_source *s, const struct trit_gguf_tensor *t,
                                 size_t first, size_t n, float *out, struct trit_error *error)
{
    const size_t k = (size_t)t->ne[0];
    uint8_t *codes = trit_alloc(n, k);
    float *d = trit_alloc(n, sizeof *d);
    const struct trit_ternary_rows rows = { first, n, codes, k, d };
    enum trit_code code = TRIT_EMEMORY;
    if (codes && d)
        code = trit_ternary_rows(s->gguf, t, &rows, error);
    else
        trit_fail(error, code, "%s: no memory for %zu rows", s->base.path, n);
    for (size_t r = 0; r < n && !code; r++)
        for (size_t i = 0; i < k; i++)
            out[r * k + i] = (float)(codes[r * k + i] - 1) * d[r];
    drop_around(s->gguf, t, first, n);
    free(codes);
    free(d);
    return code;
}

static enum trit_code read_tensor(struct trit_source *source, size_t i, size_t first, size_t n,
                                  float *out, struct trit_error *error)
{
    const struct gguf_source *s = (const struct gguf_source *)source;
    const struct trit_gguf_tensor *t = &s->flat[i];
    struct trit_rows rows;
    if (!trit_rows_open(&rows, s->gguf, t, NULL))
        return read_rows(s, &rows, first, n, out, error);
    return (trit_group_check(s->gguf, t, NULL) ? read_trits : read_groups)(s, t, first, n, out,
                                                                           error);
}

static enum trit_code read_bytes(struct trit_source *source, size_t i, size_t first, size_t n,
                                 void *out, struct trit_error *error)
{
    const struct gguf_source *s = (const struct gguf_source *)source;
    const struct trit_gguf_tensor *t = &s->flat[i];
    const size_t row = (size_t)(t->bytes / t->ne[1]);
    if (t->bytes == 0 || t->bytes % t->ne[1])
        return trit_fail(error, TRIT_EUNSUPPORTED, "%s: tensor '%s' cannot be kept as it is",
                         source->path, source->tensors[i].name);
    const uint8_t *in = trit_gguf_fetch(s->gguf, t->data + first * row, n * row, out);
    if (in != out)
        memcpy(out, in, n * row);
    return TRIT_OK;
}

static void close_gguf(struct trit_source *source)
{
    struct gguf_source *s = (struct gguf_source *)source;
    trit_gguf_close(s->gguf);
    free(s->tensors);
    free(s->flat);
    free(s->arch);
    free(s);
}

static const struct trit_source_kind kind = {
    .put_keys = put_keys, .rows = read_tensor, .close = close_gguf, .bytes = read_bytes
};

void trit_source_i2s(struct trit_source *source, enum trit_i2s layout)
{
    if (source->kind == &kind)
        ((struct gguf_source *)source)->gguf->i2s = layout;
}

static enum trit_code fill(struct gguf_source *s, struct trit_error *error)
{
    const struct trit_gguf *g = s->gguf;
    struct trit_text arch = { "", 0 };
    enum trit_code code = trit_gguf_refuse(g, error);
    if (!code && trit_gguf_find(g, "general.architecture"))
        code = trit_gguf_text(g, "general.architecture", &arch, error);
    if (code)
        return code;
    s->tensors = trit_alloc(g->ntensors, sizeof *s->tensors);
    s->flat = trit_alloc(g->ntensors, sizeof *s->flat);
    s->arch = strndup(arch.s, arch.n);
    if (!s->tensors || !s->flat || !s->arch)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for %zu tensors", g->path,
                         g->ntensors);
    s->layers = layers_of(g, s->arch);
    s->rotated = trit_gguf_find(g, "prism.hadamard.version");
    for (size_t i = 0; i < g->ntensors; i++)
        describe(s, i);
    s->base = (struct trit_source){ &kind, g->path, g->ntensors, s->tensors, s->arch };
    return TRIT_OK;
}

enum trit_code trit_source_gguf(struct trit_source **source, const char *path,
                                struct trit_error *error)
{
    struct gguf_source *s = calloc(1, sizeof *s);
    *source = NULL;
    if (!s)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    enum trit_code code = trit_gguf_open(&s->gguf, path, error);
    if (!code)
        code = fill(s, error);
    if (code) {
        close_gguf(&s->base);
        return code;
    }
    *source = &s->base;
    return TRIT_OK;
}

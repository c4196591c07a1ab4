/* Metadata as C values, with the type that a caller wants. */
#include "runtime/format/internal.h"

#include <stdio.h>
#include <stdlib.h>

static enum trit_code get(const struct trit_gguf *g, const char *key, const char *wanted,
                          const struct trit_gguf_kv **kv, struct trit_error *e)
{
    *kv = trit_gguf_find(g, key);
    if (*kv)
        return TRIT_OK;
    return trit_fail(e, TRIT_EFORMAT, "%s: key '%s': is missing, must be %s", g->path, key, wanted);
}

static enum trit_code wrong_type(const struct trit_gguf *g, const struct trit_gguf_kv *kv,
                                 const char *wanted, struct trit_error *e)
{
    bool array = kv->type == TRIT_GGUF_ARRAY;
    return trit_fail(e, TRIT_EFORMAT, "%s: key %s: is %s%s, must be %s", g->path,
                     trit_gguf_quoted(kv->key).s, array ? "an array of " : "",
                     trit_gguf_type_name(kv->item), wanted);
}

/* Element i, which is no string. */
static uint64_t bits(const struct trit_gguf_kv *kv, size_t i)
{
    const size_t bytes = trit_gguf_item_bytes(kv->item);
    uint64_t v = 0;
    memcpy(&v, kv->data + i * bytes, bytes);
    return v;
}

/* How far an integer type's bits have to be shifted up and down again to extend their sign; -1: not
 * an integer. */
static int sign_shift(uint32_t type)
{
    static const int8_t shift[] = {
        [TRIT_GGUF_U8] = 0,     [TRIT_GGUF_I8] = 56,   [TRIT_GGUF_U16] = 0,
        [TRIT_GGUF_I16] = 48,   [TRIT_GGUF_U32] = 0,   [TRIT_GGUF_I32] = 32,
        [TRIT_GGUF_F32] = -1,   [TRIT_GGUF_BOOL] = -1, [TRIT_GGUF_STRING] = -1,
        [TRIT_GGUF_ARRAY] = -1, [TRIT_GGUF_U64] = 0,   [TRIT_GGUF_I64] = 0,
        [TRIT_GGUF_F64] = -1,
    };
    return shift[type];
}

/* Of any integer type, its sign extended; what is not from least to most is refused. */
static enum trit_code get_integer(const struct trit_gguf *gguf, const char *key, int64_t least,
                                  int64_t most, int64_t *value, struct trit_error *e)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "an integer from %lld to %lld", (long long)least,
             (long long)most);
    const struct trit_gguf_kv *kv;
    enum trit_code code = get(gguf, key, wanted, &kv, e);
    if (code != TRIT_OK)
        return code;
    const int shift = sign_shift(kv->type);
    if (shift < 0)
        return wrong_type(gguf, kv, wanted, e);
    *value = (int64_t)(bits(kv, 0) << shift) >> shift;
    if (*value < least || *value > most || (kv->type == TRIT_GGUF_U64 && *value < 0))
        return trit_fail(e, TRIT_EFORMAT, "%s: key '%s': is out of range, must be %s", gguf->path,
                         key, wanted);
    return TRIT_OK;
}

enum trit_code trit_gguf_u32(const struct trit_gguf *gguf, const char *key, uint32_t *value,
                             struct trit_error *e)
{
    int64_t v = 0;
    const enum trit_code code = get_integer(gguf, key, 0, UINT32_MAX, &v, e);
    if (code == TRIT_OK)
        *value = (uint32_t)v;
    return code;
}

enum trit_code trit_gguf_i32(const struct trit_gguf *gguf, const char *key, int32_t *value,
                             struct trit_error *e)
{
    int64_t v = 0;
    const enum trit_code code = get_integer(gguf, key, INT32_MIN, INT32_MAX, &v, e);
    if (code == TRIT_OK)
        *value = (int32_t)v;
    return code;
}

enum trit_code trit_gguf_f32(const struct trit_gguf *gguf, const char *key, float *value,
                             struct trit_error *e)
{
    const struct trit_gguf_kv *kv;
    enum trit_code code = get(gguf, key, "f32 or f64", &kv, e);
    if (code != TRIT_OK)
        return code;
    if (kv->type == TRIT_GGUF_F32) {
        memcpy(value, kv->data, sizeof *value);
        return TRIT_OK;
    }
    if (kv->type != TRIT_GGUF_F64)
        return wrong_type(gguf, kv, "f32 or f64", e);
    double d;
    memcpy(&d, kv->data, sizeof d);
    *value = (float)d;
    return TRIT_OK;
}

enum trit_code trit_gguf_ints(const struct trit_gguf *gguf, const char *key, int64_t **values,
                              size_t *count, struct trit_error *e)
{
    static const char wanted[] = "an array of integers or of bool";
    const struct trit_gguf_kv *kv;
    *values = NULL;
    *count = 0;
    enum trit_code code = get(gguf, key, wanted, &kv, e);
    if (code)
        return code;
    const int shift = kv->item == TRIT_GGUF_BOOL ? 0 : sign_shift(kv->item);
    if (kv->type != TRIT_GGUF_ARRAY || shift < 0)
        return wrong_type(gguf, kv, wanted, e);
    *values = calloc((size_t)kv->count + 1, sizeof **values);
    if (!*values)
        return trit_fail(e, TRIT_EMEMORY, "%s: key '%s': out of memory", gguf->path, key);
    for (size_t i = 0; i < kv->count; i++)
        (*values)[i] = (int64_t)(bits(kv, i) << shift) >> shift;
    *count = (size_t)kv->count;
    return TRIT_OK;
}

/* The value of a scalar key of exactly that type. */
static enum trit_code get_as(const struct trit_gguf *g, const char *key, uint32_t type,
                             const struct trit_gguf_kv **kv, struct trit_error *e)
{
    const char *wanted = trit_gguf_type_name(type);
    enum trit_code code = get(g, key, wanted, kv, e);
    if (code == TRIT_OK && (*kv)->type != type)
        code = wrong_type(g, *kv, wanted, e);
    return code;
}

enum trit_code trit_gguf_bool(const struct trit_gguf *gguf, const char *key, bool *value,
                              struct trit_error *e)
{
    const struct trit_gguf_kv *kv;
    enum trit_code code = get_as(gguf, key, TRIT_GGUF_BOOL, &kv, e);
    if (code == TRIT_OK)
        *value = kv->data[0] != 0;
    return code;
}

/* The string at p, which the parse has checked; returns where the next one is. */
static const uint8_t *string_at(const uint8_t *p, struct trit_text *t)
{
    uint64_t n;
    memcpy(&n, p, sizeof n);
    *t = (struct trit_text){ (const char *)p + sizeof n, (size_t)n };
    return p + sizeof n + n;
}

enum trit_code trit_gguf_text(const struct trit_gguf *gguf, const char *key,
                              struct trit_text *value, struct trit_error *e)
{
    const struct trit_gguf_kv *kv;
    enum trit_code code = get_as(gguf, key, TRIT_GGUF_STRING, &kv, e);
    if (code == TRIT_OK)
        string_at(kv->data, value);
    return code;
}

enum trit_code trit_gguf_texts(const struct trit_gguf *gguf, const char *key,
                               struct trit_text **texts, size_t *count, struct trit_error *e)
{
    static const char wanted[] = "an array of strings";
    const struct trit_gguf_kv *kv;
    *texts = NULL;
    *count = 0;
    enum trit_code code = get(gguf, key, wanted, &kv, e);
    if (code != TRIT_OK)
        return code;
    if (kv->type != TRIT_GGUF_ARRAY || kv->item != TRIT_GGUF_STRING)
        return wrong_type(gguf, kv, wanted, e);
    *texts = calloc((size_t)kv->count + 1, sizeof **texts);
    if (!*texts)
        return trit_fail(e, TRIT_EMEMORY, "%s: key '%s': out of memory", gguf->path, key);
    const uint8_t *p = kv->data;
    for (uint64_t i = 0; i < kv->count; i++)
        p = string_at(p, &(*texts)[i]);
    *count = (size_t)kv->count;
    return TRIT_OK;
}

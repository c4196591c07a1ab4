/* The header of a safetensors file: u64 length, JSON {name: {dtype, shape, data_offsets}}, then the
   tensors' bytes, which the offsets cover without a gap. */
#include "runtime/convert/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/convert/json.h"

enum { NAME_MAX_BYTES = 255 };

static const struct {
    const char *name;
    size_t bytes;
} types[TRIT_ST_NTYPES] = {
    [TRIT_ST_BOOL] = { "BOOL", 1 },       [TRIT_ST_U8] = { "U8", 1 },
    [TRIT_ST_I8] = { "I8", 1 },           [TRIT_ST_F8_E5M2] = { "F8_E5M2", 1 },
    [TRIT_ST_F8_E4M3] = { "F8_E4M3", 1 }, [TRIT_ST_I16] = { "I16", 2 },
    [TRIT_ST_U16] = { "U16", 2 },         [TRIT_ST_F16] = { "F16", 2 },
    [TRIT_ST_BF16] = { "BF16", 2 },       [TRIT_ST_I32] = { "I32", 4 },
    [TRIT_ST_U32] = { "U32", 4 },         [TRIT_ST_F32] = { "F32", 4 },
    [TRIT_ST_F64] = { "F64", 8 },         [TRIT_ST_I64] = { "I64", 8 },
    [TRIT_ST_U64] = { "U64", 8 },
};

static const struct trit_json_limits limits = { 16 << 20, 4, 1 << 17, 1 << 18, 1 << 20, false };

const char *trit_st_type_name(enum trit_st_type type)
{
    return types[type].name;
}

size_t trit_st_type_bytes(enum trit_st_type type)
{
    return types[type].bytes;
}

/* A file's header while it is read. */
struct header {
    struct trit_safetensors *st;
    const char *path;
    uint64_t data, size;
    struct trit_error *error;
};

static enum trit_code fault(const struct header *h, const char *name, const char *what)
{
    return trit_fail(h->error, TRIT_EFORMAT, "%s: tensor '%.255s': %s", h->path, name, what);
}

static const char *read_type(const json_t *entry, struct trit_st_tensor *t)
{
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (!name)
        return "'dtype' is missing";
    for (size_t i = 0; i < TRIT_ST_NTYPES; i++)
        if (!strcmp(name, types[i].name)) {
            t->type = (enum trit_st_type)i;
            return NULL;
        }
    return "'dtype' is none that is known";
}

/* *bytes: what the shape takes. */
static const char *read_shape(const json_t *entry, struct trit_st_tensor *t, uint64_t *bytes)
{
    const json_t *shape = json_object_get(entry, "shape");
    t->ndims = json_array_size(shape);
    if (!json_is_array(shape))
        return "'shape' is missing";
    if (t->ndims > TRIT_ST_DIMS)
        return "'shape' has more than 8 dimensions";
    *bytes = types[t->type].bytes;
    for (size_t i = 0; i < TRIT_ST_DIMS; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (i < t->ndims && (!json_is_integer(dim) || json_integer_value(dim) < 0))
            return "'shape' has a dimension that is no size";
        t->shape[i] = i < t->ndims ? (uint64_t)json_integer_value(dim) : 1;
    }
    for (size_t i = 0; i < t->ndims; i++)
        if (__builtin_mul_overflow(*bytes, t->shape[i], bytes))
            return "'shape' makes more than 2^64 bytes";
    return NULL;
}

static const char *read_range(const struct header *h, const json_t *entry, struct trit_st_tensor *t,
                              uint64_t bytes)
{
    const json_t *range = json_object_get(entry, "data_offsets");
    const json_t *from = json_array_get(range, 0), *to = json_array_get(range, 1);
    if (json_array_size(range) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return "'data_offsets' is no pair of integers";
    const json_int_t begin = json_integer_value(from), end = json_integer_value(to);
    if (begin < 0 || end < begin)
        return "'data_offsets' is no range";
    if ((uint64_t)end > h->size - h->data)
        return "'data_offsets' reach past the end of the file";
    if ((uint64_t)(end - begin) != bytes)
        return "'data_offsets' do not hold as many bytes as its shape and dtype make";
    t->begin = h->data + (uint64_t)begin;
    t->bytes = bytes;
    return NULL;
}

static enum trit_code add(const struct header *h, const char *name, const json_t *entry)
{
    struct trit_safetensors *st = h->st;
    struct trit_st_tensor t = { .file = st->nfiles };
    uint64_t bytes = 0;
    const size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_BYTES)
        return fault(h, name, "its name must have 1 to 255 bytes");
    if (!json_is_object(entry))
        return fault(h, name, "is no object");
    const char *what = read_type(entry, &t);
    if (!what)
        what = read_shape(entry, &t, &bytes);
    if (!what)
        what = read_range(h, entry, &t, bytes);
    if (what)
        return fault(h, name, what);
    if (!trit_grow(&st->tensors, &st->room, st->n + 1, sizeof t) || !(t.name = strdup(name)))
        return trit_fail(h->error, TRIT_EMEMORY, "%s: out of memory", h->path);
    st->tensors[st->n++] = t;
    return TRIT_OK;
}

static int by_begin(const void *a, const void *b)
{
    const struct trit_st_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* those without bytes first */
}

/* The tensors from `first` on cover data .. size. */
static enum trit_code check_cover(const struct header *h, size_t first)
{
    struct trit_st_tensor *t = h->st->tensors;
    uint64_t at = h->data;
    if (h->st->n > first)
        qsort(t + first, h->st->n - first, sizeof *t, by_begin);
    for (size_t i = first; i < h->st->n; at += t[i++].bytes) {
        if (t[i].begin < at)
            return fault(h, t[i].name, "its bytes overlap those of another tensor");
        if (t[i].begin > at)
            return fault(h, t[i].name, "there is a gap before its bytes");
    }
    if (at != h->size)
        return trit_fail(h->error, TRIT_EFORMAT,
                         "%s: the tensors end at byte %llu, but the file has %llu", h->path,
                         (unsigned long long)at, (unsigned long long)h->size);
    return TRIT_OK;
}

enum trit_code trit_safetensors_header(struct trit_safetensors *st, const char *text, size_t bytes,
                                       uint64_t size, const char *path, struct trit_error *error)
{
    const struct header h = { st, path, sizeof(uint64_t) + bytes, size, error };
    const size_t first = st->n;
    const char *name;
    json_t *json, *entry;
    enum trit_code code = trit_json_parse(&json, text, bytes, path, &limits, error);
    if (code)
        return code;
    json_object_foreach(json, name, entry)
    {
        if (strcmp(name, "__metadata__") && (code = add(&h, name, entry)))
            break;
    }
    json_decref(json);
    return code ? code : check_cover(&h, first);
}

/* A GGUF file for programs: one JSON object. Numbers are exact (f32 as the binary64 of equal
   value); what JSON has no number for (NaN, infinities, integers past 2^63) is a string, and bytes
   that are not UTF-8 become U+FFFD. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/utf8.h"
#include "runtime/program/internal.h"

enum { ITEMS_MAX = 8, REAL_DIGITS = 17 };

static json_t *unsigned_json(uint64_t v)
{
    return v <= INT64_MAX ? json_integer((json_int_t)v)
                          : json_sprintf("%llu", (unsigned long long)v);
}

static json_t *real_json(double v)
{
    if (isfinite(v))
        return json_real(v);
    return json_string(isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
}

static json_t *text_json(struct trit_text t)
{
    if (trit_utf8_valid(t.s, t.n) == t.n)
        return json_stringn_nocheck(t.s, t.n);
    return trit_json_text(t);
}

static json_t *item_json(const struct trit_inspect_item *item)
{
    switch (item->kind) {
    case TRIT_IS_TEXT:
        return text_json(item->text);
    case TRIT_IS_BOOL:
        return json_boolean(item->bits);
    case TRIT_IS_SIGNED:
        return json_integer((json_int_t)item->bits);
    case TRIT_IS_UNSIGNED:
        return unsigned_json(item->bits);
    default:
        return real_json(item->real);
    }
}

/* {type, value}; arrays {type, items, count, value} with the first values, or all. */
static json_t *value_json(const struct trit_gguf_kv *kv, bool all)
{
    struct trit_inspect_walk walk = { kv->data, 0 };
    struct trit_inspect_item item;
    json_t *type = json_string(trit_gguf_type_name(kv->type));
    if (kv->type != TRIT_GGUF_ARRAY) {
        json_t *value = trit_inspect_next(kv, &walk, &item) ? item_json(&item) : NULL;
        return json_pack("{s:o, s:o}", "type", type, "value", value);
    }
    json_t *values = json_array();
    while ((all || walk.i < ITEMS_MAX) && trit_inspect_next(kv, &walk, &item))
        json_array_append_new(values, item_json(&item));
    return json_pack("{s:o, s:s, s:o, s:o}", "type", type, "items", trit_gguf_type_name(kv->item),
                     "count", unsigned_json(kv->count), "value", values);
}

static json_t *metadata_json(const struct trit_gguf *g, bool all)
{
    json_t *metadata = json_object();
    for (size_t i = 0; i < g->nkv; i++) {
        const struct trit_gguf_kv *kv = &g->kv[i];
        json_object_setn_new_nocheck(metadata, kv->key.s, kv->key.n, value_json(kv, all));
    }
    return metadata;
}

static json_t *tensor_json(const struct trit_gguf *g, const struct trit_gguf_tensor *t)
{
    char room[16];
    json_t *shape = json_array(), *json;
    for (uint32_t i = 0; i < t->ndims; i++)
        json_array_append_new(shape, unsigned_json(t->ne[i]));
    json = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "name", text_json(t->name), "type",
                     trit_inspect_type(t->type, room), "type_id", unsigned_json(t->type), "shape",
                     shape, "offset", unsigned_json(t->offset), "data_offset",
                     unsigned_json(t->offset - trit_gguf_part(g, t->part)->data_offset), "bytes",
                     unsigned_json(t->bytes));
    if (g->nothers)
        json_object_set_new(json, "file", unsigned_json(t->part));
    return json;
}

static json_t *tensors_json(const struct trit_gguf *g)
{
    json_t *tensors = json_array();
    for (size_t i = 0; i < g->ntensors; i++)
        json_array_append_new(tensors, tensor_json(g, &g->tensors[i]));
    return tensors;
}

static json_t *types_json(const struct trit_gguf *g)
{
    size_t n = 0;
    char room[16];
    json_t *types = json_object();
    struct trit_inspect_share *shares = trit_inspect_shares(g, &n);
    for (size_t i = 0; i < n; i++)
        json_object_set_new(
            types, trit_inspect_type(shares[i].type, room),
            json_pack("{s:o, s:o, s:o}", "tensors", unsigned_json(shares[i].tensors), "parameters",
                      unsigned_json(shares[i].elements), "bytes", unsigned_json(shares[i].bytes)));
    free(shares);
    return types;
}

/* null where no model can be made of the file. */
static json_t *memory_json(const struct trit_gguf *g, const struct trit_estimate *e)
{
    struct trit_inspect_memory m;
    if (!trit_inspect_memory(g, &m))
        return json_null();
    json_t *cache =
        *m.cache ? text_json((struct trit_text){ m.cache, strlen(m.cache) }) : json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "run_bytes",
                     e->outline ? unsigned_json(e->need) : json_null(), "context",
                     unsigned_json(e->context), "trits", unsigned_json(m.trits), "head_plane_bytes",
                     unsigned_json(m.plane), "kv_bytes_per_token", unsigned_json(m.kv),
                     "packed_cache", cache);
}

/* Whether `run` takes the file, else what it says. */
static json_t *runs_json(const struct trit_estimate *e)
{
    if (!e->why_not.code)
        return json_pack("{s:b, s:n}", "here", 1, "why_not");
    return json_pack("{s:b, s:o}", "here", 0, "why_not",
                     text_json((struct trit_text){ e->why_not.text, strlen(e->why_not.text) }));
}

enum trit_code trit_inspect_json(const struct trit_gguf *gguf, const struct trit_inspect *options,
                                 struct trit_error *error)
{
    json_t *root = json_pack(
        "{s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "file",
        text_json((struct trit_text){ gguf->path, strlen(gguf->path) }), "size",
        unsigned_json(trit_gguf_bytes(gguf)), "version", (int)gguf->version, "alignment",
        unsigned_json(gguf->alignment), "data_offset", unsigned_json(gguf->data_offset),
        "trailing_bytes", unsigned_json(trit_inspect_trailing(gguf)), "types", types_json(gguf),
        "runs", runs_json(&options->estimate), "memory", memory_json(gguf, &options->estimate),
        "metadata", metadata_json(gguf, options->all), "tensors", tensors_json(gguf));
    if (!root)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", gguf->path);
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS));
    fputc('\n', stdout);
    json_decref(root);
    return TRIT_OK;
}

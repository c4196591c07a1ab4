/* The metadata of a GGUF: where each value lies, every one checked to lie inside the file. */
#include "runtime/format/internal.h"

static const uint8_t item_bytes[] = {
    [TRIT_GGUF_U8] = 1,  [TRIT_GGUF_I8] = 1,  [TRIT_GGUF_U16] = 2, [TRIT_GGUF_I16] = 2,
    [TRIT_GGUF_U32] = 4, [TRIT_GGUF_I32] = 4, [TRIT_GGUF_F32] = 4, [TRIT_GGUF_BOOL] = 1,
    [TRIT_GGUF_U64] = 8, [TRIT_GGUF_I64] = 8, [TRIT_GGUF_F64] = 8,
};

size_t trit_gguf_item_bytes(uint32_t type)
{
    return type < sizeof item_bytes ? item_bytes[type] : 0;
}

/* "FILE: key 'k' (offset N): what" */
static enum trit_code bad_value(const struct trit_gguf_reader *r, const struct trit_gguf_kv *kv,
                                const char *what)
{
    return trit_fail(r->error, TRIT_EFORMAT, "%s: key %s (offset %llu): %s", r->gguf->path,
                     trit_gguf_quoted(kv->key).s, (unsigned long long)kv->offset, what);
}

/* "FILE: key 3 of 24 (offset N): what", before there is a name. */
static enum trit_code bad_record(const struct trit_gguf_reader *r, size_t i, const char *what)
{
    return trit_fail(r->error, TRIT_EFORMAT, "%s: key %zu of %zu (offset %llu): %s", r->gguf->path,
                     i + 1, r->gguf->nkv, (unsigned long long)r->gguf->kv[i].offset, what);
}

static enum trit_code skip_strings(struct trit_gguf_reader *r, const struct trit_gguf_kv *kv)
{
    struct trit_text t;
    /* Each needs 8 bytes at least, so a huge count ends soon after the file does. */
    for (uint64_t i = 0; i < kv->count; i++)
        if (!trit_gguf_take_text(r, &t))
            return trit_fail(
                r->error, TRIT_EFORMAT,
                "%s: key %s (offset %zu): string %llu of %llu runs past the end of the "
                "file, %zu bytes are left",
                r->gguf->path, trit_gguf_quoted(kv->key).s, r->at, (unsigned long long)i + 1,
                (unsigned long long)kv->count, r->size - r->at);
    return TRIT_OK;
}

static enum trit_code skip_items(struct trit_gguf_reader *r, const struct trit_gguf_kv *kv)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(kv->count, (uint64_t)trit_gguf_item_bytes(kv->item), &bytes) ||
        !trit_gguf_take(r, bytes))
        return trit_fail(r->error, TRIT_EFORMAT,
                         "%s: key %s (offset %zu): %llu values of type %s run past the end of the "
                         "file, %zu bytes are left",
                         r->gguf->path, trit_gguf_quoted(kv->key).s, r->at,
                         (unsigned long long)kv->count, trit_gguf_type_name(kv->item),
                         r->size - r->at);
    if (kv->item == TRIT_GGUF_BOOL)
        for (uint64_t i = 0; i < kv->count; i++)
            if (kv->data[i] > 1)
                return bad_value(r, kv, "a bool that is neither 0 nor 1");
    return TRIT_OK;
}

static enum trit_code read_value(struct trit_gguf_reader *r, struct trit_gguf_kv *kv)
{
    kv->count = 1;
    if (!trit_gguf_take_u32(r, &kv->type))
        return bad_value(r, kv, "the file ends before its type");
    kv->item = kv->type;
    if (kv->type == TRIT_GGUF_ARRAY &&
        (!trit_gguf_take_u32(r, &kv->item) || !trit_gguf_take_u64(r, &kv->count)))
        return bad_value(r, kv, "the file ends before its elements");
    if (kv->type == TRIT_GGUF_ARRAY && kv->item == TRIT_GGUF_ARRAY)
        return bad_value(r, kv, "an array of arrays, which no reader supports");
    kv->data = r->base + r->at;
    if (kv->item == TRIT_GGUF_STRING)
        return skip_strings(r, kv);
    if (trit_gguf_item_bytes(kv->item) == 0)
        return trit_fail(r->error, TRIT_EFORMAT,
                         "%s: key %s (offset %llu): its type is %u, types are 0 to %d",
                         r->gguf->path, trit_gguf_quoted(kv->key).s, (unsigned long long)kv->offset,
                         kv->item, TRIT_GGUF_F64);
    return skip_items(r, kv);
}

enum trit_code trit_gguf_read_keys(struct trit_gguf_reader *r)
{
    for (size_t i = 0; i < r->gguf->nkv; i++) {
        struct trit_gguf_kv *kv = &r->gguf->kv[i];
        kv->offset = r->at;
        if (!trit_gguf_take_text(r, &kv->key))
            return bad_record(r, i, "its name runs past the end of the file");
        if (kv->key.n == 0 || kv->key.n > TRIT_GGUF_KEY_MAX)
            return bad_record(r, i, "its name must have 1 to 65535 bytes");
        if (!trit_gguf_name_valid(kv->key))
            return bad_record(r, i, "its name is not UTF-8");
        enum trit_code code = read_value(r, kv);
        if (code != TRIT_OK)
            return code;
    }
    return TRIT_OK;
}

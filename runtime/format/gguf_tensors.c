/* The tensor table of a GGUF: shapes, sizes and places, none of which may leave the file or meet
 * another. */
#include "runtime/format/internal.h"

#include <stdlib.h>

typedef unsigned long long ull; /* for printf */

static enum trit_code bad_record(const struct trit_gguf_reader *r, size_t i, const char *what)
{
    return trit_fail(r->error, TRIT_EFORMAT, "%s: tensor %zu of %zu (offset %llu): %s",
                     r->gguf->path, i + 1, r->gguf->ntensors, (ull)r->gguf->tensors[i].record,
                     what);
}

static enum trit_code bad_tensor(const struct trit_gguf_reader *r, const struct trit_gguf_tensor *t,
                                 const char *what)
{
    return trit_fail(r->error, TRIT_EFORMAT, "%s: tensor %s (offset %llu): %s", r->gguf->path,
                     trit_gguf_quoted(t->name).s, (ull)t->record, what);
}

static enum trit_code read_name(struct trit_gguf_reader *r, size_t i, struct trit_text *name)
{
    if (!trit_gguf_take_text(r, name))
        return bad_record(r, i, "its name runs past the end of the file");
    if (name->n == 0 || name->n > TRIT_GGUF_NAME_MAX)
        return bad_record(r, i, "its name must have 1 to 63 bytes");
    if (!trit_gguf_name_valid(*name))
        return bad_record(r, i, "its name is not UTF-8");
    return TRIT_OK;
}

static enum trit_code read_shape(struct trit_gguf_reader *r, struct trit_gguf_tensor *t)
{
    if (!trit_gguf_take_u32(r, &t->ndims))
        return bad_tensor(r, t, "the file ends before its shape");
    if (t->ndims < 1 || t->ndims > 4)
        return trit_fail(r->error, TRIT_EFORMAT,
                         "%s: tensor %s (offset %llu): %u dimensions, must be 1 to 4",
                         r->gguf->path, trit_gguf_quoted(t->name).s, (ull)t->record, t->ndims);
    for (uint32_t i = 0; i < 4; i++) {
        t->ne[i] = 1;
        if (i < t->ndims && !trit_gguf_take_u64(r, &t->ne[i]))
            return bad_tensor(r, t, "the file ends inside its shape");
        if (t->ne[i] == 0 || t->ne[i] > INT64_MAX)
            return trit_fail(r->error, TRIT_EFORMAT,
                             "%s: tensor %s (offset %llu): dimension %u is %lld, must be positive",
                             r->gguf->path, trit_gguf_quoted(t->name).s, (ull)t->record, i,
                             (long long)t->ne[i]);
    }
    return TRIT_OK;
}

/* t->offset counts from the start of the tensor data until place() has run. */
static enum trit_code read_record(struct trit_gguf_reader *r, size_t i)
{
    struct trit_gguf_tensor *t = &r->gguf->tensors[i];
    t->record = r->at;
    enum trit_code code = read_name(r, i, &t->name);
    if (code == TRIT_OK)
        code = read_shape(r, t);
    if (code != TRIT_OK)
        return code;
    if (!trit_gguf_take_u32(r, &t->type) || !trit_gguf_take_u64(r, &t->offset))
        return bad_tensor(r, t, "the file ends before its type and place");
    const char *what = trit_type_bytes(t->type, t->ne, &t->bytes);
    return what ? bad_tensor(r, t, what) : TRIT_OK;
}

static enum trit_code place(struct trit_gguf_reader *r, struct trit_gguf_tensor *t)
{
    const struct trit_gguf *g = r->gguf;
    uint64_t start, end;
    if (t->offset % g->alignment != 0)
        return trit_fail(
            r->error, TRIT_EFORMAT,
            "%s: tensor %s (offset %llu): starts at %llu of the tensor data, must be a "
            "multiple of %u",
            g->path, trit_gguf_quoted(t->name).s, (ull)t->record, (ull)t->offset, g->alignment);
    if (__builtin_add_overflow(g->data_offset, t->offset, &start) ||
        __builtin_add_overflow(start, t->bytes, &end) || end > r->size)
        return trit_fail(
            r->error, TRIT_EFORMAT,
            "%s: tensor %s (offset %llu): its %llu bytes at %llu of the tensor data run "
            "past the end of the file (%zu bytes)",
            g->path, trit_gguf_quoted(t->name).s, (ull)t->record, (ull)t->bytes, (ull)t->offset,
            r->size);
    t->offset = start;
    t->data = g->base + start;
    return TRIT_OK;
}

static int compare_place(const void *a, const void *b)
{
    const struct trit_gguf_tensor *x = *(const struct trit_gguf_tensor *const *)a;
    const struct trit_gguf_tensor *y = *(const struct trit_gguf_tensor *const *)b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* A tensor without a known size overlaps none that starts where it does. */
static enum trit_code check_overlap(struct trit_gguf_reader *r, struct trit_gguf_tensor **order)
{
    const struct trit_gguf *g = r->gguf;
    enum trit_code code = TRIT_OK;
    for (size_t i = 1; i < g->ntensors && code == TRIT_OK; i++)
        if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset)
            code = trit_fail(r->error, TRIT_EFORMAT, "%s: tensor %s (offset %llu): overlaps %s",
                             g->path, trit_gguf_quoted(order[i]->name).s, (ull)order[i]->record,
                             trit_gguf_quoted(order[i - 1]->name).s);
    return code;
}

/* The places of all tensors, whose records are read. */
static enum trit_code place_all(struct trit_gguf_reader *r)
{
    struct trit_gguf *g = r->gguf;
    struct trit_gguf_tensor **order = calloc(g->ntensors + 1, sizeof(*order));
    if (!order)
        return trit_fail(r->error, TRIT_EMEMORY, "%s: out of memory for its tables", g->path);
    for (size_t i = 0; i < g->ntensors; i++)
        order[i] = &g->tensors[i];
    qsort(order, g->ntensors, sizeof(*order), compare_place);
    enum trit_code code = trit_gguf_settle_q2(r, order);
    for (size_t i = 0; i < g->ntensors && code == TRIT_OK; i++)
        code = place(r, &g->tensors[i]);
    if (code == TRIT_OK)
        code = check_overlap(r, order);
    free(order);
    return code;
}

enum trit_code trit_gguf_read_tensors(struct trit_gguf_reader *r)
{
    struct trit_gguf *g = r->gguf;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < g->ntensors && code == TRIT_OK; i++)
        code = read_record(r, i);
    if (code != TRIT_OK)
        return code;
    if (!trit_gguf_align(r->at, g->alignment, &g->data_offset))
        return trit_fail(r->error, TRIT_EFORMAT, "%s: its tables do not fit 64 bits", g->path);
    return place_all(r);
}

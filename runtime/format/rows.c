/* Rows of dense tensors, in files and in the form of the head's kernel. */
#include "runtime/format/rows.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/base/mem.h"
#include "runtime/format/internal.h"
#include "runtime/kernel.h"

enum {
    PIECE_BYTES = 256 << 10, /* of the file, that a thread reads at a time */
    SMALL_BYTES = 16 << 20,  /* of all rows: they may gather in memory */
    PART = 2048,             /* elements that are read at once: whole blocks of every type */
};

static size_t groups(size_t k)
{
    return (k + TRIT_HEAD_GROUP - 1) / TRIT_HEAD_GROUP;
}

static const uint8_t *row_at(const struct trit_rows *rows, size_t row)
{
    return rows->tensor->data + row * rows->row_bytes;
}

static enum trit_code fail(const struct trit_gguf *gguf, const struct trit_gguf_tensor *t,
                           enum trit_code code, const char *what, struct trit_error *error)
{
    const struct trit_type_info *info = trit_type_find(t->type);
    return trit_fail(error, code, "%s: tensor '%.*s' (type %s, %llu x %llu): %s", gguf->path,
                     (int)t->name.n, t->name.s, info ? info->name : "unknown",
                     (unsigned long long)t->ne[1], (unsigned long long)t->ne[0], what);
}

/* Sizes of the kernel's form; false where they wrap. */
static bool measure(const struct trit_row_type *form, struct trit_rows *r)
{
    r->scale_bytes = 0;
    if (form->decoded)
        return trit_mul(r->n, r->row_bytes, &r->data_bytes);
    return trit_mul(r->n, r->k, &r->data_bytes) &&
           trit_mul(r->data_bytes, form->bytes, &r->data_bytes) &&
           (!form->unpack || (trit_mul(r->n, groups(r->k), &r->scale_bytes) &&
                              trit_mul(r->scale_bytes, sizeof *r->scale, &r->scale_bytes)));
}

static enum trit_code open_rows(struct trit_rows *r, struct trit_error *error)
{
    const struct trit_gguf_tensor *t = r->tensor;
    const struct trit_type_info *info = trit_type_find(t->type);
    const struct trit_row_type *form = trit_row_type_find(t->type);
    size_t total;
    if (!form || !info || !info->block)
        return fail(r->gguf, t, TRIT_EUNSUPPORTED,
                    "embedding and head are read as F16, BF16, F32, Q8_0, Q6_K, Q5_0, Q4_0, Q4_K, "
                    "Q1_0, Q2_0, PQ2_0 and PTQ1_0",
                    error);
    if (t->ne[2] != 1 || t->ne[3] != 1 || t->ne[0] == 0 || t->ne[1] == 0)
        return fail(r->gguf, t, TRIT_EFORMAT, "not a matrix", error);
    if (t->ne[0] % info->block)
        return fail(r->gguf, t, TRIT_EFORMAT, "its rows do not end with a block of the type",
                    error);
    r->packing = form->packing;
    r->n = t->ne[1];
    r->k = t->ne[0];
    r->row_bytes = (size_t)t->ne[0] / info->block * info->bytes;
    if (!trit_mul(r->row_bytes, t->ne[1], &total) || total > t->bytes || !measure(form, r))
        return fail(r->gguf, t, TRIT_EFORMAT, "it has too few bytes for its shape", error);
    r->data = form->packing && !form->unpack && !form->decoded ? t->data : NULL;
    return TRIT_OK;
}

enum trit_code trit_rows_open(struct trit_rows *rows, const struct trit_gguf *gguf,
                              const struct trit_gguf_tensor *tensor, struct trit_error *error)
{
    *rows = (struct trit_rows){ .gguf = gguf, .tensor = tensor };
    enum trit_code code = open_rows(rows, error);
    if (code)
        *rows = (struct trit_rows){ 0 };
    return code;
}

static const uint8_t *fetch(const struct trit_rows *rows, const uint8_t *in, size_t bytes,
                            void *buffer)
{
    return rows->tensor->bytes > SMALL_BYTES ? trit_gguf_fetch(rows->gguf, in, bytes, buffer) : in;
}

const uint8_t *trit_rows_fetch(const struct trit_rows *rows, size_t row, size_t n, void *buffer)
{
    return fetch(rows, row_at(rows, row), n * rows->row_bytes, buffer);
}

bool trit_rows_finite(const struct trit_rows *rows, const uint8_t *in)
{
    return trit_row_finite(trit_row_type_find(rows->tensor->type), in, rows->k);
}

void trit_rows_decode(const struct trit_rows *rows, const uint8_t *in, float *out)
{
    trit_row_get(trit_row_type_find(rows->tensor->type), in, rows->k, out);
}

/* All rows go by, in pieces that a thread reads into its own memory. */
struct walk {
    const struct trit_rows *rows;
    uint8_t *buffer; /* per thread, of `step` rows */
    size_t step;
    atomic_size_t bad; /* the lowest row that is not finite */
    int8_t *data;      /* where the kernel's form goes; NULL: nothing but looking at them */
    float *scale;
};

static void note_bad(struct walk *w, size_t row)
{
    size_t bad = atomic_load(&w->bad);
    while (row < bad && !atomic_compare_exchange_weak(&w->bad, &bad, row))
        continue;
}

static void walk_some(void *arg, size_t begin, size_t end, int thread)
{
    struct walk *w = arg;
    const struct trit_rows *r = w->rows;
    const struct trit_row_type *form = trit_row_type_find(r->tensor->type);
    const uint8_t *in =
        trit_rows_fetch(r, begin, end - begin, w->buffer + (size_t)thread * w->step * r->row_bytes);
    for (size_t row = begin; row < end; row++, in += r->row_bytes)
        if (w->data)
            form->unpack(in, r->k, w->data + row * r->k, w->scale + row * groups(r->k));
        else if (!trit_row_finite(form, in, r->k))
            note_bad(w, row);
}

static enum trit_code walk(struct walk *w, struct trit_pool *pool, struct trit_error *error)
{
    const struct trit_rows *r = w->rows;
    const size_t threads = pool ? (size_t)trit_pool_threads(pool) : 1;
    w->step = PIECE_BYTES / r->row_bytes + 1;
    w->buffer = trit_alloc(threads * w->step, r->row_bytes);
    if (!w->buffer)
        return fail(r->gguf, r->tensor, TRIT_EMEMORY, "not enough memory to read its rows", error);
    if (pool)
        trit_pool_for(pool, r->n, w->step, walk_some, w);
    for (size_t row = 0; !pool && row < r->n; row += w->step)
        walk_some(w, row, r->n - row < w->step ? r->n : row + w->step, 0);
    free(w->buffer);
    return TRIT_OK;
}

enum trit_code trit_rows_bad(const struct trit_rows *rows, size_t row, struct trit_error *error)
{
    return trit_fail(error, TRIT_EFORMAT, "%s: tensor '%.*s' row %zu %s", rows->gguf->path,
                     (int)rows->tensor->name.n, rows->tensor->name.s, row,
                     trit_row_type_find(rows->tensor->type)->finite
                         ? "holds an infinity or NaN"
                         : "has a scale that is not a finite number without a sign");
}

enum trit_code trit_rows_check(const struct trit_rows *rows, struct trit_pool *pool,
                               struct trit_error *error)
{
    struct walk w = { .rows = rows };
    atomic_init(&w.bad, SIZE_MAX);
    enum trit_code code = walk(&w, pool, error);
    return code || w.bad == SIZE_MAX ? code : trit_rows_bad(rows, w.bad, error);
}

/* Of numbers, and behind them their scales. */
static size_t block_bytes(const struct trit_rows *rows)
{
    return trit_round_up(rows->data_bytes, TRIT_ALIGN) + rows->scale_bytes;
}

enum trit_code trit_rows_unpack(struct trit_rows *rows, struct trit_pool *pool,
                                struct trit_error *error)
{
    if (rows->data || !rows->packing || trit_row_type_find(rows->tensor->type)->decoded)
        return TRIT_OK;
    struct walk w = { .rows = rows };
    const size_t bytes = block_bytes(rows);
    if (!(w.data = trit_map(bytes)))
        return fail(rows->gguf, rows->tensor, TRIT_EMEMORY, "not enough memory for its rows",
                    error);
    w.scale = (float *)(void *)(w.data + bytes - rows->scale_bytes);
    const enum trit_code code = walk(&w, pool, error);
    if (code) {
        trit_unmap(w.data, bytes);
        return code;
    }
    rows->data = w.data;
    rows->scale = w.scale;
    return TRIT_OK;
}

enum trit_code trit_rows_load(struct trit_rows *rows, const struct trit_gguf *gguf,
                              const struct trit_gguf_tensor *tensor, struct trit_pool *pool,
                              struct trit_error *error)
{
    enum trit_code code = trit_rows_open(rows, gguf, tensor, error);
    if (!code && !(code = trit_rows_check(rows, pool, error)))
        code = trit_rows_unpack(rows, pool, error);
    if (code)
        trit_rows_free(rows);
    return code;
}

void trit_rows_free(struct trit_rows *rows)
{
    if (rows->scale)
        trit_unmap((void *)(uintptr_t)rows->data, block_bytes(rows));
    *rows = (struct trit_rows){ 0 };
}

/* In parts. */
void trit_rows_get(const struct trit_rows *rows, size_t row, float *out)
{
    uint8_t buffer[PART * sizeof(float)];
    const struct trit_type_info *info = trit_type_find(rows->tensor->type);
    const uint8_t *in = row_at(rows, row);
    for (size_t at = 0, bytes; at < rows->k; at += PART, in += bytes) {
        const size_t n = rows->k - at < PART ? rows->k - at : PART;
        bytes = n / info->block * info->bytes;
        trit_row_get(trit_row_type_find(rows->tensor->type), fetch(rows, in, bytes, buffer), n,
                     out + at);
    }
}

/* In the room: the file's row, then the kernel's: scales and numbers, or floats. */
static size_t made_at(const struct trit_rows *rows)
{
    return trit_round_up(rows->row_bytes, TRIT_ALIGN);
}

size_t trit_rows_room(const struct trit_rows *rows)
{
    const size_t bytes = trit_row_type_find(rows->tensor->type)->bytes;
    return made_at(rows) + groups(rows->k) * sizeof(float) + rows->k * bytes;
}

const void *trit_rows_one(const struct trit_rows *rows, size_t row, uint8_t *room,
                          const float **scale)
{
    const struct trit_row_type *form = trit_row_type_find(rows->tensor->type);
    const uint8_t *in = trit_rows_fetch(rows, row, 1, room);
    float *made = (float *)(void *)(room + made_at(rows));
    *scale = NULL;
    if (form->decoded) {
        trit_row_get(form, in, rows->k, made);
        return made;
    }
    if (!form->unpack)
        return in;
    int8_t *q = (int8_t *)(made + groups(rows->k));
    form->unpack(in, rows->k, q, made);
    *scale = made;
    return q;
}

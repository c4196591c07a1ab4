/* How dense tensors stand in files (F16, BF16, F32, Q8_0, Q6_K, and codes with a scale for each
   block) and how their rows are read. */
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
    F16_INFINITY = 0x7c00,   /* from here on: infinities, NaN, and all that have a sign */
};

/* A row as it stands in the file; k is a multiple of the type's block. */
typedef bool finite_fn(const uint8_t *in, size_t k);
typedef void get_fn(const uint8_t *in, size_t k, float *out);
typedef void unpack_fn(const uint8_t *in, size_t k, int8_t *q, float *scale);

/* Of words of two bytes, and of four: whether one has all of the mask's bits. */
static bool any_half(const uint8_t *in, size_t n, uint16_t mask)
{
    unsigned any = 0;
    for (size_t i = 0; i < n; i++)
        any |= (trit_half_at(in + 2 * i) & mask) == mask;
    return any;
}

static bool finite_f16(const uint8_t *in, size_t k)
{
    return !any_half(in, k, 0x7c00);
}

static bool finite_bf16(const uint8_t *in, size_t k)
{
    return !any_half(in, k, 0x7f80);
}

static bool finite_f32(const uint8_t *in, size_t k)
{
    unsigned any = 0;
    for (size_t i = 0; i < k; i++) {
        uint32_t word;
        memcpy(&word, in + 4 * i, sizeof word);
        any |= (word & 0x7f800000) == 0x7f800000;
    }
    return !any;
}

static void get_f16(const uint8_t *in, size_t k, float *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = trit_f16_f32_plain(trit_half_at(in + 2 * i));
}

static void get_bf16(const uint8_t *in, size_t k, float *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = trit_bf16_f32(trit_half_at(in + 2 * i));
}

static void get_f32(const uint8_t *in, size_t k, float *out)
{
    memcpy(out, in, k * sizeof *out);
}

/* Blocks of 32: f16 d, int8 q[32]; w = d * q. */
enum { Q8_BLOCK = 32, Q8_BYTES = 34 };

static bool finite_q8_0(const uint8_t *in, size_t k)
{
    unsigned any = 0;
    for (size_t b = 0; b < k / Q8_BLOCK; b++)
        any |= (trit_half_at(in + b * Q8_BYTES) & 0x7c00) == 0x7c00;
    return !any;
}

static void unpack_q8_0(const uint8_t *in, size_t k, int8_t *q, float *scale)
{
    for (size_t b = 0; b < k / Q8_BLOCK; b++, in += Q8_BYTES) {
        memcpy(q + b * Q8_BLOCK, in + 2, Q8_BLOCK);
        for (size_t g = 0; g < Q8_BLOCK / TRIT_HEAD_GROUP; g++)
            *scale++ = trit_f16_f32(trit_half_at(in));
    }
}

/* Blocks of 256: ql[128], qh[64], int8 scales[16], f16 d; w = d * scales[e / 16] * q with q = -32
   .. 31. The product of 11, 8 and 6 bits is exact in binary32. */
enum { Q6_BLOCK = 256, Q6_QH = 128, Q6_SCALES = 192, Q6_D = 208, Q6_BYTES = 210 };

static bool finite_q6_k(const uint8_t *in, size_t k)
{
    unsigned any = 0;
    for (size_t b = 0; b < k / Q6_BLOCK; b++)
        any |= (trit_half_at(in + b * Q6_BYTES + Q6_D) & 0x7c00) == 0x7c00;
    return !any;
}

/* Half of a Q6_K block: element e = 32 * part + l has its low four bits in nibble part / 2 of
   ql[32 * (part % 2) + l], its high two in bits 2 * part of qh[l]. */
static void unpack_q6_half(const uint8_t *restrict ql, const uint8_t *restrict qh,
                           int8_t *restrict q)
{
    for (size_t part = 0; part < 4; part++)
        for (size_t l = 0; l < 32; l++) {
            int low = ql[32 * (part & 1) + l] >> (4 * (part >> 1)) & 15;
            int high = qh[l] >> (2 * part) & 3;
            q[32 * part + l] = (int8_t)((low | high << 4) - 32);
        }
}

static void unpack_q6_k(const uint8_t *in, size_t k, int8_t *q, float *scale)
{
    for (size_t b = 0; b < k / Q6_BLOCK; b++, in += Q6_BYTES, q += Q6_BLOCK) {
        float d = trit_f16_f32(trit_half_at(in + Q6_D));
        unpack_q6_half(in, in + Q6_QH, q);
        unpack_q6_half(in + 64, in + Q6_QH + 32, q + 128);
        for (size_t g = 0; g < Q6_BLOCK / TRIT_HEAD_GROUP; g++)
            *scale++ = d * (float)(int8_t)in[Q6_SCALES + g];
    }
}

/* Rows of blocks to binary32, through the i8 form of one block. */
static inline __attribute__((always_inline)) void get_blocks(unpack_fn *unpack, size_t block,
                                                             size_t bytes, const uint8_t *in,
                                                             size_t k, float *out)
{
    int8_t q[Q6_BLOCK];
    float scale[Q6_BLOCK / TRIT_HEAD_GROUP];
    for (size_t b = 0; b < k / block; b++) {
        unpack(in + b * bytes, block, q, scale);
        for (size_t i = 0; i < block; i++)
            *out++ = (float)q[i] * scale[i / TRIT_HEAD_GROUP];
    }
}

static void get_q8_0(const uint8_t *in, size_t k, float *out)
{
    get_blocks(unpack_q8_0, Q8_BLOCK, Q8_BYTES, in, k, out);
}

static void get_q6_k(const uint8_t *in, size_t k, float *out)
{
    get_blocks(unpack_q6_k, Q6_BLOCK, Q6_BYTES, in, k, out);
}

static const struct form {
    uint32_t type;
    const char *packing; /* NULL: no kernel's */
    size_t bytes;        /* per element in the kernel's form */
    finite_fn *finite;   /* this and get are NULL where a trit_block_type has them */
    get_fn *get;
    unpack_fn *unpack; /* NULL where the kernel takes the file's form, or there is none */
} forms[] = {
    { TRIT_F16, "f16", 2, finite_f16, get_f16, NULL },
    { TRIT_BF16, "bf16", 2, finite_bf16, get_bf16, NULL },
    { TRIT_F32, "f32", 4, finite_f32, get_f32, NULL },
    { TRIT_Q8_0, "i8", 1, finite_q8_0, get_q8_0, unpack_q8_0 },
    { TRIT_Q6_K, "i8", 1, finite_q6_k, get_q6_k, unpack_q6_k },
    { TRIT_Q1_0, NULL, 0, NULL, NULL, NULL },
    { TRIT_Q2_0, NULL, 0, NULL, NULL, NULL },
    { TRIT_PQ2_0, NULL, 0, NULL, NULL, NULL },
    { TRIT_PTQ1_0, NULL, 0, NULL, NULL, NULL },
};

static const struct form *form_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].type == type)
            return &forms[i];
    return NULL;
}

/* Scales of blocks have no sign, either: there are none that a quantiser writes so. */
static bool is_finite(const struct form *form, const uint8_t *in, size_t k)
{
    if (form->finite)
        return form->finite(in, k);
    const struct trit_block_type *type = trit_block_find(form->type);
    unsigned any = 0;
    for (size_t b = 0; b < k / type->columns; b++)
        any |= trit_half_at(in + b * type->bytes + type->scale) >= F16_INFINITY;
    return !any;
}

/* Codes times a scale are exact. */
static void get(const struct form *form, const uint8_t *in, size_t k, float *out)
{
    if (form->get) {
        form->get(in, k, out);
        return;
    }
    const struct trit_block_type *type = trit_block_find(form->type);
    uint8_t codes[TRIT_BLOCK_COLUMNS];
    for (size_t b = 0; b < k / type->columns; b++, in += type->bytes) {
        const float d = trit_f16_f32(trit_half_at(in + type->scale));
        type->codes(in, codes);
        for (size_t i = 0; i < type->columns; i++)
            *out++ = d * (float)(codes[i] - 1);
    }
}

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
static bool measure(const struct form *form, struct trit_rows *r)
{
    r->scale_bytes = 0;
    return trit_mul(r->n, r->k, &r->data_bytes) &&
           trit_mul(r->data_bytes, form->bytes, &r->data_bytes) &&
           (!form->unpack || (trit_mul(r->n, groups(r->k), &r->scale_bytes) &&
                              trit_mul(r->scale_bytes, sizeof *r->scale, &r->scale_bytes)));
}

static enum trit_code open_rows(struct trit_rows *r, struct trit_error *error)
{
    const struct trit_gguf_tensor *t = r->tensor;
    const struct trit_type_info *info = trit_type_find(t->type);
    const struct form *form = form_find(t->type);
    size_t total;
    if (!form || !info || !info->block)
        return fail(r->gguf, t, TRIT_EUNSUPPORTED,
                    "embedding and head are read as F16, BF16, F32, Q8_0, Q6_K, Q1_0, Q2_0, PQ2_0 "
                    "and PTQ1_0",
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
    r->data = form->packing && !form->unpack ? t->data : NULL;
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
    return is_finite(form_find(rows->tensor->type), in, rows->k);
}

void trit_rows_decode(const struct trit_rows *rows, const uint8_t *in, float *out)
{
    get(form_find(rows->tensor->type), in, rows->k, out);
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
    const struct form *form = form_find(r->tensor->type);
    const uint8_t *in =
        trit_rows_fetch(r, begin, end - begin, w->buffer + (size_t)thread * w->step * r->row_bytes);
    for (size_t row = begin; row < end; row++, in += r->row_bytes)
        if (w->data)
            form->unpack(in, r->k, w->data + row * r->k, w->scale + row * groups(r->k));
        else if (!is_finite(form, in, r->k))
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
                     form_find(rows->tensor->type)->finite
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

enum trit_code trit_rows_unpack(struct trit_rows *rows, struct trit_pool *pool,
                                struct trit_error *error)
{
    if (rows->data || !rows->packing)
        return TRIT_OK;
    struct walk w = { .rows = rows };
    w.data = trit_map(rows->data_bytes);
    w.scale = trit_map(rows->scale_bytes);
    enum trit_code code = TRIT_EMEMORY;
    if (!w.data || !w.scale)
        fail(rows->gguf, rows->tensor, code, "not enough memory for its rows", error);
    else
        code = walk(&w, pool, error);
    if (code) {
        trit_unmap(w.data, rows->data_bytes);
        trit_unmap(w.scale, rows->scale_bytes);
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
    if (rows->scale) {
        trit_unmap((void *)(uintptr_t)rows->data, rows->data_bytes);
        trit_unmap(rows->scale, rows->scale_bytes);
    }
    *rows = (struct trit_rows){ 0 };
}

/* In parts that are whole blocks of every type. */
void trit_rows_get(const struct trit_rows *rows, size_t row, float *out)
{
    enum { PART = 8 * Q6_BLOCK };
    uint8_t buffer[PART * sizeof(float)];
    const struct trit_type_info *info = trit_type_find(rows->tensor->type);
    const uint8_t *in = row_at(rows, row);
    for (size_t at = 0, bytes; at < rows->k; at += PART, in += bytes) {
        const size_t n = rows->k - at < PART ? rows->k - at : PART;
        bytes = n / info->block * info->bytes;
        get(form_find(rows->tensor->type), fetch(rows, in, bytes, buffer), n, out + at);
    }
}

/* In the room: the file's row, scales, the kernel's row. */
static size_t scales_at(const struct trit_rows *rows)
{
    return trit_round_up(rows->row_bytes, TRIT_ALIGN);
}

size_t trit_rows_room(const struct trit_rows *rows)
{
    return scales_at(rows) + groups(rows->k) * sizeof(float) + rows->k;
}

const void *trit_rows_one(const struct trit_rows *rows, size_t row, uint8_t *room,
                          const float **scale)
{
    unpack_fn *unpack = form_find(rows->tensor->type)->unpack;
    const uint8_t *in = trit_rows_fetch(rows, row, 1, room);
    *scale = NULL;
    if (!unpack)
        return in;
    float *scales = (float *)(void *)(room + scales_at(rows));
    int8_t *q = (int8_t *)(scales + groups(rows->k));
    unpack(in, rows->k, q, scales);
    *scale = scales;
    return q;
}

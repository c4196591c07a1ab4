/* How dense tensors stand in files (F16, BF16, F32, Q8_0, Q6_K) and how their rows stand in memory.
 */
#include "runtime/rows.h"

#include <stdatomic.h>
#include <string.h>

#include "runtime/half.h"
#include "runtime/kernel.h"
#include "runtime/mem.h"

enum {
    SLICE_BYTES = 16 << 20, /* of the file: what is in memory twice during a load */
    GRAIN_BYTES = 256 << 10,
};

/* One row from the file to memory; false if it holds an infinity or NaN. k is a multiple of the
 * type's block. */
typedef bool load_fn(const uint8_t *in, size_t k, void *data, float *scale);
/* One row of k elements from memory to binary32. */
typedef void get_fn(const void *data, const float *scale, size_t k, float *out);

static bool load_f16(const uint8_t *in, size_t k, void *data, float *scale)
{
    (void)scale;
    uint16_t *q = data;
    unsigned bad = 0;
    memcpy(q, in, k * sizeof *q);
    for (size_t i = 0; i < k; i++)
        bad |= (q[i] & 0x7c00) == 0x7c00;
    return !bad;
}

static bool load_bf16(const uint8_t *in, size_t k, void *data, float *scale)
{
    (void)scale;
    uint16_t *q = data;
    unsigned bad = 0;
    memcpy(q, in, k * sizeof *q);
    for (size_t i = 0; i < k; i++)
        bad |= (q[i] & 0x7f80) == 0x7f80;
    return !bad;
}

static bool load_f32(const uint8_t *in, size_t k, void *data, float *scale)
{
    (void)scale;
    uint32_t *q = data, bad = 0;
    memcpy(q, in, k * sizeof *q);
    for (size_t i = 0; i < k; i++)
        bad |= (q[i] & 0x7f800000) == 0x7f800000;
    return !bad;
}

/* The f16 at p. A NaN or infinity spoils *finite. */
static float load_half(const uint8_t *p, bool *finite)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    *finite &= (h & 0x7c00) != 0x7c00;
    return trit_f16_f32(h);
}

/* Blocks of 32: f16 d, int8 q[32]; w = d * q. */
static bool load_q8_0(const uint8_t *in, size_t k, void *data, float *scale)
{
    enum { BLOCK = 32 };
    int8_t *q = data;
    bool finite = true;
    for (size_t b = 0; b < k / BLOCK; b++, in += 2 + BLOCK) {
        float d = load_half(in, &finite);
        memcpy(q + b * BLOCK, in + 2, BLOCK);
        for (size_t g = 0; g < BLOCK / TRIT_HEAD_GROUP; g++)
            *scale++ = d;
    }
    return finite;
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

/* Blocks of 256: ql[128], qh[64], int8 scales[16], f16 d; w = d * scales[e / 16] * q with q = -32
   .. 31. The product of 11, 8 and 6 bits is exact in binary32. */
static bool load_q6_k(const uint8_t *in, size_t k, void *data, float *scale)
{
    enum { BLOCK = 256, QH = 128, SCALES = 192, D = 208, BYTES = 210 };
    int8_t *q = data;
    bool finite = true;
    for (size_t b = 0; b < k / BLOCK; b++, in += BYTES, q += BLOCK) {
        float d = load_half(in + D, &finite);
        unpack_q6_half(in, in + QH, q);
        unpack_q6_half(in + 64, in + QH + 32, q + 128);
        for (size_t g = 0; g < BLOCK / TRIT_HEAD_GROUP; g++)
            *scale++ = d * (float)(int8_t)in[SCALES + g];
    }
    return finite;
}

static void get_f16(const void *data, const float *scale, size_t k, float *out)
{
    (void)scale;
    for (size_t i = 0; i < k; i++)
        out[i] = trit_f16_f32(((const uint16_t *)data)[i]);
}

static void get_bf16(const void *data, const float *scale, size_t k, float *out)
{
    (void)scale;
    for (size_t i = 0; i < k; i++)
        out[i] = trit_bf16_f32(((const uint16_t *)data)[i]);
}

static void get_f32(const void *data, const float *scale, size_t k, float *out)
{
    (void)scale;
    memcpy(out, data, k * sizeof *out);
}

static void get_i8(const void *data, const float *scale, size_t k, float *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = (float)((const int8_t *)data)[i] * scale[i / TRIT_HEAD_GROUP];
}

static const struct packing {
    const char *name;
    size_t bytes; /* per element */
    bool scaled;
    get_fn *get;
} packings[] = {
    { "f16", 2, false, get_f16 },
    { "bf16", 2, false, get_bf16 },
    { "f32", 4, false, get_f32 },
    { "i8", 1, true, get_i8 },
};

enum { PACK_F16, PACK_BF16, PACK_F32, PACK_I8 };

static const struct form {
    uint32_t type;
    const struct packing *packing;
    load_fn *load;
} forms[] = {
    { TRIT_F16, packings + PACK_F16, load_f16 },  { TRIT_BF16, packings + PACK_BF16, load_bf16 },
    { TRIT_F32, packings + PACK_F32, load_f32 },  { TRIT_Q8_0, packings + PACK_I8, load_q8_0 },
    { TRIT_Q6_K, packings + PACK_I8, load_q6_k },
};

static const struct form *form_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].type == type)
            return &forms[i];
    return NULL;
}

static size_t groups(size_t k)
{
    return (k + TRIT_HEAD_GROUP - 1) / TRIT_HEAD_GROUP;
}

/* Sizes of the two blocks; false where they wrap. */
static bool measure(const struct packing *p, size_t n, size_t k, size_t *data, size_t *scale)
{
    *scale = 0;
    return trit_mul(n, k, data) && trit_mul(*data, p->bytes, data) &&
           (!p->scaled || (trit_mul(n, groups(k), scale) && trit_mul(*scale, 4, scale)));
}

size_t trit_rows_bytes(const struct trit_gguf_tensor *tensor)
{
    const struct form *form = form_find(tensor->type);
    size_t data, scale, sum;
    if (!form || !measure(form->packing, tensor->ne[1], tensor->ne[0], &data, &scale) ||
        !trit_add(data, scale, &sum))
        return 0;
    return sum;
}

/* A load under way. */
struct loading {
    const struct form *form;
    const struct trit_gguf_tensor *tensor;
    struct trit_rows *rows;
    size_t row0, row_bytes; /* the slice's first row; of a row in the file */
    atomic_size_t bad;      /* the lowest row that is not finite */
};

static void load_some(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct loading *l = arg;
    struct trit_rows *r = l->rows;
    size_t size = l->form->packing->bytes * r->k;
    for (size_t row = l->row0 + begin; row < l->row0 + end; row++) {
        float *scale = r->scale ? r->scale + row * groups(r->k) : NULL;
        if (l->form->load(l->tensor->data + row * l->row_bytes, r->k,
                          (uint8_t *)r->data + row * size, scale))
            continue;
        size_t bad = atomic_load(&l->bad);
        while (row < bad && !atomic_compare_exchange_weak(&l->bad, &bad, row))
            ;
    }
}

/* Slice by slice, so that no more than one slice of the file is in memory beside what was copied.
 */
static size_t load_all(struct loading *l, const struct trit_gguf *gguf, struct trit_pool *pool)
{
    size_t n = l->rows->n, step = SLICE_BYTES / l->row_bytes + 1;
    size_t grain = GRAIN_BYTES / l->row_bytes + 1;
    for (l->row0 = 0; l->row0 < n && l->bad >= n; l->row0 += step) {
        size_t count = step < n - l->row0 ? step : n - l->row0;
        if (pool)
            trit_pool_for(pool, count, grain, load_some, l);
        else
            load_some(l, 0, count, 0);
        trit_gguf_drop(gguf, l->tensor->data + l->row0 * l->row_bytes, count * l->row_bytes);
    }
    return l->bad;
}

static enum trit_code fail(const struct trit_gguf *gguf, const struct trit_gguf_tensor *t,
                           enum trit_code code, const char *what, struct trit_error *error)
{
    const struct trit_type_info *info = trit_type_find(t->type);
    return trit_fail(error, code, "%s: tensor '%.*s' (type %s, %llu x %llu): %s", gguf->path,
                     (int)t->name.n, t->name.s, info ? info->name : "unknown",
                     (unsigned long long)t->ne[1], (unsigned long long)t->ne[0], what);
}

/* Shape and size as the type has them, and the memory. */
static enum trit_code prepare(struct loading *l, const struct trit_gguf *gguf,
                              struct trit_error *error)
{
    const struct trit_gguf_tensor *t = l->tensor;
    const struct trit_type_info *info = trit_type_find(t->type);
    struct trit_rows *r = l->rows;
    size_t total;
    if (!l->form || !info || !info->block)
        return fail(gguf, t, TRIT_EUNSUPPORTED,
                    "embedding and head are read as F16, BF16, F32, Q8_0 and Q6_K", error);
    if (t->ne[2] != 1 || t->ne[3] != 1 || t->ne[0] == 0 || t->ne[1] == 0)
        return fail(gguf, t, TRIT_EFORMAT, "not a matrix", error);
    if (t->ne[0] % info->block)
        return fail(gguf, t, TRIT_EFORMAT, "its rows do not end with a block of the type", error);
    l->row_bytes = (size_t)t->ne[0] / info->block * info->bytes;
    if (!trit_mul(l->row_bytes, t->ne[1], &total) || total > t->bytes ||
        !measure(l->form->packing, t->ne[1], t->ne[0], &r->data_bytes, &r->scale_bytes))
        return fail(gguf, t, TRIT_EFORMAT, "it has too few bytes for its shape", error);
    r->packing = l->form->packing->name;
    r->n = t->ne[1];
    r->k = t->ne[0];
    r->data = trit_map(r->data_bytes);
    r->scale = r->scale_bytes ? trit_map(r->scale_bytes) : NULL;
    if (!r->data || (r->scale_bytes && !r->scale))
        return fail(gguf, t, TRIT_EMEMORY, "not enough memory for its rows", error);
    return TRIT_OK;
}

enum trit_code trit_rows_load(struct trit_rows *rows, const struct trit_gguf *gguf,
                              const struct trit_gguf_tensor *tensor, struct trit_pool *pool,
                              struct trit_error *error)
{
    *rows = (struct trit_rows){ 0 };
    struct loading l = { .form = form_find(tensor->type), .tensor = tensor, .rows = rows };
    atomic_init(&l.bad, SIZE_MAX);
    enum trit_code code = prepare(&l, gguf, error);
    if (!code && load_all(&l, gguf, pool) < rows->n)
        code = trit_fail(error, TRIT_EFORMAT, "%s: tensor '%.*s' row %zu holds an infinity or NaN",
                         gguf->path, (int)tensor->name.n, tensor->name.s, (size_t)l.bad);
    if (code)
        trit_rows_free(rows);
    return code;
}

void trit_rows_free(struct trit_rows *rows)
{
    trit_unmap(rows->data, rows->data_bytes);
    trit_unmap(rows->scale, rows->scale_bytes);
    *rows = (struct trit_rows){ 0 };
}

void trit_rows_get(const struct trit_rows *rows, size_t row, float *out)
{
    const struct packing *p = packings;
    while (strcmp(p->name, rows->packing))
        p++;
    const float *scale = rows->scale ? rows->scale + row * groups(rows->k) : NULL;
    p->get((const uint8_t *)rows->data + row * rows->k * p->bytes, scale, rows->k, out);
}

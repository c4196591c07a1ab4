/* Dense matrices: which they are, and products with their rows as they are stored. Inputs are
   binary32, not quantised; y[n] = R16(row n * inputs), the head's operation (CONVENTIONS.md). The
   tensors of a matrix stay apart: F16, BF16 and F32 in the file itself, Q8_0 as int8 with scales in
   memory of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/format/group.h"
#include "runtime/format/ternary.h"
#include "runtime/model/loader.h"

/* Rows of a float matrix that tell whether it is ternary. */
enum { PEEK_ROWS = 8 };

/* Of inputs and of stored rows of a call of a kernel: they share a second-level cache. And of its
   tokens, whatever they take: a kernel turns rows into floats once for all of them. */
enum { INPUT_BYTES = 512 << 10, ROWS_BYTES = 256 << 10, FEWEST = 24, MOST = 48 };

bool trit_config_is_dense(const struct trit_config *c, uint32_t type)
{
    return c->family->dense && !c->joint &&
           (type == TRIT_Q8_0 || (c->dense && trit_type_is_float(type)));
}

/* Whether its first rows are codes times a scale. */
static bool is_ternary(const struct trit_config *c, const struct trit_gguf *gguf,
                       const struct trit_gguf_tensor *t)
{
    struct trit_form form;
    if (c->family->grouped)
        return !trit_group_peek(gguf, t, &form, NULL);
    if (trit_ternary_check(gguf, t, NULL))
        return false;
    const size_t k = (size_t)t->ne[0], n = t->ne[1] < PEEK_ROWS ? (size_t)t->ne[1] : PEEK_ROWS;
    float d[PEEK_ROWS];
    uint8_t *codes = trit_alloc(n, k);
    const struct trit_ternary_rows rows = { 0, n, codes, k, d };
    const bool ternary = codes && !trit_ternary_rows(gguf, t, &rows, NULL);
    free(codes);
    return ternary;
}

bool trit_config_finds_dense(const struct trit_config *c, const struct trit_gguf *gguf)
{
    char name[TRIT_TENSOR_NAME];
    for (size_t layer = 0; c->family->dense && layer < c->layers; layer++) {
        const struct trit_layer_kind *kind = trit_config_kind(c, layer);
        for (size_t i = 0; i < kind->ntensors; i++) {
            if (!trit_config_packs(c, &kind->tensors[i]))
                continue;
            trit_tensor_name(&kind->tensors[i], layer, name);
            const struct trit_gguf_tensor *t = trit_gguf_tensor(gguf, name);
            if (t && t->type == TRIT_Q8_0)
                return true;
            if (t && trit_type_is_float(t->type))
                return !is_ternary(c, gguf, t);
        }
    }
    return false;
}

enum trit_code trit_dense_pick(struct trit_dense_part *part, struct trit_error *error)
{
    const char *packing = part->rows.packing;
    const enum trit_code code = trit_pick(TRIT_OP_head, packing, &part->decode, error);
    return code ? code : trit_pick_many(TRIT_OP_head, packing, &part->prefill, error);
}

enum trit_code trit_dense_plan(struct trit_matrix *x, const struct trit_gguf *gguf,
                               const struct trit_gguf_tensor *const *parts, size_t n,
                               struct trit_error *error)
{
    struct trit_pair *pair = &x->pair;
    enum trit_code code = TRIT_OK;
    x->form = (struct trit_form){ 0, TRIT_FLOATS };
    x->kp = x->k;
    for (size_t i = 0; i < n && !code; i++)
        if (!(code = trit_rows_open(&x->part[i].rows, gguf, parts[i], error)))
            code = trit_dense_pick(&x->part[i], error);
    if (code)
        return code;
    const struct trit_rows *first = &x->part[0].rows;
    pair->decode = x->part[0].decode;
    pair->prefill = x->part[0].prefill;
    const size_t fit = INPUT_BYTES / (x->k * sizeof(float));
    pair->mc = fit < FEWEST ? FEWEST : fit < MOST ? fit : MOST;
    pair->nc = ROWS_BYTES * first->n / (first->data_bytes + first->scale_bytes) + 1;
    snprintf(pair->why, sizeof pair->why, "dense: strongest ISA, rows stored as %s",
             first->packing);
    return TRIT_OK;
}

size_t trit_dense_memory(const struct trit_matrix *x)
{
    size_t bytes = 0;
    for (size_t i = 0; i < TRIT_PARTS; i++)
        if (x->part[i].rows.scale_bytes)
            bytes += x->part[i].rows.data_bytes + x->part[i].rows.scale_bytes;
    return bytes;
}

enum trit_code trit_dense_load(struct trit_matrix *x, struct trit_pool *pool, bool checked,
                               struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < TRIT_PARTS && x->part[i].rows.n && !code; i++) {
        if (!checked)
            code = trit_rows_check(&x->part[i].rows, pool, error);
        if (!code)
            code = trit_rows_unpack(&x->part[i].rows, pool, error);
    }
    return code;
}

void trit_dense_free(struct trit_matrix *x)
{
    for (size_t i = 0; i < TRIT_PARTS; i++)
        trit_rows_free(&x->part[i].rows);
}

uint64_t trit_dense_bytes(const struct trit_matrix *x)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < TRIT_PARTS; i++)
        bytes += x->part[i].rows.data_bytes + x->part[i].rows.scale_bytes;
    return bytes;
}

/* Rows row .. last-1 of one part. */
static void part_rows(const struct trit_work *w, const struct trit_dense_part *part,
                      const struct trit_patch *p, float *y, size_t ldy)
{
    const struct trit_rows *r = &part->rows;
    const struct trit_kernel *kernel = p->m == 1 ? part->decode : part->prefill;
    const size_t groups = (r->k + TRIT_HEAD_GROUP - 1) / TRIT_HEAD_GROUP;
    kernel->fn.head(p->m, p->last - p->row, r->k,
                    (const uint8_t *)r->data + p->row * (r->data_bytes / r->n),
                    r->scale ? r->scale + p->row * groups : NULL, w->f + p->first * w->f_ld,
                    w->f_ld, y + p->first * ldy, ldy);
}

void trit_dense_patch(const struct trit_work *w, const struct trit_matrix *x,
                      const struct trit_patch *patch, float *y, size_t ldy)
{
    size_t start = 0; /* of the part */
    for (size_t i = 0; i < TRIT_PARTS && x->part[i].rows.n; i++) {
        const size_t end = start + x->part[i].rows.n;
        struct trit_patch some = *patch;
        some.row = patch->row > start ? patch->row : start;
        some.last = patch->last < end ? patch->last : end;
        if (some.row < some.last) {
            float *out = y + some.row;
            some.row -= start;
            some.last -= start;
            part_rows(w, &x->part[i], &some, out, ldy);
        }
        start = end;
    }
}

void trit_dense_rows(const struct trit_work *w, const struct trit_matrix *x, size_t row,
                     size_t last, float *y, size_t ldy)
{
    const size_t mc = x->pair.mc;
    for (size_t i = 0; i < w->m; i += mc) {
        const size_t m = w->m - i < mc ? w->m - i : mc;
        trit_dense_patch(w, x, &(struct trit_patch){ i, m, row, last }, y, ldy);
    }
}

struct product {
    const struct trit_work *w;
    const struct trit_matrix *x;
    float *y;
    size_t ldy;
    trit_dense_then *then;
};

static void piece(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct product *p = arg;
    const size_t nr = trit_product_block_rows(p->x), row = begin * nr,
                 last = end * nr < p->x->n ? end * nr : p->x->n;
    trit_dense_rows(p->w, p->x, row, last, p->y, p->ldy);
    if (p->then)
        p->then((void *)(uintptr_t)p->w, row, last);
}

void trit_dense_product(const struct trit_work *w, enum trit_part part, const struct trit_matrix *x,
                        float *y, size_t ldy, trit_dense_then *then)
{
    struct product product = { w, x, y, ldy, then };
    trit_product_region(w, part, x, trit_product_blocks(x, x->n), piece, &product);
}

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
#include "runtime/model/internal.h"

/* Rows of a float matrix that tell whether it is ternary. */
enum { PEEK_ROWS = 8 };

/* Of inputs and of stored rows of a call of a kernel: they share a second-level cache. */
enum { INPUT_BYTES = 256 << 10, ROWS_BYTES = 256 << 10 };

static bool is_float(uint32_t type)
{
    return type == TRIT_F16 || type == TRIT_BF16 || type == TRIT_F32;
}

bool trit_config_is_dense(const struct trit_config *c, uint32_t type)
{
    return c->family->dense && !c->joint && (type == TRIT_Q8_0 || (c->dense && is_float(type)));
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
            if (t && is_float(t->type))
                return !is_ternary(c, gguf, t);
        }
    }
    return false;
}

/* The prefill kernel has the larger tile. */
static bool has_more(const void *arg, const struct trit_kernel *a, const struct trit_kernel *b)
{
    (void)arg;
    const int tile = a->mr * a->nr, other = b->mr * b->nr;
    return a->isa > b->isa || (a->isa == b->isa && tile > other);
}

static enum trit_code pick(struct trit_matrix *x, struct trit_error *error)
{
    const char *packing = x->rows[0].packing;
    struct trit_pair *pair = &x->pair;
    enum trit_code code = trit_pick(TRIT_OP_head, packing, &pair->decode, error);
    if (code)
        return code;
    const struct trit_wish wish = { .op = TRIT_OP_head, .packing = packing, .better = has_more };
    pair->prefill = trit_pick_forced(&wish);
    const size_t row = (x->rows[0].data_bytes + x->rows[0].scale_bytes) / x->rows[0].n;
    pair->mc = INPUT_BYTES / (x->k * sizeof(float)) + 1;
    pair->nc = ROWS_BYTES / row + 1;
    snprintf(pair->why, sizeof pair->why, "dense: strongest ISA, rows stored as %s", packing);
    return TRIT_OK;
}

enum trit_code trit_dense_plan(struct trit_matrix *x, const struct trit_gguf *gguf,
                               const struct trit_gguf_tensor *const *parts, size_t n,
                               struct trit_error *error)
{
    x->form = (struct trit_form){ 0, TRIT_FLOATS };
    x->kp = x->k;
    for (size_t i = 0; i < n; i++) {
        enum trit_code code = trit_rows_open(&x->rows[i], gguf, parts[i], error);
        if (code)
            return code;
        if (strcmp(x->rows[i].packing, x->rows[0].packing))
            return trit_fail(error, TRIT_EUNSUPPORTED,
                             "%s: tensors '%.*s' and '%.*s' take the same inputs, but are of "
                             "types %s and %s",
                             gguf->path, (int)parts[0]->name.n, parts[0]->name.s,
                             (int)parts[i]->name.n, parts[i]->name.s,
                             trit_type_find(parts[0]->type)->name,
                             trit_type_find(parts[i]->type)->name);
    }
    return pick(x, error);
}

size_t trit_dense_memory(const struct trit_matrix *x)
{
    size_t bytes = 0;
    for (size_t i = 0; i < TRIT_PARTS; i++)
        if (x->rows[i].scale_bytes)
            bytes += x->rows[i].data_bytes + x->rows[i].scale_bytes;
    return bytes;
}

enum trit_code trit_dense_load(struct trit_matrix *x, struct trit_pool *pool, bool checked,
                               struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < TRIT_PARTS && x->rows[i].n && !code; i++) {
        if (!checked)
            code = trit_rows_check(&x->rows[i], pool, error);
        if (!code)
            code = trit_rows_unpack(&x->rows[i], pool, error);
    }
    return code;
}

void trit_dense_free(struct trit_matrix *x)
{
    for (size_t i = 0; i < TRIT_PARTS; i++)
        trit_rows_free(&x->rows[i]);
}

uint64_t trit_dense_bytes(const struct trit_matrix *x)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < TRIT_PARTS; i++)
        bytes += x->rows[i].data_bytes + x->rows[i].scale_bytes;
    return bytes;
}

/* Rows row .. last-1 of one part. */
static void part_rows(const struct trit_work *w, const struct trit_matrix *x,
                      const struct trit_rows *r, const struct trit_patch *p, float *y, size_t ldy)
{
    const struct trit_kernel *kernel = p->m == 1 ? x->pair.decode : x->pair.prefill;
    const size_t groups = (x->k + TRIT_HEAD_GROUP - 1) / TRIT_HEAD_GROUP;
    kernel->fn.head(p->m, p->last - p->row, x->k,
                    (const uint8_t *)r->data + p->row * (r->data_bytes / r->n),
                    r->scale ? r->scale + p->row * groups : NULL, w->f + p->first * w->f_ld,
                    w->f_ld, y + p->first * ldy, ldy);
}

void trit_dense_patch(const struct trit_work *w, const struct trit_matrix *x,
                      const struct trit_patch *patch, float *y, size_t ldy)
{
    size_t start = 0; /* of the part */
    for (size_t i = 0; i < TRIT_PARTS && x->rows[i].n; i++) {
        const size_t end = start + x->rows[i].n;
        struct trit_patch part = *patch;
        part.row = patch->row > start ? patch->row : start;
        part.last = patch->last < end ? patch->last : end;
        if (part.row < part.last) {
            float *out = y + part.row;
            part.row -= start;
            part.last -= start;
            part_rows(w, x, &x->rows[i], &part, out, ldy);
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

void trit_dense_product(const struct trit_work *w, enum trit_part part,
                        const struct trit_matrix *x, float *y, size_t ldy, trit_dense_then *then)
{
    struct product product = { w, x, y, ldy, then };
    trit_product_region(w, part, x, trit_product_blocks(x, x->n), piece, &product);
}

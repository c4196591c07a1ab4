/* The head's life, full passes, and what is common to all answers. */
#define _GNU_SOURCE
#include "runtime/head/head.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/head/internal.h"
#include "runtime/plan/pick.h"

enum {
    CACHED = 1 << 20, /* bytes of rows below which planes hardly save more than they cost */
    FEW = 8,          /* a k above this part of the rows is a full pass */
    SKIP = 16,        /* full passes after an answer by planes that read more than one */
};

static bool shares(const void *gemv, const struct trit_kernel *kernel)
{
    return trit_share_weights(kernel, gemv);
}

/* The strongest gemm that shares the gemv's weights. */
static const struct trit_kernel *partner(const struct trit_kernel *gemv)
{
    return trit_pick_best(&(struct trit_wish){ .op = TRIT_OP_gemm, .fits = shares, .arg = gemv });
}

static bool serves_planes(const void *arg, const struct trit_kernel *gemv)
{
    (void)arg;
    return TRIT_HEAD_ROWS % gemv->nr == 0 && partner(gemv);
}

/* The strongest gemv, and the strongest gemm that shares its weights. TRITMILL_KERNEL means other
   matrices: it chooses among these where it can, and is no fault where it cannot. */
static bool pick_plane(struct trit_head_plane *p, const char *packing, size_t k)
{
    const struct trit_wish wish = {
        .op = TRIT_OP_gemv, .packing = packing, .k = k, .fits = serves_planes
    };
    p->packing = trit_packing_find(packing);
    p->gemv = trit_pick_forced(&wish);
    p->gemm = p->gemv ? partner(p->gemv) : NULL;
    return p->gemm;
}

/* Kernels and sizes of the planes; false where they cannot be. */
static bool plan(struct trit_head *h)
{
    static const char *const packings[] = { "i4", "i2" };
    for (size_t i = 0; i < 2; i++) {
        struct trit_head_plane *p = &h->plane[i];
        if (!pick_plane(p, packings[i], h->k))
            return false;
        const size_t nr = (size_t)p->gemv->nr;
        p->block = trit_packed_bytes(p->packing, nr, h->k, nr);
        p->bytes = trit_packed_bytes(p->packing, h->n, h->k, nr);
        p->bounds_bytes = (i ? 1 : 2) * h->groups * TRIT_HEAD_ROWS * sizeof(float);
        p->bounds_bytes += i ? 0 : h->groups * sizeof(float);
        h->kp = trit_round_up(h->k, p->packing->kr);
        if (!p->bytes)
            return false;
    }
    return h->plane[0].packing->kr == h->plane[1].packing->kr;
}

/* Memory of the search. */
static bool allocate(struct trit_head *h)
{
    const size_t states = TRIT_HEAD_STATES, rows = h->groups * TRIT_HEAD_ROWS;
    h->a = trit_alloc(states * TRIT_HEAD_TERMS, h->kp);
    h->y_bytes = states * rows * sizeof *h->y;
    h->y = trit_map(h->y_bytes);
    h->peak = trit_alloc(states * h->groups, sizeof *h->peak);
    h->fine = trit_alloc(states * h->groups, sizeof *h->fine);
    h->reach = trit_alloc(h->groups, sizeof *h->reach);
    h->open = trit_alloc(h->groups + 1, sizeof *h->open);
    return h->a && h->y && h->peak && h->reach && h->fine && h->open;
}

static enum trit_code no_memory(const struct trit_head *h, struct trit_error *error)
{
    const struct trit_gguf_tensor *t = h->rows->tensor;
    return trit_fail(error, TRIT_EMEMORY, "%s: tensor '%.*s': no memory for the head's search",
                     h->rows->gguf->path, (int)t->name.n, t->name.s);
}

static enum trit_code no_kernel(const struct trit_head *h, struct trit_error *error)
{
    const struct trit_gguf_tensor *t = h->rows->tensor;
    return trit_fail(error, TRIT_EUNSUPPORTED,
                     "%s: tensor '%.*s' has type %s: no head kernel takes such rows",
                     h->rows->gguf->path, (int)t->name.n, t->name.s, trit_type_find(t->type)->name);
}

static size_t float_scratch(const struct trit_head *h)
{
    const size_t row = trit_rows_room(h->rows), state = h->k * sizeof(float);
    return trit_round_up(row > state ? row : state, TRIT_ALIGN);
}

/* Whether planes would pay. */
static bool is_large(const struct trit_head *h)
{
    return h->n * h->rows->row_bytes >= CACHED;
}

static enum trit_code make(struct trit_head *h, enum trit_head_planes planes,
                           struct trit_error *error)
{
    if (!h->rows->packing)
        return no_kernel(h, error);
    h->scratch_bytes = float_scratch(h);
    h->scratch = trit_alloc(h->threads, h->scratch_bytes);
    h->best = trit_alloc(TRIT_HEAD_STATES * h->threads, sizeof *h->best);
    if (!h->scratch || !h->best)
        return no_memory(h, error);
    enum trit_code code = trit_pick(TRIT_OP_head, h->rows->packing, &h->kernel, error);
    if (!code)
        code = trit_pick_many(TRIT_OP_head, h->rows->packing, &h->many, error);
    if (!code)
        code = trit_pick(TRIT_OP_quant, NULL, &h->quant, error);
    if (code)
        return code;
    if (planes == TRIT_HEAD_AUTO && !is_large(h))
        planes = TRIT_HEAD_NEVER;
    if (planes == TRIT_HEAD_NEVER || !plan(h))
        return trit_rows_check(h->rows, h->pool, error);
    if (!allocate(h))
        return no_memory(h, error);
    const size_t bad = trit_head_need(h, 0);
    if (bad != SIZE_MAX)
        return trit_rows_bad(h->rows, bad, error);
    return h->plane[0].w ? TRIT_OK : no_memory(h, error);
}

static void measure(struct trit_head *h, struct trit_rows *rows, int threads)
{
    h->rows = rows;
    h->threads = (size_t)threads;
    h->n = rows->n;
    h->k = rows->k;
    h->groups = (h->n + TRIT_HEAD_ROWS - 1) / TRIT_HEAD_ROWS;
}

/* Without anything yet; NULL without memory. */
static struct trit_head *empty(struct trit_rows *rows, struct trit_pool *pool,
                               struct trit_error *error)
{
    struct trit_head *h = trit_alloc(1, sizeof *h);
    if (!h) {
        trit_fail(error, TRIT_EMEMORY, "no memory for the head");
        return NULL;
    }
    h->pool = pool;
    measure(h, rows, trit_pool_threads(pool));
    return h;
}

enum trit_code trit_head_create(struct trit_head **head, struct trit_rows *rows,
                                struct trit_pool *pool, enum trit_head_planes planes,
                                struct trit_cache *cache, struct trit_error *error)
{
    *head = NULL;
    struct trit_head *h = empty(rows, pool, error);
    if (!h)
        return TRIT_EMEMORY;
    h->cache = cache;
    enum trit_code code = make(h, planes, error);
    if (code)
        trit_head_free(h);
    else
        *head = h;
    return code;
}

static enum trit_code make_packed(struct trit_head *h, struct trit_error *error)
{
    const size_t kp = h->product.kp, scales = TRIT_HEAD_STATES * (kp / h->product.group);
    h->scratch_bytes = trit_head_packed_scratch((size_t)h->product.gemv->nr);
    h->scratch = trit_alloc(h->threads, h->scratch_bytes);
    h->best = trit_alloc(TRIT_HEAD_STATES * h->threads, sizeof *h->best);
    h->a = trit_alloc(TRIT_HEAD_STATES, kp);
    h->reciprocals = trit_alloc(scales, sizeof *h->reciprocals);
    h->sums = trit_alloc(scales, sizeof *h->sums);
    if (!h->scratch || !h->best || !h->a || !h->reciprocals || !h->sums)
        return no_memory(h, error);
    return trit_pick(TRIT_OP_quant, NULL, &h->quant, error);
}

enum trit_code trit_head_create_packed(struct trit_head **head, struct trit_rows *rows,
                                       const struct trit_head_product *product,
                                       struct trit_pool *pool, struct trit_error *error)
{
    *head = NULL;
    struct trit_head *h = empty(rows, pool, error);
    if (!h)
        return TRIT_EMEMORY;
    h->product = *product;
    enum trit_code code = make_packed(h, error);
    if (code)
        trit_head_free(h);
    else
        *head = h;
    return code;
}

struct trit_head_size trit_head_size(struct trit_rows *rows, size_t nr, int threads)
{
    struct trit_head h = { 0 };
    struct trit_head_size size = { 0 };
    measure(&h, rows, threads);
    if (nr) {
        size.memory = h.threads * trit_head_packed_scratch(nr);
        return size;
    }
    size.memory = h.threads * float_scratch(&h);
    if (!is_large(&h) || !plan(&h))
        return size;
    size.packing = h.plane[0].packing->name;
    size.plane = h.plane[0].bytes + h.plane[0].bounds_bytes;
    size.planes = size.plane + h.plane[1].bytes + h.plane[1].bounds_bytes;
    size.memory += size.plane + h.n * sizeof *h.y;
    return size;
}

void trit_head_free(struct trit_head *h)
{
    if (!h)
        return;
    trit_head_forget(h, 0);
    trit_head_forget(h, 1);
    trit_unmap(h->y, h->y_bytes);
    void *blocks[] = { h->a,    h->peak,    h->reach,  h->fine,       h->open,        h->best,
                       h->also, h->scratch, h->merged, h->candidates, h->reciprocals, h->sums };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
    free(h);
}

bool trit_head_plane_kernels(const struct trit_head *h, size_t plane,
                             const struct trit_kernel **gemv, const struct trit_kernel **gemm)
{
    if (!h->plane[0].w || plane >= sizeof h->plane / sizeof *h->plane)
        return false;
    *gemv = h->plane[plane].gemv;
    *gemm = h->plane[plane].gemm;
    return true;
}

size_t trit_head_bytes(const struct trit_head *h)
{
    const size_t scores = h->plane[0].w ? h->n * sizeof *h->y : 0;
    return trit_head_plane_bytes(h) + trit_plane_bytes(&h->plane[1]) + scores +
           h->threads * h->scratch_bytes;
}

struct full {
    struct trit_head *head;
    float *const *logits;
};

static void full_rows(void *arg, size_t begin, size_t end, int thread)
{
    const struct full *f = arg;
    float logits[TRIT_HEAD_STATES * TRIT_HEAD_PIECE];
    trit_head_rows(f->head, begin, end - begin, logits, thread);
    for (size_t i = 0; i < f->head->m; i++)
        memcpy(f->logits[i] + begin, logits + i * TRIT_HEAD_PIECE, (end - begin) * sizeof *logits);
}

/* States first .. first+m-1; m is cut to TRIT_HEAD_STATES, and to those that there are. */
static struct trit_states some_of(const struct trit_states *all, size_t first, size_t m)
{
    const size_t left = all->m - first, most = m < TRIT_HEAD_STATES ? m : TRIT_HEAD_STATES;
    return (struct trit_states){ all->x + first * all->ld, left < most ? left : most, all->ld };
}

/* These are the present states, at most TRIT_HEAD_STATES. */
static void take(struct trit_head *h, const struct trit_states *states)
{
    h->m = states->m;
    h->x = states->x;
    h->ldx = states->ld;
    for (size_t i = 0; i < h->m; i++)
        h->state[i].x = h->x + i * h->ldx;
    if (h->product.w)
        trit_head_quantise(h);
}

void trit_head_full(struct trit_head *h, const struct trit_states *states, float *const *logits,
                    struct trit_counts *counts)
{
    struct full f = { h, logits };
    if (!h->product.w)
        trit_rows_unpack(h->rows, h->pool, NULL); /* without memory for all: row by row */
    for (size_t i = 0; i < states->m; i += h->m) {
        const struct trit_states some = some_of(states, i, TRIT_HEAD_STATES);
        f.logits = logits + i;
        take(h, &some);
        trit_region(h->pool, TRIT_PART_HEAD_FULL, h->n, TRIT_HEAD_PIECE, full_rows, &f);
        if (counts)
            trit_count(counts, TRIT_PART_HEAD_FULL, trit_head_full_bytes(h), h->m * h->n * h->k);
    }
    if (counts) {
        counts->head_states += states->m;
        counts->head_rows += states->m * h->n;
    }
}

/* The questions of the present states, and empty lists for their answers. */
static bool ask(struct trit_head *h, struct trit_top *const *top)
{
    size_t k = 0, also = 0;
    for (size_t i = 0; i < h->m; i++) {
        k = top[i]->k > k ? top[i]->k : k;
        also += top[i]->nalso;
    }
    k = k < h->n ? k : h->n;
    h->candidates = trit_outgrow(h->candidates, &h->ncandidates, h->m * h->threads * k + 1,
                                 sizeof *h->candidates);
    h->merged = trit_outgrow(h->merged, &h->nmerged, h->threads * k + 1, sizeof *h->merged);
    h->also = trit_outgrow(h->also, &h->nalso, also + 1, sizeof *h->also);
    if (!h->candidates || !h->merged || !h->also)
        return false;
    int32_t *ids = h->also;
    for (size_t i = 0; i < h->m; i++) {
        struct trit_head_state *s = &h->state[i];
        *s = (struct trit_head_state){ .x = s->x, .top = top[i], .also = ids };
        for (size_t j = 0; j < top[i]->nalso; j++)
            ids[j] = top[i]->also[j];
        trit_ids_sort(ids, top[i]->nalso);
        for (size_t j = 0; j < top[i]->nalso; j++) {
            assert(ids[j] >= 0 && (size_t)ids[j] < h->n);
            if (!s->nalso || ids[j] != ids[s->nalso - 1])
                ids[s->nalso++] = ids[j];
        }
        ids += s->nalso;
        for (size_t t = 0; t < h->threads; t++) {
            const size_t at = i * h->threads + t;
            h->best[at] =
                (struct trit_best){ h->candidates + at * k, 0, top[i]->k < k ? top[i]->k : k };
        }
    }
    return true;
}

/* Whether planes may answer. */
static bool planes_pay(struct trit_head *h)
{
    size_t k = 0;
    for (size_t i = 0; i < h->m; i++)
        k = h->state[i].top->k > k ? h->state[i].top->k : k;
    if (!h->plane[0].w || k > h->n / FEW)
        return false;
    if (h->skip && k >= h->skip_k)
        return h->skip--, false;
    return true;
}

static void search(struct trit_head *h, struct trit_counts *counts)
{
    const size_t row = h->rows->row_bytes;
    trit_head_search(h, counts);
    /* a full pass multiplies for every state, rows that several states read count for each */
    if (trit_head_plane_bytes(h) + h->nfine * h->kp / 4 + h->nexact * row > h->m * h->n * row) {
        h->skip = SKIP;
        h->skip_k = h->state[0].top->k;
    }
}

/* Up to TRIT_HEAD_STATES of them; one without a bound leaves the others theirs. */
static enum trit_code answer(struct trit_head *h, const struct trit_states *states,
                             struct trit_top *const *top, struct trit_counts *counts,
                             struct trit_error *error)
{
    const size_t m = states->m;
    take(h, states);
    if (!ask(h, top))
        return no_memory(h, error);
    const bool planes = planes_pay(h), bound = planes && trit_head_prepare(h);
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; planes && !bound && m > 1 && i < m && !code; i++) {
        const struct trit_states one = some_of(states, i, 1);
        code = answer(h, &one, top + i, counts, error);
    }
    if (planes && !bound && m > 1)
        return code;
    h->nfine = h->nexact = 0;
    if (bound)
        search(h, counts);
    else
        trit_head_search_all(h, counts);
    counts->head_states += m;
    counts->head_rows += m * h->n;
    return TRIT_OK;
}

enum trit_code trit_head_top(struct trit_head *h, const struct trit_states *states,
                             struct trit_top *const *top, struct trit_counts *counts,
                             struct trit_error *error)
{
    struct trit_counts unasked = { 0 };
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < states->m && !code; i += TRIT_HEAD_STATES) {
        const struct trit_states some = some_of(states, i, TRIT_HEAD_STATES);
        code = answer(h, &some, top + i, counts ? counts : &unasked, error);
    }
    return code;
}

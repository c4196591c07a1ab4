/* The rows of stored tensors into the packed blocks of a matrix, in parallel. */
#include <pthread.h>
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/format/group.h"
#include "runtime/format/ternary.h"
#include "runtime/model/coarse.h"
#include "runtime/model/internal.h"

/* Shared by the threads that pack. */
struct packing {
    const struct trit_gguf *gguf;
    const struct trit_gguf_tensor *const *parts;
    struct trit_matrix *matrix;
    uint8_t *codes;   /* per thread: NR rows of k */
    uint16_t *scales; /* per thread: NR rows of `groups`, where the packing has any */
    size_t groups;
    pthread_mutex_t lock;
    struct trit_error error; /* the first; of the lowest block that failed */
    size_t failed_block;
};

/* Rows of the matrix, of one expert where it has such, and where their codes and scales go. */
struct some {
    size_t expert, row, n;
    size_t at; /* the first one's among the matrix's scales */
    uint8_t *codes;
    uint16_t *scales;
};

/* The first of them, which are rows row .. row+n-1 of one part. */
static enum trit_code decode_part(const struct packing *p, const struct trit_gguf_tensor *part,
                                  size_t row, const struct some *to, struct trit_error *error)
{
    const struct trit_matrix *x = p->matrix;
    if (x->form.values >= TRIT_NIBBLES) {
        struct trit_rows rows;
        const struct trit_coarse to_rows = { .first = row,
                                             .n = to->n,
                                             .most = x->packing->high,
                                             .codes = to->codes,
                                             .d = x->d + to->at };
        const enum trit_code code = trit_rows_open(&rows, p->gguf, part, error);
        return code ? code : trit_coarse_rows(&rows, &to_rows, error);
    }
    if (!p->groups) {
        const struct trit_ternary_rows rows = { row, to->n, to->codes, x->k, x->d + to->at };
        return trit_ternary_rows(p->gguf, part, &rows, error);
    }
    const struct trit_group_rows rows = { .first = row,
                                          .n = to->n,
                                          .group = x->packing->group,
                                          .codes = to->codes,
                                          .ld = x->k,
                                          .scales = to->scales,
                                          .lds = p->groups };
    return trit_group_rows(p->gguf, part, &rows, error);
}

/* Codes and scales of rows that may lie in several parts. */
static enum trit_code decode(const struct packing *p, struct some left, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    size_t start = 0; /* of the part */
    for (int i = 0; i < TRIT_PARTS && p->parts[i] && left.n > 0 && !code; i++) {
        const struct trit_gguf_tensor part = trit_experts_flat(p->parts[i]);
        const size_t n = (size_t)p->parts[i]->ne[1], end = start + n;
        if (left.row < end) {
            struct some now = left;
            now.n = end - left.row < left.n ? end - left.row : left.n;
            code = decode_part(p, &part, left.expert * n + left.row - start, &now, error);
            left.row += now.n;
            left.at += now.n;
            left.n -= now.n;
            left.codes += now.n * p->matrix->k;
            left.scales += now.n * p->groups;
        }
        start = end;
    }
    return code;
}

static void note_error(struct packing *p, size_t block, const struct trit_error *error)
{
    pthread_mutex_lock(&p->lock);
    if (block < p->failed_block) {
        p->failed_block = block;
        p->error = *error;
    }
    pthread_mutex_unlock(&p->lock);
}

static void pack_blocks(void *arg, size_t begin, size_t end, int thread)
{
    struct packing *p = arg;
    const struct trit_matrix *x = p->matrix;
    const size_t nr = (size_t)x->pair.decode->nr;
    uint8_t *codes = p->codes + (size_t)thread * nr * x->k;
    uint16_t *scales = p->scales + (size_t)thread * nr * p->groups;
    const uint8_t shift = (uint8_t)(-1 - x->packing->low); /* what codes of trits lack */
    const size_t each = trit_product_blocks(x, x->n);
    for (size_t b = begin; b < end; b++) {
        const size_t row = b % each * nr, rows = x->n - row < nr ? x->n - row : nr;
        struct trit_error error;
        if (decode(p, (struct some){ b / each, row, rows, b * nr, codes, scales }, &error)) {
            note_error(p, b, &error);
            return;
        }
        for (size_t i = 0; shift && i < rows * x->k; i++)
            codes[i] = (uint8_t)(codes[i] + shift);
        const struct trit_codes block = { codes, x->k, rows, x->k, scales, p->groups };
        trit_pack_block(x->packing, &block, nr, x->w + b * x->block);
    }
}

enum trit_code trit_matrix_pack(struct trit_matrix *matrix, const struct trit_gguf *gguf,
                                const struct trit_gguf_tensor *const parts[TRIT_PARTS],
                                struct trit_pool *pool, struct trit_error *error)
{
    const size_t nr = (size_t)matrix->pair.decode->nr,
                 blocks = matrix->experts * trit_product_blocks(matrix, matrix->n);
    struct packing p = { .gguf = gguf, .parts = parts, .matrix = matrix, .failed_block = SIZE_MAX };
    const size_t rows = (size_t)trit_pool_threads(pool) * nr;
    p.groups = matrix->packing->group ? matrix->k / matrix->packing->group : 0;
    p.codes = trit_alloc(rows, matrix->k);
    p.scales = trit_alloc(rows * p.groups + 1, sizeof *p.scales);
    if (p.codes && p.scales) {
        pthread_mutex_init(&p.lock, NULL);
        trit_pool_for(pool, blocks, 4, pack_blocks, &p);
        pthread_mutex_destroy(&p.lock);
    }
    const bool memory = p.codes && p.scales;
    free(p.codes);
    free(p.scales);
    if (!memory)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory to unpack '%s'", gguf->path,
                         matrix->name);
    for (int i = 0; i < TRIT_PARTS && parts[i]; i++)
        trit_gguf_drop(gguf, parts[i]->data, parts[i]->bytes);
    if (p.failed_block != SIZE_MAX)
        return trit_fail(error, p.error.code, "%s", p.error.text);
    return TRIT_OK;
}

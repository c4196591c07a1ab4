/* The rows of ternary tensors into the packed blocks of a matrix, in parallel. */
#include <pthread.h>
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/format/ternary.h"
#include "runtime/model/internal.h"

/* Shared by the threads that pack. */
struct packing {
    const struct trit_gguf *gguf;
    const struct trit_gguf_tensor *const *parts;
    struct trit_matrix *matrix;
    uint8_t *codes; /* per thread: NR rows of k */
    pthread_mutex_t lock;
    struct trit_error error; /* the first; of the lowest block that failed */
    size_t failed_block;
};

/* Codes and scales of rows row .. row+rows-1 of all parts. */
static enum trit_code decode(const struct packing *p, size_t row, size_t rows, uint8_t *codes,
                             struct trit_error *error)
{
    const struct trit_matrix *x = p->matrix;
    enum trit_code code = TRIT_OK;
    size_t start = 0; /* of the part */
    for (int i = 0; i < TRIT_PARTS && p->parts[i] && rows > 0 && !code; i++) {
        const size_t end = start + (size_t)p->parts[i]->ne[1];
        if (row < end) {
            const size_t n = end - row < rows ? end - row : rows;
            const struct trit_ternary_rows some = { row - start, n, codes, x->k, x->d + row };
            code = trit_ternary_rows(p->gguf, p->parts[i], &some, error);
            row += n;
            rows -= n;
            codes += n * x->k;
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
    const uint8_t shift = (uint8_t)(-1 - x->packing->low); /* what codes of trits lack */
    for (size_t b = begin; b < end; b++) {
        const size_t row = b * nr, rows = x->n - row < nr ? x->n - row : nr;
        struct trit_error error;
        if (decode(p, row, rows, codes, &error)) {
            note_error(p, b, &error);
            return;
        }
        for (size_t i = 0; shift && i < rows * x->k; i++)
            codes[i] = (uint8_t)(codes[i] + shift);
        trit_pack_block(x->packing, &(struct trit_codes){ codes, x->k, rows, x->k, NULL, 0 }, nr,
                        x->w + b * x->block);
    }
}

enum trit_code trit_matrix_pack(struct trit_matrix *matrix, const struct trit_gguf *gguf,
                                const struct trit_gguf_tensor *const parts[TRIT_PARTS],
                                struct trit_pool *pool, struct trit_error *error)
{
    const size_t nr = (size_t)matrix->pair.decode->nr, blocks = (matrix->n + nr - 1) / nr;
    struct packing p = { .gguf = gguf, .parts = parts, .matrix = matrix, .failed_block = SIZE_MAX };
    p.codes = trit_alloc((size_t)trit_pool_threads(pool) * nr, matrix->k);
    if (!p.codes)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory to unpack '%s'", gguf->path,
                         matrix->name);
    pthread_mutex_init(&p.lock, NULL);
    trit_pool_for(pool, blocks, 4, pack_blocks, &p);
    pthread_mutex_destroy(&p.lock);
    free(p.codes);
    for (int i = 0; i < TRIT_PARTS && parts[i]; i++)
        trit_gguf_drop(gguf, parts[i]->data, parts[i]->bytes);
    if (p.failed_block != SIZE_MAX)
        return trit_fail(error, p.error.code, "%s", p.error.text);
    return TRIT_OK;
}

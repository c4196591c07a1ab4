/* Dense products in floats, for comparison: the output head's kernels on whole matrices, cut into
   pieces as ternary products are. */
#include <stdlib.h>
#include <string.h>

#include "autotune/compare/internal.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/cli/cli.h"
#include "runtime/kernel/multiply.h"

struct trit_dense {
    struct trit_pool *pool;
    uint8_t *w;
    size_t bytes, turn;
    float *x, *y;
    size_t room_x, room_y;
};

enum trit_code trit_dense_open(struct trit_dense **dense, struct trit_pool *pool,
                               struct trit_error *error)
{
    *dense = trit_alloc(1, sizeof **dense);
    if (!*dense)
        return trit_fail(error, TRIT_EMEMORY, "no memory for dense matrices");
    (*dense)->pool = pool;
    return TRIT_OK;
}

void trit_dense_close(struct trit_dense *d)
{
    if (!d)
        return;
    trit_unmap(d->w, d->bytes);
    free(d->x);
    free(d->y);
    free(d);
}

size_t trit_dense_element(const struct trit_kernel *kernel)
{
    static const struct {
        const char *packing;
        size_t bytes;
    } types[] = { { "f32", 4 }, { "f16", 2 }, { "bf16", 2 } };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].packing, kernel->packing))
            return types[i].bytes;
    return 0;
}

static void fill(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_dense *d = arg;
    (void)thread;
    memset(d->w + (begin << 20), 0x28, (end - begin) << 20);
}

/* Memory for two matrices at least, and for twice the caches; its bytes are moderate numbers in
   every float format. */
static bool make_room(struct trit_dense *d, size_t n, size_t k, size_t matrix)
{
    size_t caches = 2 * trit_measure_caches() + ((size_t)64 << 20);
    size_t bytes = trit_round_up(2 * matrix > caches ? 2 * matrix : caches, 1 << 20);
    if (bytes > d->bytes) {
        trit_unmap(d->w, d->bytes);
        d->bytes = 0;
        d->w = trit_map(bytes);
        if (!d->w)
            return false;
        d->bytes = bytes;
        trit_pool_for(d->pool, bytes >> 20, 16, fill, d);
    }
    if (n > d->room_y) {
        free(d->y);
        d->y = trit_alloc(n, sizeof *d->y);
        d->room_y = d->y ? n : 0;
    }
    if (k > d->room_x) {
        free(d->x);
        d->x = trit_alloc(k, sizeof *d->x);
        d->room_x = d->x ? k : 0;
        for (size_t i = 0; i < d->room_x; i++)
            d->x[i] = (float)(i % 17) - 8.0f;
    }
    return d->room_x && d->room_y;
}

struct product {
    struct trit_dense *d;
    const struct trit_kernel *kernel;
    const uint8_t *w;
    size_t k, element;
};

static void rows(void *arg, size_t begin, size_t end, int thread)
{
    const struct product *p = arg;
    (void)thread;
    p->kernel->fn.head(1, end - begin, p->k, p->w + begin * p->k * p->element, NULL, p->d->x, p->k,
                       p->d->y + begin, end - begin);
}

double trit_dense_time(struct trit_dense *d, const struct trit_kernel *kernel, size_t n, size_t k,
                       double seconds)
{
    struct product p = { .d = d, .kernel = kernel, .k = k, .element = trit_dense_element(kernel) };
    size_t matrix = n * k * p.element, count = 0;
    if (!make_room(d, n, k, matrix))
        return 0;
    double begin = trit_now(), passed;
    do {
        p.w = d->w + d->turn++ % (d->bytes / matrix) * matrix;
        trit_multiply_split(d->pool, 0, n, 0, rows, &p);
        count++;
        passed = trit_now() - begin;
    } while (passed < seconds);
    return passed / (double)count * 1e9;
}

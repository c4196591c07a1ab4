/* How much memory timing takes, told before it is taken: Linux hands out memory that is not there,
   and kills who uses it. */
#include <string.h>

#include "autotune/measure/internal.h"
#include "runtime/base/mem.h"
#include "runtime/base/room.h"

static bool same_weights(const struct trit_kernel *a, const struct trit_kernel *b)
{
    return a->nr == b->nr && !strcmp(a->packing, b->packing);
}

/* The weights of the kernel that are there; NULL: none. */
static const struct trit_weights *weights_of(const struct trit_measure *x,
                                             const struct trit_kernel *kernel)
{
    const struct trit_weights *w = x->weights;
    while (w && (w->nr != (size_t)kernel->nr || strcmp(w->packing->name, kernel->packing) != 0))
        w = w->next;
    return w;
}

static bool counted(const struct trit_trial *c, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_weights(c[j].kernel, c[i].kernel))
            return true;
    return false;
}

static uint64_t weights_bytes(const struct trit_measure *x, const struct trit_kernel *kernel)
{
    const size_t nr = (size_t)kernel->nr;
    const uint64_t block = trit_packed_bytes(trit_packing_find(kernel->packing), nr, x->k, nr),
                   all = trit_bytes_product(block, (x->n + nr - 1) / nr);
    return trit_bytes_product(all, all < SIZE_MAX ? trit_measure_copies(x, (size_t)all) : 1);
}

/* Scales and sums of that many tokens. */
static uint64_t stats_bytes(const struct trit_measure *x, const struct trit_kernel *kernel,
                            uint64_t tokens)
{
    const size_t groups = trit_measure_groups(x, trit_packing_find(kernel->packing));
    return trit_bytes_product(tokens, groups * (sizeof(float) + sizeof(int32_t)));
}

uint64_t trit_measure_need(const struct trit_measure *x, const struct trit_trial *c, size_t n)
{
    uint64_t need = 0, tokens = 0, outputs = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t y = trit_bytes_product(x->n, c[i].m);
        tokens = c[i].m > tokens ? c[i].m : tokens;
        outputs = y > outputs ? y : outputs;
    }
    for (size_t i = 0; i < n; i++) {
        const struct trit_weights *w = weights_of(x, c[i].kernel);
        if (counted(c, i))
            continue;
        need = trit_bytes_sum(need, w ? 0 : weights_bytes(x, c[i].kernel));
        if (!w || w->tokens < tokens)
            need = trit_bytes_sum(need, stats_bytes(x, c[i].kernel, tokens));
    }
    if (tokens > x->tokens)
        need = trit_bytes_sum(need, trit_bytes_product(tokens, x->lda));
    if (outputs > x->outputs)
        need = trit_bytes_sum(need, trit_bytes_product(outputs, sizeof *x->y));
    return need;
}

static size_t share_of_room(const struct trit_measure *x, const struct trit_trial *c, size_t n)
{
    size_t more = 0;
    for (size_t i = 0; i < n; i++)
        more += !counted(c, i) && !weights_of(x, c[i].kernel);
    return more > 0 ? (size_t)(trit_memory_room() / 2 / more) : SIZE_MAX;
}

enum trit_code trit_measure_check_room(struct trit_measure *x, const struct trit_trial *c, size_t n,
                                       struct trit_error *error)
{
    char what[96];
    x->share = share_of_room(x, c, n);
    snprintf(what, sizeof what, "timing kernels on a %zu x %zu matrix", x->n, x->k);
    return trit_need_memory(what, trit_measure_need(x, c, n), "take a smaller shape", error);
}

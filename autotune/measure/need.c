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

/* Whether the weights of candidate i are there, or counted with one before it. */
static bool counted(const struct trit_measure *x, const struct trit_trial *c, size_t i)
{
    for (const struct trit_weights *w = x->weights; w; w = w->next)
        if (w->nr == (size_t)c[i].kernel->nr && !strcmp(w->packing->name, c[i].kernel->packing))
            return true;
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

uint64_t trit_measure_need(const struct trit_measure *x, const struct trit_trial *c, size_t n)
{
    uint64_t need = 0, tokens = 0, outputs = 0;
    for (size_t i = 0; i < n; i++) {
        if (!counted(x, c, i))
            need = trit_bytes_sum(need, weights_bytes(x, c[i].kernel));
        const uint64_t y = trit_bytes_product(x->n, c[i].m);
        tokens = c[i].m > tokens ? c[i].m : tokens;
        outputs = y > outputs ? y : outputs;
    }
    if (tokens > x->tokens)
        need = trit_bytes_sum(need, trit_bytes_product(tokens, x->lda + 8));
    if (outputs > x->outputs)
        need = trit_bytes_sum(need, trit_bytes_product(outputs, sizeof *x->y));
    return need;
}

enum trit_code trit_measure_check_room(const struct trit_measure *x, const struct trit_trial *c,
                                       size_t n, struct trit_error *error)
{
    char what[96];
    snprintf(what, sizeof what, "timing kernels on a %zu x %zu matrix", x->n, x->k);
    return trit_need_memory(what, trit_measure_need(x, c, n), "take a smaller shape", error);
}

/* Picks the kernels of a matrix whose rows or columns are skipped. */
#include <stdio.h>

#include "runtime/base/mem.h"
#include "runtime/kernel/pack.h"
#include "runtime/plan/pick.h"
#include "runtime/kernel/probe.h"

/* The kernel of op that shares its weights with `skip`; of the strongest ISA. */
static const struct trit_kernel *partner(const struct trit_kernel *skip, enum trit_op op)
{
    const struct trit_kernel *best = NULL;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *x = trit_kernel_at(i);
        if (x->op == op && trit_share_weights(x, skip) && !x->k && !x->n &&
            trit_isa_usable(x->isa, NULL))
            best = trit_pick_stronger(best, x);
    }
    return best;
}

/* Rows that are added to n: blocks are long where columns are skipped. */
static size_t waste(const struct trit_kernel *kernel, size_t n)
{
    return trit_round_up(n, (size_t)kernel->nr) - n;
}

/* The stronger ISA, then less padding unless it is a twentieth, then longer blocks: more bytes in a
   row. */
static bool is_better(const struct trit_kernel *x, const struct trit_kernel *best, size_t n)
{
    if (!best || x->isa != best->isa)
        return !best || x->isa > best->isa;
    const size_t mine = waste(x, n), its = waste(best, n);
    if (mine > its + n / 20 || its > mine + n / 20)
        return mine < its;
    return x->nr > best->nr;
}

enum trit_code trit_pick_skip(enum trit_op op, size_t n, size_t k, const struct trit_kernel **skip,
                              struct trit_pair *pair, struct trit_error *error)
{
    *skip = NULL;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *x = trit_kernel_at(i);
        const struct trit_packing *packing =
            x->op == op && trit_isa_usable(x->isa, NULL) ? trit_packing_find(x->packing) : NULL;
        if (!packing || k > packing->max_k || !is_better(x, *skip, n) || !trit_kernel_sound(x))
            continue;
        const struct trit_kernel *gemv = partner(x, TRIT_OP_gemv), *gemm = partner(x, TRIT_OP_gemm);
        if (!gemv || !gemm)
            continue;
        *skip = x;
        *pair = (struct trit_pair){ .decode = gemv, .prefill = gemm };
        snprintf(pair->why, sizeof pair->why, "%s of it are skipped by %s",
                 op == TRIT_OP_rows ? "rows" : "columns", x->name);
    }
    if (!*skip)
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "no kernels that skip %s of a %zu x %zu matrix run here",
                         op == TRIT_OP_rows ? "rows" : "columns", n, k);
    return TRIT_OK;
}

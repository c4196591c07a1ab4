/* Picks the kernels of a matrix whose rows or columns are skipped. */
#include <stdio.h>

#include "runtime/base/mem.h"
#include "runtime/plan/pick.h"

static bool shares(const void *skip, const struct trit_kernel *kernel)
{
    return trit_share_weights(kernel, skip);
}

/* The kernel of op that shares its weights with `skip`. */
static const struct trit_kernel *partner(const struct trit_kernel *skip, enum trit_op op)
{
    return trit_pick_best(&(struct trit_wish){ .op = op, .fits = shares, .arg = skip });
}

static bool has_partners(const void *n, const struct trit_kernel *kernel)
{
    (void)n;
    return partner(kernel, TRIT_OP_gemv) && partner(kernel, TRIT_OP_gemm);
}

/* Rows that are added to n: blocks are long where columns are skipped. */
static size_t waste(const struct trit_kernel *kernel, size_t n)
{
    return trit_round_up(n, (size_t)kernel->nr) - n;
}

/* The stronger ISA, then less padding unless it is a twentieth, then longer blocks: more bytes in a
   row. */
static bool is_better(const void *arg, const struct trit_kernel *x, const struct trit_kernel *best)
{
    const size_t n = *(const size_t *)arg, mine = waste(x, n), its = waste(best, n);
    if (x->isa != best->isa)
        return x->isa > best->isa;
    if (mine > its + n / 20 || its > mine + n / 20)
        return mine < its;
    return x->nr > best->nr;
}

enum trit_code trit_pick_skip(enum trit_op op, size_t n, size_t k, const struct trit_kernel **skip,
                              struct trit_pair *pair, struct trit_error *error)
{
    const char *what = op == TRIT_OP_rows ? "rows" : "columns";
    const struct trit_wish wish = {
        .op = op, .n = n, .k = k, .fits = has_partners, .better = is_better, .arg = &n
    };
    const struct trit_kernel *x = *skip = trit_pick_best(&wish);
    if (!x)
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "no kernels that skip %s of a %zu x %zu matrix run here", what, n, k);
    *pair = (struct trit_pair){ .decode = partner(x, TRIT_OP_gemv),
                                .prefill = partner(x, TRIT_OP_gemm) };
    snprintf(pair->why, sizeof pair->why, "%s of it are skipped by %s", what, x->name);
    return TRIT_OK;
}

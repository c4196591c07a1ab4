/* Picks kernels without a profile: by force, else by estimated cost. */
#define _GNU_SOURCE
#include "runtime/pick.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/mem.h"

/* A model's pass is mostly decode; its share in the estimate. */
static const double decode_weight = 0.5;

static bool runs_here(const struct trit_kernel *kernel)
{
    return trit_isa_usable(kernel->isa, NULL);
}

static bool matches(const struct trit_kernel *kernel, const char *pattern)
{
    return !fnmatch(pattern, kernel->name, 0);
}

/* The pattern of TRITMILL_KERNEL if it says something about op, else NULL. */
static const char *forced(enum trit_op op)
{
    const char *pattern = getenv("TRITMILL_KERNEL");
    if (!pattern || !*pattern)
        return NULL;
    for (size_t i = 0; i < trit_kernel_count(); i++)
        if (trit_kernel_at(i)->op == op && matches(trit_kernel_at(i), pattern) &&
            runs_here(trit_kernel_at(i)))
            return pattern;
    return NULL;
}

static enum trit_code check_force(struct trit_error *error)
{
    const char *pattern = getenv("TRITMILL_KERNEL");
    if (!pattern || !*pattern)
        return TRIT_OK;
    for (size_t i = 0; i < trit_kernel_count(); i++)
        if (matches(trit_kernel_at(i), pattern) && runs_here(trit_kernel_at(i)))
            return TRIT_OK;
    return trit_fail(
        error, TRIT_EARGUMENT,
        "TRITMILL_KERNEL=%s: no kernel of that name can run here; `tritmill generate --list` "
        "names them all",
        pattern);
}

static bool legal(const struct trit_kernel *kernel, enum trit_op op, size_t n, size_t k,
                  const char *force)
{
    return kernel->op == op && (!kernel->k || kernel->k == trit_round_up(k, (size_t)kernel->kr)) &&
           (!kernel->n || kernel->n == n) && runs_here(kernel) &&
           (!force || matches(kernel, force));
}

/* Estimated cycles for one token, padding counted. */
static double estimate(const struct trit_kernel *kernel, size_t n, size_t k)
{
    return kernel->cost * (double)trit_round_up(n, (size_t)kernel->nr) *
           (double)trit_round_up(k, (size_t)kernel->kr) / 1024;
}

static bool share_weights(const struct trit_kernel *a, const struct trit_kernel *b)
{
    return !strcmp(a->packing, b->packing) && a->nr == b->nr && a->kr == b->kr;
}

static void explain(struct trit_pair *pair, size_t n, size_t k, size_t pairs, bool force)
{
    const struct trit_kernel *d = pair->decode;
    double padded =
        (double)trit_round_up(n, (size_t)d->nr) * (double)trit_round_up(k, (size_t)d->kr);
    double waste = 100 * (padded / ((double)n * (double)k) - 1);
    snprintf(pair->why, sizeof pair->why,
             "%s of %zu pair%s: %.1f cycles/kMAC in decode, %.1f in prefill, %.1f %% padding",
             force ? "TRITMILL_KERNEL's best" : "best estimate", pairs, pairs == 1 ? "" : "s",
             (double)d->cost, (double)pair->prefill->cost, waste);
}

enum trit_code trit_pick_pair(size_t n, size_t k, int threads, struct trit_profile *profile,
                              struct trit_pair *pair, struct trit_error *error)
{
    enum trit_code code = check_force(error);
    if (code)
        return code;
    (void)threads;
    (void)profile;
    const char *fd = forced(TRIT_OP_gemv), *fp = forced(TRIT_OP_gemm);
    double best = INFINITY;
    size_t pairs = 0;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *d = trit_kernel_at(i);
        if (!legal(d, TRIT_OP_gemv, n, k, fd))
            continue;
        for (size_t j = 0; j < trit_kernel_count(); j++) {
            const struct trit_kernel *p = trit_kernel_at(j);
            if (!legal(p, TRIT_OP_gemm, n, k, fp) || !share_weights(d, p))
                continue;
            pairs++;
            double cost =
                decode_weight * estimate(d, n, k) + (1 - decode_weight) * estimate(p, n, k);
            if (cost < best) {
                best = cost;
                *pair = (struct trit_pair){ .decode = d, .prefill = p };
            }
        }
    }
    if (best == (double)INFINITY)
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "no pair of gemv and gemm kernels that share a packing serves a %zu x %zu "
                         "matrix here%s",
                         n, k, fd || fp ? " (TRITMILL_KERNEL)" : "");
    explain(pair, n, k, pairs, fd || fp);
    return TRIT_OK;
}

enum trit_code trit_pick(enum trit_op op, const char *packing, const struct trit_kernel **kernel,
                         struct trit_error *error)
{
    const char *force = forced(op);
    *kernel = NULL;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *c = trit_kernel_at(i), *b = *kernel;
        if (!legal(c, op, 0, 0, force) || (packing && strcmp(c->packing, packing)))
            continue;
        if (!b || c->isa > b->isa || (c->isa == b->isa && c->cost < b->cost))
            *kernel = c;
    }
    if (!*kernel)
        return trit_fail(error, TRIT_EUNSUPPORTED, "no kernel for operation %s%s%s runs here",
                         trit_op_name(op), packing ? " on " : "", packing ? packing : "");
    return TRIT_OK;
}

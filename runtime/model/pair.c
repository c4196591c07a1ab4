/* Kernels for a matrix with groups, until plan/pick.h has its form as a wish. */
#include "runtime/kernel/probe.h"
#include "runtime/model/internal.h"

#include <stdio.h>

static bool takes(const void *form, const struct trit_kernel *kernel)
{
    return trit_packing_takes(trit_packing_find(kernel->packing), *(const struct trit_form *)form);
}

/* The cheapest pair of those that match the pattern (NULL: any); false where there is none. */
static bool cheapest(size_t k, const struct trit_form *form, const char *force,
                     struct trit_pair *pair)
{
    const struct trit_wish
        decode = { .op = TRIT_OP_gemv, .k = k, .force = force, .fits = takes, .arg = form },
        prefill = { .op = TRIT_OP_gemm, .k = k, .force = force, .fits = takes, .arg = form };
    const struct trit_kernel *d, *p;
    bool found = false;
    for (size_t i = 0; (d = trit_kernel_at(i)); i++) {
        if (!trit_pick_is_candidate(&decode, d))
            continue;
        for (size_t j = 0; (p = trit_kernel_at(j)); j++) {
            if (p->op != TRIT_OP_gemm || !trit_share_weights(d, p) ||
                (found && d->cost + p->cost >= pair->decode->cost + pair->prefill->cost) ||
                !trit_pick_is_candidate(&prefill, p) || !trit_kernel_sound(d) ||
                !trit_kernel_sound(p))
                continue;
            *pair = (struct trit_pair){ .decode = d, .prefill = p };
            found = true;
        }
    }
    return found;
}

enum trit_code trit_grouped_pair(size_t n, size_t k, struct trit_form form, struct trit_pair *pair,
                                 struct trit_error *error)
{
    const char *pattern = trit_pick_pattern();
    if (!(pattern && cheapest(k, &form, pattern, pair)) && !cheapest(k, &form, NULL, pair))
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "no pair of gemv and gemm kernels that share a packing serves a %zu x %zu "
                         "matrix with a scale for %zu columns here",
                         n, k, form.group);
    snprintf(pair->why, sizeof pair->why,
             "least estimate: %.1f cycles/kMAC in decode, %.1f in prefill",
             (double)pair->decode->cost, (double)pair->prefill->cost);
    return TRIT_OK;
}

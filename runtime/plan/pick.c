/* Picks kernels: by force, from the profile, else by estimated cost. */
#define _GNU_SOURCE
#include "runtime/plan/pick.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/kernel/probe.h"
#include "runtime/plan/profile.h"

/* A model's pass is mostly decode; its share in the estimate. */
static const double decode_weight = 0.5;
/* What a core reads from memory, as a rule: weights in decode, which come from there every time. */
static const double bytes_per_cycle = 8;

const char *trit_pick_pattern(void)
{
    const char *pattern = getenv("TRITMILL_KERNEL");
    return pattern && *pattern ? pattern : NULL;
}

/* A kernel for one shape was made by tuning: it has to be forced, or a profile says when it is the
   fastest. */
static bool takes_shape(const struct trit_kernel *kernel, const struct trit_wish *wish)
{
    return wish->force ? (!kernel->k || kernel->k == trit_round_up(wish->k, (size_t)kernel->kr)) &&
                             (!kernel->n || kernel->n == wish->n)
                       : !kernel->k && !kernel->n;
}

bool trit_pick_is_candidate(const struct trit_wish *wish, const struct trit_kernel *kernel)
{
    if (kernel->op != wish->op || (wish->packing && strcmp(kernel->packing, wish->packing) != 0) ||
        !takes_shape(kernel, wish) || (wish->force && fnmatch(wish->force, kernel->name, 0)))
        return false;
    const struct trit_packing *packing = wish->k ? trit_packing_find(kernel->packing) : NULL;
    return (!wish->k || (packing && wish->k <= packing->max_k)) &&
           trit_isa_usable(kernel->isa, NULL) && (!wish->fits || wish->fits(wish->arg, kernel));
}

static bool is_stronger(const void *arg, const struct trit_kernel *a, const struct trit_kernel *b)
{
    (void)arg;
    return a->isa > b->isa || (a->isa == b->isa && a->cost < b->cost);
}

const struct trit_kernel *trit_pick_best(const struct trit_wish *wish)
{
    const struct trit_kernel *best = NULL, *kernel;
    for (size_t i = 0; (kernel = trit_kernel_at(i)); i++)
        if (kernel->op == wish->op &&
            (!best || (wish->better ? wish->better : is_stronger)(wish->arg, kernel, best)) &&
            trit_pick_is_candidate(wish, kernel) && trit_kernel_sound(kernel))
            best = kernel;
    return best;
}

const struct trit_kernel *trit_pick_forced(const struct trit_wish *wish)
{
    struct trit_wish forced = *wish;
    forced.force = trit_pick_pattern();
    const struct trit_kernel *kernel = forced.force ? trit_pick_best(&forced) : NULL;
    return kernel ? kernel : trit_pick_best(wish);
}

static enum trit_code pick_one(const struct trit_wish *wish, const struct trit_kernel **kernel,
                               struct trit_error *error)
{
    *kernel = trit_pick_forced(wish);
    if (!*kernel)
        return trit_fail(error, TRIT_EUNSUPPORTED, "no kernel for operation %s%s%s runs here",
                         trit_op_name(wish->op), wish->packing ? " on " : "",
                         wish->packing ? wish->packing : "");
    return TRIT_OK;
}

enum trit_code trit_pick(enum trit_op op, const char *packing, const struct trit_kernel **kernel,
                         struct trit_error *error)
{
    return pick_one(&(struct trit_wish){ .op = op, .packing = packing }, kernel, error);
}

static bool is_larger(const void *arg, const struct trit_kernel *a, const struct trit_kernel *b)
{
    (void)arg;
    return a->isa > b->isa || (a->isa == b->isa && a->mr * a->nr > b->mr * b->nr);
}

enum trit_code trit_pick_many(enum trit_op op, const char *packing,
                              const struct trit_kernel **kernel, struct trit_error *error)
{
    const struct trit_wish wish = { .op = op, .packing = packing, .better = is_larger };
    return pick_one(&wish, kernel, error);
}

/* What of the registry runs here and matches the pattern, of op or (TRIT_NOP) of any operation. */
static bool anything_matches(const char *pattern, enum trit_op op)
{
    const struct trit_kernel *kernel;
    for (size_t i = 0; (kernel = trit_kernel_at(i)); i++)
        if ((op == TRIT_NOP || kernel->op == op) && !fnmatch(pattern, kernel->name, 0) &&
            trit_isa_usable(kernel->isa, NULL))
            return true;
    return false;
}

/* The pattern of TRITMILL_KERNEL if it says something about op, else NULL. */
static const char *forced(enum trit_op op)
{
    const char *pattern = trit_pick_pattern();
    return pattern && anything_matches(pattern, op) ? pattern : NULL;
}

static enum trit_code check_force(struct trit_error *error)
{
    const char *pattern = trit_pick_pattern();
    if (!pattern || anything_matches(pattern, TRIT_NOP))
        return TRIT_OK;
    return trit_fail(
        error, TRIT_EARGUMENT,
        "TRITMILL_KERNEL=%s: no kernel of that name can run here; `tritmill generate --list` "
        "names them all",
        pattern);
}

/* Estimated cycles for one token, padding counted. Prefill reads its weights once for many; decode
   waits for the slower of computing and reading, and a little for the other. */
static double estimate(const struct trit_kernel *kernel, size_t n, size_t k)
{
    const size_t nr = (size_t)kernel->nr, kr = (size_t)kernel->kr;
    const double cycles =
        kernel->cost * (double)trit_round_up(n, nr) * (double)trit_round_up(k, kr) / 1024;
    if (kernel->op != TRIT_OP_gemv)
        return cycles;
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    const double reading = (double)trit_packed_bytes(packing, n, k, nr) / bytes_per_cycle;
    return fmax(cycles, reading) + fmin(cycles, reading) / 10;
}

bool trit_share_weights(const struct trit_kernel *a, const struct trit_kernel *b)
{
    return !strcmp(a->packing, b->packing) && !strcmp(a->act, b->act) && a->nr == b->nr &&
           a->kr == b->kr;
}

/* The kernels of one operation that may be picked for a matrix. */
struct choice {
    const struct trit_kernel **kernels;
    size_t n;
};

/* What the two are chosen for. */
struct pair_wish {
    const struct trit_product *product;
    struct trit_profile *profile; /* NULL: none */
    const char *decode, *prefill; /* patterns that force; NULL: none */
    bool others;                  /* packings that hold more than trits may be picked */
};

/* Whether the packing takes the matrix or, where others are wanted too, can hold it: those with a
   scale for a row that are there to be compared with. */
static bool holds(const void *arg, const struct trit_kernel *kernel)
{
    const struct pair_wish *wish = arg;
    const struct trit_form form = wish->product->form;
    const struct trit_packing *p = trit_packing_find(kernel->packing);
    return trit_packing_takes(p, form) ||
           (wish->others && !form.group && !p->group && p->low <= -1 && p->high >= 1);
}

static enum trit_code choose_from(struct choice *c, enum trit_op op, const struct pair_wish *wish,
                                  struct trit_error *error)
{
    const size_t count = trit_kernel_count();
    const char *force = op == TRIT_OP_gemv ? wish->decode : wish->prefill;
    c->kernels = trit_alloc(count + 1, sizeof *c->kernels);
    if (!c->kernels)
        return trit_fail(error, TRIT_EMEMORY, "no memory to choose among %zu kernels", count);
    const struct trit_wish candidates = { .op = op,
                                          .n = wish->product->n,
                                          .k = wish->product->k,
                                          .force = force,
                                          .fits = holds,
                                          .arg = wish };
    for (size_t i = 0; i < count; i++)
        if (trit_pick_is_candidate(&candidates, trit_kernel_at(i)))
            c->kernels[c->n++] = trit_kernel_at(i);
    return TRIT_OK;
}

static void drop(struct choice *c, const struct trit_kernel *kernel)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->kernels[i] != kernel)
            c->kernels[kept++] = c->kernels[i];
    c->n = kept;
}

/* The cheapest pair that shares its weights; returns how many pairs there are. */
static size_t cheapest(const struct choice *decode, const struct choice *prefill,
                       const struct trit_product *x, struct trit_pair *pair)
{
    double best = INFINITY;
    size_t pairs = 0;
    for (size_t i = 0; i < decode->n; i++)
        for (size_t j = 0; j < prefill->n; j++) {
            const struct trit_kernel *d = decode->kernels[i], *p = prefill->kernels[j];
            if (!trit_share_weights(d, p))
                continue;
            pairs++;
            const double cost = decode_weight * estimate(d, x->n, x->k) +
                                (1 - decode_weight) * estimate(p, x->n, x->k);
            if (cost < best) {
                best = cost;
                *pair = (struct trit_pair){ .decode = d, .prefill = p };
            }
        }
    return pairs;
}

/* The cheapest pair whose kernels pass their check. */
static size_t cheapest_sound(struct choice *decode, struct choice *prefill,
                             const struct trit_product *x, struct trit_pair *pair)
{
    for (;;) {
        const size_t pairs = cheapest(decode, prefill, x, pair);
        if (pairs && !trit_kernel_sound(pair->decode))
            drop(decode, pair->decode);
        else if (pairs && !trit_kernel_sound(pair->prefill))
            drop(prefill, pair->prefill);
        else
            return pairs;
    }
}

static void explain_estimate(struct trit_pair *pair, const struct trit_product *x, size_t pairs,
                             bool force)
{
    const struct trit_kernel *d = pair->decode;
    double padded =
        (double)trit_round_up(x->n, (size_t)d->nr) * (double)trit_round_up(x->k, (size_t)d->kr);
    double waste = 100 * (padded / ((double)x->n * (double)x->k) - 1);
    snprintf(pair->why, sizeof pair->why,
             "%s of %zu pair%s: %.1f cycles/kMAC in decode, %.1f in prefill, %.1f %% padding",
             force ? "TRITMILL_KERNEL's best" : "best estimate", pairs, pairs == 1 ? "" : "s",
             (double)d->cost, (double)pair->prefill->cost, waste);
}

/* "47.1 us, 88 % of read limit", "5.2 ms for 512, 71 % of int8 limit", "estimate". */
static void explain_row(const struct trit_profile *profile, const struct trit_profile_row *row,
                        char *text, size_t room)
{
    char share[40] = "", tokens[40] = "";
    if (!row) {
        snprintf(text, room, "estimate");
        return;
    }
    const double part = trit_profile_share(profile, row);
    const bool decode = row->phase == TRIT_DECODE, slow = row->median_ns >= 1e7;
    if (part > 0)
        snprintf(share, sizeof share, ", %.0f %% of %s limit", 100 * part,
                 decode ? "read" : "int8");
    if (!decode)
        snprintf(tokens, sizeof tokens, " for %zu", row->tokens);
    snprintf(text, room, "%.1f %s%s%s", row->median_ns / (slow ? 1e6 : 1e3), slow ? "ms" : "us",
             tokens, share);
}

static void explain_profile(struct trit_pair *pair, const struct trit_profile *profile,
                            const struct trit_profile_plan *plan, int threads)
{
    const struct trit_profile_row *any =
        plan->row[plan->row[TRIT_DECODE] ? TRIT_DECODE : TRIT_PREFILL];
    char decode[48], prefill[64], other[24] = "";
    explain_row(profile, plan->row[TRIT_DECODE], decode, sizeof decode);
    explain_row(profile, plan->row[TRIT_PREFILL], prefill, sizeof prefill);
    if (any->threads != threads)
        snprintf(other, sizeof other, " (%d thread%s)", any->threads, any->threads == 1 ? "" : "s");
    snprintf(pair->why, sizeof pair->why, "profile%s: %s; prefill %s", other, decode, prefill);
}

/* The pair that the profile names, in part or whole. False where it names none. */
static bool from_profile(const struct pair_wish *wish, struct choice *decode,
                         struct choice *prefill, struct trit_pair *pair)
{
    struct trit_profile_plan plan;
    if (!wish->profile || !trit_profile_plan(wish->profile, wish->product, &plan))
        return false;
    struct choice d = { &plan.kernel[TRIT_DECODE], 1 }, p = { &plan.kernel[TRIT_PREFILL], 1 };
    if (!cheapest_sound(plan.kernel[TRIT_DECODE] ? &d : decode,
                        plan.kernel[TRIT_PREFILL] ? &p : prefill, wish->product, pair))
        return false;
    if (plan.row[TRIT_PREFILL]) {
        pair->mc = plan.row[TRIT_PREFILL]->mc;
        pair->nc = plan.row[TRIT_PREFILL]->nc;
    }
    if (plan.row[TRIT_DECODE])
        pair->decode_nc = plan.row[TRIT_DECODE]->nc;
    explain_profile(pair, wish->profile, &plan, wish->product->threads);
    return true;
}

static enum trit_code refuse(const struct trit_product *x, bool force, struct trit_error *error)
{
    char form[64] = "";
    if (x->form.group)
        snprintf(form, sizeof form, " with a scale for each %zu columns", x->form.group);
    return trit_fail(error, TRIT_EUNSUPPORTED,
                     "no pair of gemv and gemm kernels that share a packing serves a %zu x %zu "
                     "matrix%s here%s",
                     x->n, x->k, form, force ? " (TRITMILL_KERNEL)" : "");
}

/* Of the kernels that are left after TRITMILL_KERNEL. TRIT_EUNSUPPORTED where no pair is. */
static enum trit_code pick_pair(const struct pair_wish *wish, struct trit_pair *pair,
                                struct trit_error *error)
{
    const bool force = wish->decode || wish->prefill;
    const struct trit_product *x = wish->product;
    size_t pairs = 0;
    bool found = false;
    struct choice decode = { NULL, 0 }, prefill = { NULL, 0 };
    enum trit_code code = choose_from(&decode, TRIT_OP_gemv, wish, error);
    if (!code)
        code = choose_from(&prefill, TRIT_OP_gemm, wish, error);
    if (!code && !force)
        found = from_profile(wish, &decode, &prefill, pair);
    if (!code && !found && (pairs = cheapest_sound(&decode, &prefill, x, pair)) > 0)
        explain_estimate(pair, x, pairs, force);
    free(decode.kernels);
    free(prefill.kernels);
    return code || found || pairs > 0 ? code : refuse(x, force, error);
}

enum trit_code trit_pick_pair(const struct trit_product *product, struct trit_profile *profile,
                              struct trit_pair *pair, struct trit_error *error)
{
    const bool coarse = product->form.values >= TRIT_NIBBLES;
    struct pair_wish wish = { .product = product,
                              .profile = coarse ? NULL : profile,
                              .decode = coarse ? NULL : forced(TRIT_OP_gemv),
                              .prefill = coarse ? NULL : forced(TRIT_OP_gemm) };
    enum trit_code code = check_force(error);
    if (code)
        return code;
    code = pick_pair(&wish, pair, error);
    wish.others = wish.decode || wish.prefill;
    return code == TRIT_EUNSUPPORTED && wish.others ? pick_pair(&wish, pair, error) : code;
}

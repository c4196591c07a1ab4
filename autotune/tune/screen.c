/* The screening of a matrix' kernels: everyone once, those first that the estimate likes, as many
   as their share of the budget allows; the best stay. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/tune/internal.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/room.h"

enum {
    SCREEN_TOKENS = 16,        /* more than any tile has, and still short */
    SCREEN_ROTATION = 8 << 20, /* bytes: more than a sample of the screening reads */
    SCREENED = 12,             /* of each operation stay after the screening */
    SLOW = 8,                  /* times behind the best: hopeless */
    STEP = 8,                  /* kernels that are verified and packed for at once */
};
static const double sample_seconds = 0.0001,
                    screen_share = 0.4; /* of the time that is left for all matrices */

static bool is_hopeless(const struct trit_tune *tune, const struct trit_kernel *kernel)
{
    for (size_t i = 0; i < tune->nhopeless; i++)
        if (tune->hopeless[i] == kernel)
            return true;
    return false;
}

static bool may_compete(const struct trit_tune *tune, const struct trit_tune_matrix *matrix,
                        const struct trit_measure *measure, const struct trit_kernel *kernel)
{
    return trit_measure_fits(measure, kernel) && trit_tune_takes(matrix, kernel) && !kernel->k &&
           !kernel->n && trit_kernel_find(kernel->name) == kernel &&
           (!tune->isa || !strcmp(tune->isa, trit_isa_name(kernel->isa))) &&
           !(matrix->only_new && trit_tune_was_tried(tune, kernel)) && !is_hopeless(tune, kernel);
}

/* Those that may compete, of each operation the cheapest by the estimate first, in turns. */
static int by_cost(const void *a, const void *b)
{
    const struct trit_kernel *x = *(const struct trit_kernel *const *)a,
                             *y = *(const struct trit_kernel *const *)b;
    return (x->cost > y->cost) - (x->cost < y->cost);
}

static void take_turns(const struct trit_kernel **kernels, size_t n,
                       const struct trit_kernel **sorted)
{
    size_t at[2] = { 0, 0 };
    memcpy(sorted, kernels, n * sizeof *kernels);
    qsort(sorted, n, sizeof *sorted, by_cost);
    for (size_t i = 0; i < n; i++) {
        size_t *next = &at[i % 2];
        const enum trit_op op = i % 2 ? TRIT_OP_gemm : TRIT_OP_gemv;
        while (*next < n && sorted[*next]->op != op)
            ++*next;
        if (*next == n) { /* there are no more of this one */
            next = &at[1 - i % 2];
            while (*next < n && sorted[*next]->op == op)
                ++*next;
        }
        kernels[i] = sorted[(*next)++];
    }
}

static enum trit_code find(struct trit_tune *tune, const struct trit_tune_matrix *matrix,
                           const struct trit_measure *measure, const struct trit_kernel ***kernels,
                           size_t *n, struct trit_error *error)
{
    const size_t all = trit_kernel_count();
    const struct trit_kernel **sorted = trit_alloc(all, sizeof *sorted);
    *kernels = trit_alloc(all, sizeof **kernels);
    *n = 0;
    for (size_t i = 0; *kernels && sorted && i < all; i++)
        if (may_compete(tune, matrix, measure, trit_kernel_at(i)))
            (*kernels)[(*n)++] = trit_kernel_at(i);
    const bool enough = *kernels && sorted;
    if (enough)
        take_turns(*kernels, *n, sorted);
    free(sorted);
    return enough ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "no memory to tune");
}

/* Verified ones only; what is wrong is named once. Their weights are made too. */
static enum trit_code add_right(struct trit_tune *tune, struct trit_tune_matrix *matrix,
                                struct trit_measure *measure,
                                const struct trit_kernel *const *kernels, size_t n,
                                struct trit_error *error)
{
    const char *whys[STEP];
    enum trit_code code = TRIT_OK;
    trit_measure_verify(measure, kernels, n, whys);
    for (size_t i = 0; i < n && !code; i++) {
        if (!whys[i]) {
            const struct trit_contender c = { .kernel = kernels[i] };
            code = trit_measure_prepare(measure, kernels[i], error);
            if (!code)
                code = trit_field_add(&matrix->field, &c, error);
            continue;
        }
        trit_tune_clear(tune);
        fprintf(stderr, "tritmill: %s is left out of tuning: %s (%zu x %zu)\n", kernels[i]->name,
                whys[i], matrix->n, matrix->k);
    }
    return code;
}

/* They were not tried: an update tries them. */
static enum trit_code leave_out(struct trit_tune *tune, const struct trit_tune_matrix *matrix,
                                const struct trit_kernel *const *kernels, size_t n, size_t of,
                                struct trit_error *error)
{
    const struct trit_kernel **more =
        realloc(tune->untried, (tune->nuntried + n) * sizeof *tune->untried);
    if (!more)
        return trit_fail(error, TRIT_EMEMORY, "no memory to tune");
    memcpy(more + tune->nuntried, kernels, n * sizeof *kernels);
    tune->untried = more;
    tune->nuntried += n;
    trit_tune_clear(tune);
    fprintf(stderr,
            "tritmill: %zu x %zu: %zu of %zu kernels are not tried: the budget of %g s is "
            "too short for them\n",
            matrix->n, matrix->k, n, of, tune->budget);
    return TRIT_OK;
}

/* Step by step, as long as a step like the last fits the matrix' share of the time. */
static enum trit_code collect(struct trit_tune *tune, struct trit_tune_matrix *matrix,
                              struct trit_measure *measure, struct trit_error *error)
{
    const size_t to_come = tune->nmatrices - (size_t)(matrix - tune->matrices);
    const double begun = trit_now(), share = screen_share * trit_tune_left(tune) / (double)to_come;
    const struct trit_kernel **kernels;
    double now = begun, last = 0;
    size_t n, step;
    enum trit_code code = find(tune, matrix, measure, &kernels, &n, error);
    for (size_t i = 0; i < n && !code; i += step) {
        if (trit_tune_stop(tune))
            code = trit_fail(error, TRIT_ESTOPPED, "stopped");
        else if (i > 0 && now - begun + last > share) {
            code = leave_out(tune, matrix, kernels + i, n - i, n, error);
            break;
        }
        step = n - i < STEP ? n - i : STEP;
        if (!code)
            code = add_right(tune, matrix, measure, kernels + i, step, error);
        last = trit_now() - now;
        now += last;
    }
    free(kernels);
    return code;
}

enum trit_code trit_tune_check_room(struct trit_tune *tune, const struct trit_tune_matrix *matrix,
                                    struct trit_error *error)
{
    const size_t most = (size_t)tune->tokens.v[tune->tokens.n - 1];
    const struct trit_kernel **kernels;
    struct trit_measure *measure;
    struct trit_trial *trials = NULL;
    size_t n;
    char what[96];
    enum trit_code code = trit_measure_open(&measure, tune->pools[0], matrix->n, matrix->k, error);
    if (code)
        return code;
    trit_measure_rotate(measure, SCREEN_ROTATION);
    code = find(tune, matrix, measure, &kernels, &n, error);
    if (!code && !(trials = trit_alloc(n + 1, sizeof *trials)))
        code = trit_fail(error, TRIT_EMEMORY, "no memory to tune");
    for (size_t i = 0; i < n && !code; i++)
        trials[i] =
            (struct trit_trial){ kernels[i], kernels[i]->op == TRIT_OP_gemv ? 1 : most, 0, 0 };
    snprintf(what, sizeof what, "tune: timing %zu kernels on a %zu x %zu matrix", n, matrix->n,
             matrix->k);
    if (!code)
        code =
            trit_need_memory(what, trit_measure_need(measure, trials, n),
                             "take fewer (--isa NAME), fewer --tokens or a smaller matrix", error);
    free(trials);
    free(kernels);
    trit_measure_close(measure);
    return code;
}

static enum trit_code note_hopeless(struct trit_tune *tune, const struct trit_field *field,
                                    struct trit_error *error)
{
    double best[TRIT_NOP];
    for (unsigned op = 0; op < TRIT_NOP; op++)
        best[op] = INFINITY;
    for (size_t i = 0; i < field->n; i++)
        best[field->list[i].kernel->op] =
            fmin(best[field->list[i].kernel->op], field->list[i].cost);
    tune->hopeless = trit_alloc(field->n + 1, sizeof *tune->hopeless);
    if (!tune->hopeless)
        return trit_fail(error, TRIT_EMEMORY, "no memory to tune");
    for (size_t i = 0; i < field->n; i++)
        if (field->list[i].cost > SLOW * best[field->list[i].kernel->op])
            tune->hopeless[tune->nhopeless++] = field->list[i].kernel;
    return TRIT_OK;
}

enum trit_code trit_tune_screen(struct trit_tune *tune, struct trit_tune_matrix *matrix,
                                struct trit_error *error)
{
    static const int tokens[] = { SCREEN_TOKENS };
    const struct trit_tune_round round = { tokens, 1, 2, sample_seconds };
    struct trit_measure *measure;
    trit_tune_doing(tune, "%zu x %zu: verifying", matrix->n, matrix->k);
    enum trit_code code = trit_measure_open(&measure, tune->pools[0], matrix->n, matrix->k, error);
    if (!code) {
        trit_measure_rotate(measure, SCREEN_ROTATION);
        code = collect(tune, matrix, measure, error);
    }
    trit_tune_doing(tune, "%zu x %zu: screening %zu kernels", matrix->n, matrix->k,
                    matrix->field.n);
    if (!code && matrix->field.n > 0)
        code = trit_tune_time_field(tune, measure, &matrix->field, &round, error);
    if (!code && !tune->hopeless)
        code = note_hopeless(tune, &matrix->field, error);
    if (!code)
        trit_field_halve(&matrix->field, SCREENED);
    trit_measure_close(measure);
    return code;
}

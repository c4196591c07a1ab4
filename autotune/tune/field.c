/* Who competes: contenders, their partners by the packing law, and what a request costs with them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/tune/internal.h"
#include "runtime/plan/pick.h"

enum trit_code trit_field_add(struct trit_field *field, const struct trit_contender *contender,
                              struct trit_error *error)
{
    if (field->n == field->room) {
        const size_t room = field->room ? 2 * field->room : 32;
        struct trit_contender *more = realloc(field->list, room * sizeof *more);
        if (!more)
            return trit_fail(error, TRIT_EMEMORY, "no memory to tune");
        field->list = more;
        field->room = room;
    }
    field->list[field->n++] = *contender;
    return TRIT_OK;
}

void trit_field_free(struct trit_field *field)
{
    free(field->list);
    *field = (struct trit_field){ 0 };
}

/* Whether the two can be the kernels of one plan. */
static bool can_pair(const struct trit_contender *a, const struct trit_contender *b)
{
    return a->kernel->op != b->kernel->op && trit_share_weights(a->kernel, b->kernel);
}

static void score(struct trit_field *field)
{
    for (size_t i = 0; i < field->n; i++) {
        struct trit_contender *c = &field->list[i];
        double best = INFINITY;
        for (size_t j = 0; j < field->n; j++)
            if (can_pair(c, &field->list[j]) && field->list[j].cost < best)
                best = field->list[j].cost;
        c->score = c->cost + best;
    }
}

static int by_score(const void *a, const void *b)
{
    const struct trit_contender *x = a, *y = b;
    return (x->score > y->score) - (x->score < y->score);
}

void trit_field_halve(struct trit_field *field, size_t keep)
{
    size_t kept = 0, of[TRIT_NOP] = { 0 };
    if (field->n == 0)
        return;
    score(field);
    qsort(field->list, field->n, sizeof *field->list, by_score);
    for (size_t i = 0; i < field->n; i++) {
        const struct trit_contender c = field->list[i];
        const bool pairs = c.score < (double)INFINITY;
        if ((pairs && of[c.kernel->op] < keep) || c.incumbent) {
            of[c.kernel->op]++;
            field->list[kept++] = c;
        }
    }
    field->n = kept;
}

bool trit_tune_loses(const struct trit_contender *c, const struct trit_contender *old)
{
    return c->cost > 1.03 * old->cost + old->spread + c->spread;
}

/* Whether it is slower than the plan there is, if that competes. */
static bool slower_than_incumbent(const struct trit_field *field, const struct trit_contender *c)
{
    for (size_t i = 0; i < field->n; i++) {
        const struct trit_contender *old = &field->list[i];
        if (old->incumbent && old->kernel->op == c->kernel->op && old->cost > 0)
            return old != c && trit_tune_loses(c, old);
    }
    return false;
}

bool trit_field_best(const struct trit_field *field, const struct trit_contender **decode,
                     const struct trit_contender **prefill)
{
    double best = INFINITY;
    for (size_t i = 0; i < field->n; i++)
        for (size_t j = 0; j < field->n; j++) {
            const struct trit_contender *d = &field->list[i], *p = &field->list[j];
            if (d->kernel->op != TRIT_OP_gemv || !can_pair(d, p) || d->cost + p->cost >= best ||
                slower_than_incumbent(field, d) || slower_than_incumbent(field, p))
                continue;
            best = d->cost + p->cost;
            *decode = d;
            *prefill = p;
        }
    return best < (double)INFINITY;
}

struct trit_product trit_tune_product(const struct trit_tune_matrix *matrix, int threads)
{
    return (struct trit_product){ matrix->n, matrix->k, matrix->form, threads };
}

bool trit_tune_takes(const struct trit_tune_matrix *matrix, const struct trit_kernel *kernel)
{
    const struct trit_packing *p = trit_packing_find(kernel->packing);
    return (kernel->op == TRIT_OP_gemv || kernel->op == TRIT_OP_gemm) && p &&
           trit_packing_takes(p, matrix->form);
}

bool trit_tune_was_tried(const struct trit_tune *tune, const struct trit_kernel *kernel)
{
    char line[192];
    snprintf(line, sizeof line, "\n%016llx %s\n", (unsigned long long)kernel->hash, kernel->name);
    return tune->tried && strstr(tune->tried, line);
}

/* Which kernels the matrices of a model got, and why: the same matrix of all layers on one line, or
 * every matrix on its own. */
#include "runtime/cli/plan.h"

#include <string.h>

/* "attn_q" of "blk.7.attn_q"; other names as they are. */
static const char *role(const char *matrix)
{
    if (strncmp(matrix, "blk.", 4) != 0)
        return matrix;
    const char *dot = strchr(matrix + 4, '.');
    return dot ? dot + 1 : matrix;
}

static bool alike(const struct trit_plan *a, const struct trit_plan *b)
{
    return a->n == b->n && a->k == b->k && a->decode == b->decode && a->prefill == b->prefill &&
           !strcmp(role(a->matrix), role(b->matrix)) && !strcmp(a->why, b->why);
}

/* How many of the first n plans are like plan. */
static size_t count_alike(const struct trit_model *model, size_t n, const struct trit_plan *plan)
{
    struct trit_plan other;
    size_t count = 0;
    for (size_t i = 0; i < n && trit_model_plan(model, i, &other); i++)
        count += alike(&other, plan);
    return count;
}

static void show_line(const struct trit_plan *plan, size_t count, FILE *to)
{
    char shape[48];
    snprintf(shape, sizeof shape, "%zu x %zu", plan->n, plan->k);
    fprintf(to, "%3zu x %-12s %15s  %s\n", count, role(plan->matrix), shape, plan->why);
    fprintf(to, "%38s%s\n", "decode:  ", plan->decode ? plan->decode->name : "none");
    if (plan->prefill != plan->decode)
        fprintf(to, "%38s%s\n", "prefill: ", plan->prefill ? plan->prefill->name : "none");
}

void trit_plan_show(const struct trit_model *model, FILE *to)
{
    struct trit_plan plan;
    fprintf(to, "%5s %-12s %15s  %s\n", "", "matrix", "N x K", "kernels, and why these");
    for (size_t i = 0; trit_model_plan(model, i, &plan); i++)
        if (!count_alike(model, i, &plan))
            show_line(&plan, count_alike(model, SIZE_MAX, &plan), to);
    fputc('\n', to);
}

void trit_plan_log(const struct trit_model *model, FILE *to)
{
    struct trit_plan plan;
    for (size_t i = 0; trit_model_plan(model, i, &plan); i++)
        fprintf(to, "%s %zux%zu: decode %s, prefill %s: %s\n", plan.matrix, plan.n, plan.k,
                plan.decode->name, plan.prefill->name, plan.why);
}

/* The order of candidates and of ids, and the k best of many. */
#include <stdlib.h>

#include "runtime/head/internal.h"

/* A NaN comes after all numbers. */
bool trit_candidate_before(struct trit_candidate a, struct trit_candidate b)
{
    const bool nan = a.logit != a.logit, other = b.logit != b.logit;
    if (nan || other)
        return nan == other ? a.id < b.id : other;
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/* Moves c down from the hole at i until nothing below it is worse. */
static void sink(struct trit_best *best, size_t i, struct trit_candidate c)
{
    struct trit_candidate *at = best->at;
    for (size_t child; (child = 2 * i + 1) < best->n; i = child) {
        if (child + 1 < best->n && trit_candidate_before(at[child], at[child + 1]))
            child++;
        if (!trit_candidate_before(c, at[child]))
            break;
        at[i] = at[child];
    }
    at[i] = c;
}

void trit_best_add(struct trit_best *best, struct trit_candidate c)
{
    struct trit_candidate *at = best->at;
    if (best->n == best->k) {
        if (best->k && trit_candidate_before(c, at[0]))
            sink(best, 0, c);
        return;
    }
    size_t i = best->n++;
    for (; i > 0 && trit_candidate_before(at[(i - 1) / 2], c); i = (i - 1) / 2)
        at[i] = at[(i - 1) / 2];
    at[i] = c;
}

static int compare(const void *a, const void *b)
{
    const struct trit_candidate *x = a, *y = b;
    return trit_candidate_before(*y, *x) - trit_candidate_before(*x, *y);
}

void trit_candidates_sort(struct trit_candidate *c, size_t n)
{
    qsort(c, n, sizeof *c, compare);
}

static int compare_ids(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

void trit_ids_sort(int32_t *ids, size_t n)
{
    qsort(ids, n, sizeof *ids, compare_ids);
}

bool trit_ids_have(const int32_t *ids, size_t n, int32_t id)
{
    return n && bsearch(&id, ids, n, sizeof id, compare_ids);
}

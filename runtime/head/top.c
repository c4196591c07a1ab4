/* The k best rows without reading all in full. The first plane scores all rows; the exact logits of
   the k best by score are a cut that the k best of all cannot fall below; what the bound of
   runtime/head/state.c keeps above it is read in the second plane where many rows of a group are,
   and then in full. A row that is left out has an upper bound below k exact logits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/head/internal.h"

enum {
    SERIAL = 4,    /* groups that are not worth a region */
    FETCH = 40000, /* bytes of a plane that are read in the time it takes to ask for a row */
};

static size_t row_count(const struct trit_head *h, size_t group)
{
    const size_t left = h->n - group * TRIT_HEAD_ROWS;
    return left < TRIT_HEAD_ROWS ? left : TRIT_HEAD_ROWS;
}

/* to[j] = the greater of from's halves. */
static inline void fold(size_t half, const float *from, float *restrict to)
{
    for (size_t j = 0; j < half; j++)
        to[j] = from[half + j] > from[j] ? from[half + j] : from[j];
}

static float greatest(const float *v)
{
    float a[TRIT_HEAD_ROWS / 2], b[TRIT_HEAD_ROWS / 4], c[TRIT_HEAD_ROWS / 8];
    fold(TRIT_HEAD_ROWS / 2, v, a);
    fold(TRIT_HEAD_ROWS / 4, a, b);
    fold(TRIT_HEAD_ROWS / 8, b, c);
    float most = c[0];
    for (size_t j = 1; j < TRIT_HEAD_ROWS / 8; j++)
        most = c[j] > most ? c[j] : most;
    return most;
}

/* What a bound has beside the score and the planes' error. */
static float rest_of_bound(const struct trit_head *h, size_t i, size_t group)
{
    return h->norm[group] * h->state[i].slack + (float)(h->k + 16) * 0x1p-148f;
}

/* bound[j] = what a row's logit is at most, for all of a group. */
static void bound_rows(const struct trit_head *h, size_t i, size_t group, float *restrict bound)
{
    const float rest = rest_of_bound(h, i, group), norm = h->state[i].norm;
    const float *restrict y = h->y + (i * h->groups + group) * TRIT_HEAD_ROWS;
    const float *restrict r = h->plane[h->fine[i * h->groups + group]].r + group * TRIT_HEAD_ROWS;
    for (size_t j = 0; j < TRIT_HEAD_ROWS; j++)
        bound[j] = y[j] + (r[j] * norm + rest);
}

/* A kernel's scores of a group (the second vector's ld further), with the halves of the codes. */
static void sum_scores(const struct trit_head *h, size_t i, size_t group,
                       const float *restrict score, size_t ld, float *restrict sum)
{
    const float shift = h->state[i].shift;
    const float *restrict d = h->d + group * TRIT_HEAD_ROWS;
    for (size_t j = 0; j < TRIT_HEAD_ROWS; j++)
        sum[j] = score[j] + d[j] * shift;
    for (size_t j = 0; h->terms > 1 && j < TRIT_HEAD_ROWS; j++)
        sum[j] += score[ld + j];
    for (size_t j = row_count(h, group); j < TRIT_HEAD_ROWS; j++)
        sum[j] = -INFINITY;
}

/* Whether a row is among also's. */
static bool named(const struct trit_head_state *state, size_t row)
{
    return trit_ids_have(state->also, state->nalso, (int32_t)row);
}

/* Adds rows to the best by their values; also's are not among them. */
static void add_rows(const struct trit_head *h, size_t i, size_t row, size_t n, const float *value,
                     struct trit_best *best)
{
    for (size_t j = 0; j < n; j++) {
        const struct trit_candidate c = { value[j], (int32_t)(row + j) };
        if ((best->n < best->k || trit_candidate_before(c, best->at[0])) &&
            !named(&h->state[i], row + j))
            trit_best_add(best, c);
    }
}

/* Rows row .. row+n-1 for states first .. first+m-1. */
struct patch {
    size_t row, n, first, m;
};

/* A plane's scores of a patch, without the halves of the codes: each vector's ld after the last. */
static void score(struct trit_head *h, int plane, const struct patch *x, float *to, size_t ld)
{
    const struct trit_head_plane *p = &h->plane[plane];
    const size_t t = x->first * h->terms, tokens = x->m * h->terms;
    trit_mm_fn *fn = tokens == 1 ? p->gemv->fn.gemv : p->gemm->fn.gemm;
    fn(tokens, x->n, h->kp, p->w + x->row / (size_t)p->gemv->nr * p->block, h->d + x->row,
       h->a + t * h->kp, h->kp, h->s + t, h->sum + t, to, ld);
}

/* The first plane's scores of a group. Its bound takes the group's greatest r: no row's is read. */
static void take_scores(struct trit_head *h, size_t i, size_t group, const float *score,
                        struct trit_best *best)
{
    float *y = h->y + (i * h->groups + group) * TRIT_HEAD_ROWS;
    sum_scores(h, i, group, score, TRIT_HEAD_PIECE, y);
    const float most = greatest(y), rest = rest_of_bound(h, i, group);
    h->fine[i * h->groups + group] = false;
    h->peak[i * h->groups + group] = most + (h->reach[group] * h->state[i].norm + rest);
    if (best->n < best->k || (best->k > 0 && most >= best->at[0].logit))
        add_rows(h, i, group * TRIT_HEAD_ROWS, row_count(h, group), y, best);
}

/* Pieces of the first plane. */
static void scan(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_head *h = arg;
    float scores[TRIT_HEAD_STATES * TRIT_HEAD_TERMS * TRIT_HEAD_PIECE];
    const size_t n = end - begin;
    if (n < TRIT_HEAD_PIECE)
        memset(scores, 0, sizeof scores);
    score(h, 0, &(struct patch){ begin, n, 0, h->m }, scores, TRIT_HEAD_PIECE);
    for (size_t i = 0; i < h->m; i++)
        for (size_t j = 0; j < n; j += TRIT_HEAD_ROWS)
            take_scores(h, i, (begin + j) / TRIT_HEAD_ROWS,
                        scores + i * h->terms * TRIT_HEAD_PIECE + j,
                        &h->best[i * h->threads + (size_t)thread]);
}

/* The k best of all threads' to top->best. */
static size_t merge(struct trit_head *h, size_t i)
{
    struct trit_best *best = h->best + i * h->threads;
    struct trit_top *top = h->state[i].top;
    struct trit_candidate *all = h->merged;
    size_t n = 0;
    for (size_t t = 0; t < h->threads; t++) {
        memcpy(all + n, best[t].at, best[t].n * sizeof *all);
        n += best[t].n;
        best[t].n = 0;
    }
    if (n > 1)
        trit_candidates_sort(all, n);
    n = n < top->k ? n : top->k;
    memcpy(top->best, all, n * sizeof *all);
    return n;
}

/* Exact logits of what top->best names: jobs are its places, one state after the other. */
static void rescore(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_head *h = arg;
    size_t at = 0;
    for (size_t i = 0; i < h->m; i++) {
        struct trit_top *top = h->state[i].top;
        for (size_t j = begin > at ? begin - at : 0; j < top->count && at + j < end; j++)
            top->best[j].logit = trit_head_exact(h, (size_t)top->best[j].id, i, thread);
        at += top->count;
    }
}

static void region(struct trit_head *h, enum trit_part part, size_t count, size_t serial,
                   size_t grain, trit_job_fn *fn)
{
    if (count > serial)
        trit_region(h->pool, part, count, grain, fn, h);
    else if (count > 0)
        fn(h, 0, count, 0);
}

/* The k best by score, and also's rows behind them: top->best in full. */
static void find_top(struct trit_head *h)
{
    size_t count = 0;
    for (size_t i = 0; i < h->m; i++) {
        struct trit_head_state *state = &h->state[i];
        struct trit_top *top = state->top;
        top->count = state->first = merge(h, i);
        for (size_t j = 0; j < state->nalso; j++)
            top->best[top->count++].id = state->also[j];
        count += top->count;
    }
    region(h, TRIT_PART_HEAD_EXACT, count, SERIAL, SERIAL, rescore);
    h->nexact += count;
}

static void find_cuts(struct trit_head *h)
{
    find_top(h);
    for (size_t i = 0; i < h->m; i++) {
        struct trit_head_state *state = &h->state[i];
        state->cut = state->top->k > 0 ? INFINITY : NAN;
        for (size_t j = 0; j < state->first; j++)
            state->cut = fminf(state->cut, state->top->best[j].logit);
    }
}

/* Lists the groups that a bound keeps open for a state. */
static void find_open(struct trit_head *h)
{
    h->nopen = 0;
    for (size_t group = 0; group < h->groups; group++) {
        bool open = false;
        for (size_t i = 0; i < h->m; i++)
            open |= h->peak[i * h->groups + group] >= h->state[i].cut;
        h->open[h->nopen] = (uint32_t)group;
        h->nopen += open;
    }
}

/* Which rows of a group the bound keeps, their places in it; 0 of them where it is closed. */
static size_t survivors(const struct trit_head *h, size_t i, size_t group, float cut, uint8_t *kept)
{
    float bound[TRIT_HEAD_ROWS];
    size_t n = 0;
    if (!(h->peak[i * h->groups + group] >= cut))
        return 0;
    bound_rows(h, i, group, bound);
    for (size_t j = 0; j < TRIT_HEAD_ROWS; j++) {
        kept[n] = (uint8_t)j;
        n += bound[j] >= cut;
    }
    return n;
}

/* What rows cost in full, as bytes of a plane. */
static size_t cost_of_rows(const struct trit_head *h, size_t n)
{
    return n * (h->rows->row_bytes + FETCH);
}

/* Bytes of a group in the second plane. */
static size_t fine_bytes(const struct trit_head *h)
{
    return h->plane[1].block * (TRIT_HEAD_ROWS / (size_t)h->plane[1].gemv->nr);
}

/* The second plane's scores are added to the first's. */
static void add_scores(struct trit_head *h, size_t i, size_t group, const float *score)
{
    float *y = h->y + (i * h->groups + group) * TRIT_HEAD_ROWS;
    float sum[TRIT_HEAD_ROWS], bound[TRIT_HEAD_ROWS];
    sum_scores(h, i, group, score, TRIT_HEAD_ROWS, sum);
    for (size_t j = 0; j < TRIT_HEAD_ROWS; j++)
        y[j] += 0.25f * sum[j];
    h->fine[i * h->groups + group] = true;
    bound_rows(h, i, group, bound);
    h->peak[i * h->groups + group] = greatest(bound);
}

/* Reads the second plane of open groups where their rows in full cost more. */
static void refine(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct trit_head *h = arg;
    float scores[TRIT_HEAD_TERMS * TRIT_HEAD_ROWS];
    uint8_t kept[TRIT_HEAD_ROWS];
    for (size_t at = begin; at < end; at++)
        for (size_t i = 0, group = h->open[at]; i < h->m; i++) {
            const size_t n = survivors(h, i, group, h->state[i].cut, kept);
            if (cost_of_rows(h, n) <= fine_bytes(h))
                continue;
            const struct patch patch = { group * TRIT_HEAD_ROWS, row_count(h, group), i, 1 };
            memset(scores, 0, sizeof scores);
            score(h, 1, &patch, scores, TRIT_HEAD_ROWS);
            add_scores(h, i, group, scores);
            h->nfine += row_count(h, group);
        }
}

static void count_survivors(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct trit_head *h = arg;
    uint8_t kept[TRIT_HEAD_ROWS];
    for (size_t at = begin; at < end; at++)
        for (size_t i = 0; i < h->m; i++)
            h->nfine += survivors(h, i, h->open[at], h->state[i].cut, kept);
}

/* The exact logits of what is left. A thread's own k best may raise its cut. */
static void finish(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_head *h = arg;
    uint8_t kept[TRIT_HEAD_ROWS];
    size_t exact = 0;
    for (size_t at = begin; at < end; at++)
        for (size_t i = 0, group = h->open[at]; i < h->m; i++) {
            struct trit_best *best = &h->best[i * h->threads + (size_t)thread];
            float cut = h->state[i].cut;
            if (best->k > 0 && best->n == best->k)
                cut = fmaxf(cut, best->at[0].logit);
            const size_t n = survivors(h, i, group, cut, kept);
            for (size_t j = 0; j < n; j++) {
                const size_t row = group * TRIT_HEAD_ROWS + kept[j];
                if (named(&h->state[i], row))
                    continue;
                trit_best_add(best, (struct trit_candidate){ trit_head_exact(h, row, i, thread),
                                                             (int32_t)row });
                exact++;
            }
        }
    h->nexact += exact;
}

/* Whether the second plane is to be read; it is made when rows in full would cost more than it. */
static bool wants_plane2(struct trit_head *h)
{
    h->deep = h->nopen > h->groups / 8;
    if (!h->deep || h->plane[1].w || h->no_plane2)
        return h->deep && h->plane[1].w;
    trit_region(h->pool, TRIT_PART_HEAD_PLANE2, h->nopen, 16, count_survivors, h);
    const size_t rows = h->nfine;
    h->nfine = 0;
    if (cost_of_rows(h, rows) < h->plane[1].bytes)
        return false;
    trit_head_need(h, 1);
    h->no_plane2 = !h->plane[1].w;
    return h->plane[1].w;
}

/* Sorts what was found in with also's rows. */
static void conclude(struct trit_head *h)
{
    for (size_t i = 0; i < h->m; i++) {
        struct trit_top *top = h->state[i].top;
        merge(h, i);
        trit_candidates_sort(top->best, top->count);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void trit_head_search(struct trit_head *h, struct trit_counts *counts)
{
    trit_region(h->pool, TRIT_PART_HEAD_PLANE1, h->n, TRIT_HEAD_PIECE, scan, h);
    find_cuts(h);
    find_open(h);
    if (wants_plane2(h)) {
        trit_region(h->pool, TRIT_PART_HEAD_PLANE2, h->nopen, 4, refine, h);
        find_open(h);
    }
    region(h, TRIT_PART_HEAD_EXACT, h->nopen, SERIAL, SERIAL, finish);
    conclude(h);
    trit_count(counts, TRIT_PART_HEAD_PLANE1, trit_head_plane_bytes(h), h->m * h->n * h->k);
    /* bytes: at most each row once, though several states may have read it */
    trit_count(counts, TRIT_PART_HEAD_PLANE2, least(h->nfine, h->n) * (h->kp / 4 + sizeof(float)),
               h->nfine * h->k);
    trit_count(counts, TRIT_PART_HEAD_EXACT, least(h->nexact, h->n) * h->rows->row_bytes,
               h->nexact * h->k);
    counts->head_rows2 += h->nfine;
    counts->head_exact += h->nexact;
}

/* Pieces of a full pass. */
static void scan_all(void *arg, size_t begin, size_t end, int thread)
{
    struct trit_head *h = arg;
    float logits[TRIT_HEAD_STATES * TRIT_HEAD_PIECE];
    trit_head_rows(h, begin, end - begin, logits, thread);
    for (size_t i = 0; i < h->m; i++)
        add_rows(h, i, begin, end - begin, logits + i * TRIT_HEAD_PIECE,
                 &h->best[i * h->threads + (size_t)thread]);
}

void trit_head_search_all(struct trit_head *h, struct trit_counts *counts)
{
    trit_region(h->pool, TRIT_PART_HEAD_FULL, h->n, TRIT_HEAD_PIECE, scan_all, h);
    find_top(h);
    for (size_t i = 0; i < h->m; i++)
        trit_candidates_sort(h->state[i].top->best, h->state[i].top->count);
    trit_count(counts, TRIT_PART_HEAD_FULL,
               h->product.w ? trit_head_full_bytes(h) : h->n * h->rows->row_bytes,
               h->m * h->n * h->k);
}

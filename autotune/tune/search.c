/* The search for one matrix and a number of threads: the better half again and with more tokens,
   blocks for the best pair, and at the end it against the plan that there was. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/tune/internal.h"
#include "runtime/base/mem.h"

enum {
    EARLY_TOKENS = 64,
    FINALISTS = 5, /* of each operation are timed with all tokens */
};
static const double sample_seconds = 0.001, blocks_need = 1.0; /* blocks_need: of a cell's time */

static size_t candidates_of(const struct trit_contender *c, const struct trit_tune_round *r)
{
    return c->kernel->op == TRIT_OP_gemv ? 1 : r->ntokens;
}

/* What one product of that many tokens counts in a request: the prompt is shared evenly. */
static double weight_of(const struct trit_contender *c, const struct trit_tune_round *r,
                        size_t tokens)
{
    return c->kernel->op == TRIT_OP_gemv
               ? TRIT_TUNE_PASSES
               : (double)TRIT_TUNE_PROMPT / ((double)tokens * (double)r->ntokens);
}

static size_t lay_out(const struct trit_field *field, const struct trit_tune_round *r,
                      struct trit_trial *candidates)
{
    size_t n = 0;
    for (size_t i = 0; i < field->n; i++) {
        const struct trit_contender *c = &field->list[i];
        for (size_t j = 0; j < candidates_of(c, r); j++)
            candidates[n++] = (struct trit_trial){
                c->kernel, c->kernel->op == TRIT_OP_gemv ? 1 : (size_t)r->tokens[j], c->mc, c->nc
            };
    }
    return n;
}

static void take(struct trit_field *field, const struct trit_tune_round *r,
                 const struct trit_trial *candidates, const struct trit_timing *timings)
{
    size_t n = 0;
    for (size_t i = 0; i < field->n; i++) {
        struct trit_contender *c = &field->list[i];
        c->cost = c->spread = 0;
        for (size_t j = 0; j < candidates_of(c, r); j++, n++) {
            const double weight = weight_of(c, r, candidates[n].m);
            c->cost += weight * timings[n].median_ns;
            c->spread += weight * timings[n].spread_ns;
            c->timing = timings[n];
        }
    }
}

enum trit_code trit_tune_time_field(struct trit_tune *tune, struct trit_measure *measure,
                                    struct trit_field *field, const struct trit_tune_round *r,
                                    struct trit_error *error)
{
    const size_t most = field->n * r->ntokens;
    struct trit_trial *candidates = trit_alloc(most, sizeof *candidates);
    struct trit_timing *timings = trit_alloc(most, sizeof *timings);
    const struct trit_rounds how = { .n = r->rounds,
                                     .min_seconds = r->min_seconds,
                                     .stop = trit_tune_stop,
                                     .stop_arg = tune,
                                     .log = tune->log };
    enum trit_code code = TRIT_EMEMORY;
    if (candidates && timings) {
        const size_t n = lay_out(field, r, candidates);
        code = trit_measure_run(measure, candidates, n, &how, timings, error);
        for (size_t i = 0; i < n && !code; i++)
            if (timings[i].samples == 0)
                code = trit_fail(error, TRIT_ESTOPPED, "stopped");
        if (!code)
            take(field, r, candidates, timings);
    } else {
        trit_fail(error, code, "no memory to tune");
    }
    free(candidates);
    free(timings);
    return code;
}

/* Samples of each that fit into so many seconds, by what is known of their times. */
static size_t rounds_in(const struct trit_field *field, const struct trit_tune_round *r,
                        double seconds, size_t least, size_t most)
{
    double once = 0;
    for (size_t i = 0; i < field->n; i++) {
        const struct trit_contender *c = &field->list[i];
        for (size_t j = 0; j < candidates_of(c, r); j++) {
            const double tokens = c->kernel->op == TRIT_OP_gemv ? 1 : r->tokens[j];
            const double share =
                c->kernel->op == TRIT_OP_gemv ? TRIT_TUNE_PASSES : TRIT_TUNE_PROMPT / tokens;
            const double product = c->cost * 1e-9 / share;
            once += product > r->min_seconds ? product : r->min_seconds;
        }
    }
    const double rounds = once > 0 ? seconds / once - 1.5 : (double)most; /* 1.5: warming up */
    return rounds < (double)least ? least : rounds > (double)most ? most : (size_t)rounds;
}

/* A cell */

/* The search for it, and what still competes. */
struct search {
    struct trit_tune *tune;
    struct trit_tune_cell *cell;
    struct trit_measure *measure;
    struct trit_field field;
    bool has_old; /* the plan that there is can still be run */
};

static bool same(const struct trit_contender *a, const struct trit_contender *b)
{
    return a->kernel == b->kernel && a->mc == b->mc && a->nc == b->nc;
}

/* It may be among the others already. */
static enum trit_code add_incumbent(struct trit_field *field, const struct trit_contender *c,
                                    struct trit_error *error)
{
    for (size_t i = 0; i < field->n; i++)
        if (same(&field->list[i], c)) {
            field->list[i].incumbent = true;
            return TRIT_OK;
        }
    return trit_field_add(field, c, error);
}

/* The plan that there is: the profile's, else the estimate's. Its kernels compete as they are. */
static enum trit_code add_incumbents(struct search *s, struct trit_error *error)
{
    struct trit_tune *tune = s->tune;
    struct trit_tune_cell *cell = s->cell;
    const struct trit_tune_matrix *x = cell->matrix;
    struct trit_pair pair;
    struct trit_profile_plan plan = { { NULL }, { NULL } };
    const struct trit_product product = trit_tune_product(x, cell->threads);
    enum trit_code code = trit_pick_pair(&product, tune->profile, &pair, error);
    if (code)
        return code;
    cell->from_profile = tune->profile && trit_profile_plan(tune->profile, &product, &plan) &&
                         plan.kernel[TRIT_DECODE] == pair.decode &&
                         plan.kernel[TRIT_PREFILL] == pair.prefill;
    const struct trit_kernel *const kernels[] = { pair.decode, pair.prefill };
    const size_t blocks[] = { pair.decode_nc, pair.nc };
    const char *whys[TRIT_NPHASES];
    trit_measure_verify(s->measure, kernels, TRIT_NPHASES, whys);
    s->has_old = !whys[TRIT_DECODE] && !whys[TRIT_PREFILL];
    for (int i = 0; i < TRIT_NPHASES && s->has_old && !code; i++) {
        cell->plan[0][i] = (struct trit_contender){ .kernel = kernels[i],
                                                    .mc = i == TRIT_DECODE ? 0 : pair.mc,
                                                    .nc = blocks[i],
                                                    .incumbent = true };
        code = add_incumbent(&s->field, &cell->plan[0][i], error);
    }
    return code;
}

/* Seconds that a sample of each of the best `most` of an operation takes, with that many tokens. */
static double sample_of_best(const struct trit_field *field, int tokens, size_t most)
{
    size_t of[TRIT_NOP] = { 0 };
    double seconds = 0;
    for (size_t i = 0; i < field->n; i++) {
        const struct trit_contender *c = &field->list[i];
        const double share =
            c->kernel->op == TRIT_OP_gemv ? TRIT_TUNE_PASSES : (double)TRIT_TUNE_PROMPT / tokens;
        const double product = c->cost * 1e-9 / share;
        if (of[c->kernel->op]++ < most)
            seconds += product > sample_seconds ? product : sample_seconds;
    }
    return seconds;
}

/* Seconds that the rounds take at least, by what the screening measured. The numbers are those of
   rounds() below: samples of each, and one and a half to warm up. */
static double least_seconds(const struct trit_tune *tune, const struct trit_field *field)
{
    const int most = tune->tokens.v[tune->tokens.n - 1];
    return 4.5 * sample_of_best(field, EARLY_TOKENS, field->n) +
           4.5 * sample_of_best(field, most, FINALISTS) + 6.5 * sample_of_best(field, most, 2);
}

/* Those of the screening whose rounds fit the time that there is for the cell. */
static enum trit_code start_field(struct search *s, struct trit_error *error)
{
    struct trit_tune *tune = s->tune;
    const struct trit_tune_cell *cell = s->cell;
    struct trit_field *field = &s->field;
    const struct trit_field *all = &cell->matrix->field;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < all->n && !code; i++)
        code = trit_field_add(field, &all->list[i], error);
    for (size_t keep = field->n / 2;
         !code && keep > 1 && least_seconds(tune, field) > tune->cell_allowed; keep /= 2)
        trit_field_halve(field, keep);
    if (field->n < all->n) {
        trit_tune_clear(tune);
        fprintf(stderr,
                "tritmill: %zu x %zu, %d thread%s: %zu of %zu kernels compete, for more the "
                "budget of %g s is too short\n",
                cell->matrix->n, cell->matrix->k, cell->threads, cell->threads == 1 ? "" : "s",
                field->n, all->n, tune->budget);
    }
    return code;
}

/* One round: as many samples as `share` of the cell's time allows, then only the best stay. */
static enum trit_code halve(struct search *s, struct trit_tune_round round, double share,
                            size_t keep, struct trit_error *error)
{
    const struct trit_tune_cell *cell = s->cell;
    struct trit_field *field = &s->field;
    round.rounds = rounds_in(field, &round, share * s->tune->cell_allowed, round.rounds, 25);
    trit_tune_doing(s->tune, "%zu x %zu, %d thread%s: %zu kernels, %zu samples each",
                    cell->matrix->n, cell->matrix->k, cell->threads, cell->threads == 1 ? "" : "s",
                    field->n, round.rounds);
    const enum trit_code code = trit_tune_time_field(s->tune, s->measure, field, &round, error);
    if (!code)
        trit_field_halve(field, keep);
    return code;
}

/* The pair again with other cache blocks: rows that a piece has, in prefill tokens that go over
   them. */
static enum trit_code add_blocks(struct trit_field *field, const struct trit_contender *decode,
                                 const struct trit_contender *prefill, struct trit_error *error)
{
    const size_t nr = (size_t)decode->kernel->nr, mr = (size_t)prefill->kernel->mr;
    const size_t rows[] = { 0, 4 * nr, 16 * nr };
    const size_t tokens[] = { 0, (64 + mr - 1) / mr * mr, (192 + mr - 1) / mr * mr };
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !code; i++) {
        struct trit_contender c = { .kernel = decode->kernel, .nc = rows[i], .cost = decode->cost };
        code = trit_field_add(field, &c, error);
        c = (struct trit_contender){ .kernel = prefill->kernel,
                                     .nc = rows[i],
                                     .cost = prefill->cost };
        for (size_t j = 0; j < sizeof tokens / sizeof *tokens && !code; j++) {
            c.mc = tokens[j];
            code = trit_field_add(field, &c, error);
        }
    }
    return code;
}

/* The blocks of the fastest of the kernel, where they beat none at all by more than the noise. */
static void take_blocks(const struct trit_field *field, struct trit_contender *c)
{
    const struct trit_contender *plain = NULL, *best = NULL;
    for (size_t i = 0; i < field->n; i++) {
        const struct trit_contender *x = &field->list[i];
        if (x->kernel != c->kernel)
            continue;
        plain = x->mc == 0 && x->nc == 0 ? x : plain;
        best = !best || x->cost < best->cost ? x : best;
    }
    if (best->cost < plain->cost - plain->spread - best->spread) {
        c->mc = best->mc;
        c->nc = best->nc;
    }
}

static enum trit_code choose_blocks(const struct search *s, struct trit_tune_round round,
                                    struct trit_error *error)
{
    struct trit_contender *decode = &s->cell->plan[1][TRIT_DECODE],
                          *prefill = &s->cell->plan[1][TRIT_PREFILL];
    struct trit_field field = { 0 };
    enum trit_code code = add_blocks(&field, decode, prefill, error);
    round.rounds = rounds_in(&field, &round, 0.2 * s->tune->cell_allowed, 3, 15);
    if (!code)
        code = trit_tune_time_field(s->tune, s->measure, &field, &round, error);
    if (!code) {
        take_blocks(&field, decode);
        take_blocks(&field, prefill);
    }
    trit_field_free(&field);
    return code;
}

/* The new plan has to be better by more than twice the spread, which is the mean of both plans',
   and slower in neither phase. */
static void judge(struct trit_tune_cell *cell)
{
    const struct trit_contender *old = cell->plan[0], *new = cell->plan[1];
    const double noise = old[0].spread + old[1].spread + new[0].spread + new[1].spread;
    cell->changed = new[0].cost + new[1].cost < old[0].cost + old[1].cost - noise &&
                    !trit_tune_loses(&new[0], &old[0]) && !trit_tune_loses(&new[1], &old[1]);
    if (!cell->changed)
        memcpy(cell->plan[1], cell->plan[0], sizeof cell->plan[0]);
}

/* The old plan, where there is one, against the new one, once more. */
static enum trit_code decide_last(const struct search *s, struct trit_tune_round round,
                                  struct trit_error *error)
{
    const bool has_old = s->has_old;
    struct trit_tune_cell *cell = s->cell;
    struct trit_field field = { 0 };
    struct trit_contender *old = cell->plan[0], *new = cell->plan[1];
    const bool contest = has_old && !(same(&old[0], &new[0]) && same(&old[1], &new[1]));
    enum trit_code code = TRIT_OK;
    for (int phase = 0; phase < TRIT_NPHASES && !code; phase++)
        code = trit_field_add(&field, &new[phase], error);
    for (int phase = 0; phase < TRIT_NPHASES && contest && !code; phase++)
        code = trit_field_add(&field, &old[phase], error);
    round.rounds = rounds_in(&field, &round, 0.25 * s->tune->cell_allowed, 5, 31);
    if (!code)
        code = trit_tune_time_field(s->tune, s->measure, &field, &round, error);
    if (!code) {
        memcpy(new, field.list, TRIT_NPHASES * sizeof *new);
        if (has_old)
            memcpy(old, field.list + (contest ? TRIT_NPHASES : 0), TRIT_NPHASES * sizeof *old);
        cell->changed = !has_old;
        if (contest)
            judge(cell);
    }
    trit_field_free(&field);
    return code;
}

static size_t most_of_one(const struct trit_field *field)
{
    size_t decode = 0;
    for (size_t i = 0; i < field->n; i++)
        decode += field->list[i].kernel->op == TRIT_OP_gemv;
    return decode > field->n - decode ? decode : field->n - decode;
}

static enum trit_code rounds(struct search *s, struct trit_error *error)
{
    const struct trit_tune *tune = s->tune;
    struct trit_tune_cell *cell = s->cell;
    static const int few[] = { EARLY_TOKENS };
    const struct trit_tune_round early = { few, 1, 3, sample_seconds };
    const struct trit_tune_round full = { tune->tokens.v + 1, (size_t)tune->tokens.n - 1, 3,
                                          sample_seconds };
    const struct trit_contender *d = NULL, *p = NULL;
    enum trit_code code = TRIT_OK;
    for (size_t n = most_of_one(&s->field); n > FINALISTS && !code; n /= 2)
        code = halve(s, early, 0.12, n / 2, error);
    if (!code)
        code = halve(s, full, 0.25, FINALISTS, error);
    if (code)
        return code;
    if (!trit_field_best(&s->field, &d, &p))
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "no pair of kernels that share a packing serves a %zu x %zu matrix",
                         cell->matrix->n, cell->matrix->k);
    struct trit_contender *plan = cell->plan[1];
    plan[TRIT_DECODE] = *d;
    plan[TRIT_PREFILL] = *p;
    if (tune->cell_allowed > blocks_need && d->nc == 0 && p->nc == 0 && p->mc == 0)
        code = choose_blocks(s, full, error);
    return code ? code : decide_last(s, full, error);
}

static void note_bytes(struct trit_tune_cell *cell)
{
    for (int i = 0; i < 2; i++)
        for (int phase = 0; phase < TRIT_NPHASES; phase++) {
            struct trit_contender *c = &cell->plan[i][phase];
            if (c->kernel)
                c->bytes = (double)trit_packed_bytes(trit_packing_find(c->kernel->packing),
                                                     cell->matrix->n, cell->matrix->k,
                                                     (size_t)c->kernel->nr);
        }
}

enum trit_code trit_tune_decide(struct trit_tune *tune, struct trit_tune_cell *cell,
                                struct trit_measure *measure, struct trit_error *error)
{
    struct search s = { .tune = tune, .cell = cell, .measure = measure };
    enum trit_code code = start_field(&s, error);
    if (!code)
        code = add_incumbents(&s, error);
    if (!code)
        code = rounds(&s, error);
    cell->done = !code;
    note_bytes(cell);
    trit_field_free(&s.field);
    return code;
}

/* Evaluation of several sequences at once: their tokens in passes, and what is around the layers:
   the embedding, the rotations' angles, the head. */
#include "runtime/base/math.h"
#include "runtime/base/stop.h"
#include "runtime/model/internal.h"

/* Where states must try drafts, all of a run's go through in one pass. */
static size_t drafts_of(const struct trit_run *run)
{
    return trit_config_deltas(&run->session->model->config) ? run->drafts : 0;
}

static enum trit_code check_run(const struct trit_work *w, const struct trit_run *run,
                                struct trit_error *error)
{
    const struct trit_session *s = run->session;
    const size_t vocab = w->model->config.vocab;
    if (s->model != w->model)
        return trit_fail(error, TRIT_EARGUMENT, "a session of another model");
    if (s->listed)
        return trit_fail(error, TRIT_EARGUMENT, "a session in two runs of one evaluation");
    if (w->model->config.joint != (run->before != NULL))
        return trit_fail(error, TRIT_EARGUMENT, "states before tokens are for a prediction block");
    if (run->first > run->count)
        return trit_fail(error, TRIT_EARGUMENT, "logits from token %zu of %zu", run->first,
                         run->count);
    const size_t drafts = trit_work_drafts(w), most = drafts < run->count ? drafts : run->count;
    if (run->drafts > most)
        return trit_fail(error, TRIT_EARGUMENT, "%zu drafts among %zu tokens: must be 0 .. %zu",
                         run->drafts, run->count, most);
    if (run->count > s->context - s->position)
        return trit_fail(error, TRIT_EARGUMENT, "%zu tokens after %zu do not fit a context of %zu",
                         run->count, s->position, s->context);
    for (size_t i = 0; i < run->count; i++)
        if (run->tokens[i] < 0 || (size_t)run->tokens[i] >= vocab)
            return trit_fail(error, TRIT_EARGUMENT, "token %zu has id %d: the vocabulary has %zu",
                             i, run->tokens[i], vocab);
    return TRIT_OK;
}

static enum trit_code check_runs(const struct trit_work *w, const struct trit_run *runs,
                                 size_t nruns, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    size_t n = 0;
    for (; n < nruns && !(code = check_run(w, &runs[n], error)); n++)
        runs[n].session->listed = true;
    while (n > 0)
        runs[--n].session->listed = false;
    return code;
}

/* How many tokens of a run, from `done` on, the pass has room for: all of the drafts, or none. */
static size_t room_for(const struct trit_work *w, const struct trit_run *run, size_t done)
{
    const size_t left = run->count - done, room = w->chunk - w->m;
    if (left <= room)
        return left;
    return room > left - drafts_of(run) ? left - drafts_of(run) : room;
}

/* Tokens done .. of a run behind those that the pass has; returns how many it takes. */
static size_t fill(struct trit_work *w, const struct trit_run *run, size_t done)
{
    struct trit_session *s = run->session;
    const size_t vocab = w->model->config.vocab, hidden = w->model->config.hidden,
                 n = room_for(w, run, done);
    const bool last = done + n == run->count;
    for (size_t i = done; i < done + n; i++)
        w->tokens[w->m++] = (struct trit_token){
            .session = s,
            .position = s->position + i,
            .id = run->tokens[i],
            .brief = run->brief,
            .state = run->states ? run->states + i * hidden : NULL,
            .before = run->before ? run->before + i * hidden : NULL,
            .logits = i < run->first || run->top ? NULL : run->logits + (i - run->first) * vocab,
            .top = i < run->first || !run->top ? NULL : run->top + (i - run->first),
        };
    if (n > 0)
        w->spans[w->nspans++] = (struct trit_span){ .begin = w->m - n,
                                                    .end = w->m,
                                                    .drafts = last ? drafts_of(run) : 0,
                                                    .settled = s->states.settled,
                                                    .half = (size_t)s->states.half };
    return n;
}

/* A row of the embedding, scaled; a rotated one is turned back. */
void trit_lookup_row(const struct trit_model *model, int32_t token, float *row)
{
    const struct trit_config *c = &model->config;
    trit_rows_get(&model->embd, (size_t)token, row);
    for (size_t i = 0; c->embd_scale > 0 && i < c->hidden; i++)
        row[i] = row[i] * c->embd_scale;
    if (c->hadamard.rows)
        model->ops.rotate->fn.rotate(c->hidden, c->hadamard.block, NULL,
                                     trit_signs_of(model->signs, c->hidden), row, row);
}

static void embed(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trit_work *w = arg;
    const struct trit_model *model = w->model;
    const size_t pairs = trit_config_ropes(&model->config) * (model->config.rope_dims / 2);
    for (size_t i = begin; i < end; i++) {
        if (!model->config.joint)
            trit_lookup_row(model, w->tokens[i].id, w->x + i * model->config.hidden);
        for (size_t j = 0; j < pairs; j++) {
            double sine, cosine;
            trit_sincos((double)w->tokens[i].position * model->rope[j], &sine, &cosine);
            float *to = w->angles + (i * pairs + j) * 2;
            to[0] = (float)(cosine * model->rope_size);
            to[1] = (float)(sine * model->rope_size);
        }
    }
}

/* The tokens of the pass that the head is wanted for: first those that want all logits. */
struct head_job {
    struct trit_work *w;
    size_t m, full; /* so many, in w->wanted; so many of them want all */
};

static struct head_job list_wanted(struct trit_work *w)
{
    struct head_job j = { w, 0, 0 };
    for (size_t i = 0; i < w->m; i++)
        if (w->tokens[i].logits) {
            w->logits[j.m] = w->tokens[i].logits;
            w->wanted[j.m++] = i;
        }
    j.full = j.m;
    for (size_t i = 0; i < w->m; i++)
        if (w->tokens[i].top) {
            w->tops[j.m - j.full] = w->tokens[i].top;
            w->wanted[j.m++] = i;
        }
    return j;
}

static void output_norm(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct head_job *j = arg;
    const struct trit_model *model = j->w->model;
    const size_t hidden = model->config.hidden;
    for (size_t i = begin; i < end; i++) {
        float *h = j->w->h + i * hidden;
        model->ops.norm->fn.norm(hidden, j->w->x + j->w->wanted[i] * hidden, model->output_norm,
                                 model->config.eps, h);
        if (model->head_turned)
            trit_turn(model, hidden, h, h);
    }
}

/* The normed states of tokens that want them. */
static void give_states(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trit_work *w = arg;
    const struct trit_model *model = w->model;
    const size_t hidden = model->config.hidden;
    for (size_t i = begin; i < end; i++)
        if (w->tokens[i].state)
            model->ops.norm->fn.norm(hidden, w->x + i * hidden, model->output_norm,
                                     model->config.eps, w->tokens[i].state);
}

static enum trit_code head(struct trit_work *w, struct trit_error *error)
{
    struct head_job j = list_wanted(w);
    const size_t hidden = w->model->config.hidden;
    enum trit_code code = TRIT_OK;
    if (!j.m)
        return TRIT_OK;
    trit_region(w->model->pool, TRIT_PART_OUTPUT_NORM, j.m, 1, output_norm, &j);
    trit_finite_states(w, j.m);
    if (w->fault.found)
        return trit_finite_fault(w, error);
    if (j.full) {
        const struct trit_states states = { w->h, j.full, hidden };
        trit_head_full(w->model->head, &states, w->logits, &w->counts);
        trit_finite_logits(w, j.full);
    }
    if (j.m > j.full) {
        const struct trit_states states = { w->h + j.full * hidden, j.m - j.full, hidden };
        struct trit_head *brief = w->tokens[w->wanted[j.full]].brief ? w->model->brief : NULL;
        code = trit_head_top(brief ? brief : w->model->head, &states, w->tops, &w->counts, error);
        if (!code)
            trit_finite_tops(w, j.full, j.m);
    }
    return code ? code : trit_finite_fault(w, error);
}

/* Where the states of the pass's sequences are now. */
static void settle(struct trit_work *w)
{
    for (size_t i = 0; i < w->nspans && trit_config_deltas(&w->model->config); i++) {
        const struct trit_span *span = &w->spans[i];
        struct trit_delta_states *states = &w->tokens[span->begin].session->states;
        states->settled = w->tokens[span->end - 1].position + 1 - span->drafts;
        states->half = span->drafts ? !states->half : states->half;
    }
}

static enum trit_code pass(struct trit_work *w, struct trit_error *error)
{
    trit_region(w->model->pool, TRIT_PART_EMBED, w->m, 4, embed, w);
    if (w->model->config.joint)
        trit_join(w);
    for (w->layer = 0; w->layer < w->model->config.layers; w->layer++)
        trit_config_kind(&w->model->config, w->layer)->layer(w, w->layer);
    w->counts.passes++;
    w->counts.tokens += w->m;
    enum trit_code code = trit_finite_fault(w, error);
    bool states = false;
    for (size_t i = 0; i < w->m && !code; i++)
        states |= w->tokens[i].state != NULL;
    if (states)
        trit_region(w->model->pool, TRIT_PART_OUTPUT_NORM, w->m, 1, give_states, w);
    if (!code)
        code = head(w, error);
    settle(w);
    w->m = w->nspans = 0;
    return code;
}

static enum trit_code eval(struct trit_work *w, const struct trit_run *runs, size_t nruns,
                           struct trit_error *error)
{
    enum trit_code code = check_runs(w, runs, nruns, error);
    if (code)
        return code;
    for (size_t i = 0; i < nruns; i++) /* marks that an error left behind a sequence's end */
        trit_marks_forget(runs[i].session, runs[i].session->position);
    for (size_t i = 0, done = 0; i < nruns && !code; i++, done = 0)
        while (!code && ((done += fill(w, &runs[i], done)) < runs[i].count || w->m == w->chunk))
            code = pass(w, error);
    if (w->m > 0 && !code)
        code = pass(w, error);
    /* only now: after an error a caller may evaluate the same runs again */
    for (size_t i = 0; i < nruns; i++) {
        struct trit_session *s = runs[i].session;
        if (!code)
            s->position += runs[i].count;
        else if (trit_config_deltas(&s->model->config))
            s->position = s->states.settled = 0; /* states have moved; marks have others */
    }
    return code;
}

enum trit_code trit_model_eval(struct trit_work *w, const struct trit_run *runs, size_t nruns,
                               struct trit_error *error)
{
    struct trit_pool *pool = w->model->pool;
    if (!trit_pool_claim(pool))
        return trit_fail(error, TRIT_EARGUMENT,
                         "the model's threads are busy with another evaluation");
    const enum trit_code code = eval(w, runs, nruns, error);
    trit_pool_release(pool);
    return code;
}

/* Tokens at .. at+n-1 of a run, with their part of its answers. */
static struct trit_run part_of(const struct trit_run *run, size_t at, size_t n)
{
    const size_t before = run->first > at ? run->first - at : 0,
                 answered = at > run->first ? at - run->first : 0,
                 vocab = run->session->model->config.vocab,
                 hidden = run->session->model->config.hidden;
    return (struct trit_run){
        .session = run->session,
        .tokens = run->tokens + at,
        .count = n,
        .first = before < n ? before : n,
        .drafts = at + n == run->count ? run->drafts : 0,
        .brief = run->brief,
        .states = run->states ? run->states + at * hidden : NULL,
        .before = run->before ? run->before + at * hidden : NULL,
        .logits = run->logits ? run->logits + answered * vocab : NULL,
        .top = run->top ? run->top + answered : NULL,
    };
}

enum trit_code trit_session_prefill(const struct trit_run *run, struct trit_error *error)
{
    struct trit_session *s = run->session;
    const size_t start = s->position, chunk = s->work->chunk;
    enum trit_code code = check_runs(s->work, run, 1, error);
    for (size_t at = 0; at < run->count && !code; at += chunk) {
        const size_t left = run->count - at;
        const struct trit_run part = part_of(run, at, left < chunk ? left : chunk);
        code = trit_stopped() ? trit_fail(error, TRIT_ESTOPPED, "stopped")
                              : trit_model_eval(s->work, &part, 1, error);
    }
    if (code && !trit_session_rewind(s, start))
        trit_session_rewind(s, 0);
    return code;
}

/* A sequence as its prediction block sees it, and the account of its drafts. Entry i of the block's
   sequence is token i + 1 with the state before it, so the first token has none. */
#include "runtime/decode/predict.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/decode/pace.h"
#include "runtime/head/head.h"

enum { CHUNK = 64, WAITING = 16, TRIAL = 32 };
static const double FEW = 0.04; /* rare tokens, up to which the head is asked for others alone */
static const double FIRST_RIGHT = 0.7, PRIOR = 3, KEPT = 0.97, NEWS = 0.125, HOPE = 0.92;

struct hits {
    double right, tried;
};

struct trit_predict {
    struct trit_session *session; /* the block's */
    size_t hidden, room;
    struct trit_predict_sizes sizes;
    float *states;   /* [room + 2][hidden]: row i is the state before waiting token i */
    int32_t *tokens; /* [room + 1]: those that the block has not seen */
    size_t waiting;
    bool begun;     /* there is a state before the first of them */
    bool ahead;     /* the block has seen the next token that will be told */
    size_t entries; /* of its sequence that stand */
    float *state;   /* [hidden]: its own, behind its last draft */
    struct trit_pace pace;
    struct hits hits[TRIT_DRAFTS]; /* of the first draft, of the second where that was right, .. */
    double draft;                  /* seconds that one takes; 0: not known */
    size_t idle;                   /* passes since the last draft */
    double rare, told;             /* tokens from TRIT_BRIEF_ROWS on, and all; what is old fades */
};

static bool allocate(struct trit_predict *p)
{
    p->states = trit_alloc((p->room + 2) * p->hidden, sizeof *p->states);
    p->tokens = trit_alloc(p->room + 1, sizeof *p->tokens);
    p->state = trit_alloc(p->hidden, sizeof *p->state);
    return p->states && p->tokens && p->state;
}

enum trit_code trit_predict_create(struct trit_predict **predict, struct trit_model *model,
                                   const struct trit_predict_sizes *sizes, struct trit_error *error)
{
    struct trit_model *block = trit_model_block(model);
    *predict = NULL;
    if (!block)
        return trit_fail(error, TRIT_EARGUMENT,
                         "the model's file has no prediction block (blk.N.nextn.*) to draft with");
    struct trit_predict *p = trit_alloc(1, sizeof *p);
    if (!p)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a prediction block's sequence");
    p->sizes = *sizes;
    p->hidden = trit_model_config(block)->hidden;
    p->room = sizes->chunk + WAITING;
    for (size_t i = 0; i < TRIT_DRAFTS; i++)
        p->hits[i] = (struct hits){ FIRST_RIGHT * PRIOR, PRIOR };
    trit_pace_init(&p->pace, HOPE);
    enum trit_code code =
        allocate(p)
            ? trit_session_create(&p->session, block, sizes->context + TRIT_DRAFTS, CHUNK, error)
            : trit_fail(error, TRIT_EMEMORY, "no memory for a prediction block's sequence");
    if (code)
        trit_predict_free(p);
    else
        *predict = p;
    return code;
}

void trit_predict_free(struct trit_predict *p)
{
    if (!p)
        return;
    trit_session_free(p->session);
    free(p->states);
    free(p->tokens);
    free(p->state);
    free(p);
}

float *trit_predict_states(struct trit_predict *p)
{
    return p->states + (p->waiting + !p->ahead) * p->hidden;
}

/* Whether the head of frequent tokens serves: it reads a fraction of the bytes. */
static bool is_brief(const struct trit_predict *p)
{
    return p->rare <= FEW * p->told;
}

/* Shows the block the waiting tokens; of the last, what follows it (top NULL: not asked). */
static enum trit_code show(struct trit_predict *p, struct trit_top *top, struct trit_error *error)
{
    const size_t skipped = !p->begun, n = p->waiting - skipped;
    const float *before = p->states + skipped * p->hidden;
    enum trit_code code = TRIT_OK;
    trit_session_rewind(p->session, p->entries);
    for (size_t at = 0, some; at < n && !code; at += some) {
        some = n - at < CHUNK ? n - at : CHUNK;
        const bool last = top && at + some == n;
        struct trit_run run = { .session = p->session,
                                .tokens = p->tokens + skipped + at,
                                .count = some,
                                .first = last ? some - 1 : some,
                                .top = top,
                                .brief = is_brief(p),
                                .before = before + at * p->hidden };
        run.states = last ? p->states : NULL; /* which were read by then */
        code = trit_model_eval(trit_session_work(p->session), &run, 1, error);
        if (last && !code)
            memcpy(p->state, p->states + (some - 1) * p->hidden, p->hidden * sizeof *p->state);
    }
    p->entries += code ? 0 : n;
    return code;
}

/* All of them, with the state behind the last kept for what comes. */
static enum trit_code catch_up(struct trit_predict *p, struct trit_error *error)
{
    if (p->waiting < 1)
        return TRIT_OK;
    const enum trit_code code = show(p, NULL, error);
    memmove(p->states, p->states + p->waiting * p->hidden, p->hidden * sizeof *p->states);
    p->begun = true;
    p->waiting = 0;
    return code;
}

enum trit_code trit_predict_tell(struct trit_predict *p, const int32_t *tokens, size_t n,
                                 struct trit_error *error)
{
    for (size_t i = 0; i < n; i++) {
        p->rare = KEPT * p->rare + (tokens[i] >= TRIT_BRIEF_ROWS);
        p->told = KEPT * p->told + 1;
    }
    if (n && p->ahead) {
        p->ahead = false;
        tokens++, n--;
    }
    memcpy(p->tokens + p->waiting, tokens, n * sizeof *tokens);
    p->waiting += n;
    return p->waiting > WAITING ? catch_up(p, error) : TRIT_OK;
}

/* The number of drafts that gives the most tokens per time. */
static size_t best_number(struct trit_predict *p, size_t most)
{
    const double each = p->pace.pass > 0 ? p->draft / p->pace.pass : 0;
    double best = 1, tokens = 1, power = 1;
    size_t number = 0;
    for (size_t i = 1; i <= most; i++) {
        power *= p->hits[i - 1].right / p->hits[i - 1].tried;
        tokens += power;
        const double rate = tokens / (1 + trit_pace_cost(&p->pace, i) + each * (double)i);
        if (rate > best) {
            best = rate;
            number = i;
        }
    }
    return number || p->idle < TRIAL ? number : 1;
}

/* The token that most likely follows what the block saw last. */
static enum trit_code extend(struct trit_predict *p, int32_t token, struct trit_top *top,
                             struct trit_error *error)
{
    const struct trit_run run = { .session = p->session,
                                  .tokens = &token,
                                  .count = 1,
                                  .top = top,
                                  .brief = is_brief(p),
                                  .states = p->state,
                                  .before = p->state };
    return trit_model_eval(trit_session_work(p->session), &run, 1, error);
}

enum trit_code trit_predict_draft(struct trit_predict *p, int32_t token, size_t limit,
                                  int32_t *draft, size_t *n, struct trit_error *error)
{
    struct trit_candidate best;
    struct trit_top top = { .k = 1, .best = &best };
    const size_t most = limit < p->sizes.most ? limit : p->sizes.most,
                 wanted = p->sizes.fixed ? most : best_number(p, most);
    const bool first = p->waiting == 0 && !p->begun; /* no state is before it */
    *n = 0;
    p->idle++;
    if (first || most < 1 || wanted < 1)
        return TRIT_OK;
    const uint64_t begin = trit_clock();
    p->tokens[p->waiting++] = token;
    enum trit_code code = show(p, &top, error);
    p->waiting = 0;
    p->begun = p->ahead = true;
    p->idle = 0;
    while (!code) {
        draft[(*n)++] = best.id;
        if (*n == wanted)
            break;
        code = extend(p, best.id, &top, error);
    }
    const double each = 1e-9 * (double)(trit_clock() - begin) / (double)wanted;
    p->draft += p->draft > 0 ? NEWS * (each - p->draft) : each;
    return code;
}

const struct trit_counts *trit_predict_counts(const struct trit_predict *p)
{
    return trit_work_counts(trit_session_work(p->session));
}

void trit_predict_learn(struct trit_predict *p, size_t drafted, size_t right, double seconds)
{
    trit_pace_learn(&p->pace, drafted, seconds);
    for (size_t i = 0; i < drafted && i <= right; i++) {
        struct hits *h = &p->hits[i];
        h->right = KEPT * h->right + (1 - KEPT) * FIRST_RIGHT * PRIOR + (i < right);
        h->tried = KEPT * h->tried + (1 - KEPT) * PRIOR + 1;
    }
}

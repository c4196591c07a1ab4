/* The passes of a sequence: what is asked of the head, which answers hold, what is forgotten. */
#include "runtime/decode/decode.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"

enum { MOST = 1 + TRIT_LOOKUP_MAX };

struct trit_decoder {
    struct trit_session *session;
    struct trit_sampler *sampler;
    struct trit_lookup *lookup;   /* NULL: no guesses from the text, */
    struct trit_predict *predict; /* none by the block */
    size_t vocab;
    int32_t last[MOST]; /* the last token, not evaluated yet; behind it what is guessed */
    size_t guessed;
    bool fed;            /* there are answers for what follows the prompt */
    int32_t ready[MOST]; /* chosen; `given` of them were taken */
    size_t nready, given;
    bool whole; /* the answers are rows of logits: candidates would not be enough */
    struct trit_top top[MOST];
    struct trit_candidate *best;
    float *rows;
    size_t best_room, rows_room; /* in elements */
    struct trit_decoded stats;
};

/* Drafts at a time where nothing else was asked for. */
enum { USUAL_LOOKUP = 32, USUAL_MTP = 8 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static enum trit_code create_drafts(struct trit_decoder *d, struct trit_model *model,
                                    struct trit_drafting drafting, struct trit_error *error)
{
    const bool block = trit_model_block(model),
               mtp = drafting.from == TRIT_DRAFT_MTP || (drafting.from == TRIT_DRAFT_AUTO && block);
    const size_t context = trit_session_context(d->session), usual = mtp ? USUAL_MTP : USUAL_LOOKUP,
                 most = drafting.most ? drafting.most : usual;
    d->stats.from = drafting.from == TRIT_DRAFT_NONE ? TRIT_DRAFT_NONE
                    : mtp                            ? TRIT_DRAFT_MTP
                                                     : TRIT_DRAFT_LOOKUP;
    if (d->stats.from == TRIT_DRAFT_NONE)
        return TRIT_OK;
    if (!mtp)
        return trit_lookup_create(&d->lookup, most, context + 1, error);
    const struct trit_predict_sizes sizes = { .context = context,
                                              .chunk =
                                                  trit_work_chunk(trit_session_work(d->session)),
                                              .most = smaller(most, TRIT_DRAFTS),
                                              .fixed = drafting.most > 0 };
    return trit_predict_create(&d->predict, model, &sizes, error);
}

enum trit_code trit_decoder_create(struct trit_decoder **decoder, struct trit_model *model,
                                   struct trit_session *session, struct trit_sampler *sampler,
                                   struct trit_drafting drafting, struct trit_error *error)
{
    *decoder = NULL;
    struct trit_decoder *d = trit_alloc(1, sizeof *d);
    if (!d)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a decoder");
    d->session = session;
    d->sampler = sampler;
    d->vocab = trit_model_config(model)->vocab;
    const enum trit_code code = create_drafts(d, model, drafting, error);
    if (code)
        trit_decoder_free(d);
    else
        *decoder = d;
    return code;
}

void trit_decoder_free(struct trit_decoder *d)
{
    if (!d)
        return;
    trit_lookup_free(d->lookup);
    trit_predict_free(d->predict);
    free(d->best);
    free(d->rows);
    free(d);
}

void trit_decoder_tell(struct trit_decoder *d, const int32_t *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++)
        trit_sampler_accept(d->sampler, tokens[i]);
    if (d->lookup)
        trit_lookup_tell(d->lookup, tokens, n);
}

/* Says what the head shall answer for n states, the later ones behind guesses. */
static enum trit_code ask(struct trit_decoder *d, const int32_t *guesses, size_t n,
                          struct trit_error *error)
{
    d->whole = !trit_sampler_ask(d->sampler, guesses, n - 1, &d->top[0]);
    const size_t each = d->top[0].k + d->top[0].nalso;
    if (d->whole)
        d->rows = trit_outgrow(d->rows, &d->rows_room, n * d->vocab, sizeof *d->rows);
    else
        d->best = trit_outgrow(d->best, &d->best_room, n * each + 1, sizeof *d->best);
    if (d->whole ? !d->rows : !d->best)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu answers of the head", n);
    for (size_t i = 0; i < n && !d->whole; i++) {
        d->top[i] = d->top[0];
        d->top[i].best = d->best + i * each;
    }
    return TRIT_OK;
}

/* Tokens, the last `guessed` of them guesses, for evaluation: answers what follows each from the
   one before them on. */
static enum trit_code prepare(struct trit_decoder *d, const int32_t *tokens, size_t n,
                              size_t guessed, struct trit_run *run, struct trit_error *error)
{
    enum trit_code code = ask(d, tokens + n - guessed, guessed + 1, error);
    *run = (struct trit_run){ .session = d->session,
                              .tokens = tokens,
                              .count = n,
                              .first = n - 1 - guessed,
                              .logits = d->whole ? d->rows : NULL,
                              .top = d->whole ? NULL : d->top,
                              .drafts = guessed,
                              .states = d->predict ? trit_predict_states(d->predict) : NULL };
    d->guessed = guessed;
    return code;
}

static int32_t choose(struct trit_decoder *d, size_t i)
{
    return d->whole ? trit_sampler_next(d->sampler, d->rows + i * d->vocab)
                    : trit_sampler_pick(d->sampler, d->top[i].best, d->top[i].count);
}

/* One choice, and one more behind each guess that turns out right. Returns how many did. */
static size_t choose_all(struct trit_decoder *d)
{
    size_t right = 0;
    d->nready = d->given = 0;
    for (;; right++) {
        const int32_t token = choose(d, right);
        trit_decoder_tell(d, &token, 1);
        d->ready[d->nready++] = token;
        if (right == d->guessed || token != d->last[1 + right])
            return right;
    }
}

/* Tokens that nothing is asked about, a pass at a time, each shown to the block. *done: how many.
 */
static enum trit_code feed_block(struct trit_decoder *d, const int32_t *tokens, size_t n,
                                 size_t *done, struct trit_error *error)
{
    const size_t chunk = trit_work_chunk(trit_session_work(d->session));
    enum trit_code code = TRIT_OK;
    for (*done = 0; n - *done > chunk && !code; *done += chunk) {
        const struct trit_run run = { .session = d->session,
                                      .tokens = tokens + *done,
                                      .count = chunk,
                                      .first = chunk,
                                      .states = trit_predict_states(d->predict) };
        code = trit_session_prefill(&run, error);
        if (!code)
            code = trit_predict_tell(d->predict, tokens + *done, chunk, error);
    }
    return code;
}

enum trit_code trit_decoder_feed(struct trit_decoder *d, const int32_t *tokens, size_t n,
                                 struct trit_error *error)
{
    const size_t start = trit_session_position(d->session);
    struct trit_run run;
    size_t done = 0;
    enum trit_code code = d->predict ? feed_block(d, tokens, n, &done, error) : TRIT_OK;
    if (!code)
        code = prepare(d, tokens + done, n - done, 0, &run, error);
    if (!code)
        code = trit_session_prefill(&run, error);
    if (!code && d->predict)
        code = trit_predict_tell(d->predict, tokens + done, n - done, error);
    if (code && !trit_session_rewind(d->session, start))
        trit_session_rewind(d->session, 0);
    d->fed = !code;
    d->nready = d->given = 0;
    return code;
}

/* Drafts behind the last token, at most `limit`. */
static enum trit_code draft(struct trit_decoder *d, size_t limit, size_t *n,
                            struct trit_error *error)
{
    *n = 0;
    if (d->predict)
        return trit_predict_draft(d->predict, d->last[0], limit, d->last + 1, n, error);
    *n = d->lookup ? trit_lookup_guess(d->lookup, limit, d->last + 1) : 0;
    return TRIT_OK;
}

/* A pass with `guessed` drafts took that long. */
static enum trit_code learn(struct trit_decoder *d, size_t guessed, size_t right, double seconds,
                            struct trit_error *error)
{
    d->stats.passes++;
    d->stats.guessed += guessed;
    d->stats.right += right;
    if (d->lookup)
        trit_lookup_learn(d->lookup, guessed, right, seconds);
    if (!d->predict)
        return TRIT_OK;
    trit_predict_learn(d->predict, guessed, right, seconds);
    return trit_predict_tell(d->predict, d->last, 1 + right, error);
}

/* A pass of the last token and of guesses. */
static enum trit_code step(struct trit_decoder *d, size_t wanted, struct trit_error *error)
{
    const size_t position = trit_session_position(d->session),
                 room = trit_session_context(d->session) - position, most = smaller(wanted, room),
                 limit =
                     smaller(most ? most - 1 : 0, trit_work_drafts(trit_session_work(d->session)));
    size_t guessed;
    struct trit_run run;
    enum trit_code code = draft(d, limit, &guessed, error);
    const uint64_t begin = trit_clock();
    if (!code)
        code = prepare(d, d->last, 1 + guessed, guessed, &run, error);
    if (!code)
        code = trit_model_eval(trit_session_work(d->session), &run, 1, error);
    if (code)
        return code;
    const size_t right = choose_all(d);
    trit_session_rewind(d->session, position + 1 + right);
    return learn(d, guessed, right, (double)(trit_clock() - begin) * 1e-9, error);
}

enum trit_code trit_decoder_next(struct trit_decoder *d, size_t wanted, int32_t *token,
                                 struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    if (d->given == d->nready && d->fed)
        choose_all(d);
    else if (d->given == d->nready)
        code = step(d, wanted, error);
    d->fed = false;
    if (!code)
        *token = d->last[0] = d->ready[d->given++];
    return code;
}

const struct trit_counts *trit_decoder_counts(const struct trit_decoder *d)
{
    return d->predict ? trit_predict_counts(d->predict) : NULL;
}

const char *trit_draft_name(enum trit_draft from)
{
    static const char *const names[] = { [TRIT_DRAFT_AUTO] = "auto",
                                         [TRIT_DRAFT_MTP] = "mtp",
                                         [TRIT_DRAFT_LOOKUP] = "lookup",
                                         [TRIT_DRAFT_NONE] = "none" };
    return names[from];
}

const struct trit_decoded *trit_decoder_stats(const struct trit_decoder *d)
{
    return &d->stats;
}

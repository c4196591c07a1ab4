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
    const int32_t *part; /* of a prompt, under way; NULL: it is the last token and guesses */
    size_t npart;
    bool asked, fed;     /* it asks what follows it; there are answers for that */
    int32_t ready[MOST]; /* chosen; `given` of them were taken */
    size_t nready, given;
    bool rowed; /* whole rows are wanted in any case */
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
    d->whole = !trit_sampler_ask(d->sampler, guesses, n - 1, &d->top[0]) || d->rowed;
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

enum trit_code trit_decoder_part(struct trit_decoder *d, const int32_t *tokens, size_t n, bool last,
                                 struct trit_run *run, struct trit_error *error)
{
    d->part = tokens;
    d->npart = n;
    d->asked = last;
    d->guessed = 0;
    if (last)
        return prepare(d, tokens, n, 0, run, error);
    *run = (struct trit_run){ .session = d->session,
                              .tokens = tokens,
                              .count = n,
                              .first = n,
                              .states = d->predict ? trit_predict_states(d->predict) : NULL };
    return TRIT_OK;
}

enum trit_code trit_decoder_feed(struct trit_decoder *d, const int32_t *tokens, size_t n,
                                 struct trit_error *error)
{
    const size_t start = trit_session_position(d->session),
                 chunk = trit_work_chunk(trit_session_work(d->session));
    enum trit_code code = TRIT_OK;
    for (size_t at = 0, some; at < n && !code; at += some) {
        struct trit_run run;
        some = d->predict ? smaller(n - at, chunk) : n; /* each is shown to the block */
        code = trit_decoder_part(d, tokens + at, some, at + some == n, &run, error);
        if (!code)
            code = trit_session_prefill(&run, error);
        if (!code)
            code = trit_decoder_end(d, 0, error);
    }
    if (code && !trit_session_rewind(d->session, start))
        trit_session_rewind(d->session, 0);
    d->fed &= !code;
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

enum trit_code trit_decoder_begin(struct trit_decoder *d, size_t wanted, struct trit_run *run,
                                  struct trit_error *error)
{
    const size_t room = trit_session_context(d->session) - trit_session_position(d->session),
                 most = smaller(wanted, room),
                 limit =
                     smaller(most ? most - 1 : 0, trit_work_drafts(trit_session_work(d->session)));
    size_t guessed;
    const enum trit_code code = draft(d, limit, &guessed, error);
    d->part = NULL;
    return code ? code : prepare(d, d->last, 1 + guessed, guessed, run, error);
}

enum trit_code trit_decoder_end(struct trit_decoder *d, double seconds, struct trit_error *error)
{
    d->fed = d->part && d->asked;
    d->nready = d->given = 0;
    if (d->part)
        return d->predict ? trit_predict_tell(d->predict, d->part, d->npart, error) : TRIT_OK;
    const size_t guessed = d->guessed, right = choose_all(d);
    trit_session_rewind(d->session, trit_session_position(d->session) - guessed + right);
    return learn(d, guessed, right, seconds, error);
}

bool trit_decoder_take(struct trit_decoder *d, int32_t *token)
{
    if (d->given == d->nready && d->fed)
        choose_all(d);
    d->fed = false;
    if (d->given == d->nready)
        return false;
    *token = d->last[0] = d->ready[d->given++];
    return true;
}

/* A pass of the last token and of guesses. */
static enum trit_code step(struct trit_decoder *d, size_t wanted, struct trit_error *error)
{
    struct trit_run run;
    enum trit_code code = trit_decoder_begin(d, wanted, &run, error);
    const uint64_t begin = trit_clock();
    if (!code)
        code = trit_model_eval(trit_session_work(d->session), &run, 1, error);
    if (!code)
        code = trit_decoder_end(d, (double)(trit_clock() - begin) * 1e-9, error);
    return code;
}

enum trit_code trit_decoder_next(struct trit_decoder *d, size_t wanted, int32_t *token,
                                 struct trit_error *error)
{
    if (trit_decoder_take(d, token))
        return TRIT_OK;
    const enum trit_code code = step(d, wanted, error);
    if (!code)
        trit_decoder_take(d, token);
    return code;
}

void trit_decoder_rows(struct trit_decoder *d)
{
    d->rowed = true;
}

const float *trit_decoder_row(const struct trit_decoder *d)
{
    return d->whole && d->given ? d->rows + (d->given - 1) * d->vocab : NULL;
}

void trit_decoder_plain(struct trit_decoder *d)
{
    trit_lookup_free(d->lookup);
    trit_predict_free(d->predict);
    d->lookup = NULL;
    d->predict = NULL;
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

/* A pass: which tokens of which jobs it has, what comes of it, and who is to blame where it fails.
 */
#include "runtime/base/clock.h"
#include "runtime/engine/internal.h"
#include "runtime/head/cost.h"
#include "runtime/thread/turn.h"

enum {
    BESIDE = 32,     /* tokens of prompts in a pass in which answers go on */
    INTERVAL = 1024, /* of a prompt, between marks */
    SPACE = 256      /* between a mark and a turn that gets one by a pass of its own */
};

/* Of all schedulers of the process: models share the cores, so one evaluates at a time. */
static struct trit_turn evaluating = TRIT_TURN_INIT;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Tokens that come before the one that is next to be chosen for, and are not evaluated: of a
   prompt, or of a text that has to be evaluated again. */
static size_t left_of(const struct trit_job *j)
{
    const struct trit_sequence *q = j->sequence;
    return q->n - j->answers - trit_session_position(q->session);
}

/* --- what a pass has --- */

static void add_run(struct trit_scheduler *s, struct trit_job *j)
{
    j->from = trit_session_position(j->sequence->session);
    s->passing[s->nruns++] = j;
}

/* The grammar lets no token come next: the text is at its end, or stuck. */
static void end_grammar(struct trit_scheduler *s, struct trit_job *j)
{
    struct trit_error error;
    trit_fail(&error, TRIT_EUNSUPPORTED, "grammar made no progress: no token may come next");
    if (trit_matcher_complete(j->matcher))
        trit_schedule_end(s, j, TRIT_JOB_ENDED, NULL);
    else
        trit_schedule_end(s, j, TRIT_JOB_FAILED, &error);
}

/* The choice that follows is held to the grammar. False: there is none, and the job has ended. */
static bool set_mask(struct trit_scheduler *s, struct trit_job *j)
{
    struct trit_error error;
    const size_t words = smaller(trit_mask_words(trit_tokenizer_size(s->engine->tokenizer)),
                                 trit_mask_words(s->engine->config.vocab));
    uint32_t any = 0;
    if (!j->matcher)
        return true;
    const uint32_t *mask = trit_matcher_mask(j->matcher);
    if (!mask) {
        trit_fail(&error, TRIT_EMEMORY, "no memory for the tokens that a grammar allows");
        trit_schedule_end(s, j, TRIT_JOB_FAILED, &error);
        return false;
    }
    for (size_t i = 0; i < words; i++)
        any |= j->mask[i] = mask[i];
    if (any)
        trit_sampler_mask(j->sampler, j->mask);
    else
        end_grammar(s, j);
    return any;
}

/* The job's next token, with drafts where it goes alone. */
static void add_answer(struct trit_scheduler *s, struct trit_job *j, bool alone)
{
    struct trit_error error;
    struct trit_run *run = &s->runs[s->nruns];
    const size_t wanted = alone ? j->limit - j->result.made : 1;
    if (!set_mask(s, j))
        return;
    enum trit_code code = trit_decoder_begin(j->decoder, wanted, run, &error);
    if (code) { /* of drafts? */
        trit_decoder_plain(j->decoder);
        code = trit_decoder_begin(j->decoder, 1, run, &error);
    }
    if (code)
        trit_schedule_end(s, j, TRIT_JOB_FAILED, &error);
    else
        add_run(s, j);
}

/* How far a part of `most` tokens goes: up to a place that gets a mark. */
static size_t part_of(const struct trit_scheduler *s, const struct trit_job *j, size_t most)
{
    const size_t at = trit_session_position(j->sequence->session), n = smaller(left_of(j), most),
                 after = trit_sequence_marked(j->sequence) + SPACE;
    if (!s->states || j->answers)
        return n;
    for (size_t i = 0; i < j->ask.nturns; i++) {
        const size_t turn = j->ask.turns[i];
        if (turn > at && turn >= after && turn < at + n && turn < j->wish)
            return turn - at;
    }
    const size_t wanted = trit_sequence_wanted(s, j, at);
    if (wanted < at + n && wanted < j->wish)
        return wanted - at;
    return n < left_of(j) && at < j->wish && at + n > j->wish ? j->wish - at : n;
}

/* A part of the job's prompt; returns how many tokens. */
static size_t add_part(struct trit_scheduler *s, struct trit_job *j, size_t most)
{
    struct trit_error error;
    struct trit_run *run = &s->runs[s->nruns];
    struct trit_sequence *q = j->sequence;
    const size_t at = trit_session_position(q->session), n = part_of(s, j, most);
    const bool last = !j->answers && n == left_of(j);
    if (last && !set_mask(s, j))
        return 0;
    if (trit_decoder_part(j->decoder, q->tokens + at, n, last, run, &error)) {
        trit_schedule_end(s, j, TRIT_JOB_FAILED, &error);
        return 0;
    }
    if (last && s->states && s->sizes.kept_bytes && j->wish >= at)
        run->drafts = at + n - j->wish; /* the states stay where they are to be kept */
    j->served = s->passes;
    add_run(s, j);
    return n;
}

/* The one that waited longest for a part of its prompt, not in this pass; NULL: none. */
static struct trit_job *waiting_for_part(const struct trit_scheduler *s)
{
    struct trit_job *found = NULL;
    for (size_t i = 0; i < s->nrunning; i++) {
        struct trit_job *j = s->running[i];
        if (left_of(j) && !j->follows && j->served != s->passes &&
            (!found || j->served < found->served))
            found = j;
    }
    return found;
}

/* A job that may have spoilt an evaluation: it goes alone until it is past that. */
static struct trit_job *suspect_of(const struct trit_scheduler *s)
{
    for (size_t i = 0; i < s->nrunning; i++)
        if (s->running[i]->suspect)
            return s->running[i];
    return NULL;
}

/* Backwards: a job that fails leaves its place to the last. */
static void add_answers(struct trit_scheduler *s, bool alone)
{
    for (size_t i = s->nrunning; i-- > 0;)
        if (!left_of(s->running[i]))
            add_answer(s, s->running[i], alone);
}

/* Who waits for whom: a prompt that no other leads any more goes on with what there is. */
static void line_up(struct trit_scheduler *s)
{
    for (size_t i = 0; i < s->nrunning; i++) {
        struct trit_job *j = s->running[i];
        const bool followed = j->follows;
        j->follows = trit_sequence_follows(s, j);
        if (followed && !j->follows)
            trit_sequence_catch_up(s, j);
    }
}

static void gather(struct trit_scheduler *s)
{
    struct trit_job *j = suspect_of(s);
    s->nruns = 0;
    s->passes++;
    if (j) {
        if (left_of(j))
            add_part(s, j, s->sizes.chunk);
        else
            add_answer(s, j, false);
        return;
    }
    line_up(s);
    add_answers(s, s->nrunning == 1);
    const size_t answers = s->nruns, room = s->sizes.chunk > answers ? s->sizes.chunk - answers : 1;
    size_t most = answers ? smaller(room, BESIDE) : room;
    while (most && (j = waiting_for_part(s)))
        most -= add_part(s, j, most);
}

/* --- what comes of it --- */

static void tell_token(struct trit_job *j, struct trit_job_token *token, size_t vocab)
{
    const float *row = j->ask.logprobs ? trit_decoder_row(j->decoder) : NULL;
    if (row) {
        token->ntop = trit_logprobs(row, vocab, token->id, &token->logprob, j->top, j->ask.top);
        token->top = j->top;
    }
    if (!j->ask.token(j->ask.arg, token))
        j->ended = true;
}

static void begin_answer(struct trit_job *j)
{
    const double now = trit_now();
    j->answers = true;
    j->result.prefill = now - j->since;
    j->since = now;
}

/* A token that was chosen; ends the job where it is the last. False: it did. */
static bool take_token(struct trit_scheduler *s, struct trit_job *j, int32_t id)
{
    struct trit_error error;
    struct trit_sequence *q = j->sequence;
    struct trit_job_token token = { .id = id,
                                    .end = trit_tokenizer_is_end(s->engine->tokenizer, id) };
    if (!j->answers)
        begin_answer(j);
    q->tokens[q->n++] = id;
    if (j->matcher && !trit_matcher_accept(j->matcher, id)) {
        trit_fail(&error, TRIT_EUNSUPPORTED, "grammar made no progress: token %d may not come next",
                  (int)id);
        trit_schedule_end(s, j, TRIT_JOB_FAILED, &error);
        return false;
    }
    j->result.made += !token.end;
    s->made += !token.end;
    tell_token(j, &token, s->engine->config.vocab);
    if (!token.end && !j->ended && j->result.made < j->limit)
        return true;
    trit_schedule_end(s, j,
                      token.end  ? TRIT_JOB_ENDED
                      : j->ended ? TRIT_JOB_STOPPED
                                 : TRIT_JOB_LENGTH,
                      NULL);
    return false;
}

static void deliver(struct trit_scheduler *s, struct trit_job *j)
{
    const struct trit_decoded *stats = trit_decoder_stats(j->decoder);
    int32_t id;
    j->result.drafted = stats->guessed;
    j->result.right = stats->right;
    while (trit_decoder_take(j->decoder, &id) && take_token(s, j, id))
        ;
}

/* Where the states of the job are worth keeping. */
static bool is_place(const struct trit_scheduler *s, const struct trit_job *j)
{
    const struct trit_sequence *q = j->sequence;
    const size_t at = trit_session_position(q->session), marked = trit_sequence_marked(q);
    if (j->answers || at <= marked)
        return false;
    if (at >= j->wish)
        return marked < j->wish;
    if (trit_sequence_wanted(s, j, at - 1) == at)
        return true;
    for (size_t i = 0; i < j->ask.nturns; i++)
        if (j->ask.turns[i] == at && at >= marked + SPACE)
            return true;
    return at >= marked + INTERVAL;
}

/* The second halves of the decoders' passes. */
static void finish(struct trit_scheduler *s, double seconds)
{
    for (size_t i = 0; i < s->nruns; i++) {
        struct trit_job *j = s->passing[i];
        if (s->states && is_place(s, j))
            trit_sequence_mark(s, j);
        if (trit_decoder_end(j->decoder, s->nruns == 1 ? seconds : 0, NULL))
            trit_decoder_plain(j->decoder);
        if (j->suspect && trit_session_position(j->sequence->session) >= j->suspect)
            j->suspect = 0;
    }
}

/* Where several were evaluated, each comes again, alone: in a model with states from its last mark.
 */
static void accuse(struct trit_scheduler *s, const struct trit_error *error)
{
    if (s->nruns == 1) {
        trit_schedule_end(s, s->passing[0], TRIT_JOB_FAILED, error);
        return;
    }
    for (size_t i = 0; i < s->nruns; i++) {
        struct trit_job *j = s->passing[i];
        j->suspect = j->from + s->runs[i].count;
        trit_decoder_plain(j->decoder);
        trit_sequence_recover(j->sequence);
    }
}

/* --- the whole --- */

static uint64_t bytes_read(const struct trit_counts *counts)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < TRIT_NPARTS; i++)
        bytes += counts->bytes[i];
    return bytes;
}

/* What there is to say after a pass. */
static void count_pass(struct trit_scheduler *s, double seconds)
{
    struct trit_scheduler_stats *stats = &s->stats;
    const struct trit_counts *counts = trit_work_counts(s->work);
    pthread_mutex_lock(&s->bell->lock);
    stats->passes = counts->passes;
    stats->pass_tokens = counts->tokens;
    stats->bytes = bytes_read(counts);
    stats->busy += seconds;
    stats->made_tokens = s->made;
    pthread_mutex_unlock(&s->bell->lock);
}

static void sweep(struct trit_scheduler *s)
{
    for (size_t i = s->nrunning; i-- > 0;)
        if (s->running[i]->cancelled)
            trit_schedule_end(s, s->running[i], TRIT_JOB_CANCELLED, NULL);
}

void trit_schedule_pass(struct trit_scheduler *s)
{
    struct trit_error error;
    sweep(s);
    trit_turn_take(&evaluating);
    const double begin = trit_now();
    gather(s);
    const double ready = trit_now();
    const enum trit_code code =
        s->nruns ? trit_model_eval(s->work, s->runs, s->nruns, &error) : TRIT_OK;
    const double end = trit_now();
    if (!code)
        finish(s, end - ready);
    trit_turn_give(&evaluating);
    count_pass(s, end - begin);
    if (code)
        accuse(s, &error);
    for (size_t i = 0; i < s->nruns && !code; i++)
        deliver(s, s->passing[i]);
}

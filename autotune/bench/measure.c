/* One test of bench: sequences at a depth that are evaluated again and again, and between any two
   repetitions the limits, in short samples. */
#include <stdlib.h>

#include "autotune/bench/internal.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/stats.h"
#include "runtime/head/head.h"

enum {
    BURST = 5,       /* samples of each limit between two repetitions */
    BURSTS = 2,      /* around a repetition */
    GEN_WARM_UP = 2, /* tokens */
};

/* A sequence: where it is before each repetition, what is asked about its last token, and where the
   answer goes. */
struct sequence {
    struct trit_session *session;
    struct trit_mark *start;
    struct trit_candidate best[TRIT_BENCH_TOP];
    struct trit_top top;
};

struct test {
    struct trit_bench_setup *setup;
    struct trit_bench_row *row;
    size_t depth, count, chunk, vocab, nsequences;
    struct trit_work *work;
    struct sequence *sequences;
    struct trit_run *runs;
    struct trit_sampler *sampler;                    /* of a test with drafts, */
    struct trit_decoder *decoder;                    /* made anew for each repetition */
    double read[BURSTS][BURST], peak[BURSTS][BURST]; /* the last bursts, in turns */
    size_t bursts;
};

void trit_bench_note_memory(struct trit_bench_setup *s)
{
    size_t now = trit_resident_now();
    now = now > s->limits_bytes ? now - s->limits_bytes : 0;
    s->peak = now > s->peak ? now : s->peak;
}

/* n tokens of sequence i from its `from`-th on; the answer is about the last. Sequence i reads the
   same tokens from the i-th on: no two of them do the same work. */
static struct trit_run run_of(struct test *t, size_t i, size_t from, size_t n)
{
    struct sequence *q = &t->sequences[i];
    q->top = (struct trit_top){ .k = t->setup->top_k, .best = q->best };
    return (struct trit_run){ .session = q->session,
                              .tokens = t->setup->tokens + i + from,
                              .count = n,
                              .first = n - 1,
                              .logits = t->setup->logits ? t->setup->logits + i * t->vocab : NULL,
                              .top = t->setup->logits ? NULL : &q->top };
}

static enum trit_code evaluate(struct test *t, const struct trit_run *runs, size_t n,
                               struct trit_error *error)
{
    if (trit_stopped())
        return trit_fail(error, TRIT_ESTOPPED, "stopped");
    return trit_model_eval(t->work, runs, n, error);
}

/* n tokens of sequence i; an answer, if any, after the last. */
static enum trit_code prefill(struct test *t, size_t i, size_t from, size_t n, bool answer,
                              struct trit_error *error)
{
    struct trit_run run = run_of(t, i, from, n);
    run.first = answer ? n - 1 : n;
    return trit_session_prefill(&run, error);
}

static bool drafts(const struct test *t)
{
    return t->row->n_gen && t->row->n_parallel == 1 && t->setup->drafting.from != TRIT_DRAFT_NONE;
}

static void close_decoder(struct test *t)
{
    trit_decoder_free(t->decoder);
    trit_sampler_free(t->sampler);
    t->decoder = NULL;
    t->sampler = NULL;
}

/* A text as it is before a repetition with drafts: those who draft must have seen all of it. It has
   one token at least, so its depth may be 1. */
static enum trit_code begin_text(struct test *t, struct trit_error *error)
{
    static const struct trit_sampling greedy = { .top_p = 1, .repeat_penalty = 1 };
    struct trit_session *s = t->sequences->session;
    const size_t depth = t->depth ? t->depth : 1;
    close_decoder(t);
    trit_session_rewind(s, 0);
    enum trit_code code = trit_sampler_create(&t->sampler, &greedy, t->vocab, error);
    if (!code)
        code = trit_decoder_create(&t->decoder, t->setup->model, s, t->sampler, t->setup->drafting,
                                   error);
    if (code)
        return code;
    trit_decoder_tell(t->decoder, t->setup->tokens, depth);
    return trit_decoder_feed(t->decoder, t->setup->tokens, depth, error);
}

static enum trit_code rewind_all(struct test *t, struct trit_error *error)
{
    if (drafts(t))
        return begin_text(t, error);
    for (size_t i = 0; i < t->nsequences; i++)
        trit_mark_back(t->sequences[i].start);
    return TRIT_OK;
}

/* One token of every sequence, in one pass. */
static enum trit_code step(struct test *t, size_t at, struct trit_error *error)
{
    for (size_t i = 0; i < t->nsequences; i++)
        t->runs[i] = run_of(t, i, t->depth + at, 1);
    return evaluate(t, t->runs, t->nsequences, error);
}

static enum trit_code generate(struct test *t, size_t n, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    int32_t token;
    for (size_t i = 0; i <= n && !code; i++) /* the first is there already */
        code = trit_stopped() ? trit_fail(error, TRIT_ESTOPPED, "stopped")
                              : trit_decoder_next(t->decoder, n + 1 - i, &token, error);
    return code;
}

/* The test itself, n tokens of it, after the depth. */
static enum trit_code run_test(struct test *t, size_t n, struct trit_error *error)
{
    if (t->row->n_prompt)
        return prefill(t, 0, t->depth, n, true, error);
    if (drafts(t))
        return generate(t, n, error);
    enum trit_code code = TRIT_OK;
    for (size_t at = 0; at < n && !code; at++)
        code = step(t, at, error);
    return code;
}

/* Fills the context to the depth, touches the cache of what comes after it, and evaluates. */
static enum trit_code warm_up(struct test *t, struct trit_error *error)
{
    const bool warm = t->setup->warm_up;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < t->nsequences && !code && !drafts(t); i++) {
        struct sequence *q = &t->sequences[i];
        code = prefill(t, i, 0, t->depth, false, error);
        if (!code)
            code = trit_mark_take(&q->start, q->session, error);
        if (!code && warm && t->row->n_gen)
            code = prefill(t, i, t->depth, t->count, false, error);
    }
    if (code || (code = rewind_all(t, error)))
        return code;
    if (warm)
        code = run_test(t, t->row->n_gen && t->count > GEN_WARM_UP ? GEN_WARM_UP : t->count, error);
    return code ? code : rewind_all(t, error);
}

static void sample_limits(struct test *t)
{
    const size_t at = t->bursts++ % BURSTS;
    for (int i = 0; i < BURST; i++) {
        t->read[at][i] = trit_limits_sample_read(t->setup->limits);
        t->peak[at][i] = trit_limits_sample_peak(t->setup->limits);
    }
}

static double middle(const double bursts[BURSTS][BURST])
{
    double all[BURSTS * BURST];
    for (size_t i = 0; i < BURSTS * BURST; i++)
        all[i] = bursts[i / BURST][i % BURST];
    trit_sort(all, BURSTS * BURST);
    return trit_quantile(all, BURSTS * BURST, 0.5);
}

/* What a block that drafts cost so far. */
static struct trit_counts block_counts(const struct test *t)
{
    const struct trit_counts *counts = t->decoder ? trit_decoder_counts(t->decoder) : NULL;
    return counts ? *counts : (struct trit_counts){ 0 };
}

static void add_block(struct test *t, const struct trit_counts *before)
{
    struct trit_counts block = block_counts(t);
    trit_counts_since(&block, before);
    for (int i = 0; i < TRIT_NPARTS; i++)
        trit_count(&t->row->counts, (enum trit_part)i, block.bytes[i], block.macs[i]);
}

/* One repetition; the burst before it has been taken. */
static enum trit_code repeat(struct test *t, struct trit_bench_sample *sample, bool traced,
                             struct trit_error *error)
{
    struct trit_trace *trace = t->setup->trace;
    const struct trit_counts before = *trit_work_counts(t->work), drafted = block_counts(t);
    if (traced)
        trit_trace_start(trace);
    const double begin = trit_now();
    enum trit_code code = run_test(t, t->count, error);
    sample->seconds = trit_now() - begin;
    if (traced)
        trit_trace_stop(trace);
    t->row->counts = *trit_work_counts(t->work);
    trit_counts_since(&t->row->counts, &before);
    if (t->decoder) {
        t->row->drafts = *trit_decoder_stats(t->decoder);
        add_block(t, &drafted);
    }
    if (!code)
        code = rewind_all(t, error);
    trit_bench_note_memory(t->setup);
    sample_limits(t);
    sample->read_gbs = middle(t->read);
    sample->int8_gmacs = middle(t->peak);
    return code;
}

/* All repetitions; with a trace each has a neighbour that is traced, before and after it by turns.
   ratios: traced to untraced. */
static enum trit_code repeat_all(struct test *t, struct trit_bench_sample *samples, double *ratios,
                                 struct trit_error *error)
{
    struct trit_bench_setup *s = t->setup;
    enum trit_code code = TRIT_OK;
    sample_limits(t);
    for (int i = 0; i < s->repetitions && !code; i++) {
        struct trit_bench_sample traced = { .seconds = 0 };
        s->progress(s->progress_arg, t->row, i + 1);
        if (s->trace && i % 2)
            code = repeat(t, &traced, true, error);
        if (!code)
            code = repeat(t, &samples[i], false, error);
        if (!code && s->trace && i % 2 == 0)
            code = repeat(t, &traced, true, error);
        ratios[i] = traced.seconds / samples[i].seconds;
    }
    return code;
}

static void profile(struct test *t, double *ratios)
{
    struct trit_bench_profile *p = &t->row->profile;
    const size_t n = (size_t)t->setup->repetitions;
    trit_sort(ratios, n);
    p->repetitions = n;
    p->wall = trit_trace_wall(t->setup->trace);
    p->overhead = trit_quantile(ratios, n, 0.5) - 1;
    for (int i = 0; i < TRIT_NPARTS; i++)
        p->part[i] = *trit_trace_part(t->setup->trace, (enum trit_part)i);
}

static enum trit_code open_sequences(struct test *t, struct trit_error *error)
{
    const size_t n = (size_t)t->row->n_parallel;
    t->sequences = trit_alloc(n, sizeof *t->sequences);
    t->runs = trit_alloc(n, sizeof *t->runs);
    if (!t->sequences || !t->runs)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu sequences", n);
    enum trit_code code =
        trit_work_create(&t->work, t->setup->model, t->chunk > n ? t->chunk : n, error);
    while (!code && t->nsequences < n) {
        code = trit_session_join(&t->sequences[t->nsequences].session, t->work,
                                 t->depth + t->count + drafts(t), error);
        t->nsequences += !code;
    }
    return code;
}

static void close_sequences(struct test *t)
{
    close_decoder(t);
    for (size_t i = 0; i < t->nsequences; i++) {
        trit_mark_free(t->sequences[i].start);
        trit_session_free(t->sequences[i].session);
    }
    trit_work_free(t->work);
    free(t->sequences);
    free(t->runs);
}

enum trit_code trit_bench_measure(struct trit_bench_setup *setup, struct trit_bench_row *row,
                                  struct trit_bench_sample *samples, struct trit_error *error)
{
    struct test t = { .setup = setup,
                      .row = row,
                      .depth = (size_t)row->n_depth,
                      .count = (size_t)(row->n_prompt + row->n_gen),
                      .vocab = trit_model_config(setup->model)->vocab };
    const size_t context = t.depth + t.count;
    double *ratios = trit_alloc((size_t)setup->repetitions, sizeof *ratios);
    t.chunk = (size_t)row->chunk < context ? (size_t)row->chunk : context;
    row->when = time(NULL);
    row->samples = samples;
    row->n = (size_t)setup->repetitions;
    enum trit_code code =
        ratios ? open_sequences(&t, error) : trit_fail(error, TRIT_EMEMORY, "no memory");
    if (!code) {
        setup->progress(setup->progress_arg, row, 0);
        code = warm_up(&t, error);
    }
    if (setup->trace)
        trit_trace_clear(setup->trace);
    if (!code)
        code = repeat_all(&t, samples, ratios, error);
    if (!code && setup->trace)
        profile(&t, ratios);
    if (!code) {
        trit_bench_compute(row);
        trit_model_memory(setup->model, t.sequences->session, &row->memory);
        row->memory.kv *= t.nsequences;
        row->memory.states *= t.nsequences;
    }
    close_sequences(&t);
    free(ratios);
    return code;
}

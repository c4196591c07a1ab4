/* labels: threads */
/* Is each answer of a scheduler what the same job gets alone, token for token and bit for bit of
   its log-probabilities, whoever else is served, joins, leaves, is cancelled or spoils a pass,
   whatever was kept and drafted? TRIT_JOBS: how many of each model, TRIT_SEED: others. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/engine/schedule.h"
#include "tests/lib_engine.h"

enum {
    JOBS = 64,  /* served together; */
    HEAVY = 24, /* of a model whose passes take long where memory is checked */
    CONTEXT = 320,
    MOST = 40, /* tokens of an answer */
    TEXTS = 4, /* that prompts begin with */
    TOP = 3
};

static uint64_t random_state = 1;

static size_t below(size_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(random_state >> 33) % n;
}

static void check(enum trit_code code, const struct trit_error *e)
{
    if (code)
        fail_msg("%s", e->text);
}

/* --- jobs --- */

struct answer {
    size_t n;
    int32_t ids[CONTEXT];
    float logprobs[CONTEXT];
    struct trit_logprob top[CONTEXT][TOP];
    struct trit_job_result result;
    bool done;
};

struct order {
    int32_t prompt[CONTEXT];
    size_t n, turns[4], nturns;
    struct trit_sampling sampling;
    struct trit_bias bias;
    size_t predict, stop; /* stop: tokens after which the callback says so; 0: never */
    const struct trit_grammar *grammar;
    bool endless, logprobs;
    bool cancelled; /* at some time, when it is served with others */
    uint64_t client;
    struct answer alone, beside;
    struct answer *now;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static bool on_token(void *arg, const struct trit_job_token *token)
{
    const struct order *o = arg;
    struct answer *a = o->now;
    a->ids[a->n] = token->id;
    a->logprobs[a->n] = token->logprob;
    if (token->ntop)
        memcpy(a->top[a->n], token->top, token->ntop * sizeof *token->top);
    a->n++;
    return a->n != o->stop;
}

static void on_done(void *arg, const struct trit_job_result *result)
{
    struct order *o = arg;
    pthread_mutex_lock(&lock);
    o->now->result = *result;
    o->now->done = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(struct order *o)
{
    pthread_mutex_lock(&lock);
    while (!o->now->done)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static struct trit_job *submit(struct trit_scheduler *s, struct order *o, struct answer *answer)
{
    struct trit_error error;
    struct trit_job *job;
    const struct trit_job_ask ask = { .tokens = o->prompt,
                                      .ntokens = o->n,
                                      .turns = o->turns,
                                      .nturns = o->nturns,
                                      .sampling = &o->sampling,
                                      .predict = o->predict,
                                      .endless = o->endless,
                                      .grammar = o->grammar,
                                      .logprobs = o->logprobs,
                                      .top = TOP,
                                      .client = o->client,
                                      .token = on_token,
                                      .done = on_done,
                                      .arg = o };
    memset(answer, 0, sizeof *answer);
    o->now = answer;
    o->sampling.bias = &o->bias;
    check(trit_scheduler_submit(s, &ask, &job, &error), &error);
    return job;
}

/* --- what is asked --- */

enum { GRAMMARS = 2 };
static struct trit_grammar *grammars[GRAMMARS]; /* any object; a list of short ones */

static int setup(void **s)
{
    (void)s;
    static const char text[] = "{\"type\": \"array\", \"maxItems\": 3, \"items\": {"
                               "\"type\": \"object\", \"properties\": {\"a\": {\"enum\": [1, 22]}},"
                               "\"required\": [\"a\"], \"additionalProperties\": false}}";
    struct trit_error error = { .text = "no JSON" };
    json_t *schema = json_loads(text, 0, NULL);
    const bool good = schema && !trit_grammar_json(&grammars[0], NULL, &error) &&
                      !trit_grammar_schema(&grammars[1], schema, NULL, &error);
    json_decref(schema);
    if (!good)
        print_error("%s\n", error.text);
    return !good;
}

static int teardown(void **s)
{
    (void)s;
    for (size_t i = 0; i < GRAMMARS; i++)
        trit_grammar_free(grammars[i]);
    return 0;
}

static int32_t texts[TEXTS][CONTEXT];

static struct trit_sampling random_sampling(void)
{
    static const float temperatures[] = { 0, 0, 0.5f, 1.2f }, penalties[] = { 1, 1, 1.2f };
    static const int ks[] = { 1, 5, 40, 0 };
    return (struct trit_sampling){ .temperature = temperatures[below(4)],
                                   .top_k = ks[below(4)],
                                   .top_p = below(2) ? 1 : 0.9f,
                                   .min_p = below(2) ? 0 : 0.05f,
                                   .repeat_penalty = penalties[below(3)],
                                   .repeat_last_n = below(2) ? 32 : -1,
                                   .presence_penalty = below(4) ? 0 : 0.5f,
                                   .nbias = below(4) == 0,
                                   .seed = below(1000) };
}

/* The beginning of a text or of an earlier conversation, then something else. */
static void random_prompt(struct order *all, size_t i, const struct trit_toy_engine *m)
{
    struct order *o = &all[i];
    const struct order *before = i ? &all[below(i)] : NULL;
    const size_t most = CONTEXT - MOST / 2;
    if (before && below(2) && before->n + before->alone.n < most) {
        memcpy(o->prompt, before->prompt, before->n * sizeof *o->prompt);
        memcpy(o->prompt + before->n, before->alone.ids, before->alone.n * sizeof *o->prompt);
        o->n = before->n + before->alone.n;
        if (below(4) == 0)
            o->n = 1 + below(o->n);
    } else {
        const int32_t *text = texts[below(TEXTS)];
        o->n = 1 + below(below(2) ? most - 30 : 100);
        memcpy(o->prompt, text, o->n * sizeof *o->prompt);
    }
    for (size_t extra = below(3) ? below(24) : 0; extra-- && o->n < most;)
        o->prompt[o->n++] = (int32_t)below(40);
    if (below(5) == 0)
        o->prompt[below(o->n)] = (int32_t)below(40);
    if (m->poison && below(16) == 0)
        o->prompt[below(o->n)] = TRIT_TOY_POISON;
    o->nturns = below(4);
    for (size_t k = 0, at = 0; k < o->nturns; k++)
        o->turns[k] = at += below(o->n / 3 + 1);
}

static void random_order(struct order *all, size_t i, const struct trit_toy_engine *m)
{
    struct order *o = &all[i];
    const size_t vocab = m->engine.config.vocab;
    random_prompt(all, i, m);
    o->sampling = random_sampling();
    o->bias = (struct trit_bias){ (int32_t)below(vocab), below(2) ? 8 : -8 };
    o->predict = below(8) ? 1 + below(MOST) : 0;
    o->stop = below(6) ? 0 : 1 + below(MOST);
    o->grammar = below(6) ? NULL : grammars[below(GRAMMARS)];
    o->endless = !o->grammar && below(2);
    o->logprobs = below(5) == 0;
    o->cancelled = below(8) == 0;
    o->client = below(4);
}

/* --- what must be --- */

static void must_be_alike(const struct trit_toy_engine *m, size_t i, const struct order *o)
{
    const struct answer *a = &o->alone, *b = &o->beside;
    const bool cut = b->result.end == TRIT_JOB_CANCELLED && o->cancelled;
    if (!cut && (a->n != b->n || a->result.end != b->result.end ||
                 a->result.error.code != b->result.error.code))
        fail_msg("%s, job %zu of %zu tokens, %zu reused: %zu tokens, end %d (%s), not %zu, %d (%s)",
                 m->name, i, o->n, b->result.reused, b->n, b->result.end, b->result.error.text,
                 a->n, a->result.end, a->result.error.text);
    assert_true(b->n <= a->n);
    for (size_t k = 0; k < b->n; k++)
        if (a->ids[k] != b->ids[k])
            fail_msg("%s, job %zu of %zu tokens, %zu reused: token %zu is %d, not %d", m->name, i,
                     o->n, b->result.reused, k, (int)b->ids[k], (int)a->ids[k]);
    assert_memory_equal(a->logprobs, b->logprobs, b->n * sizeof *a->logprobs);
    assert_memory_equal(a->top, b->top, b->n * sizeof *a->top);
}

static struct trit_scheduler *start(struct trit_toy_engine *m, struct trit_scheduler_sizes sizes)
{
    struct trit_scheduler *s;
    struct trit_error error;
    sizes.context = CONTEXT;
    check(trit_scheduler_create(&s, &m->engine, &sizes, &error), &error);
    return s;
}

static void write_texts(void)
{
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t k = 0; k < CONTEXT; k++)
            texts[i][k] = i && k < 150 ? texts[0][k] : (int32_t)below(30);
}

static size_t jobs_wanted(void)
{
    const char *n = getenv("TRIT_JOBS");
    return n ? (size_t)atoi(n) : 1;
}

static struct order orders[JOBS];
static size_t njobs; /* of them that are used */

/* Alone: no drafts, nothing kept. */
static void serve_alone(struct trit_toy_engine *m)
{
    struct trit_scheduler *s = start(
        m, (struct trit_scheduler_sizes){
               .slots = 1, .chunk = 32, .queue = 1, .drafting = { .from = TRIT_DRAFT_NONE } });
    for (size_t i = 0; i < njobs; i++) {
        random_order(orders, i, m);
        trit_job_release(submit(s, &orders[i], &orders[i].alone));
        wait_for(&orders[i]);
    }
    trit_scheduler_free(s);
}

static struct trit_scheduler_stats all;

static void add_stats(struct trit_scheduler *s)
{
    struct trit_scheduler_stats stats;
    trit_scheduler_stats(s, &stats);
    assert_int_equal(stats.running, 0);
    assert_int_equal(stats.waiting, 0);
    all.jobs += stats.jobs;
    all.prompt_tokens += stats.prompt_tokens;
    all.reused_tokens += stats.reused_tokens;
    all.made_tokens += stats.made_tokens;
    all.drafted += stats.drafted;
    all.right += stats.right;
    all.passes += stats.passes;
    all.failed += stats.failed;
    all.cancelled += stats.cancelled;
}

static void serve_together(struct trit_toy_engine *m, struct trit_scheduler_sizes sizes)
{
    struct trit_job *jobs[JOBS];
    struct trit_scheduler *s = start(m, sizes);
    for (size_t i = 0; i < njobs; i++) {
        jobs[i] = submit(s, &orders[i], &orders[i].beside);
        if (below(4) == 0)
            usleep((useconds_t)below(2000));
        for (size_t k = i > 8 ? i - 8 : 0; k <= i; k++)
            if (orders[k].cancelled && below(6) == 0)
                trit_job_cancel(jobs[k]);
        if (below(8) == 0)
            wait_for(&orders[below(i + 1)]);
    }
    for (size_t i = 0; i < njobs; i++) {
        wait_for(&orders[i]);
        trit_job_release(jobs[i]);
        must_be_alike(m, i, &orders[i]);
    }
    add_stats(s);
    trit_scheduler_free(s);
}

/* Little room, or much; drafts where a job goes alone, or none. */
static struct trit_scheduler_sizes sizes_of(size_t i)
{
    static const size_t slots[] = { 1, 8, 3 }, chunks[] = { 24, 64, 7 };
    static const uint64_t kept[] = { 1 << 30, 24 << 20, 0 };
    static const enum trit_draft from[] = { TRIT_DRAFT_AUTO, TRIT_DRAFT_LOOKUP, TRIT_DRAFT_NONE };
    return (struct trit_scheduler_sizes){ .slots = slots[i % 3],
                                          .chunk = chunks[i % 3],
                                          .queue = JOBS,
                                          .kept_bytes = kept[i / 3 % 3],
                                          .drafting = { from[i / 9 % 3], 0 } };
}

static void check_model(enum trit_code open(struct trit_toy_engine *, struct trit_error *))
{
    struct trit_toy_engine m;
    struct trit_error error;
    check(open(&m, &error), &error);
    njobs = m.poison ? JOBS : HEAVY;
    all = (struct trit_scheduler_stats){ 0 };
    for (size_t done = 0, turn = 0; done < jobs_wanted(); done += njobs) {
        write_texts();
        serve_alone(&m);
        serve_together(&m, sizes_of(turn == 0 ? 0 : below(27)));
        serve_together(&m, sizes_of(turn++ == 0 ? 4 : below(27)));
    }
    print_message("%s: %llu jobs, %llu failed, %llu cancelled, %llu of %llu prompt tokens reused, "
                  "%llu of %llu drafts right, %llu tokens in %llu passes\n",
                  m.name, (unsigned long long)all.jobs, (unsigned long long)all.failed,
                  (unsigned long long)all.cancelled, (unsigned long long)all.reused_tokens,
                  (unsigned long long)all.prompt_tokens, (unsigned long long)all.right,
                  (unsigned long long)all.drafted, (unsigned long long)all.made_tokens,
                  (unsigned long long)all.passes);
    trit_toy_engine_close(&m);
}

static void a_plain_model_answers_as_alone(void **s)
{
    (void)s;
    check_model(trit_toy_engine_plain);
}

static void a_hybrid_answers_as_alone(void **s)
{
    (void)s;
    check_model(trit_toy_engine_hybrid);
}

static void a_block_changes_no_answer(void **s)
{
    (void)s;
    check_model(trit_toy_engine_block);
}

int main(void)
{
    const char *seed = getenv("TRIT_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_model_answers_as_alone),
        cmocka_unit_test(a_hybrid_answers_as_alone),
        cmocka_unit_test(a_block_changes_no_answer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

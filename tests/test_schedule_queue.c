/* labels: threads
   wraps: malloc calloc realloc aligned_alloc strdup strndup mmap
   Does a scheduler take jobs in turns by client, refuse what it has no place for and what is wrong,
   end what waits and what runs when it is cancelled or freed, evaluate once what prompts have in
   common, and does a job fail alone, with no harm to the next, whichever allocation fails? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "runtime/engine/schedule.h"
#include "tests/lib_engine.h"
#include "tests/lib_memory.h"

enum { CONTEXT = 96, PROMPT = 60, PREDICT = 12, MOST = 64, PLACES = 4000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t ended; /* jobs */
static bool held;    /* the first token of a job waits */

struct order {
    int32_t prompt[CONTEXT]; /* no tokens: the client's usual one */
    size_t nprompt;
    int32_t ids[MOST];
    size_t n, place; /* when it ended, among all */
    bool done;
    struct trit_job_result result;
};

static bool on_token(void *arg, const struct trit_job_token *token)
{
    struct order *o = arg;
    pthread_mutex_lock(&lock);
    o->ids[o->n++] = token->id;
    pthread_cond_broadcast(&changed);
    while (held)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return true;
}

static void on_done(void *arg, const struct trit_job_result *result)
{
    struct order *o = arg;
    pthread_mutex_lock(&lock);
    o->result = *result;
    o->place = ended++;
    o->done = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void set_held(bool value)
{
    pthread_mutex_lock(&lock);
    held = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(const bool *done, const size_t *n)
{
    pthread_mutex_lock(&lock);
    while (done ? !*done : !*n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static const struct trit_sampling greedy = { .top_p = 1, .repeat_penalty = 1 };

static void write_prompt(int32_t *to, uint64_t client)
{
    for (size_t i = 0; i < PROMPT; i++)
        to[i] = (int32_t)(i * (client + 3) % 50);
}

static enum trit_code submit(struct trit_scheduler *s, struct order *o, uint64_t client,
                             struct trit_job **job, struct trit_error *error)
{
    if (!o->nprompt) {
        write_prompt(o->prompt, client);
        o->nprompt = PROMPT;
    }
    const struct trit_job_ask ask = { .tokens = o->prompt,
                                      .ntokens = o->nprompt,
                                      .sampling = &greedy,
                                      .predict = PREDICT,
                                      .endless = true,
                                      .client = client,
                                      .token = on_token,
                                      .done = on_done,
                                      .arg = o };
    return trit_scheduler_submit(s, &ask, job, error);
}

static void must_submit(struct trit_scheduler *s, struct order *o, uint64_t client)
{
    struct trit_error error;
    struct trit_job *job;
    if (submit(s, o, client, &job, &error))
        fail_msg("%s", error.text);
    trit_job_release(job);
}

static struct trit_scheduler *start(struct trit_toy_engine *m, size_t slots, size_t queue)
{
    const struct trit_scheduler_sizes sizes = {
        .slots = slots, .context = CONTEXT, .chunk = 16, .queue = queue, .kept_bytes = 1 << 30
    };
    struct trit_scheduler *s;
    struct trit_error error;
    if (trit_scheduler_create(&s, &m->engine, &sizes, &error))
        fail_msg("%s", error.text);
    return s;
}

static struct trit_toy_engine plain, hybrid;

static void clients_take_turns(void **state)
{
    (void)state;
    enum { EACH = 4 };
    struct order first = { 0 }, greedy_one[EACH] = { 0 }, other[2] = { 0 };
    struct trit_scheduler *s = start(&plain, 1, 16);
    set_held(true);
    must_submit(s, &first, 1);
    wait_for(NULL, &first.n);
    for (size_t i = 0; i < EACH; i++)
        must_submit(s, &greedy_one[i], 1);
    for (size_t i = 0; i < 2; i++)
        must_submit(s, &other[i], 2 + i);
    set_held(false);
    for (size_t i = 0; i < EACH; i++)
        wait_for(&greedy_one[i].done, NULL);
    assert_true(other[0].place < greedy_one[1].place && other[1].place < greedy_one[1].place);
    assert_true(greedy_one[1].place < greedy_one[2].place);
    trit_scheduler_free(s);
}

static void what_has_no_place_or_is_wrong_is_refused(void **state)
{
    (void)state;
    struct order first = { 0 }, second = { 0 }, third = { 0 };
    struct trit_scheduler_stats stats;
    struct trit_error error;
    struct trit_job *job;
    struct trit_scheduler *s = start(&plain, 1, 1);
    set_held(true);
    must_submit(s, &first, 1);
    wait_for(NULL, &first.n);
    must_submit(s, &second, 1);
    assert_int_equal(submit(s, &third, 2, &job, &error), TRIT_EBUSY);
    assert_null(job);
    set_held(false);
    wait_for(&second.done, NULL);
    int32_t prompt[CONTEXT + 1] = { 0 };
    struct trit_job_ask ask = { .tokens = prompt, .ntokens = CONTEXT + 1, .sampling = &greedy };
    assert_int_equal(trit_scheduler_submit(s, &ask, &job, &error), TRIT_EARGUMENT);
    assert_non_null(strstr(error.text, "97 tokens"));
    assert_non_null(strstr(error.text, "96"));
    ask.ntokens = 0;
    assert_int_equal(trit_scheduler_submit(s, &ask, &job, &error), TRIT_EARGUMENT);
    ask.ntokens = 2;
    prompt[1] = 1 << 20;
    assert_int_equal(trit_scheduler_submit(s, &ask, &job, &error), TRIT_EARGUMENT);
    trit_scheduler_stats(s, &stats);
    assert_int_equal(stats.jobs, 2);
    assert_int_equal(stats.refused, 1);
    trit_scheduler_free(s);
}

static void a_job_is_cancelled_while_it_waits_and_while_it_runs(void **state)
{
    (void)state;
    struct order first = { 0 }, second = { 0 };
    struct trit_error error;
    struct trit_job *jobs[2];
    struct trit_scheduler *s = start(&plain, 1, 4);
    set_held(true);
    assert_int_equal(submit(s, &first, 1, &jobs[0], &error), TRIT_OK);
    wait_for(NULL, &first.n);
    assert_int_equal(submit(s, &second, 1, &jobs[1], &error), TRIT_OK);
    trit_job_cancel(jobs[0]);
    trit_job_cancel(jobs[1]);
    set_held(false);
    wait_for(&first.done, NULL);
    wait_for(&second.done, NULL);
    assert_int_equal(first.result.end, TRIT_JOB_CANCELLED);
    assert_int_equal(first.n, 1);
    assert_int_equal(second.result.end, TRIT_JOB_CANCELLED);
    assert_int_equal(second.n, 0);
    trit_scheduler_free(s);
    trit_job_cancel(jobs[0]); /* of a job that ended, even after its scheduler */
    trit_job_release(jobs[0]);
    trit_job_release(jobs[1]);
}

static void all_end_with_the_scheduler(void **state)
{
    (void)state;
    struct order orders[4] = { 0 };
    struct trit_scheduler *s = start(&plain, 2, 4);
    set_held(true);
    for (size_t i = 0; i < 4; i++)
        must_submit(s, &orders[i], i);
    wait_for(NULL, &orders[0].n);
    set_held(false);
    trit_scheduler_free(s);
    for (size_t i = 0; i < 4; i++) {
        assert_true(orders[i].done);
        assert_true(orders[i].result.end == TRIT_JOB_LENGTH ||
                    orders[i].result.error.code == TRIT_ESTOPPED);
    }
}

/* Behind one that holds the scheduler, so that they are admitted together. */
static void prompts_that_come_together_are_evaluated_once(struct trit_toy_engine *m)
{
    enum { ALIKE = 4 };
    struct order first = { 0 }, orders[ALIKE] = { 0 };
    struct trit_scheduler *s = start(m, 1 + ALIKE, ALIKE);
    size_t fresh = 0;
    set_held(true);
    must_submit(s, &first, 9);
    wait_for(NULL, &first.n);
    for (size_t i = 0; i < ALIKE; i++)
        must_submit(s, &orders[i], 1);
    set_held(false);
    for (size_t i = 0; i < ALIKE; i++) {
        wait_for(&orders[i].done, NULL);
        fresh += orders[i].result.prompt - orders[i].result.reused;
    }
    assert_in_range(fresh, PROMPT, PROMPT + ALIKE * 2);
    trit_scheduler_free(s);
}

static void a_second_turn_evaluates_what_is_new(struct trit_toy_engine *m)
{
    enum { NEW = 5 };
    struct order first = { 0 }, second = { 0 };
    struct trit_scheduler *s = start(m, 2, 2);
    must_submit(s, &first, 1);
    wait_for(&first.done, NULL);
    write_prompt(second.prompt, 1);
    memcpy(second.prompt + PROMPT, first.ids, PREDICT * sizeof *first.ids);
    second.nprompt = PROMPT + PREDICT + NEW;
    must_submit(s, &second, 1);
    wait_for(&second.done, NULL);
    assert_int_equal(second.result.reused, PROMPT + PREDICT - 1);
    trit_scheduler_free(s);
}

static void what_prompts_have_in_common_is_evaluated_once(void **state)
{
    (void)state;
    prompts_that_come_together_are_evaluated_once(&plain);
    prompts_that_come_together_are_evaluated_once(&hybrid);
    a_second_turn_evaluates_what_is_new(&plain);
    a_second_turn_evaluates_what_is_new(&hybrid);
}

/* Two models at once: each is served, and neither's threads are in the other's way. */
static void two_schedulers_take_turns(void **state)
{
    (void)state;
    struct order a[4] = { 0 }, b[4] = { 0 };
    struct trit_scheduler *one = start(&plain, 2, 8), *two = start(&hybrid, 2, 8);
    for (size_t i = 0; i < 4; i++) {
        must_submit(one, &a[i], 1);
        must_submit(two, &b[i], 1);
    }
    for (size_t i = 0; i < 4; i++) {
        wait_for(&a[i].done, NULL);
        wait_for(&b[i].done, NULL);
        assert_int_equal(a[i].result.end, TRIT_JOB_LENGTH);
        assert_int_equal(b[i].result.end, TRIT_JOB_LENGTH);
        assert_memory_equal(a[i].ids, a[0].ids, PREDICT * sizeof *a->ids);
        assert_memory_equal(b[i].ids, b[0].ids, PREDICT * sizeof *b->ids);
    }
    trit_scheduler_free(one);
    trit_scheduler_free(two);
}

/* A job with every allocation failing in turn; then, in the same scheduler, one that is right. */
static void starve(struct trit_toy_engine *m, const struct order *right)
{
    struct trit_scheduler *s = start(m, 2, 4);
    struct trit_error error;
    struct trit_job *job;
    size_t failed = 0, denied = 1;
    for (size_t at = 0; at < PLACES && denied; at++) {
        struct order o = { 0 }, next = { 0 };
        trit_memory_deny(at, false);
        const enum trit_code code = submit(s, &o, at % 3, &job, &error);
        if (!code)
            wait_for(&o.done, NULL);
        denied = trit_memory_grant();
        failed += code || o.result.end == TRIT_JOB_FAILED;
        assert_true(!code || code == TRIT_EMEMORY);
        assert_true(code || o.result.end == TRIT_JOB_LENGTH || o.result.error.code == TRIT_EMEMORY);
        trit_job_release(job);
        must_submit(s, &next, 1);
        wait_for(&next.done, NULL);
        assert_int_equal(next.result.end, TRIT_JOB_LENGTH);
        assert_memory_equal(next.ids, right->ids, PREDICT * sizeof *right->ids);
    }
    assert_true(failed > 5 && !denied);
    trit_scheduler_free(s);
}

static void a_job_fails_for_want_of_memory_and_the_next_is_right(void **state)
{
    (void)state;
    struct trit_toy_engine *const models[] = { &plain, &hybrid };
    for (size_t i = 0; i < 2; i++) {
        struct trit_scheduler *s = start(models[i], 1, 1);
        struct order right = { 0 };
        must_submit(s, &right, 1);
        wait_for(&right.done, NULL);
        trit_scheduler_free(s);
        starve(models[i], &right);
    }
}

static int setup(void **state)
{
    (void)state;
    struct trit_error error;
    const bool good =
        !trit_toy_engine_plain(&plain, &error) && !trit_toy_engine_hybrid(&hybrid, &error);
    if (!good)
        print_error("%s\n", error.text);
    return !good;
}

static int teardown(void **state)
{
    (void)state;
    trit_toy_engine_close(&plain);
    trit_toy_engine_close(&hybrid);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_take_turns),
        cmocka_unit_test(what_has_no_place_or_is_wrong_is_refused),
        cmocka_unit_test(a_job_is_cancelled_while_it_waits_and_while_it_runs),
        cmocka_unit_test(all_end_with_the_scheduler),
        cmocka_unit_test(what_prompts_have_in_common_is_evaluated_once),
        cmocka_unit_test(two_schedulers_take_turns),
        cmocka_unit_test(a_job_fails_for_want_of_memory_and_the_next_is_right),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* labels: threads */
/* Does the head's search find the same among the states of a trained model? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/model/internal.h"
#include "tests/lib_head.h"

enum { TEXTS = 12, LENGTH = 120, MOST = 40 };

static struct trit_pool *pool;

struct reader {
    struct trit_model *model;
    struct trit_session *session;
    struct trit_head *head; /* with planes, which this small vocabulary would not have */
    float *logits;
    struct trit_candidate *all;
    struct trit_counts counts[2]; /* of the best, of the MOST best */
};

/* The search, and another answer to the same question. */
static void compare(struct reader *r, const float *state, size_t k, struct trit_counts *counts)
{
    const size_t n = trit_model_config(r->model)->vocab;
    struct trit_candidate best[MOST];
    struct trit_top top = { .k = k, .best = best }, *tops[] = { &top };
    assert_int_equal(
        trit_head_top(r->head, &(struct trit_states){ state, 1, 0 }, tops, counts, NULL), TRIT_OK);
    assert_int_equal(top.count, k);
    for (size_t j = 0; j < n; j++)
        r->all[j] = (struct trit_candidate){ r->logits[j], (int32_t)j };
    trit_candidates_sort(r->all, n);
    assert_memory_equal(r->all, best, k * sizeof *best);
}

/* The state behind the token is what the model's own head was given last. Returns one of the likely
   next tokens. */
static int32_t step(struct reader *r, int32_t token, uint64_t *seed)
{
    struct trit_error e = { 0 };
    if (trit_session_eval(r->session, &token, 1, 0, r->logits, &e))
        fail_msg("%s", e.text);
    const float *state = r->session->work->h;
    compare(r, state, 1, &r->counts[0]);
    compare(r, state, 2, &r->counts[0]);
    compare(r, state, MOST, &r->counts[1]);
    return r->all[(size_t)(trit_test_uniform(seed) * trit_test_uniform(seed) * 8)].id;
}

static void texts(struct reader *r)
{
    uint64_t seed = 11;
    for (size_t i = 0; i < TEXTS; i++) {
        int32_t token = (int32_t)(i * 97 % trit_model_config(r->model)->vocab);
        trit_session_rewind(r->session, 0);
        for (size_t j = 0; j < LENGTH; j++)
            token = step(r, token, &seed);
    }
    for (int i = 0; i < 2; i++)
        printf("%llu answers: %.1f rows in the second plane, %.1f in full\n",
               (unsigned long long)r->counts[i].head_states,
               (double)r->counts[i].head_rows2 / (double)r->counts[i].head_states,
               (double)r->counts[i].head_exact / (double)r->counts[i].head_states);
}

static void states_of_a_trained_model(void **state)
{
    struct trit_gguf *gguf;
    struct trit_error e = { 0 };
    struct reader r = { 0 };
    (void)state;
    if (trit_gguf_open(&gguf, TRIT_SOURCE_DIR "/tests/models/stories.gguf", &e) ||
        trit_model_load(&r.model, gguf, pool, NULL, &e) ||
        trit_session_create(&r.session, r.model, LENGTH, 1, &e) ||
        trit_head_create(&r.head, &r.model->embd, pool, TRIT_HEAD_ALWAYS, NULL, &e))
        fail_msg("%s", e.text);
    r.logits = malloc(trit_model_config(r.model)->vocab * sizeof *r.logits);
    r.all = malloc(trit_model_config(r.model)->vocab * sizeof *r.all);
    assert_true(r.logits && r.all);
    texts(&r);
    free(r.all);
    free(r.logits);
    trit_head_free(r.head);
    trit_session_free(r.session);
    trit_model_free(r.model);
    trit_gguf_close(gguf);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(states_of_a_trained_model) };
    if (trit_pool_create(&pool, 2, NULL))
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    trit_pool_destroy(pool);
    return failed;
}

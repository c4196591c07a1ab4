/* labels: threads */
/* Do evaluations of one model by two threads at once give the bits that they give alone, or else a
   clear refusal that changes nothing? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/head/head.h"
#include "tests/lib_model.h"

enum { CALLERS = 2, ROUNDS = 300, GUARD_SECONDS = 120 };

struct caller {
    struct trit_model *model;
    const float *alone; /* logits of trit_toy_tokens */
    _Atomic int *running;
    pthread_t id;
    size_t done, refused, wrong;
};

/* All tokens again from the first; false where it was refused, which must have changed nothing. */
static bool evaluate(struct caller *c, struct trit_session *session, float *logits)
{
    struct trit_error error;
    trit_session_rewind(session, 0);
    const enum trit_code code =
        trit_session_eval(session, trit_toy_tokens, TRIT_TOY_TOKENS, 0, logits, &error);
    if (code == TRIT_OK)
        return true;
    c->refused++;
    c->wrong += code != TRIT_EARGUMENT || !strstr(error.text, "busy") ||
                trit_session_position(session) != 0;
    return false;
}

/* Until everybody has had ROUNDS that were not refused. */
static void *call(void *arg)
{
    struct caller *c = arg;
    struct trit_session *session;
    float *logits = calloc(TRIT_TOY_LOGITS, sizeof *logits);
    if (!logits || trit_session_create(&session, c->model, 16, 3, NULL))
        abort();
    while (atomic_load(c->running) > 0) {
        if (!evaluate(c, session, logits))
            continue;
        c->wrong += memcmp(logits, c->alone, TRIT_TOY_LOGITS * sizeof *logits) != 0;
        if (++c->done == ROUNDS)
            atomic_fetch_sub(c->running, 1);
    }
    trit_session_free(session);
    free(logits);
    return NULL;
}

static struct trit_model *load(struct trit_pool *pool, struct trit_gguf **gguf, uint8_t **image)
{
    static const struct trit_toy_shape shape = { 256, 384, 2, 8, 2 };
    static struct trit_toy toy;
    struct trit_error error;
    struct trit_model *model;
    size_t bytes;
    trit_toy_init(&toy, "bitnet-b1.58", &shape);
    *image = trit_toy_write(&toy, &bytes);
    assert_int_equal(trit_gguf_parse(gguf, *image, bytes, "toy.gguf", &error), TRIT_OK);
    if (trit_model_load(&model, *gguf, pool, NULL, &error))
        fail_msg("%s", error.text);
    return model;
}

static void two_callers_get_right_bits_or_a_refusal(void **state)
{
    static float alone[TRIT_TOY_LOGITS];
    struct trit_pool *pool;
    struct trit_gguf *gguf;
    uint8_t *image;
    _Atomic int running = CALLERS;
    struct caller callers[CALLERS];
    (void)state;
    assert_int_equal(trit_pool_create(&pool, 2, NULL), TRIT_OK);
    struct trit_model *model = load(pool, &gguf, &image);
    assert_int_equal(trit_toy_use(model, alone, NULL), TRIT_OK);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){ .model = model, .alone = alone, .running = &running };
        assert_int_equal(pthread_create(&callers[i].id, NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].id, NULL);
        assert_true(callers[i].done >= ROUNDS);
        assert_int_equal(callers[i].wrong, 0);
    }
    trit_model_free(model);
    trit_gguf_close(gguf);
    trit_pool_destroy(pool);
    free(image);
}

/* Without a race: somebody else has the pool. */
static void a_claimed_pool_refuses(void **state)
{
    struct trit_pool *pool;
    struct trit_gguf *gguf;
    uint8_t *image;
    static float alone[TRIT_TOY_LOGITS], logits[TRIT_TOY_LOGITS];
    struct trit_session *session;
    (void)state;
    assert_int_equal(trit_pool_create(&pool, 2, NULL), TRIT_OK);
    struct trit_model *model = load(pool, &gguf, &image);
    struct caller c = { .model = model };
    assert_int_equal(trit_toy_use(model, alone, NULL), TRIT_OK);
    assert_int_equal(trit_session_create(&session, model, 16, 3, NULL), TRIT_OK);
    assert_true(trit_pool_claim(pool));
    assert_false(trit_pool_claim(pool));
    assert_false(evaluate(&c, session, logits));
    assert_int_equal(c.wrong, 0);
    trit_pool_release(pool);
    assert_true(evaluate(&c, session, logits));
    assert_memory_equal(logits, alone, sizeof alone);
    trit_session_free(session);
    trit_model_free(model);
    trit_gguf_close(gguf);
    trit_pool_destroy(pool);
    free(image);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_callers_get_right_bits_or_a_refusal),
        cmocka_unit_test(a_claimed_pool_refuses),
    };
    alarm(GUARD_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

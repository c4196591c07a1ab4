/* Does a sequence that was copied, from any position or mark of another, with any kind of cache and
   states, go on with the same bits as the other did, and is what cannot be copied refused? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib_model.h"

enum { LENGTH = 600, CHUNK = 64, COPIES = 24, MORE = 3, VOCAB = TRIT_TOY_VOCAB };

static uint64_t random_state = 1;
static int32_t tokens[LENGTH];
static float logits[LENGTH][VOCAB];

static size_t below(size_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(random_state >> 33) % n;
}

static struct trit_toy_opened open_model(bool hybrid, enum trit_kv_type kv)
{
    static const struct trit_toy_shape shape = { 64, 64, 3, 2, 1 };
    static const struct trit_toy_delta delta = { 2, 4, 16, 4, 3 };
    static struct trit_toy toy;
    const struct trit_load_options options = { .kv = kv };
    struct trit_error error;
    struct trit_toy_opened o;
    if (hybrid)
        trit_toy_hybrid(&toy, &shape, &delta);
    else
        trit_toy_init(&toy, "bitnet-b1.58", &shape);
    if (trit_toy_open(&o, &toy, 1, CHUNK, &options, &error))
        fail_msg("%s", error.text);
    return o;
}

static struct trit_session *join(struct trit_toy_opened *o, size_t context)
{
    struct trit_session *s;
    assert_int_equal(trit_session_join(&s, o->work, context, NULL), TRIT_OK);
    return s;
}

static void eval(struct trit_session *s, const int32_t *ids, size_t n, size_t drafts, float *out)
{
    const struct trit_run run = { .session = s,
                                  .tokens = ids,
                                  .count = n,
                                  .first = out ? 0 : n,
                                  .logits = out,
                                  .drafts = drafts };
    assert_int_equal(trit_model_eval(trit_session_work(s), &run, 1, NULL), TRIT_OK);
}

/* The text and its logits; marks at some places, of some before the last drafts. */
static void write_text(struct trit_session *s, bool hybrid, struct trit_mark *marks[COPIES])
{
    size_t at = 0;
    for (size_t i = 0; i < COPIES; i++) {
        const size_t n = 1 + below(LENGTH / COPIES - 1),
                     drafts = hybrid && below(2) ? below(n < TRIT_DRAFTS ? n : TRIT_DRAFTS) : 0;
        for (size_t k = at; k < at + n; k++)
            tokens[k] = (int32_t)below(VOCAB);
        eval(s, tokens + at, n, drafts, logits[at]);
        at += n;
        const bool settled = below(2);
        assert_int_equal((settled ? trit_mark_settled : trit_mark_take)(&marks[i], s, NULL),
                         TRIT_OK);
        assert_int_equal(trit_mark_position(marks[i]), settled ? at - drafts : at);
    }
}

/* Another text is there before. */
static void spoil(struct trit_session *s)
{
    int32_t other[CHUNK];
    assert_true(trit_session_rewind(s, 0));
    for (size_t n = 1 + below(6); n-- > 0;) {
        for (size_t i = 0; i < CHUNK; i++)
            other[i] = (int32_t)below(VOCAB);
        eval(s, other, CHUNK, 0, NULL);
    }
}

static void must_go_on(struct trit_session *s, size_t at, size_t end)
{
    static float out[MORE][VOCAB];
    const size_t n = end - at < MORE ? end - at : MORE;
    assert_int_equal(trit_session_position(s), at);
    if (n)
        eval(s, tokens + at, n, 0, out[0]);
    assert_memory_equal(out, logits[at], n * sizeof out[0]);
}

static void check_copies(bool hybrid, enum trit_kv_type kv)
{
    struct trit_toy_opened o = open_model(hybrid, kv);
    struct trit_session *from = join(&o, LENGTH), *to = join(&o, LENGTH);
    struct trit_mark *marks[COPIES], *lost;
    write_text(from, hybrid, marks);
    const size_t end = trit_session_position(from);
    for (size_t i = 0; i < COPIES; i++) {
        spoil(to);
        assert_int_equal(trit_mark_take(&lost, to, NULL), TRIT_OK);
        const size_t at = hybrid || below(2) ? trit_mark_position(marks[i]) : below(end);
        assert_true(at == trit_mark_position(marks[i]) ? trit_mark_copy(marks[i], to)
                                                       : trit_session_copy(to, from, at));
        assert_false(trit_mark_back(lost));
        trit_mark_free(lost);
        trit_session_trim(to);
        must_go_on(to, at, end);
        assert_int_equal(trit_session_position(from), end);
    }
    for (size_t i = 0; i < COPIES; i++)
        trit_mark_free(marks[i]);
    trit_session_free(from);
    trit_session_free(to);
    trit_toy_close(&o);
}

static void a_copy_goes_on_as_the_other_did(void **state)
{
    (void)state;
    for (int kv = 0; kv < TRIT_NKV; kv++) {
        check_copies(false, (enum trit_kv_type)kv);
        check_copies(true, (enum trit_kv_type)kv);
    }
}

static void what_cannot_be_copied_is_refused(void **state)
{
    (void)state;
    struct trit_toy_opened o = open_model(true, TRIT_KV_F16), other = open_model(true, TRIT_KV_F16);
    struct trit_session *from = join(&o, LENGTH), *to = join(&o, 300), *small = join(&o, 40),
                        *foreign = join(&other, LENGTH);
    struct trit_mark *mark;
    static const int32_t ids[50];
    eval(from, ids, 50, 0, NULL);
    assert_int_equal(trit_mark_take(&mark, from, NULL), TRIT_OK);
    assert_false(trit_mark_copy(mark, from));
    assert_false(trit_mark_copy(mark, small));
    assert_false(trit_mark_copy(mark, foreign));
    assert_false(trit_session_copy(to, from, 50));
    assert_true(trit_session_copy(to, from, 0));
    assert_true(trit_mark_copy(mark, to));
    assert_true(trit_session_rewind(from, 0));
    assert_false(trit_mark_copy(mark, to));
    assert_int_equal(trit_session_position(to), 50);
    trit_mark_free(mark);
    trit_session_free(from);
    trit_session_free(to);
    trit_session_free(small);
    trit_session_free(foreign);
    trit_toy_close(&o);
    trit_toy_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_goes_on_as_the_other_did),
        cmocka_unit_test(what_cannot_be_copied_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

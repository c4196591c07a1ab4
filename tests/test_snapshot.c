/* Does a sequence that was saved, in memory or in a file, go on with the same bits in another
   session, and is what was cut, changed or made by another model refused without a trace? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/model/snapshot.h"
#include "tests/lib_model.h"

enum { LENGTH = 40, VOCAB = TRIT_TOY_VOCAB, CONTEXT = 300 };

static const struct trit_toy_shape shape = { 32, 32, 3, 2, 1 };
static const struct trit_toy_delta delta = { 1, 2, 16, 4, 3 };
static struct trit_pool *pool;
static struct opened {
    uint8_t *image;
    struct trit_gguf *gguf;
    struct trit_model *model, *i8;
} hybrid, other, plain;
static int32_t text[LENGTH];

static void load(struct opened *o, struct trit_toy *toy)
{
    const struct trit_load_options i8 = { .kv = TRIT_KV_I8 };
    struct trit_error e;
    size_t bytes;
    o->image = trit_toy_write(toy, &bytes);
    assert_int_equal(trit_gguf_parse(&o->gguf, o->image, bytes, "toy.gguf", &e), TRIT_OK);
    if (trit_model_load(&o->model, o->gguf, pool, NULL, &e) ||
        trit_model_load(&o->i8, o->gguf, pool, &i8, &e))
        fail_msg("%s", e.text);
}

static void unload(struct opened *o)
{
    trit_model_free(o->model);
    trit_model_free(o->i8);
    trit_gguf_close(o->gguf);
    free(o->image);
}

static struct trit_session *session_of(struct trit_model *model, size_t context)
{
    struct trit_session *s;
    assert_int_equal(trit_session_create(&s, model, context, 16, NULL), TRIT_OK);
    return s;
}

/* Tokens from .. to-1, the last `drafts` of them as drafts; logits of the last. */
static void go_on(struct trit_session *s, size_t from, size_t to, size_t drafts, float *logits)
{
    const struct trit_run run = { .session = s,
                                  .tokens = text + from,
                                  .count = to - from,
                                  .first = to - from - 1,
                                  .logits = logits,
                                  .drafts = drafts };
    struct trit_error e;
    if (trit_model_eval(trit_session_work(s), &run, 1, &e))
        fail_msg("%s", e.text);
}

/* The snapshot of a sequence of n tokens, of which the last two are drafts that were kept. */
static uint8_t *snapshot_of(struct trit_model *model, size_t n, size_t *bytes)
{
    float logits[VOCAB];
    struct trit_error e;
    struct trit_session *s = session_of(model, CONTEXT);
    if (n > 5)
        go_on(s, 0, n - 5, 0, logits);
    if (n > 0)
        go_on(s, n > 5 ? n - 5 : 0, n + 1, n > 5 ? 3 : 0, logits);
    assert_true(trit_session_rewind(s, n > 5 ? n : 0));
    if (n && n <= 5)
        go_on(s, 0, n, 0, logits);
    *bytes = trit_snapshot_bytes(s, true);
    uint8_t *snapshot = malloc(*bytes);
    assert_int_equal(trit_snapshot_take(s, text, snapshot, &e), TRIT_OK);
    trit_session_free(s);
    return snapshot;
}

static void same_way_on(struct trit_model *model, size_t n)
{
    float expected[VOCAB], logits[VOCAB];
    const int32_t *tokens;
    struct trit_error e;
    size_t bytes;
    uint8_t *snapshot = snapshot_of(model, n, &bytes);
    struct trit_session *whole = session_of(model, CONTEXT), *s = session_of(model, LENGTH);
    go_on(whole, 0, LENGTH, 0, expected);
    go_on(s, 0, 11, 0, logits); /* is forgotten */
    if (trit_snapshot_put(s, snapshot, bytes, "it", &tokens, &e))
        fail_msg("%s", e.text);
    assert_int_equal(trit_session_position(s), n);
    assert_true(n == 0 || !memcmp(tokens, text, n * sizeof *text));
    go_on(s, n, LENGTH, 0, logits);
    assert_memory_equal(logits, expected, sizeof logits);
    trit_session_free(whole);
    trit_session_free(s);
    free(snapshot);
}

static void a_sequence_goes_on(void **state)
{
    (void)state;
    for (size_t n = 0; n < LENGTH; n += n < 8 ? 1 : 15) {
        same_way_on(hybrid.model, n);
        same_way_on(hybrid.i8, n);
        same_way_on(plain.model, n);
    }
}

static void refused(struct trit_session *s, const uint8_t *in, size_t bytes, const char *says)
{
    struct trit_error e;
    assert_int_equal(trit_snapshot_put(s, in, bytes, "it", NULL, &e), TRIT_EFORMAT);
    if (strncmp(e.text, "it: ", 4) || !strstr(e.text, says))
        fail_msg("%s: not '%s'", e.text, says);
}

static void others_are_refused(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *snapshot = snapshot_of(hybrid.model, 20, &bytes);
    struct trit_model *const models[] = { other.model, plain.model, hybrid.i8 };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct trit_session *s = session_of(models[i], CONTEXT);
        refused(s, snapshot, bytes, "of another model");
        trit_session_free(s);
    }
    struct trit_session *s = session_of(hybrid.model, 19);
    refused(s, snapshot, bytes, "has 20 tokens: the context holds 19");
    trit_session_free(s);
    free(snapshot);
}

/* Every length, every bit of a byte here and there. */
static void damage_is_refused(void **state)
{
    (void)state;
    float logits[VOCAB], expected[VOCAB];
    size_t bytes;
    uint8_t *snapshot = snapshot_of(hybrid.model, 3, &bytes), *copy = malloc(bytes);
    struct trit_session *s = session_of(hybrid.model, CONTEXT);
    go_on(s, 0, 9, 0, logits);
    for (size_t n = 0; n < bytes; n += n < 200 ? 1 : 61) {
        memcpy(copy, snapshot, n);
        refused(s, copy, n, "");
    }
    for (size_t i = 0; i < bytes; i += i < 100 ? 1 : 67) {
        memcpy(copy, snapshot, bytes);
        copy[i] ^= (uint8_t)(1 << i % 8);
        refused(s, copy, bytes, "");
    }
    go_on(s, 9, LENGTH, 0, logits);
    assert_true(trit_session_rewind(s, 0));
    go_on(s, 0, LENGTH, 0, expected);
    assert_memory_equal(logits, expected, sizeof logits);
    trit_session_free(s);
    free(copy);
    free(snapshot);
}

static void a_file_keeps_it(void **state)
{
    (void)state;
    char path[] = "/tmp/trit-snapshot-XXXXXX", foreign[] = "/tmp/trit-foreign-XXXXXX";
    float expected[VOCAB], logits[VOCAB];
    int32_t *tokens;
    size_t n;
    struct trit_error e;
    close(mkstemp(path));
    const int fd = mkstemp(foreign);
    assert_int_equal(write(fd, "not ours", 8), 8);
    close(fd);
    struct trit_session *s = session_of(hybrid.model, CONTEXT), *t = session_of(hybrid.model, 64);
    go_on(s, 0, 17, 2, logits);
    for (int i = 0; i < 2; i++) /* the second over the first */
        if (trit_snapshot_write(s, text, path, &e))
            fail_msg("%s", e.text);
    assert_int_equal(trit_snapshot_write(s, text, foreign, &e), TRIT_EIO);
    assert_int_equal(trit_snapshot_read(t, foreign, NULL, NULL, &e), TRIT_EFORMAT);
    if (trit_snapshot_read(t, path, &tokens, &n, &e))
        fail_msg("%s", e.text);
    assert_int_equal(n, 17);
    assert_memory_equal(tokens, text, n * sizeof *tokens);
    go_on(s, 17, LENGTH, 0, expected);
    go_on(t, 17, LENGTH, 0, logits);
    assert_memory_equal(logits, expected, sizeof logits);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(trit_snapshot_read(t, path, NULL, NULL, &e), TRIT_EFORMAT);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(trit_snapshot_read(t, path, NULL, NULL, &e), TRIT_EFORMAT);
    free(tokens);
    trit_session_free(s);
    trit_session_free(t);
    unlink(path);
    unlink(foreign);
}

/* Back to a mark again and again; lost when the sequence goes back before it, or is gone. */
static void a_mark_leads_back(void **state)
{
    (void)state;
    struct trit_model *const models[] = { hybrid.model, plain.model };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        float expected[VOCAB], logits[VOCAB];
        struct trit_mark *zero, *early, *late;
        struct trit_session *s = session_of(models[i], CONTEXT);
        assert_int_equal(trit_mark_take(&zero, s, NULL), TRIT_OK);
        go_on(s, 0, 12, 2, logits);
        assert_int_equal(trit_mark_take(&early, s, NULL), TRIT_OK);
        go_on(s, 12, 20, 0, logits);
        assert_int_equal(trit_mark_take(&late, s, NULL), TRIT_OK);
        go_on(s, 20, LENGTH, 0, expected);
        for (int again = 0; again < 2; again++) {
            assert_true(trit_mark_back(late));
            go_on(s, 20, LENGTH, 3, logits);
            assert_memory_equal(logits, expected, sizeof logits);
        }
        assert_true(trit_mark_back(early));
        assert_false(trit_mark_back(late));
        go_on(s, 12, LENGTH, 0, logits);
        assert_memory_equal(logits, expected, sizeof logits);
        assert_true(trit_mark_back(zero));
        assert_false(trit_mark_back(early));
        go_on(s, 0, LENGTH, 0, logits);
        assert_memory_equal(logits, expected, sizeof logits);
        trit_mark_free(early);
        trit_session_free(s);
        assert_false(trit_mark_back(zero));
        trit_mark_free(zero);
        trit_mark_free(late);
    }
}

/* Without states it goes back to where it likes. */
static void only_states_bind(void **state)
{
    (void)state;
    struct trit_model *const models[] = { hybrid.model, plain.model };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        float expected[VOCAB], logits[VOCAB];
        const bool free_to_go = models[i] == plain.model;
        size_t bytes;
        uint8_t *snapshot = snapshot_of(models[i], 20, &bytes);
        struct trit_mark *mark;
        struct trit_session *s = session_of(models[i], CONTEXT);
        go_on(s, 0, LENGTH, 0, expected);
        assert_int_equal(trit_snapshot_put(s, snapshot, bytes, "it", NULL, NULL), TRIT_OK);
        assert_int_equal(trit_session_rewind(s, 15), free_to_go);
        assert_int_equal(trit_mark_take(&mark, s, NULL), TRIT_OK);
        assert_true(trit_mark_back(mark));
        assert_int_equal(trit_session_rewind(s, 9), free_to_go);
        go_on(s, trit_session_position(s), LENGTH, 0, logits);
        assert_memory_equal(logits, expected, sizeof logits);
        trit_session_free(s);
        trit_mark_free(mark);
        free(snapshot);
    }
}

static int open_all(void **state)
{
    static struct trit_toy toy;
    (void)state;
    for (size_t i = 0; i < LENGTH; i++)
        text[i] = (int32_t)(i * i * 7 % 251);
    assert_int_equal(trit_pool_create(&pool, 2, NULL), TRIT_OK);
    trit_toy_hybrid(&toy, &shape, &delta);
    load(&hybrid, &toy);
    trit_toy_tensor(&toy, "blk.1.ffn_up.weight")->seed += 1;
    load(&other, &toy);
    trit_toy_init(&toy, "bitnet-b1.58", &shape);
    load(&plain, &toy);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    unload(&hybrid);
    unload(&other);
    unload(&plain);
    trit_pool_destroy(pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_goes_on), cmocka_unit_test(others_are_refused),
        cmocka_unit_test(damage_is_refused),  cmocka_unit_test(a_file_keeps_it),
        cmocka_unit_test(a_mark_leads_back),  cmocka_unit_test(only_states_bind),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}

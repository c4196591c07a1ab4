/* labels: threads */
/* Are the logits of a model with states those of one token at a time, to the bit, whatever was
   drafted, taken back, marked, evaluated together and in pieces before? TRIT_STATES: how many
   sequences, TRIT_SEED: others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib_model.h"

enum {
    SEQUENCES = 2000,
    TEXTS = 5,
    LENGTH = 48,
    PLACES = 4,
    MARKS = 2,                   /* of a place */
    MOST = LENGTH + TRIT_DRAFTS, /* tokens of a place in one step */
    VOCAB = TRIT_TOY_VOCAB,
    POISON = 200 /* a token of which no finite state comes */
};

/* A text and the logits after each of its tokens when they come one by one. */
struct text {
    int32_t tokens[LENGTH];
    float logits[LENGTH][VOCAB];
};

/* A sequence on its way through a text; what a step gives it, and the answer. */
struct place {
    struct trit_session *session;
    const struct text *text;
    size_t settled; /* it cannot go back to a position before that */
    size_t right;   /* drafts of the step that the text has, too */
    struct trit_mark *marks[MARKS];
    size_t marked[MARKS]; /* where; NOWHERE: it was lost, or there is none */
    int32_t tokens[MOST];
    float logits[MOST][VOCAB];
};

static const struct model {
    struct trit_toy_shape shape;
    struct trit_toy_delta delta;
    int threads;
    size_t chunk;
} models[] = {
    { { 32, 32, 2, 2, 1 }, { 1, 2, 16, 4, 2 }, 1, 64 },
    { { 32, 64, 3, 2, 2 }, { 2, 4, 8, 3, 3 }, 1, 7 },
    { { 32, 32, 2, 1, 1 }, { 1, 3, 20, 2, 2 }, 1, 3 },
    { { 32, 32, 3, 2, 1 }, { 2, 2, 12, 1, 2 }, 2, 24 },
    { { 32, 32, 2, 2, 1 }, { 1, 2, 16, 4, 2 }, 1, 1 },
};
enum { NMODELS = sizeof models / sizeof *models };

static const size_t NOWHERE = SIZE_MAX;

static uint64_t random_state = 1;
static struct text texts[TEXTS];
static struct place places[PLACES];
static size_t ended, drafted, taken_back, back_at_marks;

static size_t below(size_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(random_state >> 33) % n;
}

static struct trit_toy_opened open_model(const struct model *m)
{
    static struct trit_toy toy;
    struct trit_toy_opened o;
    struct trit_error error;
    trit_toy_hybrid(&toy, &m->shape, &m->delta);
    trit_toy_add(&toy, "output.weight", "token_embd.weight");
    struct trit_toy_tensor *rows = trit_toy_tensor(&toy, "token_embd.weight");
    rows->type = TRIT_F32;
    rows->spoiled = true;
    rows->at = POISON * m->shape.hidden;
    rows->with = 3e38f;
    if (trit_toy_open(&o, &toy, m->threads, m->chunk, NULL, &error))
        fail_msg("%s", error.text);
    return o;
}

static int32_t good_token(void)
{
    const size_t token = below(VOCAB - 1);
    return (int32_t)(token + (token >= POISON));
}

static void write_texts(struct trit_model *model)
{
    for (size_t i = 0; i < TEXTS; i++) {
        struct trit_session *alone;
        assert_int_equal(trit_session_create(&alone, model, LENGTH, 1, NULL), TRIT_OK);
        for (size_t j = 0; j < LENGTH; j++) {
            texts[i].tokens[j] = good_token();
            assert_int_equal(
                trit_session_eval(alone, texts[i].tokens + j, 1, 0, texts[i].logits[j], NULL),
                TRIT_OK);
        }
        trit_session_free(alone);
    }
}

/* --- a step --- */

/* Tokens of the text, then drafts, of which some first ones are the text's. */
static struct trit_run make_run(struct place *p, size_t most_drafts)
{
    const size_t at = trit_session_position(p->session), left = LENGTH - at;
    const size_t plain = below(4) ? below(left < 3 ? left + 1 : 3) : below(left + 1);
    size_t drafts =
        below(3) ? below((left - plain < most_drafts ? left - plain : most_drafts) + 1) : 0;
    p->right = below(drafts + 1);
    for (size_t i = 0; i < plain + drafts; i++) {
        const int32_t wanted = p->text->tokens[at + i];
        p->tokens[i] = i < plain + p->right ? wanted : wanted == 7 ? 8 : 7;
    }
    return (struct trit_run){ .session = p->session,
                              .tokens = p->tokens,
                              .count = plain + drafts,
                              .first = below(plain + drafts + 1),
                              .logits = p->logits[0],
                              .drafts = drafts };
}

/* It went back to that position, where its states may have been, or are now, settled. */
static void went_back(struct place *p, size_t position)
{
    p->settled = position < p->settled ? position : p->settled;
    for (size_t i = 0; i < MARKS; i++)
        if (p->marked[i] > position)
            p->marked[i] = NOWHERE;
}

/* One mark more, or back to one, if it is there still. */
static void use_mark(struct place *p)
{
    const size_t i = below(MARKS), at = trit_session_position(p->session);
    if (below(2)) {
        trit_mark_free(p->marks[i]);
        assert_int_equal(trit_mark_take(&p->marks[i], p->session, NULL), TRIT_OK);
        assert_int_equal(trit_session_position(p->session), at);
        p->marked[i] = p->settled = at;
    } else if (p->marks[i]) {
        assert_int_equal(trit_mark_back(p->marks[i]), p->marked[i] != NOWHERE);
        const size_t now = p->marked[i] != NOWHERE ? p->marked[i] : at;
        assert_int_equal(trit_session_position(p->session), now);
        if (now != at || p->marked[i] != NOWHERE) {
            went_back(p, now);
            p->settled = now;
            back_at_marks++;
        }
    }
}

/* To a position that the states reach, to one that they do not, or to the beginning. */
static void go_back(struct place *p)
{
    const size_t at = trit_session_position(p->session), kind = below(8);
    if (kind == 0 && p->settled > 1) {
        assert_false(trit_session_rewind(p->session, 1 + below(p->settled - 1)));
        assert_int_equal(trit_session_position(p->session), at);
    } else if (kind == 1) {
        assert_true(trit_session_rewind(p->session, 0));
        p->text = &texts[below(TEXTS)];
        went_back(p, 0);
    } else if (kind == 2) {
        const size_t to = p->settled + below(at - p->settled + 1);
        assert_true(trit_session_rewind(p->session, to));
        went_back(p, to);
    } else if (kind < 6) {
        use_mark(p);
    }
}

/* What was answered, as far as the tokens are the text's; then its wrong drafts go. */
static void check_run(struct place *p, const struct trit_run *run)
{
    const size_t end = trit_session_position(p->session), begin = end - run->count,
                 staying = run->count - run->drafts, good = staying + p->right;
    for (size_t i = run->first; i < good; i++)
        assert_memory_equal(p->logits[i - run->first], p->text->logits[begin + i],
                            sizeof p->logits[0]);
    p->settled = run->count ? begin + staying : p->settled;
    assert_true(good == run->count || trit_session_rewind(p->session, begin + good));
    drafted += run->drafts;
    taken_back += run->drafts - p->right;
    go_back(p);
}

/* The further logits are the text's, too; then the sequence goes. */
static void leave(struct place *p)
{
    const size_t at = trit_session_position(p->session), left = LENGTH - at,
                 n = left < 2 ? left : 2;
    assert_int_equal(trit_session_eval(p->session, p->text->tokens + at, n, 0, p->logits[0], NULL),
                     TRIT_OK);
    assert_memory_equal(p->logits, p->text->logits[at], n * sizeof p->logits[0]);
    trit_session_free(p->session);
    p->session = NULL;
    for (size_t i = 0; i < MARKS; i++) {
        assert_false(p->marks[i] && trit_mark_back(p->marks[i]));
        trit_mark_free(p->marks[i]);
        p->marks[i] = NULL;
    }
    ended++;
}

/* An evaluation that fails: all that took part in it begin again. */
static void poison(struct trit_work *work, struct trit_run *runs, size_t n)
{
    static const int32_t token = POISON;
    const size_t i = below(n);
    if (trit_session_position(runs[i].session) == LENGTH)
        return;
    runs[i].tokens = &token;
    runs[i].count = 1;
    runs[i].drafts = runs[i].first = 0;
    assert_int_equal(trit_model_eval(work, runs, n, NULL), TRIT_EFORMAT);
    for (size_t j = 0; j < n; j++)
        assert_int_equal(trit_session_position(runs[j].session), 0);
}

/* From the beginning, or from a mark that it had. */
static void recover(struct place *p)
{
    const size_t i = below(MARKS), at = p->marks[i] && below(2) ? p->marked[i] : 0;
    if (at > 0 && at != NOWHERE)
        assert_true(trit_mark_back(p->marks[i]));
    assert_int_equal(trit_session_position(p->session), at == NOWHERE ? 0 : at);
    went_back(p, trit_session_position(p->session));
    p->settled = trit_session_position(p->session);
}

static void step(struct trit_work *work)
{
    struct trit_run runs[PLACES];
    struct place *who[PLACES];
    size_t n = 0;
    for (size_t i = 0; i < PLACES; i++) {
        struct place *p = &places[i];
        if (!p->session && below(2)) {
            assert_int_equal(trit_session_join(&p->session, work, LENGTH, NULL), TRIT_OK);
            p->text = &texts[below(TEXTS)];
            p->settled = 0;
            p->marked[0] = p->marked[1] = NOWHERE;
        }
        if (p->session && below(3)) {
            who[n] = p;
            runs[n++] = make_run(p, trit_work_drafts(work));
        }
    }
    if (n && below(64) == 0) {
        poison(work, runs, n);
        for (size_t i = 0; i < n; i++)
            recover(who[i]);
        return;
    }
    assert_int_equal(trit_model_eval(work, runs, n, NULL), TRIT_OK);
    for (size_t i = 0; i < n; i++) {
        check_run(who[i], &runs[i]);
        if (trit_session_position(who[i]->session) == LENGTH || below(8) == 0)
            leave(who[i]);
    }
}

static size_t number_of(const char *variable, size_t usual)
{
    const char *text = getenv(variable);
    return text ? strtoul(text, NULL, 10) : usual;
}

static void drafts_leave_no_trace(void **state)
{
    (void)state;
    const size_t sequences = number_of("TRIT_STATES", SEQUENCES);
    random_state = number_of("TRIT_SEED", 1);
    print_message("%zu sequences, seed %zu\n", sequences, (size_t)random_state);
    for (size_t i = 0; i < NMODELS; i++) {
        struct trit_toy_opened o = open_model(&models[i]);
        write_texts(o.model);
        ended = 0;
        while (ended < sequences / NMODELS)
            step(o.work);
        for (size_t j = 0; j < PLACES; j++)
            if (places[j].session)
                leave(&places[j]);
        trit_toy_close(&o);
    }
    print_message("%zu of %zu drafts taken back, %zu times back at a mark\n", taken_back, drafted,
                  back_at_marks);
    assert_true(drafted > taken_back && taken_back > 0 && back_at_marks > 0);
}

/* --- refusals --- */

/* What must be refused, after 5 tokens that stay and 3 drafts. */
static void refuse(struct trit_session *s, size_t count, size_t drafts)
{
    static float logits[VOCAB];
    struct trit_error error = { .text = "" };
    const struct trit_run run = { .session = s,
                                  .tokens = texts[0].tokens,
                                  .count = count,
                                  .first = count,
                                  .logits = logits,
                                  .drafts = drafts };
    assert_int_equal(trit_model_eval(trit_session_work(s), &run, 1, &error), TRIT_EARGUMENT);
    assert_non_null(strstr(error.text, "drafts among"));
    assert_int_equal(trit_session_position(s), 8);
}

static void refusals_change_nothing(void **state)
{
    (void)state;
    struct trit_toy_opened o = open_model(&models[0]), small = open_model(&models[1]);
    struct trit_session *s[2];
    static float logits[VOCAB];
    assert_int_equal(trit_work_drafts(o.work), TRIT_DRAFTS);
    assert_int_equal(trit_work_drafts(small.work), 7);
    write_texts(o.model);
    assert_int_equal(trit_session_join(&s[0], o.work, LENGTH, NULL), TRIT_OK);
    assert_int_equal(trit_session_join(&s[1], small.work, LENGTH, NULL), TRIT_OK);
    for (size_t i = 0; i < 2; i++) {
        const struct trit_run run = {
            .session = s[i], .tokens = texts[0].tokens, .count = 8, .first = 8, .drafts = 3
        };
        assert_int_equal(trit_model_eval(trit_session_work(s[i]), &run, 1, NULL), TRIT_OK);
    }
    refuse(s[0], 3, 4);
    refuse(s[0], 20, TRIT_DRAFTS + 1);
    refuse(s[0], 20, SIZE_MAX);
    refuse(s[1], 10, 8);
    for (size_t back = 1; back < 5; back++)
        assert_false(trit_session_rewind(s[0], back));
    assert_int_equal(trit_session_position(s[0]), 8);
    assert_true(trit_session_rewind(s[0], 9)); /* which it has not reached */
    assert_int_equal(trit_session_position(s[0]), 8);
    assert_int_equal(trit_session_eval(s[0], texts[0].tokens + 8, 1, 0, logits, NULL), TRIT_OK);
    assert_memory_equal(logits, texts[0].logits[8], sizeof logits);
    assert_false(trit_session_rewind(s[0], 8));
    trit_session_free(s[0]);
    trit_session_free(s[1]);
    trit_toy_close(&o);
    trit_toy_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drafts_leave_no_trace),
        cmocka_unit_test(refusals_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

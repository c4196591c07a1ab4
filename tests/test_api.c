/* Does the C interface do what tritmill.h says: the same answers by every way that it offers, and
   an error that names what was wrong where there is something wrong? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/api/internal.h"

enum { MADE = 40, CHAIN = 30, EACH = 5 };

static struct trit_lm_error error;
static struct trit_lm *stories,
    *hybrid; /* hybrid: with states, and a block whose drafts are right */
static struct trit_lm_tokens given;
static const int32_t *prompt;
static size_t nprompt, vocab;

static void must(enum trit_lm_code code)
{
    if (code)
        fail_msg("%s", error.text);
}

static void refused(enum trit_lm_code code, enum trit_lm_code want, const char *part)
{
    if (code != want || error.code != want || !strstr(error.text, part))
        fail_msg("code %d instead of %d with \"%s\": %s", code, want, part, error.text);
    memset(&error, 0, sizeof error);
}

static struct trit_lm *load(const char *path)
{
    const struct trit_lm_options options = { .size = sizeof options,
                                             .threads = 2,
                                             .profile = "none",
                                             .cache = "none",
                                             .block = true,
                                             .context = 256,
                                             .chunk = 4 };
    struct trit_lm *lm;
    must(trit_lm_open(&lm, path, &options, &error));
    return lm;
}

static struct trit_lm_context *context_of(struct trit_lm *lm)
{
    struct trit_lm_context *c;
    must(trit_lm_context_create(&c, lm, 0, &error));
    return c;
}

static int set_up(void **state)
{
    static const char text[] = "Once upon a time, there was a little";
    char path[4096], command[8192], made[] = "/tmp/test_api.XXXXXX";
    (void)state;
    snprintf(path, sizeof path, "%s/tests/models/stories.gguf", getenv("TRIT_SOURCE"));
    stories = load(path);
    close(mkstemp(made));
    snprintf(command, sizeof command,
             "%s synth -o %s --shape 256x384x2x4x2 --arch qwen35 --vocab 600 --mtp-accept 0.9",
             getenv("TRITMILL"), made);
    assert_int_equal(system(command), 0);
    hybrid = load(made);
    unlink(made);
    must(trit_lm_tokenize(stories, text, strlen(text), TRIT_LM_BOS, &given, &error));
    prompt = given.ids;
    nprompt = given.n;
    struct trit_lm_facts facts = { .size = sizeof facts };
    trit_lm_facts(stories, &facts);
    vocab = facts.vocab;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    trit_lm_free(given.ids);
    trit_lm_close(stories);
    trit_lm_close(hybrid);
    return 0;
}

static void facts_and_version(void **state)
{
    struct trit_lm_facts facts = { .size = sizeof facts }, some = { .size = 2 * sizeof(size_t) };
    char version[32];
    (void)state;
    trit_lm_facts(stories, &facts);
    assert_string_equal(facts.family, "bitnet-b1.58");
    assert_true(facts.vocab > 256 && facts.context == 256 && facts.threads == 2);
    assert_true(facts.params > 0 && facts.memory_bytes > 0 && facts.rewinds && !facts.block);
    trit_lm_facts(stories, &some); /* an older program's */
    assert_ptr_equal(some.path, facts.path);
    assert_null(some.name);
    assert_int_equal(trit_lm_version(), TRIT_LM_VERSION);
    snprintf(version, sizeof version, "%d.%d.%d", TRIT_LM_VERSION_MAJOR, TRIT_LM_VERSION_MINOR,
             TRIT_LM_VERSION_PATCH);
    assert_string_equal(trit_lm_version_text(), version);
}

static void all_rows_are_the_last_ones(void **state)
{
    struct trit_lm_context *all = context_of(stories), *one = context_of(stories);
    const float *rows, *row;
    (void)state;
    must(trit_lm_eval(all, prompt, nprompt, TRIT_LM_ALL, &rows, &error));
    for (size_t i = 0; i < nprompt; i++) {
        must(trit_lm_eval(one, prompt + i, 1, TRIT_LM_LAST, &row, &error));
        assert_memory_equal(row, rows + i * vocab, vocab * sizeof *row);
    }
    assert_int_equal(trit_lm_context_position(all), nprompt);
    assert_memory_equal(trit_lm_context_tokens(one), prompt, nprompt * sizeof *prompt);
    trit_lm_context_free(all);
    trit_lm_context_free(one);
}

/* Answers by eval and a sampler: what writers are held to. */
static void by_hand(struct trit_lm *lm, const struct trit_lm_sampling *sampling, int32_t *made,
                    size_t n)
{
    struct trit_lm_context *c = context_of(lm);
    struct trit_lm_sampler *s;
    const float *logits;
    must(trit_lm_sampler_create(&s, lm, sampling, &error));
    for (size_t i = 0; i < nprompt; i++)
        trit_lm_sampler_accept(s, prompt[i]);
    must(trit_lm_eval(c, prompt, nprompt, TRIT_LM_LAST, &logits, &error));
    for (size_t i = 0; i < n; i++) {
        made[i] = trit_lm_sampler_next(s, logits);
        trit_lm_sampler_accept(s, made[i]);
        if (i + 1 < n)
            must(trit_lm_eval(c, made + i, 1, TRIT_LM_LAST, &logits, &error));
    }
    trit_lm_sampler_free(s);
    trit_lm_context_free(c);
}

static void writers_write_what_eval_gives(void **state)
{
    static const int drafts[] = { TRIT_LM_DRAFT_AUTO, TRIT_LM_DRAFT_LOOKUP, TRIT_LM_DRAFT_NONE };
    (void)state;
    for (int greedy = 0; greedy < 2; greedy++) {
        struct trit_lm_sampling sampling;
        int32_t want[MADE];
        trit_lm_sampling_default(&sampling, sizeof sampling);
        sampling.seed = 7;
        sampling.repeat_penalty = greedy ? 1 : 1.1F;
        sampling.temperature = greedy ? 0 : 0.8F;
        by_hand(stories, &sampling, want, MADE);
        for (size_t d = 0; d < sizeof drafts / sizeof *drafts; d++) {
            const struct trit_lm_writing writing = {
                .size = sizeof writing, .sampling = &sampling, .most = MADE, .draft = drafts[d]
            };
            struct trit_lm_piece piece = { .size = sizeof piece };
            struct trit_lm_context *c = context_of(stories);
            struct trit_lm_writer *w;
            must(trit_lm_writer_create(&w, c, &writing, &error));
            must(trit_lm_writer_feed(w, prompt, nprompt, &error));
            for (size_t i = 0; i < MADE; i++) {
                must(trit_lm_writer_next(w, &piece, &error));
                assert_int_equal(piece.token, want[i]);
                assert_int_equal(piece.end, i + 1 < MADE ? TRIT_LM_GOES_ON : TRIT_LM_END_MOST);
                assert_int_equal(trit_lm_context_position(c), nprompt + i);
            }
            refused(trit_lm_writer_next(w, &piece, &error), TRIT_LM_EARGUMENT, "has ended");
            trit_lm_writer_free(w);
            trit_lm_context_free(c);
        }
    }
}

/* The same tokens from 0 in a fresh context, with one more behind them. */
static void holds(struct trit_lm *lm, struct trit_lm_context *c, const int32_t *tokens, size_t n)
{
    struct trit_lm_context *fresh = context_of(lm);
    const float *a, *b;
    struct trit_lm_facts facts = { .size = sizeof facts };
    trit_lm_facts(lm, &facts);
    const size_t at = trit_lm_context_match(c, tokens, n);
    must(trit_lm_eval(c, tokens + at, n - at, TRIT_LM_LAST, &a, &error));
    must(trit_lm_eval(fresh, tokens, n, TRIT_LM_LAST, &b, &error));
    assert_memory_equal(a, b, facts.vocab * sizeof *a);
    trit_lm_context_free(fresh);
}

/* Answers of EACH tokens to what stands in the context and one token more, each of them cut short:
   the tokens of all behind n that are in text. True where the session was ahead of what was taken,
   once at least. */
static bool cut_answers(const struct trit_lm_writing *writing, int32_t *text, size_t n)
{
    struct trit_lm_piece piece = { .size = sizeof piece };
    struct trit_lm_context *c = context_of(hybrid);
    struct trit_lm_writer *w;
    bool ahead = false;
    must(trit_lm_writer_create(&w, c, writing, &error));
    must(trit_lm_writer_feed(w, text, n, &error));
    for (size_t i = 0; i < MADE; i++) {
        if (i && i % EACH == 0) {
            ahead |= trit_session_position(c->session) > c->n;
            text[n++] = 200; /* the next question; the writer itself has the token before it */
            must(trit_lm_writer_feed(w, text + n - 1, 1, &error));
            assert_int_equal(trit_lm_context_position(c), n);
            assert_memory_equal(trit_lm_context_tokens(c), text, n * sizeof *text);
        }
        must(trit_lm_writer_next(w, &piece, &error));
        text[n++] = piece.token;
    }
    holds(hybrid, c, text, n);
    refused(trit_lm_writer_next(w, &piece, &error), TRIT_LM_EARGUMENT, "was moved");
    must(trit_lm_writer_feed(w, text, 1, &error));
    assert_int_equal(trit_lm_context_position(c), n + 1);
    trit_lm_writer_free(w);
    trit_lm_context_free(c);
    return ahead;
}

static void what_is_left_does_not_depend_on_drafts(void **state)
{
    struct trit_lm_sampling greedy;
    int32_t text[2][CHAIN + MADE + MADE / EACH - 1];
    (void)state;
    trit_lm_sampling_default(&greedy, sizeof greedy);
    greedy.temperature = 0;
    for (int none = 0; none < 2; none++) {
        const struct trit_lm_writing writing = { .size = sizeof writing,
                                                 .sampling = &greedy,
                                                 .draft =
                                                     none ? TRIT_LM_DRAFT_NONE : TRIT_LM_DRAFT_MTP,
                                                 .draft_most = 4,
                                                 .endless = true };
        for (int32_t i = 0; i < CHAIN; i++)
            text[none][i] = 40 + i;
        assert_int_equal(cut_answers(&writing, text[none], CHAIN), !none);
    }
    assert_memory_equal(text[0], text[1], sizeof text[0]);
}

/* Draws begin at the seed with each answer, so that the second is that of a new writer. */
static void an_answer_depends_on_the_context_alone(void **state)
{
    const struct trit_lm_sampling wild = {
        .size = sizeof wild, .temperature = 3, .top_p = 1, .repeat_penalty = 1
    };
    const struct trit_lm_writing writing = { .size = sizeof writing,
                                             .sampling = &wild,
                                             .endless = true };
    struct trit_lm_context *c = context_of(stories);
    struct trit_lm_piece piece = { .size = sizeof piece };
    struct trit_lm_writer *w;
    int32_t first[8];
    (void)state;
    must(trit_lm_writer_create(&w, c, &writing, &error));
    for (int again = 0; again < 2; again++) {
        must(trit_lm_writer_feed(w, prompt, nprompt, &error));
        for (size_t i = 0; i < 8; i++) {
            must(trit_lm_writer_next(w, &piece, &error));
            first[i] = again ? first[i] : piece.token;
            assert_int_equal(piece.token, first[i]);
        }
        assert_true(trit_lm_context_rewind(c, 0));
    }
    trit_lm_writer_free(w);
    trit_lm_context_free(c);
}

static void the_context_ends_a_text(void **state)
{
    const struct trit_lm_writing writing = { .size = sizeof writing, .endless = true };
    struct trit_lm_piece piece = { .size = sizeof piece };
    struct trit_lm_context *c;
    struct trit_lm_writer *w;
    size_t made = 0;
    (void)state;
    must(trit_lm_context_create(&c, stories, nprompt + 9, &error));
    must(trit_lm_writer_create(&w, c, &writing, &error));
    must(trit_lm_writer_feed(w, prompt, nprompt, &error));
    do {
        must(trit_lm_writer_next(w, &piece, &error));
        made++;
    } while (!piece.end);
    assert_int_equal(piece.end, TRIT_LM_END_FULL);
    assert_int_equal(made, 10); /* the last one is not evaluated */
    refused(trit_lm_writer_feed(w, prompt, 1, &error), TRIT_LM_EARGUMENT, "do not fit");
    trit_lm_writer_free(w);
    trit_lm_context_free(c);
}

static void a_batch_gives_each_its_own_bits(void **state)
{
    struct trit_lm_context *alone = context_of(stories), *c[3];
    struct trit_lm_batch *batch;
    const float *row;
    (void)state;
    must(trit_lm_batch_create(&batch, stories, &error));
    for (size_t i = 0; i < 3; i++) {
        c[i] = context_of(stories);
        must(trit_lm_batch_add(batch, c[i], prompt, nprompt - 2 * i,
                               i == 1 ? TRIT_LM_ALL : TRIT_LM_LAST, &error));
    }
    refused(trit_lm_batch_add(batch, c[0], prompt, 1, TRIT_LM_LAST, &error), TRIT_LM_EARGUMENT,
            "already");
    must(trit_lm_batch_eval(batch, &error));
    for (size_t i = 0; i < 3; i++) {
        const size_t n = nprompt - 2 * i;
        trit_lm_context_rewind(alone, 0);
        must(trit_lm_eval(alone, prompt, n, TRIT_LM_LAST, &row, &error));
        assert_memory_equal(row, trit_lm_batch_logits(batch, i) + (i == 1 ? (n - 1) * vocab : 0),
                            vocab * sizeof *row);
        assert_int_equal(trit_lm_context_position(c[i]), n);
        trit_lm_context_free(c[i]);
    }
    assert_null(trit_lm_batch_logits(batch, 3));
    trit_lm_batch_free(batch);
    trit_lm_context_free(alone);
}

static void saved_contexts_come_back(void **state)
{
    struct trit_lm_context *c = context_of(stories), *other = context_of(stories);
    const float *row;
    float *want = malloc(vocab * sizeof *want);
    char path[] = "/tmp/test_api.XXXXXX";
    (void)state;
    close(mkstemp(path));
    must(trit_lm_eval(c, prompt, nprompt - 1, TRIT_LM_NONE, NULL, &error));
    const size_t bytes = trit_lm_context_saved_bytes(c);
    void *memory = malloc(bytes);
    must(trit_lm_context_store(c, memory, bytes, &error));
    must(trit_lm_context_save(c, path, &error));
    must(trit_lm_eval(c, prompt + nprompt - 1, 1, TRIT_LM_LAST, &row, &error));
    memcpy(want, row, vocab * sizeof *want);
    for (int file = 0; file < 2; file++) {
        must(file ? trit_lm_context_load(other, path, &error)
                  : trit_lm_context_restore(other, memory, bytes, &error));
        assert_int_equal(trit_lm_context_position(other), nprompt - 1);
        assert_memory_equal(trit_lm_context_tokens(other), prompt, (nprompt - 1) * sizeof *prompt);
        must(trit_lm_eval(other, prompt + nprompt - 1, 1, TRIT_LM_LAST, &row, &error));
        assert_memory_equal(row, want, vocab * sizeof *want);
        trit_lm_context_rewind(other, 0);
    }
    refused(trit_lm_context_store(c, memory, 8, &error), TRIT_LM_EARGUMENT, "too few");
    refused(trit_lm_context_restore(c, memory, bytes - 8, &error), TRIT_LM_EFORMAT, "context");
    assert_int_equal(trit_lm_context_position(c), nprompt);
    unlink(path);
    refused(trit_lm_context_load(c, path, &error), TRIT_LM_EIO, path);
    free(memory);
    free(want);
    trit_lm_context_free(other);
    trit_lm_context_free(c);
}

static void contexts_with_states_go_back_to_marks(void **state)
{
    static const int32_t text[] = { 72, 101, 108, 108, 111, 44, 32, 119, 111, 114, 108, 100 },
                         other[] = { 72, 101, 108, 108, 111, 44, 32, 87, 111 };
    struct trit_lm_context *c = context_of(hybrid);
    (void)state;
    must(trit_lm_eval(c, text, 6, TRIT_LM_NONE, NULL, &error));
    must(trit_lm_context_mark(c, &error));
    must(trit_lm_eval(c, text + 6, 6, TRIT_LM_NONE, NULL, &error));
    assert_false(trit_lm_context_rewind(c, 8));
    assert_int_equal(trit_lm_context_position(c), 12);
    assert_int_equal(trit_lm_context_match(c, other, 9), 6);
    holds(hybrid, c, other, 9);
    holds(hybrid, c, text, 12);
    assert_true(trit_lm_context_rewind(c, 6));
    assert_int_equal(trit_lm_context_match(c, text, 3), 0);
    holds(hybrid, c, text, 3);
    trit_lm_context_free(c);
}

static bool stop_loading(void *arg, uint64_t done, uint64_t total)
{
    (void)done;
    (void)total;
    ++*(int *)arg;
    return false;
}

static void errors_name_what_is_wrong(void **state)
{
    struct {
        struct trit_lm_options options;
        char newer[8];
    } wide = { .options.size = sizeof wide, .newer = "x" };
    int calls = 0;
    struct trit_lm_options options = { .size = sizeof options,
                                       .profile = "none",
                                       .cache = "none",
                                       .progress = stop_loading,
                                       .arg = &calls };
    struct trit_lm_facts facts = { .size = sizeof facts };
    struct trit_lm_context *c = context_of(stories);
    struct trit_lm_sampling sampling;
    struct trit_lm_sampler *s;
    struct trit_lm *lm;
    const int32_t alien = (int32_t)vocab;
    (void)state;
    trit_lm_facts(stories, &facts);
    refused(trit_lm_open(&lm, "/no/such.gguf", NULL, &error), TRIT_LM_EIO, "/no/such.gguf");
    assert_null(lm);
    refused(trit_lm_open(&lm, facts.path, &options, &error), TRIT_LM_ESTOPPED, "");
    assert_int_equal(calls, 1);
    refused(trit_lm_open(&lm, facts.path, &wide.options, &error), TRIT_LM_EARGUMENT, "not know");
    options.size = 0;
    refused(trit_lm_open(&lm, facts.path, &options, &error), TRIT_LM_EARGUMENT, "options.size");
    options = (struct trit_lm_options){ .size = sizeof options, .threads = -1 };
    refused(trit_lm_open(&lm, facts.path, &options, &error), TRIT_LM_EARGUMENT, "threads");
    refused(trit_lm_eval(c, prompt, 0, TRIT_LM_LAST, NULL, &error), TRIT_LM_EARGUMENT, "no tokens");
    refused(trit_lm_eval(c, prompt, 257, TRIT_LM_LAST, NULL, &error), TRIT_LM_EARGUMENT, "not fit");
    refused(trit_lm_eval(c, &alien, 1, TRIT_LM_LAST, NULL, &error), TRIT_LM_EARGUMENT, "token");
    assert_int_equal(trit_lm_eval(c, &alien, 1, TRIT_LM_LAST, NULL, NULL), TRIT_LM_EARGUMENT);
    trit_lm_sampling_default(&sampling, sizeof sampling);
    struct trit_lm_sampling own; /* stories.gguf advises nothing */
    trit_lm_sampling_of(stories, &own, sizeof own);
    assert_memory_equal(&own, &sampling, sizeof own);
    sampling.repeat_penalty = NAN;
    refused(trit_lm_sampler_create(&s, stories, &sampling, &error), TRIT_LM_EARGUMENT, "penalty");
    assert_null(s);
    trit_lm_context_stop(c);
    refused(trit_lm_eval(c, prompt, nprompt, TRIT_LM_LAST, NULL, &error), TRIT_LM_ESTOPPED, "");
    assert_int_equal(trit_lm_context_position(c), 0);
    must(trit_lm_eval(c, prompt, nprompt, TRIT_LM_LAST, NULL, &error));
    trit_lm_context_free(c);
}

static void texts_come_back(void **state)
{
    static const char text[] = "A \xF0\x9F\x90\x88, \xC3\xA9t\xC3\xA9 and \xFF.";
    char whole[sizeof text + 8], out[64];
    struct trit_lm_utf8 utf8 = { .n = 0 };
    size_t bytes, at = 0;
    struct trit_lm_tokens tokens;
    (void)state;
    must(trit_lm_tokenize(stories, text, sizeof text - 1, 0, &tokens, &error));
    for (size_t i = 0; i < tokens.n; i++) {
        const char *piece = trit_lm_token_text(stories, tokens.ids[i], false, &bytes);
        const size_t some = trit_lm_utf8_feed(&utf8, piece, bytes, out);
        assert_true(some == 0 || (out[0] & 0xC0) != 0x80); /* never in the midst of one */
        memcpy(whole + at, out, some);
        at += some;
    }
    at += trit_lm_utf8_flush(&utf8, whole + at);
    assert_int_equal(at, sizeof text - 1);
    assert_memory_equal(whole, text, at);
    trit_lm_free(tokens.ids);
    refused(trit_lm_tokenize(stories, "", 0, 64, &tokens, &error), TRIT_LM_EARGUMENT, "flags");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_and_version),
        cmocka_unit_test(all_rows_are_the_last_ones),
        cmocka_unit_test(writers_write_what_eval_gives),
        cmocka_unit_test(what_is_left_does_not_depend_on_drafts),
        cmocka_unit_test(an_answer_depends_on_the_context_alone),
        cmocka_unit_test(the_context_ends_a_text),
        cmocka_unit_test(a_batch_gives_each_its_own_bits),
        cmocka_unit_test(saved_contexts_come_back),
        cmocka_unit_test(contexts_with_states_go_back_to_marks),
        cmocka_unit_test(errors_name_what_is_wrong),
        cmocka_unit_test(texts_come_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* labels: threads */
/* Is a text the same, token for token, whether tokens are guessed or not, however many at a time,
   and whatever the sampler is asked: as one pass for each token and whole rows of logits give it?
   With a state in its layers, too, from which guesses must be taken back? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/decode/decode.h"
#include "runtime/text/tokenizer.h"
#include "tests/lib_model.h"

enum { TEXTS = 60, TOKENS = 48, MOST_PROMPT = 160, CONTEXT = 192 };

static struct trit_gguf *gguf;
static struct trit_pool *pool;
static struct trit_model *model;
static int32_t *story; /* a long text */
static size_t story_length;
static uint64_t state = 5;
static size_t chunk = 32;
static struct trit_decoded all;

static size_t below(size_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(state >> 33) % n;
}

static void check(enum trit_code code, const struct trit_error *e)
{
    if (code)
        fail_msg("%s", e->text);
}

static struct trit_sampling random_sampling(void)
{
    static const float temperatures[] = { 0, 0, 0.3f, 0.9f }, penalties[] = { 1, 1, 1.2f, 0.9f };
    static const int ks[] = { 1, 5, 40, 0 }, windows[] = { 8, 64, -1 };
    return (struct trit_sampling){
        .temperature = temperatures[below(4)],
        .top_k = ks[below(4)],
        .top_p = below(2) ? 1 : 0.9f,
        .min_p = below(2) ? 0 : 0.05f,
        .repeat_penalty = penalties[below(4)],
        .repeat_last_n = windows[below(3)],
        .seed = below(1000),
    };
}

/* A piece of the story, twice in every second case. */
static size_t random_prompt(int32_t *prompt)
{
    const size_t n = 2 + below(MOST_PROMPT / 2 - 2), from = below(story_length - n);
    memcpy(prompt, story + from, n * sizeof *prompt);
    memcpy(prompt + n, story + from, n * sizeof *prompt);
    return below(2) ? n : 2 * n;
}

/* What a text is by definition. */
static void write_plainly(struct trit_sampler *sampler, struct trit_session *session,
                          const int32_t *prompt, size_t n, size_t count, int32_t *out)
{
    struct trit_error e;
    float *row = malloc(trit_model_config(model)->vocab * sizeof *row);
    for (size_t i = 0; i < n; i++)
        trit_sampler_accept(sampler, prompt[i]);
    check(trit_session_eval(session, prompt, n, n - 1, row, &e), &e);
    for (size_t i = 0; i < count; i++) {
        if (i)
            check(trit_session_eval(session, out + i - 1, 1, 0, row, &e), &e);
        out[i] = trit_sampler_next(sampler, row);
        trit_sampler_accept(sampler, out[i]);
    }
    free(row);
}

/* By lookup; 0: none. */
static struct trit_drafting drafting(size_t guesses)
{
    return (struct trit_drafting){ guesses ? TRIT_DRAFT_LOOKUP : TRIT_DRAFT_NONE, guesses };
}

static void write_guessing(struct trit_sampler *sampler, struct trit_session *session,
                           size_t guesses, const int32_t *prompt, size_t n, size_t count,
                           int32_t *out)
{
    struct trit_error e;
    struct trit_decoder *d;
    check(trit_decoder_create(&d, model, session, sampler, drafting(guesses), &e), &e);
    trit_decoder_tell(d, prompt, n);
    check(trit_decoder_feed(d, prompt, n, &e), &e);
    for (size_t i = 0; i < count; i++)
        check(trit_decoder_next(d, count - i, out + i, &e), &e);
    const struct trit_decoded *stats = trit_decoder_stats(d);
    assert_int_equal(trit_session_position(session), n + count - 1);
    assert_int_equal(stats->passes + stats->right, count - 1);
    all.passes += stats->passes;
    all.guessed += stats->guessed;
    all.right += stats->right;
    trit_decoder_free(d);
}

static void one_text(size_t guesses, size_t context)
{
    int32_t prompt[MOST_PROMPT], plain[CONTEXT], guessed[CONTEXT];
    const struct trit_sampling params = random_sampling();
    const size_t vocab = trit_model_config(model)->vocab, n = random_prompt(prompt);
    size_t count = context > n ? context - n + 1 : 0;
    count = count < TOKENS ? count : TOKENS;
    if (!count)
        return;
    for (int way = 0; way < 2; way++) {
        struct trit_session *session;
        struct trit_sampler *sampler;
        struct trit_error e;
        check(trit_session_create(&session, model, context, chunk, &e), &e);
        check(trit_sampler_create(&sampler, &params, vocab, &e), &e);
        trit_sampler_ban(sampler, (int32_t)(params.seed % vocab));
        if (way)
            write_guessing(sampler, session, guesses, prompt, n, count, guessed);
        else
            write_plainly(sampler, session, prompt, n, count, plain);
        trit_sampler_free(sampler);
        trit_session_free(session);
    }
    for (size_t i = 0; i < count; i++)
        if (plain[i] != guessed[i])
            fail_msg("%zu guesses, temperature %g, top_k %d, penalty %g: token %zu is %d, not %d",
                     guesses, params.temperature, params.top_k, params.repeat_penalty, i,
                     (int)guessed[i], (int)plain[i]);
}

static void a_text_is_the_same_with_and_without_guesses(void **s)
{
    (void)s;
    static const size_t guesses[] = { 0, 1, 3, 16, TRIT_LOOKUP_MAX };
    for (size_t i = 0; i < TEXTS; i++)
        one_text(guesses[i % 5], CONTEXT);
    print_message("%zu passes, %zu of %zu guesses right\n", all.passes, all.right, all.guessed);
    assert_true(all.right > 0 && all.guessed > all.right);
}

/* Up to the last token that fits. */
static void a_context_is_filled(void **s)
{
    (void)s;
    for (size_t i = 0; i < 10; i++)
        one_text(16, MOST_PROMPT / 2 + below(20));
}

/* Of few tokens, so that there is much to guess. */
static void write_story(int32_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (int32_t)below(12);
}

static void states_forget_wrong_guesses(void **s)
{
    (void)s;
    enum { LENGTH = 400 };
    static const struct trit_toy_shape shape = { 64, 64, 3, 2, 1 };
    static const struct trit_toy_delta delta = { 2, 4, 16, 4, 3 };
    static const size_t guesses[] = { 1, 3, TRIT_DRAFTS, TRIT_LOOKUP_MAX }, chunks[] = { 32, 5, 1 };
    static struct trit_toy toy;
    static int32_t ids[LENGTH];
    struct trit_model *const first = model;
    struct trit_gguf *bytes;
    struct trit_error e;
    int32_t *const old = story;
    const size_t length = story_length;
    size_t n;
    trit_toy_hybrid(&toy, &shape, &delta);
    uint8_t *image = trit_toy_write(&toy, &n);
    check(trit_gguf_parse(&bytes, image, n, "toy.gguf", &e), &e);
    check(trit_model_load(&model, bytes, pool, NULL, &e), &e);
    write_story(story = ids, story_length = LENGTH);
    all = (struct trit_decoded){ 0 };
    for (size_t i = 0; i < TEXTS / 2; i++) {
        chunk = chunks[i % 3];
        one_text(guesses[i % 4], CONTEXT);
    }
    print_message("%zu passes, %zu of %zu guesses right\n", all.passes, all.right, all.guessed);
    assert_true(all.right > 0 && all.guessed > all.right);
    trit_model_free(model);
    trit_gguf_close(bytes);
    free(image);
    model = first;
    story = old;
    story_length = length;
}

static int setup(void **s)
{
    (void)s;
    struct trit_tokenizer *t;
    struct trit_error e;
    char *text;
    size_t bytes;
    enum trit_code code =
        trit_file_read(TRIT_SOURCE_DIR "/tests/data/stories.txt", 1 << 24, &text, &bytes, &e);
    if (!code)
        code = trit_gguf_open(&gguf, TRIT_SOURCE_DIR "/tests/models/stories.gguf", &e);
    if (!code)
        code = trit_tokenizer_load(&t, gguf, &e);
    if (!code)
        code = trit_tokenizer_encode(t, (struct trit_text){ text, bytes < 20000 ? bytes : 20000 },
                                     false, &story, &story_length, &e);
    if (!code)
        code = trit_pool_create(&pool, 2, &e);
    if (!code)
        code = trit_model_load(&model, gguf, pool, NULL, &e);
    if (code)
        print_error("%s\n", e.text);
    else
        trit_tokenizer_free(t);
    free(code ? NULL : text);
    return code != TRIT_OK;
}

static int teardown(void **s)
{
    (void)s;
    trit_model_free(model);
    trit_pool_destroy(pool);
    trit_gguf_close(gguf);
    free(story);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_the_same_with_and_without_guesses),
        cmocka_unit_test(a_context_is_filled),
        cmocka_unit_test(states_forget_wrong_guesses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

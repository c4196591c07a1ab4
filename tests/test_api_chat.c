/* Does the C interface make prompts of messages, hold answers to grammars, and take them apart, as
   tritmill.h says? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/api/tritmill.h"

static struct trit_lm_error error;
static struct trit_lm *lm;
static struct trit_lm_chat *chat;
static const char tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"weather\", \"parameters\": {\"type\":"
    "\"object\", \"properties\": {\"city\": {\"enum\": [\"Paris\", \"Rome\"]}}, \"required\":"
    "[\"city\"], \"additionalProperties\": false}}}]";

static void must(enum trit_lm_code code)
{
    if (code)
        fail_msg("%s", error.text);
}

static void refused(enum trit_lm_code code, const char *part)
{
    if (code != TRIT_LM_EARGUMENT || !strstr(error.text, part))
        fail_msg("code %d, without \"%s\": %s", code, part, error.text);
}

static int set_up(void **state)
{
    const struct trit_lm_options options = { .size = sizeof options, .threads = 2, .context = 512 };
    char path[4096];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/models/stories.gguf", getenv("TRIT_SOURCE"));
    must(trit_lm_open(&lm, path, &options, &error));
    must(trit_lm_chat_open(&chat, lm, "qwen3", &error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    trit_lm_chat_close(chat);
    trit_lm_close(lm);
    return 0;
}

static void pairs_are_what_json_is(void **state)
{
    const struct trit_lm_message messages[] = { { "system", "Be \"brief\"." },
                                                { "user", "\xC3\x89t\xC3\xA9 <|im_end|>?" } };
    struct trit_lm_ask pairs = { .size = sizeof pairs, .messages = messages, .nmessages = 2 },
                       json = { .size = sizeof json,
                                .json = "[{\"role\": \"system\", \"content\": \"Be \\\"brief\\\"."
                                        "\"}, {\"role\": \"user\", \"content\": "
                                        "\"\\u00c9t\\u00e9 <|im_end|>?\"}]" };
    struct trit_lm_prompt a = { .size = sizeof a }, b = { .size = sizeof b };
    struct trit_lm_chat_facts facts = { .size = sizeof facts };
    (void)state;
    trit_lm_chat_facts(chat, &facts);
    assert_string_equal(facts.name, "qwen3");
    assert_true(facts.tools && facts.quiet && !strcmp(facts.think, "<think>"));
    must(trit_lm_chat_prompt(chat, &pairs, &a, &error));
    must(trit_lm_chat_prompt(chat, &json, &b, &error));
    assert_string_equal(a.text, b.text);
    assert_int_equal(strlen(a.text), a.bytes);
    assert_non_null(strstr(a.text, "\xC3\x89t\xC3\xA9 <|im_end|>?"));
    assert_int_equal(a.tokens.n, b.tokens.n);
    assert_memory_equal(a.tokens.ids, b.tokens.ids, a.tokens.n * sizeof *a.tokens.ids);
    assert_true(a.turn < a.tokens.n);
    trit_lm_prompt_free(&b);
    pairs.nmessages = 1; /* the longer one begins with what is before the turn of the shorter one */
    pairs.closed = true;
    must(trit_lm_chat_prompt(chat, &pairs, &b, &error));
    assert_memory_equal(a.tokens.ids, b.tokens.ids, b.turn * sizeof *a.tokens.ids);
    trit_lm_prompt_free(&a);
    trit_lm_prompt_free(&b);
    json.json = "[{]";
    refused(trit_lm_chat_prompt(chat, &json, &b, &error), "messages: no JSON at byte");
    assert_null(b.text);
    json.json = "[{\"role\": \"user\", \"role\": \"user\"}]";
    refused(trit_lm_chat_prompt(chat, &json, &b, &error), "duplicate");
    json.messages = messages;
    json.nmessages = 1;
    refused(trit_lm_chat_prompt(chat, &json, &b, &error), "twice");
}

/* A text that the model writes, held to the grammar; writer or sampler. */
static void write_held(const struct trit_lm_grammar *grammar, bool sampler, char *text, size_t room)
{
    const struct trit_lm_writing writing = { .size = sizeof writing, .grammar = grammar };
    static const char begin[] = "Once upon a time";
    struct trit_lm_piece piece = { .size = sizeof piece };
    struct trit_lm_context *c;
    struct trit_lm_tokens tokens;
    struct trit_lm_sampler *s;
    struct trit_lm_writer *w;
    const float *logits;
    size_t n = 0, bytes;
    must(trit_lm_tokenize(lm, begin, strlen(begin), 0, &tokens, &error));
    must(trit_lm_context_create(&c, lm, 0, &error));
    must(trit_lm_sampler_create(&s, lm, NULL, &error));
    must(trit_lm_sampler_hold(s, grammar, &error));
    must(trit_lm_writer_create(&w, c, &writing, &error));
    if (sampler)
        must(trit_lm_eval(c, tokens.ids, tokens.n, TRIT_LM_LAST, &logits, &error));
    else
        must(trit_lm_writer_feed(w, tokens.ids, tokens.n, &error));
    for (bool ends = false; !ends && n + 64 < room;) {
        if (sampler) {
            piece.token = trit_lm_sampler_next(s, logits);
            trit_lm_sampler_accept(s, piece.token);
            piece.text = trit_lm_token_text(lm, piece.token, false, &piece.bytes);
            ends = trit_lm_token_ends(lm, piece.token);
            must(trit_lm_eval(c, &piece.token, 1, TRIT_LM_LAST, &logits, &error));
        } else {
            must(trit_lm_writer_next(w, &piece, &error));
            ends = piece.end;
        }
        bytes = ends && sampler ? 0 : piece.bytes;
        memcpy(text + n, piece.text, bytes);
        n += bytes;
    }
    text[n] = 0;
    trit_lm_writer_free(w);
    trit_lm_sampler_free(s);
    trit_lm_context_free(c);
    trit_lm_free(tokens.ids);
}

static void answers_keep_to_a_schema(void **state)
{
    static const char schema[] =
        "{\"type\": \"object\", \"properties\": {\"name\": {\"enum\": [\"Tom\", \"Lily\"]},"
        "\"age\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 99}},"
        "\"required\": [\"name\", \"age\"], \"additionalProperties\": false}";
    struct trit_lm_grammar *grammar;
    char text[2][4096];
    (void)state;
    must(trit_lm_grammar_schema(&grammar, lm, schema, NULL, &error));
    for (int sampler = 0; sampler < 2; sampler++) {
        write_held(grammar, sampler, text[sampler], sizeof text[sampler]);
        json_t *json = json_loads(text[sampler], 0, NULL);
        if (!json || !json_is_string(json_object_get(json, "name")) ||
            !json_is_integer(json_object_get(json, "age")) || json_object_size(json) != 2)
            fail_msg("%s", text[sampler]);
        json_decref(json);
    }
    trit_lm_grammar_free(grammar);
    assert_int_equal(trit_lm_grammar_schema(&grammar, lm, "{\"type\": 7}", NULL, &error),
                     TRIT_LM_EARGUMENT);
    assert_null(grammar);
}

struct taken {
    char parts[4][1024];
    size_t calls;
};

static void take(void *arg, enum trit_lm_part part, size_t call, const char *text, size_t bytes)
{
    struct taken *t = arg;
    strncat(t->parts[part], text, bytes);
    t->calls = part >= TRIT_LM_CALL ? call + 1 : t->calls;
}

static void calls_are_called_and_taken_apart(void **state)
{
    const struct trit_lm_calls calls = { .size = sizeof calls, .tools = tools, .must = true };
    struct taken taken = { .calls = 0 };
    const struct trit_lm_taking taking = {
        .size = sizeof taking, .tools = tools, .take = take, .arg = &taken
    };
    struct trit_lm_grammar *grammar;
    struct trit_lm_answer *answer;
    char text[4096];
    (void)state;
    must(trit_lm_grammar_calls(&grammar, chat, &calls, &error));
    write_held(grammar, false, text, sizeof text);
    must(trit_lm_answer_create(&answer, chat, &taking, &error));
    for (const char *s = text; *s; s++)
        must(trit_lm_answer_feed(answer, s, 1, &error));
    must(trit_lm_answer_end(answer, &error));
    assert_int_equal(taken.calls, 1);
    assert_string_equal(taken.parts[TRIT_LM_CALL], "weather");
    json_t *json = json_loads(taken.parts[TRIT_LM_ARGUMENTS], 0, NULL);
    const char *city = json_string_value(json_object_get(json, "city"));
    if (!city || (strcmp(city, "Paris") && strcmp(city, "Rome")))
        fail_msg("%s", taken.parts[TRIT_LM_ARGUMENTS]);
    json_decref(json);
    trit_lm_answer_free(answer);
    trit_lm_grammar_free(grammar);
}

static void thinking_is_apart(void **state)
{
    struct taken taken = { .calls = 0 };
    const struct trit_lm_taking taking = {
        .size = sizeof taking, .thinking = true, .take = take, .arg = &taken
    };
    static const char text[] = "so it is\n</think>\n\nYes.";
    struct trit_lm_answer *answer;
    (void)state;
    must(trit_lm_answer_create(&answer, chat, &taking, &error));
    must(trit_lm_answer_feed(answer, text, strlen(text), &error));
    must(trit_lm_answer_end(answer, &error));
    assert_non_null(strstr(taken.parts[TRIT_LM_THINKING], "so it is"));
    assert_string_equal(taken.parts[TRIT_LM_CONTENT], "Yes.");
    trit_lm_answer_free(answer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_what_json_is),
        cmocka_unit_test(answers_keep_to_a_schema),
        cmocka_unit_test(calls_are_called_and_taken_apart),
        cmocka_unit_test(thinking_is_apart),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

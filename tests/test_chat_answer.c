/* Are answers taken apart into thinking, content and calls, and the same however they are cut? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/chat/parts.h"

/* What was told: [thinking], content, {call: arguments}. */
struct told {
    char text[4096];
    size_t n;
    int part;
    size_t call;
};

static void put(struct told *t, const char *s, size_t n)
{
    assert_true(t->n + n < sizeof t->text);
    memcpy(t->text + t->n, s, n);
    t->n += n;
    t->text[t->n] = 0;
}

static void close_part(struct told *t)
{
    static const char *const ends[] = { "", "]", "", "}" };
    if (t->part >= 0)
        put(t, ends[t->part], strlen(ends[t->part]));
}

static void take(void *arg, const struct trit_answer_piece *piece)
{
    static const char *const begins[] = { "", "[", "{", ": " };
    struct told *t = arg;
    assert_true(piece->bytes > 0);
    if ((int)piece->part != t->part || piece->part == TRIT_ANSWER_CALL) {
        if (!(t->part == TRIT_ANSWER_CALL && piece->part == TRIT_ANSWER_ARGUMENTS))
            close_part(t);
        put(t, begins[piece->part], strlen(begins[piece->part]));
    }
    if (piece->part == TRIT_ANSWER_CALL)
        assert_int_equal(piece->call, t->call++);
    if (piece->part == TRIT_ANSWER_ARGUMENTS)
        assert_int_equal(piece->call, t->call - 1);
    t->part = (int)piece->part;
    put(t, piece->text, piece->bytes);
}

static const char tools_text[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"s\":{\"type\":\"string\"},\"n\":{\"type\":\"integer\"},"
    "\"o\":{\"type\":\"object\"},\"u\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]},"
    "\"l\":{\"type\":[\"string\",\"null\"]}}}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]";

struct row {
    enum trit_call_form form;
    bool thinking;
    const char *text, *told;
};

/* Fed in pieces: up to the cuts, then up to the end; step > 0: by step bytes. */
static void run(const struct row *row, const json_t *tools, size_t cut, size_t step,
                struct told *told)
{
    struct trit_chat chat = { .traits = {
                                  .think = "<think>", .thought = "</think>", .calls = row->form } };
    struct trit_answer *answer;
    size_t n = strlen(row->text);
    *told = (struct told){ .part = -1 };
    assert_int_equal(trit_answer_create(&answer, &chat, row->thinking, tools,
                                        &(struct trit_answer_sink){ take, told }, NULL),
                     TRIT_OK);
    for (size_t at = 0; at < n;) {
        size_t to = at < cut ? cut : step && at + step < n ? at + step : n;
        char *piece = malloc(to - at); /* so that a read past its end is seen */
        memcpy(piece, row->text + at, to - at);
        assert_int_equal(trit_answer_feed(answer, piece, to - at, NULL), TRIT_OK);
        free(piece);
        at = to;
    }
    assert_int_equal(trit_answer_end(answer, NULL), TRIT_OK);
    assert_int_equal(trit_answer_calls(answer), told->call);
    close_part(told);
    trit_answer_free(answer);
}

static const struct row rows[] = {
    { TRIT_CALLS_JSON, false, "Hello.\n", "Hello.\n" },
    { TRIT_CALLS_JSON, false, "", "" },
    { TRIT_CALLS_JSON, false, "<think>\nhm\n\nso\n</think>\n\nYes", "[hm\n\nso]Yes" },
    { TRIT_CALLS_JSON, true, "\nhm </think> Yes\n", "[hm ] Yes\n" },
    { TRIT_CALLS_JSON, true, "only <th</thinkthat", "[only <th</thinkthat]" },
    { TRIT_CALLS_JSON, false, "<think>\n\n</think>\n\nYes", "Yes" },
    { TRIT_CALLS_JSON, false, " <thin", " <thin" },
    { TRIT_CALLS_JSON, false, "a <think>b</think>", "a <think>b</think>" },
    { TRIT_CALLS_JSON, false,
      "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"s\": \"}\\\"</tool_call>\"}}\n</tool_call>",
      "{f: {\"s\": \"}\\\"</tool_call>\"}}" },
    { TRIT_CALLS_JSON, false,
      "Let me.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n"
      "{\"name\": \"g\", \"arguments\": {\"a\": [1, {}]}}\n</tool_call>\n",
      "Let me.{f: {}}{g: {\"a\": [1, {}]}}" },
    { TRIT_CALLS_JSON, false,
      "<tool_call>{\"arguments\": {\"n\":1}, \"name\": \"f\"}</tool_call> so",
      "{f: {\"n\":1}} so" },
    { TRIT_CALLS_JSON, false, "<tool_call>{\"name\":\"f\"}</tool_call>", "{f: {}}" },
    { TRIT_CALLS_JSON, false, "<tool_call>{\"name\":\"f\",\"arguments\":{}}\n</tool_", "{f: {}}" },
    { TRIT_CALLS_JSON, false, "<tool_call>{\"name\":\"f\",\"arguments\":{}}\n</took",
      "{f: {}}\n</took" },
    { TRIT_CALLS_JSON, false,
      "<tool_call>{\"name\":\"f\",\"arguments\":\"{\\\"n\\\":1}\",\"id\":\"}\"}</tool_call>",
      "{f: {\"n\":1}}" },
    { TRIT_CALLS_JSON, false,
      "<tool_call>{\"name\":\"f\",\"parameters\":{\"n\":1},\"id\":\"}\"}</tool_call>",
      "{f: {\"n\":1}}" },
    { TRIT_CALLS_JSON, false, "<tool_call>\n{\"name\": \"h\", \"arguments\": {}}\n</tool_call>",
      "<tool_call>\n{\"name\": \"h\", \"arguments\": {}}\n</tool_call>" },
    { TRIT_CALLS_JSON, false, "see \n <tool_call> is a tag", "see \n <tool_call> is a tag" },
    { TRIT_CALLS_JSON, false, "see <tool_call>\n{\"name\": \"f\", \"argum",
      "see <tool_call>\n{\"name\": \"f\", \"argum" },
    { TRIT_CALLS_JSON, false, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"s\": \"ab",
      "{f: {\"s\": \"ab}" },
    { TRIT_CALLS_JSON, false, "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}", "{f: {}}" },
    { TRIT_CALLS_JSON, false, "<tool_call>[1]</tool_call>", "<tool_call>[1]</tool_call>" },
    { TRIT_CALLS_JSON, false, "<tool_call>{1}</tool_call>", "<tool_call>{1}</tool_call>" },
    { TRIT_CALLS_JSON, false,
      "<<tool_call><tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>",
      "<<tool_call>{f: {}}" },
    { TRIT_CALLS_XML, false,
      "Well.\n\n<tool_call>\n<function=f>\n<parameter=s>\na \"b\"\n\tc\n</parameter>\n"
      "<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>",
      "Well.{f: {\"s\": \"a \\\"b\\\"\\n\\tc\", \"n\": 3}}" },
    { TRIT_CALLS_XML, false,
      "<tool_call><function=f><parameter=s>12</parameter><parameter=n>x y</parameter></function>"
      "</tool_call>",
      "{f: {\"s\": \"12\", \"n\": \"x y\"}}" },
    { TRIT_CALLS_XML, false,
      "<tool_call>\n<function=f>\n<parameter=o>\n{\"a\": [1, 2]}\n</parameter>\n<parameter=u>\n7\n"
      "</parameter>\n<parameter=l>\nnull\n</parameter>\n<parameter=z>\ntrue\n</parameter>\n"
      "</function>\n</tool_call>",
      "{f: {\"o\": {\"a\": [1, 2]}, \"u\": \"7\", \"l\": \"null\", \"z\": true}}" },
    { TRIT_CALLS_XML, false,
      "<tool_call>\n<function=f>\n<parameter=s>\n\n</parameter> is\n\n</parameter>\n</function>\n"
      "</tool_call>\n<tool_call>\n<function=g>\n</function>\n</tool_call>",
      "{f: {\"s\": \"\\n</parameter> is\\n\"}}{g: {}}" },
    { TRIT_CALLS_XML, false, "<tool_call>\n<function=f>\n<parameter=s>\nab\ncd",
      "{f: {\"s\": \"ab\\ncd}" },
    { TRIT_CALLS_XML, false, "<tool_call>\n<function=h>\n", "<tool_call>\n<function=h>\n" },
    { TRIT_CALLS_XML, false, "<tool_call>\n<function=f>\nwhat", "{f: {}}\nwhat" },
    { TRIT_CALLS_LLAMA, false, "{\"name\": \"f\", \"parameters\": {\"n\": 2}}", "{f: {\"n\": 2}}" },
    { TRIT_CALLS_LLAMA, false, "\n<|python_tag|>{\"name\": \"f\", \"arguments\": {\"n\": 2}}\n",
      "{f: {\"n\": 2}}" },
    { TRIT_CALLS_LLAMA, false, "{\"a\": 1} is JSON", "{\"a\": 1} is JSON" },
    { TRIT_CALLS_LLAMA, false, "{ not JSON", "{ not JSON" },
    { TRIT_CALLS_LLAMA, false, "<|python_tag|>", "<|python_tag|>" },
    { TRIT_CALLS_LLAMA, false, "So {\"name\": \"f\", \"parameters\": {}}",
      "So {\"name\": \"f\", \"parameters\": {}}" },
    { TRIT_CALLS_NONE, false, "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>",
      "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>" },
};
enum { NROWS = sizeof rows / sizeof *rows };

static void test_every_cut(void **state)
{
    (void)state;
    struct told told;
    json_t *tools = json_loads(tools_text, 0, NULL);
    assert_non_null(tools);
    for (size_t i = 0; i < NROWS; i++) {
        run(&rows[i], tools, 0, 0, &told);
        assert_string_equal(told.text, rows[i].told);
        for (size_t cut = 0; cut <= strlen(rows[i].text); cut++)
            for (size_t step = 0; step < 3; step++) {
                run(&rows[i], tools, cut, step, &told);
                assert_string_equal(told.text, rows[i].told);
            }
    }
    json_decref(tools);
}

static void test_without_tools_calls_are_content(void **state)
{
    (void)state;
    struct told told;
    const struct row *row = &rows[8];
    run(row, NULL, 0, 1, &told);
    assert_string_equal(told.text, row->text);
}

/* An argument of a megabyte, a byte at a time, takes time in proportion. */
static void test_long_arguments(void **state)
{
    (void)state;
    enum { LONG = 1 << 20 };
    static const char head[] = "<tool_call>\n<function=g>\n<parameter=x>\n";
    struct trit_chat chat = { .traits = { .calls = TRIT_CALLS_XML } };
    struct told told = { .part = -1 };
    struct trit_answer *answer;
    json_t *tools = json_loads(tools_text, 0, NULL);
    trit_answer_create(&answer, &chat, false, tools, &(struct trit_answer_sink){ take, &told },
                       NULL);
    trit_answer_feed(answer, head, strlen(head), NULL);
    for (size_t i = 0; i < LONG; i++)
        trit_answer_feed(answer, i % 2 ? "<" : "\n", 1, NULL);
    assert_int_equal(trit_answer_end(answer, NULL), TRIT_OK);
    trit_answer_free(answer);
    json_decref(tools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_without_tools_calls_are_content),
        cmocka_unit_test(test_long_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

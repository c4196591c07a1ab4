/* Do masks hold texts to grammars, exactly: each token that may come and no other, and never a text
   that has no end? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lib_grammar.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const schemas[] = {
    "{}",
    "{\"type\": \"object\"}",
    "{\"type\": \"string\", \"maxLength\": 4}",
    "{\"type\": \"string\", \"minLength\": 2, \"maxLength\": 3}",
    "{\"type\": \"string\", \"pattern\": \"^(a|ab)(c|bcd)*[^a]$\"}",
    "{\"type\": \"string\", \"pattern\": \"ab\"}",
    "{\"type\": \"string\", \"format\": \"date\"}",
    "{\"type\": \"integer\", \"minimum\": -12, \"maximum\": 1230}",
    "{\"type\": \"number\", \"minimum\": 0, \"maximum\": 12}",
    "{\"enum\": [\"a\", \"ab\", \"abc\\\"\", 12, 123, null, true, [1]]}",
    "{\"properties\": {\"a\": {\"type\": \"integer\"}, \"ab\": {}, \"name\": {\"$ref\": \"#\"}}, "
    "\"required\": [\"a\"], \"additionalProperties\": true}",
    "{\"properties\": {\"a\": {\"type\": \"integer\"}, \"ab\": {\"type\": \"null\"}}, "
    "\"additionalProperties\": {\"type\": \"boolean\"}}",
    "{\"type\": \"array\", \"items\": {\"anyOf\": [{\"$ref\": \"#\"}, {\"type\": \"array\", "
    "\"items\": {\"$ref\": \"#\"}}, {\"type\": [\"string\", \"null\"]}]}, \"maxItems\": 3}",
    "{\"prefixItems\": [true, {\"const\": \"ab\"}], \"items\": false, \"minItems\": 1}",
};

static void a_mask_has_what_may_come(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(schemas); i++) {
        struct trit_grammar *grammar = trit_grammar_of(schemas[i]);
        for (size_t n = 0; n < 12; n++)
            trit_grammar_walk(grammar, 24);
        trit_grammar_free(grammar);
    }
}

/* --- calls --- */

static const char tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"add\", \"parameters\": {\"type\": "
    "\"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": \"string\"}}, "
    "\"required\": [\"a\"]}}}, {\"type\": \"function\", \"function\": {\"name\": \"addto\"}},"
    "{\"type\": \"function\", \"function\": {\"name\": \"set\", \"parameters\": {\"properties\": "
    "{\"to\": {\"enum\": [\"x\", 1]}, \"s\": {\"type\": \"string\", \"minLength\": 2, "
    "\"maxLength\": 4}}}}}]";

static const struct {
    enum trit_call_form form;
    const char *only, *until;
    bool parallel, must;
    const char *text;
    int taken;
} call_cases[] = {
    { TRIT_CALLS_JSON, NULL, NULL, false, true, "", 0 },
    { TRIT_CALLS_JSON, NULL, NULL, false, true, "a", -1 },
    { TRIT_CALLS_JSON, NULL, NULL, false, true,
      "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>", 1 },
    { TRIT_CALLS_JSON, NULL, NULL, false, true,
      "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>\n", -1 },
    { TRIT_CALLS_JSON, NULL, NULL, true, true,
      "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>\n"
      "<tool_call>\n{\"name\": \"addto\", \"arguments\": {}}\n</tool_call>",
      1 },
    { TRIT_CALLS_JSON, "addto", NULL, false, true, "<tool_call>\n{\"name\": \"add\"", -1 },
    { TRIT_CALLS_JSON, NULL, NULL, false, false, "", 1 },
    { TRIT_CALLS_JSON, NULL, NULL, false, false, "I <tool <tool_cal \xc3\xa9", 1 },
    { TRIT_CALLS_JSON, NULL, NULL, false, false, "I <tool_call>", 0 },
    { TRIT_CALLS_JSON, NULL, NULL, false, false, "I <<tool_call>x", -1 },
    { TRIT_CALLS_JSON, NULL, NULL, false, false, "I <tool_call>\n{\"name\": \"subtract", -1 },
    { TRIT_CALLS_JSON, NULL, "</think>", false, true, "so <</think", 0 },
    { TRIT_CALLS_JSON, NULL, "</think>", false, true, "so <</think></think", -1 },
    { TRIT_CALLS_JSON, NULL, "</think>", false, true,
      "<tool_call></think><tool_call>\n{\"name\": \"addto\", \"arguments\": {}}\n</tool_call>", 1 },
    { TRIT_CALLS_LLAMA, NULL, NULL, true, true,
      "{\"name\": \"add\", \"parameters\": {\"a\":1, \"b\":\"\"}}", 1 },
    { TRIT_CALLS_XML, NULL, NULL, false, true,
      "<tool_call>\n<function=add>\n<parameter=a>\n-5\n</parameter>\n<parameter=b>\nany\n</"
      "para "
      "\"text\n</parameter>\n</function>\n</tool_call>",
      1 },
    { TRIT_CALLS_XML, NULL, NULL, false, true, "<tool_call>\n<function=add>\n<parameter=b>", -1 },
    { TRIT_CALLS_XML, NULL, NULL, false, true,
      "<tool_call>\n<function=set>\n<parameter=to>\nx\n</parameter>\n<parameter=s>\nab\n\n"
      "</parameter>\n</function>\n</tool_call>",
      1 },
    { TRIT_CALLS_XML, NULL, NULL, false, true,
      "<tool_call>\n<function=set>\n<parameter=to>\n1\n</parameter>\n<parameter=s>\na\n</"
      "parameter"
      ">\n",
      -1 },
    { TRIT_CALLS_XML, NULL, NULL, false, true, "<tool_call>\n<function=set>\n<parameter=s>\nabcde",
      -1 },
    { TRIT_CALLS_XML, NULL, NULL, false, true,
      "<tool_call>\n<function=addto>\n</function>\n</tool_call>", 1 },
};

static void of_calls(void **unused)
{
    (void)unused;
    json_t *list = trit_grammar_parse(tools);
    for (size_t i = 0; i < COUNT(call_cases); i++) {
        const struct trit_call_rules rules = { call_cases[i].form, list, call_cases[i].only,
                                               call_cases[i].parallel, call_cases[i].must };
        const struct trit_grammar_frame frame = { call_cases[i].until };
        struct trit_grammar *grammar;
        struct trit_error error;
        if (trit_grammar_calls(&grammar, &rules, &frame, &error))
            fail_msg("%s", error.text);
        const int got = trit_grammar_takes(grammar, call_cases[i].text);
        if (got != call_cases[i].taken)
            fail_msg("%s is %d", call_cases[i].text, got);
        trit_grammar_walk(grammar, 24);
        trit_grammar_free(grammar);
    }
    json_decref(list);
}

static void calls_that_are_refused(void **unused)
{
    (void)unused;
    struct trit_grammar *grammar;
    struct trit_error error;
    json_t *list = trit_grammar_parse(tools),
           *bad = trit_grammar_parse("[{\"function\": {\"name\": \"a b\"}}]"),
           *wrong = trit_grammar_parse(
               "[{\"function\": {\"name\": \"f\", \"parameters\": {\"properties\": "
               "{\"x\": {\"if\": {}}}}}}]");
    struct trit_call_rules rules = { .form = TRIT_CALLS_JSON, .tools = list, .only = "none" };
    assert_int_equal(trit_grammar_calls(&grammar, &rules, NULL, &error), TRIT_EARGUMENT);
    assert_non_null(strstr(error.text, "\"none\""));
    rules = (struct trit_call_rules){ .form = TRIT_CALLS_NONE, .tools = list };
    assert_int_equal(trit_grammar_calls(&grammar, &rules, NULL, &error), TRIT_EUNSUPPORTED);
    rules = (struct trit_call_rules){ .form = TRIT_CALLS_JSON };
    assert_int_equal(trit_grammar_calls(&grammar, &rules, NULL, &error), TRIT_EARGUMENT);
    rules = (struct trit_call_rules){ .form = TRIT_CALLS_JSON, .tools = bad };
    assert_int_equal(trit_grammar_calls(&grammar, &rules, NULL, &error), TRIT_EARGUMENT);
    rules = (struct trit_call_rules){ .form = TRIT_CALLS_XML, .tools = wrong };
    assert_int_equal(trit_grammar_calls(&grammar, &rules, NULL, &error), TRIT_EUNSUPPORTED);
    assert_non_null(strstr(error.text, "tools/f/parameters/properties/x: the keyword \"if\""));
    json_decref(list);
    json_decref(bad);
    json_decref(wrong);
}

/* --- a text's end, long texts --- */

static void ends(void **unused)
{
    (void)unused;
    struct trit_grammar *grammar = trit_grammar_of("{\"const\": \"a\"}");
    struct trit_matcher *m;
    assert_int_equal(trit_matcher_create(&m, grammar, trit_grammar_vocabulary, NULL), TRIT_OK);
    assert_false(trit_matcher_accept(m, trit_grammar_end));
    assert_false(trit_matcher_accept(m, trit_grammar_control));
    assert_false(trit_matcher_accept(m, -1));
    assert_false(trit_matcher_accept(m, 'a'));
    assert_true(trit_matcher_accept(m, '"') && trit_matcher_accept(m, 'a'));
    assert_false(trit_matcher_complete(m));
    assert_true(trit_matcher_accept(m, '"'));
    assert_true(trit_matcher_complete(m));
    const uint32_t *mask = trit_matcher_mask(m);
    for (int32_t id = 0; (size_t)id < trit_tokenizer_size(trit_grammar_tokenizer); id++)
        assert_int_equal(trit_grammar_has(mask, id), id == trit_grammar_end);
    assert_false(trit_matcher_accept(m, ' '));
    assert_true(trit_matcher_accept(m, trit_grammar_end));
    assert_false(trit_matcher_accept(m, trit_grammar_end));
    assert_false(trit_grammar_has(trit_matcher_mask(m), trit_grammar_end));
    trit_matcher_free(m);
    trit_grammar_free(grammar);
}

/* What is remembered of a text does not grow with it, and forgetting changes nothing. */
static void long_texts(void **unused)
{
    (void)unused;
    struct trit_grammar *grammar = trit_grammar_of(
        "{\"type\": \"array\", \"minItems\": 4000, \"maxItems\": 4000, \"items\": {\"type\": "
        "\"string\", \"maxLength\": 40}}");
    struct trit_matcher *m;
    assert_int_equal(trit_matcher_create(&m, grammar, trit_grammar_vocabulary, NULL), TRIT_OK);
    for (size_t i = 0; i < 4000; i++) {
        const char *item = i ? ",\"ab\xc3\xa9\"" : "[\"ab\xc3\xa9\"";
        for (const char *c = item; *c; c++)
            assert_true(trit_matcher_accept(m, (uint8_t)*c));
        if (i % 100 == 0 && i < 3999) {
            const uint32_t *mask = trit_matcher_mask(m);
            assert_true(trit_grammar_has(mask, ',') && !trit_grammar_has(mask, ']') &&
                        !trit_grammar_has(mask, '"'));
        }
    }
    assert_true(trit_matcher_accept(m, ']'));
    assert_true(trit_matcher_complete(m));
    trit_matcher_free(m);
    trit_grammar_free(grammar);
}

int main(void)
{
    const struct CMUnitTest bytes[] = {
        cmocka_unit_test(a_mask_has_what_may_come),
        cmocka_unit_test(of_calls),
        cmocka_unit_test(calls_that_are_refused),
        cmocka_unit_test(ends),
        cmocka_unit_test(long_texts),
    };
    const struct CMUnitTest sentence[] = {
        cmocka_unit_test(a_mask_has_what_may_come),
        cmocka_unit_test(of_calls),
        cmocka_unit_test(ends),
    };
    const int wrong = cmocka_run_group_tests_name("byte-level", bytes, trit_grammar_set_up,
                                                  trit_grammar_tear_down);
    return wrong + cmocka_run_group_tests_name("SentencePiece", sentence,
                                               trit_grammar_set_up_sentence,
                                               trit_grammar_tear_down);
}

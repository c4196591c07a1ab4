/* Are texts taken that a schema describes, and no others; and are schemas refused, by name, that
   this does not cover? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lib_grammar.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void of_schemas(void **unused)
{
    static const struct {
        const char *schema, *text;
        int taken;
    } cases[] = {
        { "{}", "{\"a\": [1, 2.5e3], \"b\":null}", 1 },
        { "{}", "{\"a\":  1", -1 },
        { "{}", " {", -1 },
        { "{}", "\"\\ud83d\\ude00\"", 1 },
        { "{}", "\"\\ud83d\"", -1 },
        { "{}", "\"\\ude00", -1 },
        { "{}", "\"\\u0000", -1 },
        { "{}", "\"\xc3\"", -1 },
        { "{}", "\"\xed\xa0", -1 },
        { "{}", "\"\xf0\x9f\x98\x80\"", 1 },
        { "{}", "01", -1 },
        { "{}", "-", 0 },
        { "{}", "1234567890123456789", -1 },
        { "{}", "\"a\" ", -1 },
        { "{\"type\": \"object\"}", "[", -1 },
        { "{\"type\": \"object\"}", "{\n  \"a\": {}\n}", 1 },
        { "{\"type\": \"object\"}", "{\n\n", -1 },
        { "{\"type\": \"integer\", \"minimum\": 10, \"maximum\": 123}", "9", 0 },
        { "{\"type\": \"integer\", \"minimum\": 10, \"maximum\": 123}", "123", 1 },
        { "{\"type\": \"integer\", \"minimum\": 10, \"maximum\": 123}", "124", -1 },
        { "{\"type\": \"integer\", \"minimum\": 10, \"maximum\": 89}", "9", -1 },
        { "{\"type\": \"integer\", \"minimum\": 11, \"maximum\": 35}", "25", 1 },
        { "{\"type\": \"integer\", \"minimum\": 11, \"maximum\": 35}", "36", -1 },
        { "{\"type\": \"integer\", \"exclusiveMinimum\": -1}", "-", -1 },
        { "{\"type\": \"number\", \"minimum\": 0, \"maximum\": 1}", "0.999", 1 },
        { "{\"type\": \"number\", \"minimum\": 0, \"maximum\": 1}", "1.00", 1 },
        { "{\"type\": \"number\", \"minimum\": 0, \"maximum\": 1}", "1.01", -1 },
        { "{\"properties\": {\"a\": {}, \"b\": {}}, \"required\": [\"b\"]}", "{\"b\":1}", 1 },
        { "{\"properties\": {\"a\": {}, \"b\": {}}, \"required\": [\"b\"]}", "{\"a\":1}", -1 },
        { "{\"properties\": {\"a\": {}, \"b\": {}}, \"required\": [\"b\"]}", "{\"b\":1,\"a", -1 },
        { "{\"properties\": {\"ab\": {\"type\": \"null\"}}, \"additionalProperties\": true}",
          "{\"abc\":1,\"a\":2}", 1 },
        { "{\"properties\": {\"ab\": {\"type\": \"null\"}}, \"additionalProperties\": true}",
          "{\"c\":1,\"ab\"", -1 },
        { "{\"properties\": {\"ab\": {\"type\": \"null\"}}, \"additionalProperties\": true}",
          "{\"\\u0061", -1 },
        { "{\"type\": \"string\", \"maxLength\": 1}", "\"\xf0\x9f\x98\x80\"", 1 },
        { "{\"type\": \"string\", \"maxLength\": 1}", "\"\\ud83d\\ude00\"", 1 },
        { "{\"type\": \"string\", \"maxLength\": 1}", "\"ab", -1 },
        { "{\"type\": \"string\", \"format\": \"date\"}", "\"2024-02-29\"", 1 },
        { "{\"type\": \"string\", \"format\": \"date\"}", "\"2023-02-29", -1 },
        { "{\"type\": \"string\", \"pattern\": \"^[^a]*$\"}", "\"\\\"\\\\\\n\"", 1 },
        { "{\"const\": {\"a\": [1]}}", "{\"a\": [\n1]}", 1 },
        { "{\"oneOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}", "null", 1 },
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trit_grammar *grammar = trit_grammar_of(cases[i].schema);
        const int got = trit_grammar_takes(grammar, cases[i].text);
        if (got != cases[i].taken)
            fail_msg("%s: %s is %d", cases[i].schema, cases[i].text, got);
        trit_grammar_free(grammar);
    }
}

/* As deep as there may be, and no deeper: the text can still be ended. */
static void depth_has_a_bound(void **unused)
{
    (void)unused;
    struct trit_grammar *grammar = trit_grammar_of("{}");
    char text[2 * TRIT_NET_DEPTH + 2] = "";
    size_t most = 0;
    for (size_t n = 1; n <= TRIT_NET_DEPTH; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        text[2 * n] = 0;
        if (trit_grammar_takes(grammar, text) == 1)
            most = n;
    }
    assert_true(most > TRIT_NET_DEPTH / 2 && most < TRIT_NET_DEPTH);
    memset(text, '[', most + 1);
    text[most + 1] = 0;
    assert_int_equal(trit_grammar_takes(grammar, text), -1);
    trit_grammar_free(grammar);
}

/* A string as deep as there may be is empty, since its characters are a rule. */
static void strings_at_the_bound(void **unused)
{
    (void)unused;
    struct trit_grammar *grammar = trit_grammar_of(
        "{\"type\": \"array\", \"prefixItems\": [{\"type\": \"string\", \"maxLength\": 3}], "
        "\"items\": {\"$ref\": \"#\"}}");
    char text[5 * TRIT_NET_DEPTH + 3] = "";
    for (size_t n = 0; n < TRIT_NET_DEPTH; n++) {
        strcpy(text + 4 * n, "[\"");
        if (n > TRIT_NET_DEPTH / 2 && trit_grammar_takes(grammar, text) == 0)
            trit_grammar_check(grammar, text);
        strcpy(text + 4 * n, "[\"\",");
    }
    trit_grammar_free(grammar);
}

static const struct {
    const char *schema;
    enum trit_code code;
    const char *named;
} refused[] = {
    { "{\"not\": {}}", TRIT_EUNSUPPORTED, "#: the keyword \"not\"" },
    { "{\"properties\": {\"a\": {\"multipleOf\": 2}}}", TRIT_EUNSUPPORTED,
      "#/properties/a: the keyword \"multipleOf\"" },
    { "{\"$ref\": \"#/nowhere\"}", TRIT_EARGUMENT, "names no schema" },
    { "{\"$ref\": \"http://x/\"}", TRIT_EUNSUPPORTED, "only \"#...\"" },
    { "{\"$ref\": \"#\"}", TRIT_EARGUMENT, "no text can be" },
    { "{\"anyOf\": [{\"$ref\": \"#\"}, {\"type\": \"null\"}]}", TRIT_EARGUMENT,
      "begins with itself" },
    { "{\"properties\": {\"a\": {\"$ref\": \"#\"}}, \"required\": [\"a\"]}", TRIT_EARGUMENT,
      "no text can be" },
    { "{\"properties\": {\"a\": false}, \"required\": [\"a\"]}", TRIT_EARGUMENT, "no text can be" },
    { "false", TRIT_EARGUMENT, "no text can be" },
    { "3", TRIT_EARGUMENT, "a schema is" },
    { "{\"type\": \"text\"}", TRIT_EARGUMENT, "type" },
    { "{\"type\": []}", TRIT_EARGUMENT, "type" },
    { "{\"enum\": []}", TRIT_EARGUMENT, "no text can be" },
    { "{\"enum\": 1}", TRIT_EARGUMENT, "enum" },
    { "{\"oneOf\": [{\"type\": \"number\"}, {\"type\": \"integer\"}]}", TRIT_EUNSUPPORTED,
      "oneOf" },
    { "{\"oneOf\": [{\"properties\": {}}, {\"type\": \"string\"}]}", TRIT_EUNSUPPORTED, "oneOf" },
    { "{\"anyOf\": [{}], \"type\": \"object\"}", TRIT_EUNSUPPORTED, "beside" },
    { "{\"pattern\": \"(?=a)\"}", TRIT_EUNSUPPORTED, "pattern, at byte 2" },
    { "{\"pattern\": \"a(b\"}", TRIT_EUNSUPPORTED, "without its end" },
    { "{\"pattern\": \"a$b\"}", TRIT_EUNSUPPORTED, "pattern" },
    { "{\"pattern\": \"\\\\bab\"}", TRIT_EUNSUPPORTED, "escape" },
    { "{\"pattern\": \"a{3,1}\"}", TRIT_EUNSUPPORTED, "number of times" },
    { "{\"pattern\": \"(((((a{999}){999}){999}){999}){999})\"}", TRIT_EARGUMENT, "too large" },
    { "{\"pattern\": \"a\", \"maxLength\": 3}", TRIT_EUNSUPPORTED, "more than one" },
    { "{\"minLength\": 3, \"maxLength\": 2}", TRIT_EARGUMENT, "minLength" },
    { "{\"maxLength\": 1e9}", TRIT_EARGUMENT, "too large" },
    { "{\"maxItems\": -1, \"items\": {}}", TRIT_EARGUMENT, "maxItems" },
    { "{\"minItems\": 2, \"maxItems\": 1}", TRIT_EARGUMENT, "minItems" },
    { "{\"items\": [{}]}", TRIT_EUNSUPPORTED, "items" },
    { "{\"uniqueItems\": true}", TRIT_EUNSUPPORTED, "uniqueItems" },
    { "{\"type\": \"number\", \"minimum\": 0.5}", TRIT_EUNSUPPORTED, "minimum" },
    { "{\"type\": \"integer\", \"minimum\": 2, \"maximum\": 1}", TRIT_EARGUMENT, "bounds" },
    { "{\"allOf\": [{\"type\": \"string\"}, {\"type\": \"string\"}]}", TRIT_EUNSUPPORTED, "allOf" },
    { "{\"properties\": []}", TRIT_EARGUMENT, "properties" },
    { "{\"required\": [1]}", TRIT_EARGUMENT, "required" },
};

static void what_is_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct trit_grammar *grammar;
        struct trit_error error = { 0 };
        json_t *schema = trit_grammar_parse(refused[i].schema);
        const enum trit_code code = trit_grammar_schema(&grammar, schema, NULL, &error);
        if (code != refused[i].code || !strstr(error.text, refused[i].named))
            fail_msg("%s: %d, %s", refused[i].schema, (int)code, error.text);
        assert_null(grammar);
        json_decref(schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_schemas),
        cmocka_unit_test(depth_has_a_bound),
        cmocka_unit_test(strings_at_the_bound),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, trit_grammar_set_up, trit_grammar_tear_down);
}

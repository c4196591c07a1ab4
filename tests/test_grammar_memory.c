/* wraps: malloc calloc realloc aligned_alloc strdup strndup mmap
   Do grammars, vocabularies and matchers say so, and leave nothing behind, whichever allocation
   fails; and does a text go on afterwards as if nothing had been? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lib_grammar.h"
#include "tests/lib_memory.h"

enum { MOST = 4000 };

static const char schema_text[] =
    "{\"properties\": {\"a\": {\"type\": \"string\", \"maxLength\": 3}, \"b\": {\"anyOf\": "
    "[{\"$ref\": \"#\"}, {\"pattern\": \"^[a-z]+$\"}, {\"enum\": [[1], \"x\", 0.1]}]}}, "
    "\"required\": [\"a\"], \"additionalProperties\": {\"type\": \"integer\", \"minimum\": 12}}";
static const char text[] = "{\"a\": \"ab\", \"b\": {\"a\":\"\",\"b\":[1]},\n \"c\": 12}";

static void grammars(void **unused)
{
    (void)unused;
    json_t *schema = trit_grammar_parse(schema_text),
           *tools = json_pack("[{s:{s:s, s:O}}]", "function", "name", "f", "parameters", schema);
    const struct trit_call_rules rules = { .form = TRIT_CALLS_JSON, .tools = tools };
    for (size_t calls = 0; calls < 2; calls++)
        for (size_t at = 0;; at++) {
            struct trit_grammar *grammar;
            struct trit_error error;
            trit_memory_deny(at, false);
            const enum trit_code code = calls ? trit_grammar_calls(&grammar, &rules, NULL, &error)
                                              : trit_grammar_schema(&grammar, schema, NULL, &error);
            const size_t denied = trit_memory_grant();
            trit_grammar_free(grammar);
            assert_int_equal(code, denied ? TRIT_EMEMORY : TRIT_OK);
            assert_true(at < MOST);
            if (!denied)
                break;
        }
    json_decref(tools);
    json_decref(schema);
}

static void vocabularies(void **unused)
{
    (void)unused;
    for (size_t at = 0;; at++) {
        struct trit_vocabulary *vocabulary;
        trit_memory_deny(at, false);
        const enum trit_code code =
            trit_vocabulary_create(&vocabulary, trit_grammar_tokenizer, NULL);
        const size_t denied = trit_memory_grant();
        trit_vocabulary_free(vocabulary);
        assert_int_equal(code, denied ? TRIT_EMEMORY : TRIT_OK);
        if (!denied)
            break;
    }
}

/* The text with allocation `at` failing; whether none did. */
static bool one_text(const struct trit_grammar *grammar, size_t at)
{
    struct trit_matcher *m;
    bool all = true;
    trit_memory_deny(at, false);
    if (trit_matcher_create(&m, grammar, trit_grammar_vocabulary, NULL)) {
        assert_null(m);
        return trit_memory_grant() == 0;
    }
    for (const char *c = text; *c; c++) {
        const uint32_t *mask = trit_matcher_mask(m);
        if (!mask || !trit_matcher_accept(m, (uint8_t)*c)) {
            assert_true(trit_memory_grant() > 0);
            all = false;
            mask = trit_matcher_mask(m);
            assert_true(trit_grammar_has(mask, (uint8_t)*c));
            assert_true(trit_matcher_accept(m, (uint8_t)*c));
        }
    }
    all = trit_memory_grant() == 0 && all;
    assert_true(trit_matcher_complete(m));
    trit_matcher_free(m);
    return all;
}

static void matchers(void **unused)
{
    (void)unused;
    struct trit_grammar *grammar = trit_grammar_of(schema_text);
    size_t at = 0;
    while (!one_text(grammar, at) && at < MOST)
        at++;
    assert_true(at > 10 && at < MOST);
    trit_grammar_free(grammar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammars),
        cmocka_unit_test(vocabularies),
        cmocka_unit_test(matchers),
    };
    return cmocka_run_group_tests(tests, trit_grammar_set_up, trit_grammar_tear_down);
}

/* Does a template that asks for too much end in an error, and one in Jinja's subset in its text? */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/chat/jinja.h"

static enum trit_code run(struct trit_text source, const json_t *x, struct trit_error *error)
{
    struct trit_jinja *jinja;
    struct trit_jinja_output out;
    const struct trit_jinja_variable variable = { "x", x, true };
    const struct trit_jinja_render with = { &variable, x != NULL, 0 };
    enum trit_code code = trit_jinja_compile(&jinja, source, error);
    if (code)
        return code;
    code = trit_jinja_render(jinja, &with, &out, error);
    if (!code) {
        free(out.text);
        free(out.given);
    }
    trit_jinja_free(jinja);
    return code;
}

static void refused(const char *source, enum trit_code want, const char *says)
{
    struct trit_error error;
    assert_int_equal(run((struct trit_text){ source, strlen(source) }, NULL, &error), want);
    if (!strstr(error.text, says))
        fail_msg("'%s' lacks '%s'", error.text, says);
}

static void test_endless_work_ends(void **state)
{
    (void)state;
    static const struct {
        const char *source, *says;
    } rows[] = {
        { "{% for i in range(1000000000) %}{% endfor %}", "line 1: " },
        { "{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}"
          "{% endfor %}",
          "line 1: " },
        { "{{ 'abcdefgh' * 100000000 }}", "line 1: " },
        { "\n{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "line 2: deeper" },
        { "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", "deeper" },
        { "{% set l = [] %}{% set _ = l.append(l) %}{{ l | tojson }}", "deeper" },
        { "{% set l = [] %}{% set m = [l] %}{% set _ = l.append(m) %}{{ l == m }}", "deeper" },
        { "{% set n = namespace(l=[0]) %}{% for i in range(99) %}{% set n.l = n.l + n.l %}"
          "{% endfor %}",
          "line 1: " },
        { "{% for a in range(3000) %}{% for b in range(3000) %}{% for c in range(3000) %}"
          "{{ a }}{% endfor %}{% endfor %}{% endfor %}",
          "line 1: " },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(rows[i].source, TRIT_EUNSUPPORTED, rows[i].says);
}

/* N times first, then the middle, then N times last. */
static void test_nesting(const char *first, const char *middle, const char *last)
{
    enum { N = 100000 };
    size_t a = strlen(first), m = strlen(middle), b = strlen(last), n = 0;
    char *s = malloc(N * (a + b) + m + 1);
    struct trit_error error;
    for (size_t i = 0; i < N; i++, n += a)
        memcpy(s + n, first, a);
    memcpy(s + n, middle, m);
    n += m;
    for (size_t i = 0; i < N; i++, n += b)
        memcpy(s + n, last, b);
    n = n < TRIT_JINJA_TEXT ? n : TRIT_JINJA_TEXT;
    assert_int_equal(run((struct trit_text){ s, n }, NULL, &error), TRIT_EUNSUPPORTED);
    free(s);
}

static void test_nested_deeply(void **state)
{
    (void)state;
    test_nesting("{{ (", "1", "");
    char *s = malloc(100004);
    static const char *const opens[] = { "(",    "[",  "{",       "-",
                                         "not ", "x[", "x(",      "1 if 1 else ",
                                         "x.y",  "1~", "x is eq(" };
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        struct trit_error error;
        size_t n = 0, k = strlen(opens[i]);
        n += (size_t)(stpcpy(s, "{{ ") - s);
        for (; n + k < 100000; n += k)
            memcpy(s + n, opens[i], k);
        memcpy(s + n, "1}}", 4);
        enum trit_code code = run((struct trit_text){ s, n + 3 }, NULL, &error);
        assert_true(code == TRIT_EUNSUPPORTED || code == TRIT_EARGUMENT);
    }
    free(s);
    test_nesting("{% if 1 %}", "", "{% endif %}");
    test_nesting("{% for i in [1] %}", "", "{% endfor %}");
}

static void test_sizes(void **state)
{
    (void)state;
    struct trit_error error;
    char *s = malloc(TRIT_JINJA_TEXT + 1);
    memset(s, 'a', TRIT_JINJA_TEXT + 1);
    assert_int_equal(run((struct trit_text){ s, TRIT_JINJA_TEXT }, NULL, &error), TRIT_OK);
    assert_int_equal(run((struct trit_text){ s, TRIT_JINJA_TEXT + 1 }, NULL, &error),
                     TRIT_EUNSUPPORTED);
    s[5] = (char)0xff;
    assert_int_equal(run((struct trit_text){ s, 10 }, NULL, &error), TRIT_EUNSUPPORTED);
    free(s);
}

static void test_deep_variable(void **state)
{
    (void)state;
    struct trit_error error;
    json_t *x = json_array();
    for (int i = 0; i < 1000; i++)
        x = json_pack("[o]", x);
    assert_int_equal(run((struct trit_text){ "x", 1 }, x, &error), TRIT_EUNSUPPORTED);
    json_decref(x);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    refused("\n\n{% include 'x' %}", TRIT_EUNSUPPORTED, "line 3: 'include'");
    refused("{{ 1 | nosuch }}", TRIT_EUNSUPPORTED, "no filter 'nosuch'");
    refused("{{ 1 is nosuch }}", TRIT_EUNSUPPORTED, "no test 'nosuch'");
    refused("{{ strftime_now('%d') }}", TRIT_EARGUMENT, "'strftime_now' is undefined");
    refused("{{ raise_exception('only ' ~ 1) }}", TRIT_EARGUMENT, "only 1");
    refused("{{ x.y.z }}", TRIT_EARGUMENT, "'x' is undefined");
    refused("{{ 9223372036854775807 + 1 }}", TRIT_EARGUMENT, "64 bits");
    refused("{{ (-9223372036854775807 - 1) // -1 }}", TRIT_EARGUMENT, "64 bits");
}

/* A macro that outlives the block that it was made in. */
static void test_kept_macro(void **state)
{
    (void)state;
    static const char source[] =
        "{% set n = namespace() %}{% set s %}{% set v = 1 %}{% macro f() %}{{ v }}{% endmacro %}"
        "{% set n.f = f %}{% endset %}{{ n.f() }}";
    struct trit_error error;
    assert_int_equal(run((struct trit_text){ source, strlen(source) }, NULL, &error), TRIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endless_work_ends),
        cmocka_unit_test(test_nested_deeply),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_deep_variable),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_kept_macro),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

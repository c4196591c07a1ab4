/* Does any string of bytes become valid JSON text, with U+FFFD for each byte that is not UTF-8? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "runtime/cli/json.h"

static void text_is(const char *bytes, size_t n, const char *expected)
{
    json_t *json = trit_json_text((struct trit_text){ bytes, n });
    assert_non_null(json);
    assert_int_equal(json_string_length(json), strlen(expected));
    assert_string_equal(json_string_value(json), expected);
    json_decref(json);
}

static void keeps_utf8(void **state)
{
    (void)state;
    text_is("", 0, "");
    text_is(NULL, 0, "");
    text_is("plain", 5, "plain");
    text_is("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void replaces_the_rest(void **state)
{
    (void)state;
    text_is("a\xff", 2, "a\xef\xbf\xbd");
    text_is("\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd");
    text_is("\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd");
    text_is("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void keeps_nul(void **state)
{
    (void)state;
    json_t *json = trit_json_text((struct trit_text){ "a\0b", 3 });
    assert_int_equal(json_string_length(json), 3);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_utf8),
        cmocka_unit_test(replaces_the_rest),
        cmocka_unit_test(keeps_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Is only what may be asked asked, and does the token go home only? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "runtime/hub/internal.h"

static struct trit_hub open_hub(const char *endpoint)
{
    struct trit_hub hub = { 0 };
    struct trit_error error;
    setenv("HF_ENDPOINT", endpoint, 1);
    if (trit_hub_open(&hub, &error))
        fail_msg("%s: %s", endpoint, error.text);
    return hub;
}

static void asks_only_what_it_may(void **state)
{
    (void)state;
    struct trit_hub safe = open_hub("https://hub.example/"), plain = open_hub("http://hub.example");
    static const struct {
        const char *url;
        bool safe, plain;
    } urls[] = {
        { "https://elsewhere.example/x", true, true },
        { "http://elsewhere.example/x", false, true },
        { "http://127.0.0.1:8080/x", true, true },
        { "http://localhost/x", true, true },
        { "http://[::1]:1/x", true, true },
        { "http://localhost.example/x", false, true },
        { "http://127.0.0.1.example/x", false, true },
        { "https://user:secret@hub.example/x", false, false },
        { "file:///etc/passwd", false, false },
        { "ftp://hub.example/x", false, false },
        { "//hub.example/x", false, false },
        { "https://hub.example/\033[2J", false, false },
        { "", false, false },
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        if (trit_hub_may_ask(&safe, urls[i].url) != urls[i].safe ||
            trit_hub_may_ask(&plain, urls[i].url) != urls[i].plain)
            fail_msg("%s", urls[i].url);
    trit_hub_close(&safe);
    trit_hub_close(&plain);
}

static void token_goes_home(void **state)
{
    (void)state;
    struct trit_hub hub = open_hub("https://hub.example/mirror");
    static const struct {
        const char *url;
        bool home;
    } urls[] = {
        { "https://hub.example/x", true },
        { "https://HUB.example:443/x", true },
        { "http://hub.example/x", false },
        { "https://hub.example:444/x", false },
        { "https://hub.example.evil/x", false },
        { "https://cdn.hub.example/x", false },
        { "https://hub.example@evil.example/x", false },
        { "https://evil.example/https://hub.example/", false },
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        if (trit_hub_is_home(&hub, urls[i].url) != urls[i].home)
            fail_msg("%s", urls[i].url);
    trit_hub_close(&hub);
}

static void escapes(void **state)
{
    (void)state;
    char out[32], text[] = "a\033[\xc3\xa9";
    assert_true(trit_hub_escape("a b/c?d#e%", out, sizeof out));
    assert_string_equal(out, "a%20b/c%3Fd%23e%25");
    assert_false(trit_hub_escape("0123456789012345678901234567890123", out, sizeof out));
    assert_string_equal(trit_hub_printable(text), "a?[??");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(asks_only_what_it_may),
                                        cmocka_unit_test(token_goes_home),
                                        cmocka_unit_test(escapes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

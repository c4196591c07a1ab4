/* Does streamed text come whole, and never with half a character, wherever its bytes are cut? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/base/utf8.h"
#include "runtime/text/tokenizer.h"

/* Feeds text in three parts: the output never ends within a character, and is the text. */
static void assert_streams(const char *text, size_t n, size_t first, size_t second, bool valid)
{
    char out[128];
    size_t cuts[] = { 0, first, second, n }, written = 0;
    struct trit_utf8_stream stream = { 0 };
    for (int i = 0; i < 3; i++) {
        struct trit_text part = { text + cuts[i], cuts[i + 1] - cuts[i] };
        size_t got = trit_utf8_feed(&stream, part, out + written);
        assert_true(got <= part.n + 3 && stream.n <= 3);
        written += got;
        if (valid)
            assert_int_equal(trit_utf8_valid(out, written), written);
    }
    written += trit_utf8_flush(&stream, out + written);
    assert_int_equal(written, n);
    assert_memory_equal(out, text, n);
    assert_int_equal(stream.n, 0);
}

static void streams_show_whole_characters(void **state)
{
    (void)state;
    static const char text[] =
        "a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x81 \xe2\x80\x8d\xf4\x8f\xbf\xbf\xed\x9f\xbfz";
    static const char wild[] =
        "\xf0\x9f\x98 \xe4\xb8\xf0\x9f\xc3\xc3\xa9\xff\xed\xa0\x80\xf4\x90\x80\x80\xc0\x80\xe0\x80";
    for (size_t first = 0; first < sizeof text; first++)
        for (size_t second = first; second < sizeof text; second++)
            assert_streams(text, sizeof text - 1, first,
                           second < sizeof text - 1 ? second : sizeof text - 1, true);
    for (size_t first = 0; first < sizeof wild - 1; first++)
        for (size_t second = first; second < sizeof wild; second++)
            assert_streams(wild, sizeof wild - 1, first,
                           second < sizeof wild - 1 ? second : sizeof wild - 1, false);
}

/* A byte that cannot continue what is held shows at once, and what it begins is held. */
static void streams_hold_no_longer_than_needed(void **state)
{
    (void)state;
    struct trit_utf8_stream stream = { 0 };
    char out[16];
    assert_int_equal(trit_utf8_feed(&stream, (struct trit_text){ "\xf0\x9f", 2 }, out), 0);
    assert_int_equal(trit_utf8_feed(&stream, (struct trit_text){ "\xe4", 1 }, out), 2);
    assert_memory_equal(out, "\xf0\x9f", 2);
    assert_int_equal(trit_utf8_feed(&stream, (struct trit_text){ "\xb8\xad", 2 }, out), 3);
    assert_int_equal(trit_utf8_feed(&stream, (struct trit_text){ "\xff", 1 }, out), 1);
    assert_int_equal(trit_utf8_feed(&stream, (struct trit_text){ "\xed\xa0", 2 }, out),
                     2); /* a surrogate */
    assert_int_equal(trit_utf8_flush(&stream, out), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_show_whole_characters),
        cmocka_unit_test(streams_hold_no_longer_than_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

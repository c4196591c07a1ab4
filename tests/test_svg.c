/* Is every text escaped so that XML holds it, and do axes have round marks in their range? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/compare/svg.h"

static void check_escape(const char *text, const char *want)
{
    char *got;
    size_t n;
    FILE *to = open_memstream(&got, &n);
    assert_non_null(to);
    trit_svg_escape(to, text);
    fclose(to);
    assert_string_equal(got, want);
    free(got);
}

static void escapes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "", "" },
        { "plain text, 1 < 2", "plain text, 1 &lt; 2" },
        { "<a href=\"x\">&'</a>", "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;" },
        { "</svg><script>", "&lt;/svg&gt;&lt;script&gt;" },
        { "µ ± € 😁", "µ ± € 😁" },
        { "a\x01\x1f\x7f", "a\xef\xbf\xbd\xef\xbf\xbd\x7f" },
        { "tab\tline\n", "tab\tline\n" },
        { "\x80\xff", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xc3", "\xef\xbf\xbd" },
        { "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },                 /* overlong */
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
        { "\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* U+FFFF */
        { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_escape(cases[i][0], cases[i][1]);
}

static void maps(void **state)
{
    (void)state;
    struct trit_axis linear = { 0, 10, 100, 200, false }, logarithmic = { 1, 100, 400, 0, true };
    assert_true(fabs(trit_axis_at(&linear, 5) - 150) < 1e-9);
    assert_true(fabs(trit_axis_at(&logarithmic, 10) - 200) < 1e-9);
    assert_true(fabs(trit_axis_at(&logarithmic, 1) - 400) < 1e-9);
}

static void check_ticks(const struct trit_axis *axis)
{
    double ticks[16];
    size_t n = trit_axis_ticks(axis, ticks, 16);
    assert_true(n >= 2 && n <= 16);
    for (size_t i = 0; i < n; i++) {
        double digit = ticks[i] / pow(10, floor(log10(ticks[i] > 0 ? ticks[i] : 1) + 1e-9));
        assert_true(ticks[i] >= axis->low * 0.99 && ticks[i] <= axis->high * 1.01);
        assert_true(i == 0 || ticks[i] > ticks[i - 1]);
        assert_true(!axis->log || fabs(digit - 1) < 1e-6 || fabs(digit - 2) < 1e-6 ||
                    fabs(digit - 5) < 1e-6);
    }
}

static void marks(void **state)
{
    (void)state;
    static const struct trit_axis axes[] = {
        { 0, 1, 0, 1, false },         { 0, 97, 0, 1, false },     { 0, 1e-3, 0, 1, false },
        { 0, 123456789, 0, 1, false }, { 1, 40, 0, 1, true },      { 0.3, 700, 0, 1, true },
        { 1e-3, 1e6, 0, 1, true },     { 0.011, 0.3, 0, 1, true },
    };
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++)
        check_ticks(&axes[i]);
    double none[4];
    assert_int_equal(trit_axis_ticks(&(struct trit_axis){ 1, 1, 0, 1, false }, none, 4), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(maps),
        cmocka_unit_test(marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

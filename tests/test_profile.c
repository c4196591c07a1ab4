/* Is every way in which a profile can be malformed refused, with its line? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/plan/profile.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROW(n, k, threads, phase, packing, kernel)                                          \
    "plan n " n " k " k " threads " threads " phase " phase " packing " packing             \
    " act i8 tokens 4 kernel " kernel " hash 0123456789abcdef mc 0 nc 64 median_us 12.500 " \
    "spread_us 0.250\n"
#define GEMV "trit_gemv_t2_i8_1x8x16__c"
#define GEMM "trit_gemm_t2_i8_2x8x16__c"

static const char good[] = "tritmill-profile 1\n"
                           "cpu GenuineExample 1/2/3 Example CPU \xc3\xa9\n"
                           "caches 1 2 3\n"
                           "isas c avx2\n"
                           "kernels 0011223344556677\n"
                           "compiler GNU 12.2.0\n"
                           "made 2026-01-31T23:59:59Z\n"
                           "conditions two threads, weights cold\n"
                           "limit threads 1 read_gbs 10.000 int8_gmacs 100.000\n"
                           "limit threads 2 read_gbs 0.000 int8_gmacs 0.000\n"
                           "library file tritmill-0123.so sha256 " SHA "\n" /* line 11 */
    ROW("100", "70", "1", "decode", "t2", GEMV)                             /* line 12 */
    ROW("100", "70", "1", "prefill", "t2", GEMM)                            /* line 13 */
    ROW("100", "70", "2", "decode", "t2", GEMV)                             /* line 14 */
    "end\n";

/* Parses text with the first `from` replaced by `to`; the text of the error, "" where there is
   none. */
static const char *parse_changed(const char *from, const char *to)
{
    static struct trit_error error;
    static char text[1 << 16];
    const char *at = strstr(good, from);
    assert_non_null(at);
    const int n =
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    struct trit_profile *profile;
    error = (struct trit_error){ 0 };
    const enum trit_code code = trit_profile_parse(&profile, "p", text, (size_t)n, &error);
    assert_int_equal(code != TRIT_OK, *error.text != 0);
    assert_int_equal(code != TRIT_OK, profile == NULL);
    trit_profile_free(profile);
    return error.text;
}

/* The whole file is ignored, with a line that says where and what. */
static const struct {
    const char *from, *to, *says;
} faults[] = {
    { "tritmill-profile 1", "{\"profile\":1}", "p: is no profile" },
    { "tritmill-profile 1", "\xef\xbb\xbftritmill-profile 1", "p: is no profile" },
    { "tritmill-profile 1", "tritmill-profile 2",
      "line 1: format 2, this program knows 1: it needs" },
    { "tritmill-profile 1", "tritmill-profile 0", "line 1: format 0, this program knows 1: tune" },
    { "tritmill-profile 1", "tritmill-profile 99999999999999999999", "line 1: '9999" },
    { "tritmill-profile 1", "tritmill-profile 1.0", "line 1: '1.0' is no format" },
    { "tritmill-profile 1", "tritmill-profile -1", "is no format" },
    { "tritmill-profile 1", "tritmill-profile ", "is no format" },
    { "caches 1 2 3\n", "", "line 3: expected 'caches'" },
    { "caches 1 2 3\n", "caches 1 2 3\ncaches 1 2 3\n", "line 4: expected 'isas'" },
    { "caches 1 2 3\n", "caches 1 2 3\r\n", "line 3: byte 13 is 0x0d" },
    { "caches 1 2 3", "caches", "line 3: expected 'caches'" },
    { "caches 1 2 3", "caches ", "line 3: 'caches' must have a text" },
    { "caches 1 2 3", "caches  1", "line 3: 'caches' must have a text" },
    { "caches 1 2 3", "caches 1 ", "line 3: 'caches' must have a text" },
    { "caches 1 2 3", "caches 11111111111111111111111111111111111111111111111111111111111111111",
      "line 3: 'caches' is longer than 63 bytes" },
    { "\xc3\xa9", "\xc3", "line 2: byte 38 is 0xc3, which is not UTF-8" },
    { "\xc3\xa9", "\xff\xfe", "line 2: byte 38 is 0xff" },
    { "\xc3\xa9", "\x1b[2J", "line 2: byte 38 is 0x1b" },
    { "made 2026-01-31T23:59:59Z", "made yesterday", "'made yesterday' is no date" },
    { "made 2026-01-31T23:59:59Z", "made 2026-01-31T23:59:59Z+1", "is no date" },
    { "limit threads 2", "limit threads 1", "line 10: limits for 1 threads were there" },
    { "limit threads 2", "limit threads 0", "line 10: threads 0 is out of range: 1 to 512" },
    { "limit threads 2", "limit threads -2", "line 10: threads '-2' is no number" },
    { "limit threads 2", "limit threads 2.5", "line 10: threads '2.5' is no number" },
    { "limit threads 2", "limit  threads 2", "line 10: limit: expected 'threads', found ''" },
    { "read_gbs 10.000", "read_gbs nan", "line 9: read_gbs 'nan' is no number" },
    { "read_gbs 10.000", "read_gbs inf", "no number" },
    { "read_gbs 10.000", "read_gbs 1e3", "no number" },
    { "read_gbs 10.000", "read_gbs 0x1p3", "no number" },
    { "read_gbs 10.000", "read_gbs 10,000", "no number" },
    { "read_gbs 10.000", "read_gbs .5", "no number" },
    { "read_gbs 10.000", "read_gbs 5.", "no number" },
    { "read_gbs 10.000", "read_gbs +5", "no number" },
    { "read_gbs 10.000", "read_gbs 999999999999", "out of range" },
    { "read_gbs 10.000", "read_gbs 9999999999999999999999999999", "no number" },
    { "tritmill-0123.so", "../tritmill.so", "line 11: library '../tritmill.so' must be a plain" },
    { "tritmill-0123.so", "/lib/libc.so.6", "plain name" },
    { "tritmill-0123.so", "..", "plain name" },
    { "tritmill-0123.so", ".hidden.so", "plain name" },
    { "tritmill-0123.so", "a\\b", "plain name" },
    { SHA, "0123", "line 11: sha256 is not 64" },
    { SHA, "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "not 64 hex" },
    { SHA, SHA "0", "longer than 64 bytes" },
    { "plan n 100 k 70 threads 2",
      "library file tritmill-0123.so sha256 " SHA "\nplan n 100 k 70 threads 2",
      "line 14: library 'tritmill-0123.so' was there" },
    { "plan n 100 k 70 threads 2", "plan n 100 k 70 threads 1",
      "line 14: is about the same matrix, threads and phase as line 12" },
    { "phase prefill packing t2 act i8 tokens 4 kernel trit_gemm_t2",
      "phase prefill packing t5 act i8 tokens 4 kernel trit_gemm_t5",
      "line 13: has another packing than line 12" },
    { "trit_gemm_t2_i8_2x8x16__c", "trit_gemm_t2_i8_2x16x16__c", "line 13: has another packing" },
    { "trit_gemm_t2_i8_2x8x16__c", "trit_gemm_t2_i8_2x8x20__c", "line 13: has another packing" },
    { "trit_gemm_t2_i8_2x8x16__c", "trit_gemv_t2_i8_2x8x16__c", "is no gemm kernel of packing t2" },
    { "trit_gemm_t2_i8_2x8x16__c", "trit_gemm_t2_i8_0x8x16__c", "is no gemm" },
    { "trit_gemm_t2_i8_2x8x16__c", "trit_gemm_t2_i8_2x8x99999__c", "is no gemm" },
    { "trit_gemm_t2_i8_2x8x16__c", "trit_gemm_t2_i8_2x8x16__", "is no gemm" },
    { "trit_gemm_t2_i8_2x8x16__c", "trit_gemm_t2_i8_2x8x16", "is no gemm" },
    { "trit_gemm_t2_i8_2x8x16__c", "trit_gemm_t2_i8_2x8x16__c/../..", "is no gemm" },
    { "trit_gemm_t2_i8_2x8x16__c", "", "line 13: kernel is empty" },
    { "plan n 100", "plan n 0", "line 12: n 0 is out of range" },
    { "plan n 100", "plan n 4294967296", "n 4294967296 is out of range" },
    { "plan n 100", "plan n 18446744073709551617", "no number" },
    { "k 70", "k 4194305", "k 4194305 is out of range: 1 to 4194304" },
    { "threads 1 phase", "threads 513 phase", "threads 513 is out of range" },
    { "phase decode", "phase Decode", "phase 'Decode' is neither" },
    { "tokens 4", "tokens 0", "tokens 0 is out of range" },
    { "hash 0123456789abcdef", "hash 123456789abcdef", "hash '123456789abcdef' is not 16" },
    { "hash 0123456789abcdef", "hash 0x23456789abcdef", "is not 16 hex" },
    { "nc 64", "nc 99999999999", "out of range" },
    { "median_us 12.500", "median_us 0.000", "median_us 0.000 is out of range" },
    { "median_us 12.500", "median_us -12.5", "no number" },
    { "median_us 12.500", "median_us NaN", "no number" },
    { "median_us 12.500", "median_us 12.5e", "no number" },
    { "median_us 12.500", "time 12.500", "line 12: plan: expected 'median_us', found 'time'" },
    { " spread_us 0.250\n", "\n", "line 12: plan: 'spread_us' is missing at the end of the line" },
    { " 0.250\n", "\n", "line 12: plan: 'spread_us' is missing" },
    { "spread_us 0.250\n", "spread_us 0.250 x\n", "line 12: plan: 'x' is too much" },
    { "spread_us 0.250\n", "spread_us 0.250 \n", "line 12: plan: '' is too much" },
    { "plan n 100", "Plan n 100", "line 12: 'Plan' begins no line" },
    { "plan n 100", "\nplan n 100", "line 12: '' begins no line" },
    { "plan n 100", "# a note\nplan n 100", "line 12: '#' begins no line" },
    { "\nend\n", "\n", "line 15: the file ends without its last line" },
    { "\nend\n", "\nend", "line 15: the file is cut off here" },
    { "\nend\n", "\nend\n\n", "line 16: there is more after 'end'" },
    { "\nend\n", "\nend\nend\n", "line 16: there is more after 'end'" },
};

static void test_faults(void **state)
{
    (void)state;
    assert_string_equal(parse_changed("end", "end"), "");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const char *text = parse_changed(faults[i].from, faults[i].to);
        if (!strstr(text, faults[i].says))
            fail_msg("'%s' for '%s': \"%s\" instead of \"%s\"", faults[i].to, faults[i].from, text,
                     faults[i].says);
    }
}

/* Every beginning of a good file is refused, and a NUL byte anywhere. */
static void test_truncation(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof good - 1; n++) {
        char copy[sizeof good];
        struct trit_profile *profile;
        struct trit_error error = { 0 };
        memcpy(copy, good, sizeof copy);
        assert_int_not_equal(trit_profile_parse(&profile, "p", copy, n, &error), TRIT_OK);
        assert_null(profile);
        assert_true(*error.text);
        copy[n] = 0;
        assert_int_not_equal(trit_profile_parse(&profile, "p", copy, sizeof copy - 1, &error),
                             TRIT_OK);
    }
}

/* Fields of a mebibyte, and a line of digits. */
static void test_huge_fields(void **state)
{
    (void)state;
    enum { MANY = 1 << 20 };
    char *text = malloc(MANY + sizeof good);
    const char *cuts[] = {
        "Example", "1 2 3", "12.500", "GNU", "tritmill-0123.so", GEMV, "1\ncpu"
    };
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        const size_t at = (size_t)(strstr(good, cuts[i]) - good);
        memcpy(text, good, at);
        memset(text + at, '7', MANY);
        memcpy(text + at + MANY, good + at, sizeof good - at);
        struct trit_profile *profile;
        struct trit_error error;
        assert_int_equal(trit_profile_parse(&profile, "p", text, MANY + sizeof good - 1, &error),
                         TRIT_EFORMAT);
        assert_non_null(strstr(error.text, "is longer than 2047 bytes"));
    }
    free(text);
}

static struct trit_profile *parse(const char *text)
{
    struct trit_profile *profile;
    struct trit_error error = { 0 };
    if (trit_profile_parse(&profile, "p", text, strlen(text), &error))
        fail_msg("%s", error.text);
    return profile;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct trit_profile *p = parse(good);
    assert_int_equal(p->nrows, 3);
    struct trit_profile_row like = {
        .n = 100, .k = 70, .threads = 1, .phase = TRIT_PREFILL, .packing = "t5"
    };
    const struct trit_profile_row *row = trit_profile_row(p, &like);
    assert_non_null(row);
    assert_string_equal(row->kernel, GEMM);
    assert_int_equal(row->line, 13);
    assert_int_equal(row->nc, 64);
    assert_true(row->median_ns == 12500 && row->spread_ns == 250);
    assert_true(row->hash == 0x0123456789abcdef);
    like.k = 71;
    assert_null(trit_profile_row(p, &like));
    assert_true(trit_profile_share(p, row) > 0.0223 && trit_profile_share(p, row) < 0.0225);
    char *text;
    size_t bytes;
    assert_int_equal(trit_profile_print(p, &text, &bytes, NULL), TRIT_OK);
    assert_string_equal(text, good);
    free(text);
    trit_profile_free(p);
}

/* Rows in any order come out sorted; put replaces what is there. */
static void test_order(void **state)
{
    (void)state;
    struct trit_profile *p;
    assert_int_equal(trit_profile_create(&p, NULL), TRIT_OK);
    uint32_t seed = 7;
    for (int i = 0; i < 500; i++) {
        seed = seed * 1664525 + 1013904223;
        struct trit_profile_row row = { .packing = "t2",
                                        .act = "i8",
                                        .phase = seed >> 30 & 1,
                                        .n = 1 + (seed >> 8) % 7,
                                        .k = 1 + (seed >> 16) % 5,
                                        .threads = 1 + (int)((seed >> 24) % 3),
                                        .tokens = 1,
                                        .median_ns = i + 1 };
        snprintf(row.kernel, sizeof row.kernel, "%s", row.phase ? GEMM : GEMV);
        assert_int_equal(trit_profile_put(p, &row, NULL), TRIT_OK);
        const struct trit_profile_row *found = trit_profile_row(p, &row);
        assert_true(found && found->median_ns == i + 1);
    }
    assert_true(p->nrows <= 7 * 5 * 3 * 2);
    snprintf(p->conditions, sizeof p->conditions, " two\n lines \xff\t");
    char *text;
    size_t bytes;
    struct trit_error error = { 0 };
    if (trit_profile_print(p, &text, &bytes, &error))
        fail_msg("%s", error.text);
    assert_non_null(strstr(text, "\nconditions two lines ?\n"));
    struct trit_profile *back = parse(text);
    assert_int_equal(back->nrows, p->nrows);
    for (size_t i = 0; i < p->nrows; i++)
        assert_true(back->rows[i].median_ns == p->rows[i].median_ns);
    trit_profile_free(back);
    p->rows[0].median_ns = 0; /* could not be read back: is not written */
    free(text);
    assert_int_equal(trit_profile_print(p, &text, &bytes, &error), TRIT_EARGUMENT);
    assert_null(text);
    trit_profile_free(p);
}

#define GROUPED(packing, phase, op) \
    ROW("100", "256", "1", phase, packing, "trit_" op "_" packing "_i8_2x8x256__c")

/* Of one matrix, with the form that their packings take. */
static void test_forms(void **state)
{
    (void)state;
    const char *two = GROUPED("t5g", "prefill", "gemm") GROUPED("t2g", "decode", "gemv");
    char text[4096];
    snprintf(text, sizeof text, "\n%s%send\n", two, GROUPED("t5g", "decode", "gemv"));
    assert_string_equal(parse_changed("\nend\n", text), "");
    snprintf(text, sizeof text, "\n%s%send\n", two, GROUPED("v5g", "decode", "gemv"));
    assert_non_null(strstr(parse_changed("\nend\n", text), "has another packing than line 15"));
    snprintf(text, sizeof text, "\n%s%send\n", two, GROUPED("t2g", "decode", "gemv"));
    assert_non_null(strstr(parse_changed("\nend\n", text), "line 17: is about the same matrix"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),      cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_huge_fields), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_order),       cmocka_unit_test(test_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

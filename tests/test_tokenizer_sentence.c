/* Does a SentencePiece vocabulary give the tokens that its rules name, and does text come back? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib_vocabulary.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define SPACE    "\xe2\x96\x81"

static struct trit_words words;

static struct trit_tokenizer *load(void)
{
    struct trit_tokenizer *t = NULL;
    struct trit_error error = { 0 };
    if (trit_vocabulary_load(&words, &t, &error))
        fail_msg("%s", error.text);
    return t;
}

static void assert_ids(const struct trit_tokenizer *t, struct trit_text text, bool special,
                       const int32_t *expected, size_t nexpected)
{
    struct trit_error error = { 0 };
    int32_t *ids;
    size_t n;
    if (trit_tokenizer_encode(t, text, special, &ids, &n, &error))
        fail_msg("%s", error.text);
    assert_int_equal(n, nexpected);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(ids[i], expected[i]);
    free(ids);
}
#define ASSERT_IDS(t, text, special, ...)                               \
    assert_ids(t, (struct trit_text){ text, sizeof text - 1 }, special, \
               (const int32_t[]){ __VA_ARGS__ }, COUNT(((const int32_t[]){ __VA_ARGS__ })))

static void the_highest_score_is_merged_first(void **state)
{
    (void)state;
    trit_vocabulary_init_sentence(&words);
    words.prefix = 0;
    int32_t a = trit_vocabulary_score(&words, "a", -100);
    int32_t b = trit_vocabulary_score(&words, "b", -100);
    int32_t ab = trit_vocabulary_score(&words, "ab", -3);
    int32_t ba = trit_vocabulary_score(&words, "ba", 2.5f);
    int32_t aa = trit_vocabulary_score(&words, "aa", -INFINITY);
    int32_t bb = trit_vocabulary_score(&words, "bb", -3);
    int32_t abba = trit_vocabulary_score(&words, "abba", -9);
    struct trit_tokenizer *t = load();
    ASSERT_IDS(t, "ab", true, ab);
    ASSERT_IDS(t, "aba", true, a, ba);
    ASSERT_IDS(t, "abb", true, ab, b); /* equal scores: the leftmost */
    ASSERT_IDS(t, "bbb", true, bb, b);
    ASSERT_IDS(t, "aaab", true, aa, ab);
    ASSERT_IDS(t, "abba", true, abba); /* of "ab" and "ba", after a higher score */
    trit_tokenizer_free(t);
    words.scores[ab] = -0.0f; /* 0 and -0 are the same score */
    words.scores[bb] = 0;
    t = load();
    ASSERT_IDS(t, "abb", true, ab, b);
    ASSERT_IDS(t, "bbb", true, bb, b);
    trit_tokenizer_free(t);
}

/* "bc" and "abc" are tokens and "b" is none: neighbours are looked up by what they spell. */
static void what_is_no_token_may_be_part_of_one(void **state)
{
    (void)state;
    trit_vocabulary_init_sentence(&words);
    words.prefix = 0;
    int32_t bc = trit_vocabulary_score(&words, "bc", -1);
    int32_t abc = trit_vocabulary_score(&words, "abc", -2);
    struct trit_tokenizer *t = load();
    ASSERT_IDS(t, "abc", true, abc);
    ASSERT_IDS(t, "bcb", true, bc, 'b');
    trit_tokenizer_free(t);
}

static void spaces_come_first(void **state)
{
    (void)state;
    trit_vocabulary_init_sentence(&words);
    int32_t space = trit_vocabulary_score(&words, SPACE, -9);
    int32_t two = trit_vocabulary_score(&words, SPACE SPACE, -8);
    int32_t a = trit_vocabulary_score(&words, "a", -7);
    int32_t spaced = trit_vocabulary_score(&words, SPACE "a", -6);
    int32_t across = trit_vocabulary_score(&words, "a" SPACE "a", -1);
    int32_t end = trit_vocabulary_add(&words, "<e>", 3);
    trit_vocabulary_score(&words, " b", -0.5f); /* spelt as no text is */
    struct trit_tokenizer *t = load();
    assert_true(trit_tokenizer_prefixes(t));
    ASSERT_IDS(t, "a", true, spaced);
    ASSERT_IDS(t, "b", true, space, 'b');
    ASSERT_IDS(t, " a", true, space, spaced);
    ASSERT_IDS(t, "  ", true, two, space);
    ASSERT_IDS(t,
               "\xe2\x96\x81"
               "a",
               true, space, spaced); /* U+2581 is a space */
    ASSERT_IDS(t, "<e>a<e><e> b", true, end, spaced, end, end, two, 'b');
    ASSERT_IDS(t, "<e>", true, end);
    ASSERT_IDS(t, "aba", true, spaced, 'b', a);
    ASSERT_IDS(t, "ba a", true, space, 'b', across); /* a token goes across a space */
    assert_int_equal(trit_tokenizer_decode(t, spaced, false).n, 2);
    assert_memory_equal(trit_tokenizer_decode(t, across, false).s, "a a", 3);
    assert_int_equal(trit_tokenizer_piece(t, spaced).n, 4);
    int32_t *ids;
    size_t n;
    assert_int_equal(trit_tokenizer_encode(t, (struct trit_text){ "", 0 }, true, &ids, &n, NULL),
                     TRIT_OK);
    assert_int_equal(n, 0);
    free(ids);
    trit_tokenizer_free(t);
}

static void characters_fall_back_to_bytes(void **state)
{
    (void)state;
    trit_vocabulary_init_sentence(&words);
    words.prefix = 0;
    int32_t e = trit_vocabulary_score(&words, "\xc3\xa9", -1);
    struct trit_tokenizer *t = load();
    ASSERT_IDS(t, "\xc3\xa9\xc3\xa8\n", true, e, 0xc3, 0xa8, '\n');
    ASSERT_IDS(t, "\xf0\x9f\x98\x81", true, 0xf0, 0x9f, 0x98, 0x81);
    ASSERT_IDS(t, "\xc3\xff\xc3\xa9\xa9\0", true, 0xc3, 0xff, e, 0xa9, 0); /* not UTF-8 */
    ASSERT_IDS(t, "<0x41>", true, '<', '0', 'x', '4', '1', '>');           /* text, not the byte */
    assert_int_equal(*trit_tokenizer_decode(t, 0xff, false).s, '\xff');
    assert_int_equal(trit_tokenizer_decode(t, 0, false).n, 1);
    trit_tokenizer_free(t);
}

static void unknown_characters_are_one_token_in_a_row(void **state)
{
    (void)state;
    trit_vocabulary_init_sentence(&words);
    words.prefix = 0;
    words.tokens[0xa8] = (struct trit_text){ "no byte", 7 };
    words.types[0xa8] = 5;
    int32_t unknown = trit_vocabulary_add(&words, "<unk>", 2);
    struct trit_tokenizer *t = load();
    ASSERT_IDS(t,
               "\xc3\xa8\xc3\xa8"
               "a\xc3\xa8",
               true, unknown, 'a', unknown);
    ASSERT_IDS(t, "\xc3\xa9", true, 0xc3, 0xa9);
    assert_int_equal(trit_tokenizer_decode(t, unknown, false).n, 0);
    trit_tokenizer_free(t);
}

/* Gemma's runs of spaces are tokens of their own, and its </s> is HTML. */
static void users_tokens_are_found_first(void **state)
{
    (void)state;
    trit_vocabulary_init_sentence(&words);
    words.prefix = 0;
    int32_t space = trit_vocabulary_score(&words, SPACE, -9);
    int32_t spaced = trit_vocabulary_score(&words, SPACE "a", -1);
    int32_t two = trit_vocabulary_add(&words, "  ", 4);
    int32_t three = trit_vocabulary_add(&words, SPACE SPACE SPACE, 4);
    int32_t html = trit_vocabulary_add(&words, "</s>", 4);
    int32_t turn = trit_vocabulary_add(&words, "<end_of_turn>", 3);
    struct trit_tokenizer *t = load();
    ASSERT_IDS(t, "  a", false, two, 'a');
    ASSERT_IDS(t, " a ", false, spaced, space);
    ASSERT_IDS(t, "     a", false, three, two, 'a');
    ASSERT_IDS(t, "</s>", false, html);
    assert_false(trit_tokenizer_is_end(t, html) || trit_tokenizer_is_special(t, html));
    assert_true(trit_tokenizer_is_end(t, turn));
    assert_memory_equal(trit_tokenizer_decode(t, three, false).s, "   ", 3);
    trit_tokenizer_free(t);
}

/* Control tokens that others wrote are text, whatever can be merged. */
static void control_tokens_are_never_merged(void **state)
{
    (void)state;
    trit_vocabulary_init_sentence(&words);
    words.prefix = 0;
    trit_vocabulary_add(&words, "<s>", 3);
    trit_vocabulary_add(&words, "<u>", 4);
    trit_vocabulary_add(&words, "ab", 5);
    int32_t open = trit_vocabulary_score(&words, "<s", -1);
    struct trit_tokenizer *t = load();
    static const uint8_t given[] = { 1, 1, 1, 1, 1, 1 };
    int32_t *ids;
    size_t n;
    ASSERT_IDS(t, "<s>", false, open, '>');
    ASSERT_IDS(t, "ab", false, 'a', 'b');
    assert_int_equal(
        trit_tokenizer_encode_marked(t, (struct trit_text){ "<u><s>", 6 }, given, &ids, &n, NULL),
        TRIT_OK);
    const int32_t expected[] = { '<', 'u', '>', open, '>' };
    assert_int_equal(n, COUNT(expected));
    assert_memory_equal(ids, expected, sizeof expected);
    free(ids);
    trit_tokenizer_free(t);
}

static void begin_and_end_follow_the_keys(void **state)
{
    (void)state;
    trit_vocabulary_init_sentence(&words);
    words.bos = trit_vocabulary_add(&words, "<s>", 3);
    words.eos = trit_vocabulary_add(&words, "</s>", 3);
    struct trit_tokenizer *t = load();
    assert_true(trit_tokenizer_add_bos(t) && trit_tokenizer_lacks_bos(t, NULL, 0));
    assert_false(trit_tokenizer_add_eos(t));
    assert_int_equal(trit_tokenizer_eos(t), words.eos);
    assert_true(trit_tokenizer_is_end(t, (int32_t)words.eos));
    trit_tokenizer_free(t);
    words.add_bos = 0;
    words.add_eos = 1;
    t = load();
    assert_true(!trit_tokenizer_add_bos(t) && trit_tokenizer_add_eos(t));
    trit_tokenizer_free(t);
}

/* What is quadratic does not end within the test's time limit. */
static void long_runs_end(void **state)
{
    (void)state;
    static const char *const runs[] = { "a", " ", "\xff", "ab", "a ", "\xe4\xb8\xad" };
    enum { BYTES = 1 << 20 };
    static char ladder[12][2049];
    char *text = malloc(BYTES + 8);
    trit_vocabulary_init_sentence(&words);
    trit_vocabulary_score(&words, "a b", -50); /* texts are not cut before spaces */
    for (size_t i = 0; i < COUNT(ladder); i++) {
        memset(ladder[i], 'a', 1 << i);
        trit_vocabulary_score(&words, ladder[i], -(float)i);
    }
    struct trit_tokenizer *t = load();
    for (size_t i = 0; i < COUNT(runs) && text; i++) {
        int32_t *ids;
        size_t n, at = 0, bytes = 0;
        for (; at < BYTES; at += strlen(runs[i]))
            memcpy(text + at, runs[i], strlen(runs[i]));
        assert_int_equal(
            trit_tokenizer_encode(t, (struct trit_text){ text, at }, true, &ids, &n, NULL),
            TRIT_OK);
        for (size_t k = 0; k < n; k++)
            bytes += trit_tokenizer_decode(t, ids[k], true).n;
        assert_int_equal(bytes, at + 1); /* a space before it */
        free(ids);
    }
    free(text);
    trit_tokenizer_free(t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_score_is_merged_first),
        cmocka_unit_test(what_is_no_token_may_be_part_of_one),
        cmocka_unit_test(spaces_come_first),
        cmocka_unit_test(characters_fall_back_to_bytes),
        cmocka_unit_test(unknown_characters_are_one_token_in_a_row),
        cmocka_unit_test(users_tokens_are_found_first),
        cmocka_unit_test(control_tokens_are_never_merged),
        cmocka_unit_test(begin_and_end_follow_the_keys),
        cmocka_unit_test(long_runs_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

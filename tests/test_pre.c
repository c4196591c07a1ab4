/* Does each pre-tokenizer cut texts where its expressions say, and is it found by name, by the
   steps of a tokenizer.json, and where a file names none? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/text/internal.h"
#include "tests/lib_vocabulary.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char text[] = "I'LL pay $12345 a``b 678 \xc2\xbd\t x\n\n  don't e\xcc\x81";

/* The same text, with | where it is cut. */
static const struct {
    const char *name, *pieces;
} cuts[] = {
    { "llama-bpe",
      "I|'LL| pay| $|123|45| a|``|b| |678| |\xc2\xbd|\t| x|\n\n| | don|'t| e|\xcc\x81" },
    { "qwen2",
      "I|'LL| pay| $|1|2|3|4|5| a|``|b| |6|7|8| |\xc2\xbd|\t| x|\n\n| | don|'t| e|\xcc\x81" },
    { "qwen35",
      "I|'LL| pay| $|1|2|3|4|5| a|``|b| |6|7|8| |\xc2\xbd|\t| x|\n\n| | don|'t| e\xcc\x81" },
    { "gpt-2", "I|'|LL| pay| $|12345| a|``|b| 678| \xc2\xbd|\t| x|\n\n | don|'t| e|\xcc\x81" },
    { "smollm",
      "I|'|LL| pay| $|1|2|3|4|5| a|``|b| |6|7|8| |\xc2\xbd|\t| x|\n\n | don|'t| e|\xcc\x81" },
    { "falcon", "I|'|LL| pay| |$|123|45| a|``|b| |678| \xc2\xbd|\t| x|\n\n | don|'|t| e|\xcc\x81" },
    { "falcon_e",
      "I|'|LL| pay| |$|1|2|3|4|5| a|``|b| |6|7|8| \xc2\xbd|\t| x|\n\n | don|'|t| e|\xcc\x81" },
    { "default",
      "I|'|LL| pay| |$|123|45| a|``|b| |678| |\xc2\xbd|\t| x|\n\n | don|'|t| e|\xcc\x81" },
};

static const struct trit_pre *named(const char *name)
{
    return trit_pre_named((struct trit_text){ name, strlen(name) });
}

static void texts_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cuts); i++) {
        struct trit_error error;
        struct trit_splitter *splitter;
        struct trit_text piece;
        char got[256] = "";
        const struct trit_pre *pre = named(cuts[i].name);
        assert_int_equal(
            trit_splitter_create(&splitter, pre ? pre : trit_pre_absent(false), &error), TRIT_OK);
        struct trit_split *split = trit_split_create(splitter);
        assert_non_null(split);
        trit_split_begin(split, (struct trit_text){ text, sizeof text - 1 });
        while (!trit_split_next(split, &piece, &error) && piece.n) {
            if (*got)
                strcat(got, "|");
            strncat(got, piece.s, piece.n);
        }
        assert_string_equal(got, cuts[i].pieces);
        trit_split_free(split);
        trit_splitter_free(splitter);
    }
}

static void names_are_found_by_steps(void **state)
{
    (void)state;
    static const struct {
        const char *steps[4], *name;
    } known[] = {
        { { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
            "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" },
          "llama-bpe" },
        { { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
            "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" },
          "qwen2" },
        { { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
            "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" },
          "qwen35" },
        { { TRIT_PRE_BYTE_LEVEL }, "gpt-2" },
        { { TRIT_PRE_DIGIT, TRIT_PRE_BYTE_LEVEL }, "smollm" },
        { { TRIT_PRE_PUNCTUATION, TRIT_PRE_BYTE_LEVEL, TRIT_PRE_DIGITS, "[0-9][0-9][0-9]" },
          "falcon" },
        { { TRIT_PRE_PUNCTUATION, TRIT_PRE_BYTE_LEVEL, "[0-9]" }, "falcon_e" },
        { { TRIT_PRE_PUNCTUATION, TRIT_PRE_BYTE_LEVEL }, NULL },
        { { TRIT_PRE_BYTE_LEVEL, TRIT_PRE_DIGIT }, NULL },
        { { "\\s+" }, NULL },
        { { NULL }, NULL },
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        size_t n = 0;
        while (n < COUNT(known[i].steps) && known[i].steps[n])
            n++;
        const struct trit_pre *pre = trit_pre_find(known[i].steps, n);
        if (!known[i].name)
            assert_null(pre);
        else if (!pre || strcmp(pre->name, known[i].name))
            fail_msg("%s is %s", known[i].name, pre ? pre->name : "unknown");
    }
    assert_ptr_equal(named("falcon3"), named("llama-bpe"));
    assert_ptr_equal(named("olmo"), named("gpt-2"));
    assert_null(named("gpt-"));
}

/* 2B4T's file names none, and its words are Llama 3's. */
static void without_a_name_the_words_tell(void **state)
{
    (void)state;
    static const char *const names[] = { NULL, "default" };
    static struct trit_words v;
    for (size_t i = 0; i < 2 * COUNT(names); i++) {
        struct trit_tokenizer *t;
        struct trit_error error = { 0 };
        trit_vocabulary_init(&v);
        v.pre = names[i / 2];
        v.bos = trit_vocabulary_add(&v, i % 2 ? "<|begin_of_text|>" : "<|endoftext|>", 3);
        assert_int_equal(trit_vocabulary_load(&v, &t, &error), TRIT_OK);
        assert_string_equal(t->pre->name, i % 2 ? "llama-bpe" : "default");
        assert_int_equal(trit_tokenizer_add_bos(t), i % 2);
        trit_tokenizer_free(t);
    }
}

/* Bytes that a vocabulary lacks are left out of the ids, as HuggingFace's do. */
static void bytes_without_a_token_are_left_out(void **state)
{
    (void)state;
    static struct trit_words v;
    struct trit_tokenizer *t;
    struct trit_error error = { 0 };
    int32_t *ids;
    size_t n;
    trit_vocabulary_init(&v);
    v.pre = "gpt-2";
    v.tokens[0xc0] = (struct trit_text){ "aaaa", 4 };
    const int32_t ab = trit_vocabulary_add(&v, "ab", 1);
    trit_vocabulary_merge(&v, "a b");
    assert_int_equal(trit_vocabulary_load(&v, &t, &error), TRIT_OK);
    assert_int_equal(
        trit_tokenizer_encode(t, (struct trit_text){ "ab\xc0", 3 }, true, &ids, &n, &error),
        TRIT_OK);
    assert_int_equal(n, 1);
    assert_int_equal(ids[0], ab);
    free(ids);
    trit_tokenizer_free(t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cut),
        cmocka_unit_test(names_are_found_by_steps),
        cmocka_unit_test(without_a_name_the_words_tell),
        cmocka_unit_test(bytes_without_a_token_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

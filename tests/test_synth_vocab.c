/* Does a tokenizer.json become the vocabulary that it describes, and is a broken one refused with a
 * reason? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/synth/vocab.h"

static char path[64];

static enum trit_code read_text(struct trit_vocab *v, const char *text, struct trit_error *e)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    return trit_vocab_read(v, path, e);
}

static void token_is(const struct trit_vocab *v, size_t id, const char *text, int32_t type)
{
    assert_true(id < v->n);
    if (!trit_text_is(v->tokens[id], text))
        fail_msg("token %zu is '%.*s', not '%s'", id, (int)v->tokens[id].n, v->tokens[id].s, text);
    assert_int_equal(v->types[id], type);
}

static void a_good_file_with_holes(void **state)
{
    (void)state;
    static const char *const merges[] = { "\"a b\",\"ab c\"", "[\"a\",\"b\"],[\"ab\",\"c\"]" };
    for (size_t i = 0; i < 2; i++) {
        struct trit_vocab v;
        struct trit_error e = { 0 };
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"added_tokens\":[{\"id\":7,\"content\":\"<|begin_of_text|>\",\"special\":true},"
                 "{\"id\":9,\"content\":\"<|end_of_text|>\",\"special\":true},"
                 "{\"id\":2,\"content\":\"c\",\"special\":false}],\"model\":{\"type\":\"BPE\","
                 "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":5},\"merges\":[%s]}}",
                 merges[i]);
        if (read_text(&v, text, &e) || trit_vocab_pad(&v, 12, &e))
            fail_msg("%s", e.text);
        token_is(&v, 0, "a", 1);
        token_is(&v, 2, "c", 4);
        token_is(&v, 4, "<|reserved_4|>", 5);
        token_is(&v, 5, "abc", 1);
        token_is(&v, 7, "<|begin_of_text|>", 3);
        token_is(&v, 11, "<|reserved_11|>", 5);
        assert_true(v.n == 12 && v.nmerges == 2 && v.bos == 7 && v.eos == 9);
        assert_true(trit_text_is(v.merges[0], "a b") && trit_text_is(v.merges[1], "ab c"));
        trit_vocab_free(&v);
    }
}

static void the_built_in_one(void **state)
{
    (void)state;
    struct trit_vocab v;
    assert_int_equal(trit_vocab_builtin(&v, NULL), TRIT_OK);
    assert_int_equal(v.n, 274);
    assert_int_equal(trit_vocab_pad(&v, 274, NULL), TRIT_OK);
    token_is(&v, 0, "\xc4\x80", 1);
    token_is(&v, 32, "\xc4\xa0", 1);
    token_is(&v, 'A', "A", 1);
    token_is(&v, 127, "\xc4\xa1", 1);
    token_is(&v, 160, "\xc5\x82", 1);
    token_is(&v, 161, "\xc2\xa1", 1);
    token_is(&v, 173, "\xc5\x83", 1);
    token_is(&v, 255, "\xc3\xbf", 1);
    token_is(&v, 272, "<|begin_of_text|>", 3);
    assert_true(v.bos == 272 && v.eos == 273);
    trit_vocab_free(&v);
}

static void broken_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "", "line 1, column 0" },
        { "{\"model\":\n{]}", "line 2, column 2" },
        { "[]", "no object 'model': not a tokenizer.json" },
        { "{\"model\":{\"type\":\"WordPiece\"}}", "model.type is 'WordPiece', not BPE" },
        { "{\"model\":{\"byte_fallback\":true}}", "SentencePiece" },
        { "{\"model\":{\"vocab\":[]}}", "model.vocab is not an object" },
        { "{\"model\":{\"vocab\":{\"a\":0}}}", "model.merges is not an array" },
        { "{\"model\":{\"vocab\":{},\"merges\":[]}}", "model.vocab is empty" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":7}", "added_tokens is" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[7]}", "without 'cont" },
        { "{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "no id from 0 to 4194303 for tok" },
        { "{\"model\":{\"vocab\":{\"a\":4194304},\"merges\":[]}}", "for token 'a'" },
        { "{\"model\":{\"vocab\":{\"a\":\"0\"},\"merges\":[]}}", "for token 'a'" },
        { "{\"model\":{\"vocab\":{\"\":0},\"merges\":[]}}", "an empty token" },
        { "{\"model\":{\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "duplicate" },
        { "{\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "id 0 is both 'a' and 'b'" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}", "model.merges[0] is neither" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a a a\"]}}",
          "model.merges[0] is neither" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\" a\"]}}", "model.merges[0] is neither" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[7]}}", "model.merges[0] is neither" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\",1]]}}", "merges[0] is neither" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}}", "merges[0] is neither" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}}",
          "'a' with 'a', is not made of" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_vocab v;
        struct trit_error e = { 0 };
        assert_int_not_equal(read_text(&v, cases[i].text, &e), TRIT_OK);
        assert_null(v.tokens);
        if (!strstr(e.text, cases[i].error) || strncmp(e.text, path, strlen(path)))
            fail_msg("'%s' is not in '%s'", cases[i].error, e.text);
    }
}

static void a_text_that_stands_twice(void **state)
{
    (void)state;
    struct trit_vocab v;
    struct trit_error e = { 0 };
    static const char text[] = "{\"added_tokens\":[{\"id\":3,\"content\":\"a\"}],"
                               "\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}";
    assert_int_equal(read_text(&v, text, &e), TRIT_OK);
    assert_int_equal(trit_vocab_pad(&v, 4, &e), TRIT_EFORMAT);
    assert_non_null(strstr(e.text, "duplicate token 'a'"));
    trit_vocab_free(&v);
}

static void a_file_that_is_not_there(void **state)
{
    (void)state;
    struct trit_vocab v;
    struct trit_error e = { 0 };
    assert_int_equal(trit_vocab_read(&v, "/nowhere/tokenizer.json", &e), TRIT_EIO);
    assert_non_null(strstr(e.text, "/nowhere/tokenizer.json"));
}

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/trit_vocab.XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_with_holes),
        cmocka_unit_test(the_built_in_one),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(a_text_that_stands_twice),
        cmocka_unit_test(a_file_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

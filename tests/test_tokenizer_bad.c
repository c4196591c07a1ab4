/* Is every fault of a vocabulary told by its name, and everything freed? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib_vocabulary.h"

#define KEY(name) "tokenizer.ggml." name

static char too_long[(64 << 10) + 2];

static void good(struct trit_vocabulary *v)
{
    trit_vocabulary_init(v);
    v->pre = "llama-bpe";
    trit_vocabulary_add(v, "ab", 1);
    trit_vocabulary_add(v, "abc", 1);
    trit_vocabulary_merge(v, "a b");
    trit_vocabulary_merge(v, "ab c");
    v->bos = trit_vocabulary_add(v, "<|begin_of_text|>", 3);
    v->eos = trit_vocabulary_add(v, "<|end_of_text|>", 3);
    trit_vocabulary_add(v, "<user>", 4);
}

static void omit_model(struct trit_vocabulary *v)
{
    v->omit = KEY("model");
}
static void other_model(struct trit_vocabulary *v)
{
    v->model = "llama";
}
static void bool_model(struct trit_vocabulary *v)
{
    v->as_bool = KEY("model");
}
static void other_pre(struct trit_vocabulary *v)
{
    v->pre = "qwen2";
}
static void bool_pre(struct trit_vocabulary *v)
{
    v->as_bool = KEY("pre");
}
static void omit_tokens(struct trit_vocabulary *v)
{
    v->omit = KEY("tokens");
}
static void bool_tokens(struct trit_vocabulary *v)
{
    v->as_bool = KEY("tokens");
}
static void no_tokens(struct trit_vocabulary *v)
{
    v->ntokens = 0;
}
static void duplicate_token(struct trit_vocabulary *v)
{
    trit_vocabulary_add(v, "ab", 1);
}
static void duplicate_control(struct trit_vocabulary *v)
{
    trit_vocabulary_add(v, "ab", 3);
}
static void empty_token(struct trit_vocabulary *v)
{
    trit_vocabulary_add(v, "", 1);
}
static void empty_control(struct trit_vocabulary *v)
{
    trit_vocabulary_add(v, "", 3);
}
static void long_token(struct trit_vocabulary *v)
{
    memset(too_long, 'a', sizeof too_long - 1);
    trit_vocabulary_add(v, too_long, 1);
}
static void not_utf8(struct trit_vocabulary *v)
{
    trit_vocabulary_add(v, "a\xc3", 1);
}
static void control_not_utf8(struct trit_vocabulary *v)
{
    trit_vocabulary_add(v, "<\xed\xa0\x80>", 3);
}
static void outside_alphabet(struct trit_vocabulary *v)
{
    trit_vocabulary_add(v, "a b", 1);
}
static void outside_alphabet_wide(struct trit_vocabulary *v)
{
    trit_vocabulary_add(v, "\xe4\xb8\xad", 1);
}
static void missing_byte(struct trit_vocabulary *v)
{
    v->tokens[65] = (struct trit_text){ "aaa", 3 };
}
static void short_types(struct trit_vocabulary *v)
{
    v->ntypes--;
}
static void bool_types(struct trit_vocabulary *v)
{
    v->as_bool = KEY("token_type");
}
static void type_zero(struct trit_vocabulary *v)
{
    v->types[3] = 0;
}
static void type_seven(struct trit_vocabulary *v)
{
    v->types[3] = 7;
}
static void type_negative(struct trit_vocabulary *v)
{
    v->types[3] = -1;
}
static void short_scores(struct trit_vocabulary *v)
{
    v->nscores = 3;
}
static void omit_merges(struct trit_vocabulary *v)
{
    v->omit = KEY("merges");
}
static void bool_merges(struct trit_vocabulary *v)
{
    v->as_bool = KEY("merges");
}
static void merge_without_space(struct trit_vocabulary *v)
{
    trit_vocabulary_merge(v, "ab");
}
static void merge_empty(struct trit_vocabulary *v)
{
    trit_vocabulary_merge(v, "");
}
static void merge_unknown_left(struct trit_vocabulary *v)
{
    trit_vocabulary_merge(v, "xy c");
}
static void merge_unknown_right(struct trit_vocabulary *v)
{
    trit_vocabulary_merge(v, "a bc");
}
static void merge_two_spaces(struct trit_vocabulary *v)
{
    trit_vocabulary_merge(v, "a b c");
}
static void merge_no_right(struct trit_vocabulary *v)
{
    trit_vocabulary_merge(v, "a ");
}
static void merge_unknown_result(struct trit_vocabulary *v)
{
    trit_vocabulary_merge(v, "b c");
}
static void merge_twice(struct trit_vocabulary *v)
{
    trit_vocabulary_merge(v, "a b");
}
static void merge_control(struct trit_vocabulary *v)
{
    trit_vocabulary_add(v, "bc", 3);
    trit_vocabulary_merge(v, "b c");
}
static void big_bos(struct trit_vocabulary *v)
{
    v->bos = 1 << 20;
}
static void eos_is_count(struct trit_vocabulary *v)
{
    v->eos = (int64_t)v->ntokens;
}
static void wrapping_eot(struct trit_vocabulary *v)
{
    v->eot = UINT32_MAX;
}
static void bool_bos(struct trit_vocabulary *v)
{
    v->as_bool = KEY("bos_token_id");
}
static void add_without_bos(struct trit_vocabulary *v)
{
    v->bos = -1;
    v->add_bos = 1;
}

static const struct fault {
    void (*spoil)(struct trit_vocabulary *v);
    enum trit_code code;
    const char *told;
} faults[] = {
    { omit_model, TRIT_EFORMAT, KEY("model") },
    { other_model, TRIT_EUNSUPPORTED, "'llama', supported is 'gpt2'" },
    { bool_model, TRIT_EFORMAT, KEY("model") },
    { other_pre, TRIT_EUNSUPPORTED, KEY("pre") " is 'qwen2'" },
    { bool_pre, TRIT_EFORMAT, KEY("pre") },
    { omit_tokens, TRIT_EFORMAT, KEY("tokens") },
    { bool_tokens, TRIT_EFORMAT, KEY("tokens") },
    { no_tokens, TRIT_EFORMAT, KEY("tokens") " has 0" },
    { duplicate_token, TRIT_EFORMAT, KEY("tokens") "[261] is the same as [256], 'ab'" },
    { duplicate_control, TRIT_EFORMAT, KEY("tokens") "[261] is the same as [256], 'ab'" },
    { empty_token, TRIT_EFORMAT, KEY("tokens") "[261] '': empty" },
    { empty_control, TRIT_EFORMAT, KEY("tokens") "[261] '': empty" },
    { long_token, TRIT_EFORMAT, "longer than 65536 bytes" },
    { not_utf8, TRIT_EFORMAT, KEY("tokens") "[261] 'a\xc3': not UTF-8" },
    { control_not_utf8, TRIT_EFORMAT, "not UTF-8" },
    { outside_alphabet, TRIT_EFORMAT, "[261] 'a b': has a character outside" },
    { outside_alphabet_wide, TRIT_EFORMAT, "has a character outside" },
    { missing_byte, TRIT_EFORMAT, "no token for the byte 0x41" },
    { short_types, TRIT_EFORMAT, KEY("token_type") " is not an array of 261" },
    { bool_types, TRIT_EFORMAT, KEY("token_type") },
    { type_zero, TRIT_EFORMAT, KEY("token_type") "[3] is 0" },
    { type_seven, TRIT_EFORMAT, KEY("token_type") "[3] is 7" },
    { type_negative, TRIT_EFORMAT, KEY("token_type") "[3] is -1" },
    { short_scores, TRIT_EFORMAT, KEY("scores") },
    { omit_merges, TRIT_EFORMAT, KEY("merges") },
    { bool_merges, TRIT_EFORMAT, KEY("merges") },
    { merge_without_space, TRIT_EFORMAT, KEY("merges") "[2] 'ab': has no space" },
    { merge_empty, TRIT_EFORMAT, "has no space" },
    { merge_unknown_left, TRIT_EFORMAT, "[2] 'xy c': its left part" },
    { merge_unknown_right, TRIT_EFORMAT, "[2] 'a bc': its right part" },
    { merge_two_spaces, TRIT_EFORMAT, "its right part" },
    { merge_no_right, TRIT_EFORMAT, "its right part" },
    { merge_unknown_result, TRIT_EFORMAT, "its result is not a token" },
    { merge_twice, TRIT_EFORMAT, KEY("merges") "[2] 'a b': stands there twice" },
    { merge_control, TRIT_EFORMAT, "its result is a control token" },
    { big_bos, TRIT_EFORMAT, KEY("bos_token_id") " is 1048576, but there are only 261" },
    { eos_is_count, TRIT_EFORMAT, KEY("eos_token_id") " is 261" },
    { wrapping_eot, TRIT_EFORMAT, KEY("eot_token_id") " is 4294967295" },
    { bool_bos, TRIT_EFORMAT, KEY("bos_token_id") },
    { add_without_bos, TRIT_EFORMAT, KEY("add_bos_token") " is set" },
};

static void every_fault_is_told(void **state)
{
    (void)state;
    struct trit_vocabulary v;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct trit_tokenizer *t = NULL;
        struct trit_error error = { 0 };
        good(&v);
        faults[i].spoil(&v);
        enum trit_code code = trit_vocabulary_load(&v, &t, &error);
        if (code != faults[i].code || !strstr(error.text, faults[i].told))
            print_error("fault %zu, '%s': got code %d, '%s'\n", i, faults[i].told, code,
                        error.text);
        assert_int_equal(code, faults[i].code);
        assert_non_null(strstr(error.text, faults[i].told));
        assert_ptr_equal(strstr(error.text, "memory"),
                         error.text); /* the file's name comes first */
        assert_null(t);
    }
}

static void names_of_llama_3_are_accepted(void **state)
{
    (void)state;
    static const char *const names[] = { NULL, "llama-bpe", "llama3", "llama-v3" };
    struct trit_vocabulary v;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct trit_tokenizer *t;
        struct trit_error error = { 0 };
        good(&v);
        v.pre = names[i];
        assert_int_equal(trit_vocabulary_load(&v, &t, &error), TRIT_OK);
        trit_tokenizer_free(t);
    }
}

/* Cuts and flips: the answer may be yes or no, but it must come, and without a sanitizer's
 * complaint. */
static void spoiled_bytes_are_survived(void **state)
{
    (void)state;
    struct trit_vocabulary v;
    good(&v);
    size_t n;
    uint8_t *data = trit_vocabulary_write(&v, &n);
    for (size_t i = 0; i < 2 * n; i++) {
        uint8_t kept = data[i % n];
        struct trit_gguf *gguf = NULL;
        struct trit_tokenizer *t = NULL;
        struct trit_error error = { 0 };
        data[i % n] ^= (uint8_t)(i < n ? 0x80 : 1 + i % 7);
        if (!trit_gguf_parse(&gguf, data, n, "memory", &error) &&
            !trit_tokenizer_load(&t, gguf, &error))
            trit_tokenizer_free(t);
        trit_gguf_close(gguf);
        data[i % n] = kept;
    }
    free(data);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_told),
        cmocka_unit_test(names_of_llama_3_are_accepted),
        cmocka_unit_test(spoiled_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

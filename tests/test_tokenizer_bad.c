/* Is every fault of a vocabulary told by its name, and everything freed? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib_vocabulary.h"

#define KEY(name) "tokenizer.ggml." name

static char too_long[(64 << 10) + 2];

static void good(struct trit_words *v)
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

static void other_model(struct trit_words *v)
{
    v->model = "bert";
}

static void other_pre(struct trit_words *v)
{
    v->pre = "deepseek-llm";
}

static void no_tokens(struct trit_words *v)
{
    v->ntokens = 0;
}

static void long_token(struct trit_words *v)
{
    memset(too_long, 'a', sizeof too_long - 1);
    trit_vocabulary_add(v, too_long, 1);
}

static void missing_byte(struct trit_words *v)
{
    v->tokens[0x41] = (struct trit_text){ "aaa", 3 };
}

static void short_types(struct trit_words *v)
{
    v->ntypes--;
}

static void short_scores(struct trit_words *v)
{
    v->nscores = 3;
}

static void control_merge(struct trit_words *v)
{
    trit_vocabulary_add(v, "bc", 3);
    trit_vocabulary_merge(v, "b c");
}

static void big_bos(struct trit_words *v)
{
    v->bos = 1 << 20;
}

static void eos_is_count(struct trit_words *v)
{
    v->eos = (int64_t)v->ntokens;
}

static void wrapping_eot(struct trit_words *v)
{
    v->eot = UINT32_MAX;
}

static void add_without_bos(struct trit_words *v)
{
    v->bos = -1;
    v->add_bos = 1;
}

static void good_sentence(struct trit_words *v)
{
    trit_vocabulary_init_sentence(v);
    trit_vocabulary_score(v, "\xe2\x96\x81", -1);
    trit_vocabulary_score(v, "a", -2);
    trit_vocabulary_score(v,
                          "\xe2\x96\x81"
                          "a",
                          -3);
    v->bos = trit_vocabulary_add(v, "<s>", 3);
    v->eos = trit_vocabulary_add(v, "</s>", 3);
}

static void no_scores(struct trit_words *v)
{
    v->nscores = 0;
}

static void nan_score(struct trit_words *v)
{
    v->scores[257] = NAN;
}

static void long_scores(struct trit_words *v)
{
    v->nscores++;
}

static void no_byte(struct trit_words *v)
{
    v->types[0x41] = 1;
}

static void untyped(struct trit_words *v)
{
    v->ntypes = 0;
}

static void folds(struct trit_words *v)
{
    v->fold = 1;
}

static void eos_without_id(struct trit_words *v)
{
    v->eos = -1;
    v->add_eos = 1;
}

/* What is done to the good vocabulary (its next token is 261, its next merge 2), and what the error
   says of it. */
static const struct fault {
    const char *told;
    const char *omit, *as_bool; /* a key */
    const char *token;          /* one more */
    int type;
    const char *merge; /* one more */
    void (*spoil)(struct trit_words *v);
    enum trit_code code; /* 0: TRIT_EFORMAT */
} faults[] = {
    { KEY("model"), .omit = KEY("model") },
    { KEY("model"), .as_bool = KEY("model") },
    { "'bert', supported are 'gpt2' and 'llama'", .spoil = other_model, .code = TRIT_EUNSUPPORTED },
    { KEY("pre"), .as_bool = KEY("pre") },
    { KEY("pre") " is 'deepseek-llm'", .spoil = other_pre, .code = TRIT_EUNSUPPORTED },
    { KEY("tokens"), .omit = KEY("tokens") },
    { KEY("tokens"), .as_bool = KEY("tokens") },
    { KEY("tokens") " has 0", .spoil = no_tokens },
    { KEY("tokens") "[261] is the same as [256], 'ab'", .token = "ab", .type = 1 },
    { KEY("tokens") "[261] is the same as [256], 'ab'", .token = "ab", .type = 3 },
    { KEY("tokens") "[261] '': empty", .token = "", .type = 1 },
    { KEY("tokens") "[261] '': empty", .token = "", .type = 3 },
    { "longer than 65536 bytes", .spoil = long_token },
    { KEY("tokens") "[261] 'a\xc3': not UTF-8", .token = "a\xc3", .type = 1 },
    { "[261] '<\xed\xa0\x80>': not UTF-8", .token = "<\xed\xa0\x80>", .type = 3 },
    { "[261] 'a b': has a character outside", .token = "a b", .type = 1 },
    { "has a character outside", .token = "\xe4\xb8\xad", .type = 1 },
    { "no token for the byte 0x41", .spoil = missing_byte },
    { KEY("token_type") " is not an array of 261", .spoil = short_types },
    { KEY("token_type"), .as_bool = KEY("token_type") },
    { KEY("token_type") "[261] is 0", .token = "x1", .type = 0 },
    { KEY("token_type") "[261] is 7", .token = "x1", .type = 7 },
    { KEY("token_type") "[261] is -1", .token = "x1", .type = -1 },
    { KEY("scores"), .spoil = short_scores },
    { KEY("merges"), .omit = KEY("merges") },
    { KEY("merges"), .as_bool = KEY("merges") },
    { KEY("merges") "[2] 'ab': has no space", .merge = "ab" },
    { KEY("merges") "[2] '': has no space", .merge = "" },
    { "[2] 'xy c': its left part", .merge = "xy c" },
    { "[2] ' c': its left part", .merge = " c" },
    { "[2] 'a bc': its right part", .merge = "a bc" },
    { "[2] 'a b c': its right part", .merge = "a b c" },
    { "[2] 'a ': its right part", .merge = "a " },
    { "[2] 'b c': its result is not a token", .merge = "b c" },
    { KEY("merges") "[2] 'a b': duplicate merge", .merge = "a b" },
    { "its result is a control token", .spoil = control_merge },
    { KEY("bos_token_id"), .as_bool = KEY("bos_token_id") },
    { KEY("bos_token_id") " is 1048576, but there are only 261", .spoil = big_bos },
    { KEY("eos_token_id") " is 261", .spoil = eos_is_count },
    { KEY("eot_token_id") " is 4294967295", .spoil = wrapping_eot },
    { KEY("add_bos_token") " is set", .spoil = add_without_bos },
};

/* The same of SentencePiece's; its next token is 261 as well. */
static const struct fault sentence_faults[] = {
    { KEY("tokens"), .omit = KEY("tokens") },
    { KEY("tokens") " has 0", .spoil = no_tokens },
    { "[261] is the same as [257], 'a'", .token = "a", .type = 1 },
    { "[261] is the same as [257], 'a'", .token = "a", .type = 4 },
    { KEY("tokens") "[261] '': empty", .token = "", .type = 1 },
    { "longer than 65536 bytes", .spoil = long_token },
    { "[261] '\xe2\x96': not UTF-8", .token = "\xe2\x96", .type = 1 },
    { "'<0x4a>': is a byte that has a token already", .token = "<0x4a>", .type = 6 },
    { "is of type byte, but not <0x00> to <0xFF>", .token = "<0x>", .type = 6 },
    { "is of type byte, but not <0x00> to <0xFF>", .token = "<0x-1>", .type = 6 },
    { "is of type byte, but not <0x00> to <0xFF>", .token = "<0x0g>", .type = 6 },
    { "is of type byte, but not <0x00> to <0xFF>", .token = "<0x100>", .type = 6 },
    { "is of type byte, but not <0x00> to <0xFF>", .token = "b", .type = 6 },
    { "neither a token <0x41> of type byte nor an unknown token", .spoil = no_byte },
    { "neither a token <0x00> of type byte nor an unknown token", .spoil = untyped },
    { KEY("token_type") " is not an array of 261", .spoil = short_types },
    { KEY("scores") " is missing", .spoil = no_scores },
    { KEY("scores") " is missing", .omit = KEY("scores") },
    { KEY("scores") " is not an array of 261", .as_bool = KEY("scores") },
    { KEY("scores") " is not an array of 261", .spoil = short_scores },
    { KEY("scores") " is not an array of 261", .spoil = long_scores },
    { KEY("scores") "[257] 'a': is not a number", .spoil = nan_score },
    { KEY("remove_extra_whitespaces") " is set", .spoil = folds, .code = TRIT_EUNSUPPORTED },
    { KEY("bos_token_id") " is 1048576, but there are only 261", .spoil = big_bos },
    { KEY("add_bos_token") " is set", .spoil = add_without_bos },
    { KEY("add_eos_token") " is set", .spoil = eos_without_id },
};

static void spoil(struct trit_words *v, const struct fault *f, bool sentence)
{
    if (sentence)
        good_sentence(v);
    else
        good(v);
    v->omit = f->omit;
    v->as_bool = f->as_bool;
    if (f->token)
        trit_vocabulary_add(v, f->token, f->type);
    if (f->merge)
        trit_vocabulary_merge(v, f->merge);
    if (f->spoil)
        f->spoil(v);
}

static void assert_is_told(const struct fault *f, bool sentence)
{
    static struct trit_words v;
    struct trit_tokenizer *t = NULL;
    struct trit_error error = { 0 };
    spoil(&v, f, sentence);
    const enum trit_code code = trit_vocabulary_load(&v, &t, &error),
                         expected = f->code ? f->code : TRIT_EFORMAT;
    if (code != expected || !strstr(error.text, f->told))
        print_error("fault '%s': got code %d, '%s'\n", f->told, code, error.text);
    assert_int_equal(code, expected);
    assert_non_null(strstr(error.text, f->told));
    assert_ptr_equal(strstr(error.text, "memory"), error.text); /* the file's name comes first */
    assert_null(t);
}

static void every_fault_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        assert_is_told(&faults[i], false);
    for (size_t i = 0; i < sizeof sentence_faults / sizeof *sentence_faults; i++)
        assert_is_told(&sentence_faults[i], true);
}

static void known_names_are_accepted(void **state)
{
    (void)state;
    static const char *const names[] = { NULL,      "default", "llama-bpe", "llama3", "llama-v3",
                                         "falcon3", "qwen2",   "qwen35",    "gpt-2",  "olmo",
                                         "smollm",  "falcon",  "falcon_e" };
    struct trit_words v;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct trit_tokenizer *t;
        struct trit_error error = { 0 };
        good(&v);
        v.pre = names[i];
        assert_int_equal(trit_vocabulary_load(&v, &t, &error), TRIT_OK);
        trit_tokenizer_free(t);
    }
}

/* Flipped bits: the answer may be yes or no, but it must come. */
static void spoiled_bytes_are_survived(void **state)
{
    static struct trit_words v;
    (*(void (**)(struct trit_words *)) * state)(&v);
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

static void (*made[])(struct trit_words *) = { good, good_sentence };

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_told),
        cmocka_unit_test(known_names_are_accepted),
        cmocka_unit_test_prestate(spoiled_bytes_are_survived, &made[0]),
        cmocka_unit_test_prestate(spoiled_bytes_are_survived, &made[1]),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

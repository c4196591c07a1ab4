/* Does text come back from its tokens byte for byte, and are they the tokens that the rules name?
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib_vocabulary.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static uint64_t seed = 0x9e3779b97f4a7c15u;

static unsigned below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 32) % n;
}

static struct trit_tokenizer *stories(void)
{
    struct trit_gguf *gguf;
    struct trit_tokenizer *t = NULL;
    struct trit_error error = { 0 };
    enum trit_code code =
        trit_gguf_open(&gguf, TRIT_SOURCE_DIR "/tests/models/stories.gguf", &error);
    if (!code)
        code = trit_tokenizer_load(&t, gguf, &error);
    if (code)
        print_error("%s\n", error.text);
    assert_int_equal(code, TRIT_OK);
    trit_gguf_close(gguf); /* the tokenizer needs it no more */
    return t;
}

static struct trit_tokenizer *load(const struct trit_words *v)
{
    struct trit_tokenizer *t = NULL;
    struct trit_error error = { 0 };
    enum trit_code code = trit_vocabulary_load(v, &t, &error);
    if (code)
        print_error("%s\n", error.text);
    assert_int_equal(code, TRIT_OK);
    return t;
}

static int32_t *encode(const struct trit_tokenizer *t, const char *text, size_t bytes, bool special,
                       size_t *n)
{
    int32_t *ids;
    struct trit_error error = { 0 };
    enum trit_code code =
        trit_tokenizer_encode(t, (struct trit_text){ text, bytes }, special, &ids, n, &error);
    if (code)
        print_error("%s\n", error.text);
    assert_int_equal(code, TRIT_OK);
    return ids;
}

static void assert_comes_back(const struct trit_tokenizer *t, const char *text, size_t bytes,
                              bool special)
{
    size_t n, at = 0;
    int32_t *ids = encode(t, text, bytes, special, &n);
    for (size_t i = 0; i < n; i++) {
        struct trit_text piece = trit_tokenizer_decode(t, ids[i], true);
        assert_true(piece.n > 0 && piece.n <= bytes - at);
        assert_memory_equal(piece.s, text + at, piece.n);
        at += piece.n;
    }
    assert_int_equal(at, bytes);
    free(ids);
}

static void assert_ids(const struct trit_tokenizer *t, const char *text, bool special,
                       const int32_t *expected, size_t nexpected)
{
    size_t n;
    int32_t *ids = encode(t, text, strlen(text), special, &n);
    assert_int_equal(n, nexpected);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(ids[i], expected[i]);
    free(ids);
}
#define ASSERT_IDS(t, text, special, ...)                          \
    assert_ids(t, text, special, (const int32_t[]){ __VA_ARGS__ }, \
               COUNT(((const int32_t[]){ __VA_ARGS__ })))

/* Bytes of several kinds: any, ASCII, white space, well-formed characters, special tokens. */
static size_t random_text(char *out, size_t room)
{
    static const char *const parts[] = { "\xc3\xa9",
                                         "\xe4\xb8\xad",
                                         "\xf0\x9f\x98\x81",
                                         "\xe2\x80\x8d",
                                         "\xc2\xa0",
                                         "'re",
                                         "<|end_of_text|>",
                                         "<|end_of_",
                                         " ",
                                         "\r\n",
                                         "\t",
                                         "123" };
    size_t n = 0, wanted = below((unsigned)room - 16);
    unsigned kind = below(4);
    while (n < wanted) {
        const char *part = parts[below(COUNT(parts))];
        if (kind == 0 || below(4) == 0)
            out[n++] = (char)below(kind == 1 ? 128 : 256);
        else
            n += (size_t)snprintf(out + n, 16, "%s", part);
    }
    return n;
}

static void any_bytes_come_back(void **state)
{
    (void)state;
    struct trit_tokenizer *t = stories();
    char text[300];
    for (int i = 0; i < 4000; i++) {
        size_t n = random_text(text, sizeof text);
        assert_comes_back(t, text, n, i % 2);
    }
    for (int byte = 0; byte < 256; byte++)
        assert_comes_back(t, &(char){ (char)byte }, 1, true);
    assert_comes_back(t, "", 0, true);
    assert_comes_back(t, NULL, 0, true);
    trit_tokenizer_free(t);
}

/* The ids of the parts after each other are the ids of the whole: these are its pieces. */
static void assert_pieces(const struct trit_tokenizer *t, const char *const *parts, size_t nparts)
{
    char whole[256] = "";
    size_t n, at = 0;
    for (size_t i = 0; i < nparts; i++)
        strcat(whole, parts[i]);
    int32_t *ids = encode(t, whole, strlen(whole), false, &n);
    for (size_t i = 0; i < nparts; i++) {
        size_t npart;
        int32_t *part = encode(t, parts[i], strlen(parts[i]), false, &npart);
        assert_true(npart <= n - at);
        assert_memory_equal(part, ids + at, npart * sizeof *part);
        at += npart;
        free(part);
    }
    assert_int_equal(at, n);
    free(ids);
}

/* In this vocabulary a letter merges with either byte on either side: a wrong cut gives other ids.
 */
static void bytes_that_are_not_utf8_are_of_no_class(void **state)
{
    (void)state;
    struct trit_words v;
    char token[4][8], merge[4][9];
    trit_vocabulary_init(&v);
    const char *ff = v.alphabet[0xff], *e4 = v.alphabet[0xe4];
    const char *pairs[4][2] = { { ff, "h" }, { "h", ff }, { e4, "h" }, { "h", e4 } };
    for (int i = 0; i < 4; i++) {
        snprintf(token[i], sizeof token[i], "%s%s", pairs[i][0], pairs[i][1]);
        snprintf(merge[i], sizeof merge[i], "%s %s", pairs[i][0], pairs[i][1]);
        trit_vocabulary_add(&v, token[i], 1);
        trit_vocabulary_merge(&v, merge[i]);
    }
    struct trit_tokenizer *t = load(&v);
    ASSERT_IDS(t, "\xffh", true, 256);       /* before letters: one piece, as with a sign */
    ASSERT_IDS(t, "h\xff", true, 'h', 0xff); /* after letters: a piece of its own */
    ASSERT_IDS(t, "1\xffh", true, '1', 256);
    ASSERT_IDS(t, "\xe4h", true, 258); /* the beginning of a character that does not come */
    ASSERT_IDS(t, "h\xe4", true, 'h', 0xe4);
    ASSERT_IDS(t, "hh\xe4\xb8\xadh", true, 'h', 259, 0xb8, 0xad, 'h'); /* a letter: all one piece */
    assert_pieces(t, (const char *[]){ "h", " \xff\xfe!", "\n", "h" }, 4);
    trit_tokenizer_free(t);
}

static void special_tokens_follow_the_flag(void **state)
{
    (void)state;
    struct trit_words v;
    trit_vocabulary_init(&v);
    int32_t end = trit_vocabulary_add(&v, "<end>", 3),
            ending = trit_vocabulary_add(&v, "<end>ing", 3);
    int32_t user = trit_vocabulary_add(&v, "  x\xc3\xa9", 4),
            en = trit_vocabulary_add(&v, "<en", 4);
    int32_t unused = trit_vocabulary_add(&v, "[u]", 5),
            unknown = trit_vocabulary_add(&v, "<unk>", 2);
    struct trit_tokenizer *t = load(&v);
    ASSERT_IDS(t, "<end>", true, end);
    ASSERT_IDS(t, "<end>", false, en, 'd', '>'); /* user-defined tokens always match */
    ASSERT_IDS(t, "a<end>ing<end>in", true, 'a', ending, end, 'i', 'n'); /* the longest */
    ASSERT_IDS(t, "<<end><e", true, '<', end, '<', 'e');
    ASSERT_IDS(t, "   x\xc3\xa9", false, ' ', user); /* the leftmost, spelt as it is */
    ASSERT_IDS(t, "[u]<unk>", true, '[', 'u', ']', unknown);
    ASSERT_IDS(t, "<unk>", false, '<', 'u', 'n', 'k', '>');
    assert_int_equal(trit_tokenizer_decode(t, end, false).n, 0);
    assert_int_equal(trit_tokenizer_decode(t, unknown, false).n, 0);
    assert_int_equal(trit_tokenizer_decode(t, end, true).n, 5);
    assert_int_equal(trit_tokenizer_decode(t, user, false).n, 5);
    assert_int_equal(trit_tokenizer_decode(t, unused, false).n, 3);
    assert_true(trit_tokenizer_is_special(t, end) && !trit_tokenizer_is_special(t, user));
    trit_tokenizer_free(t);
}

static void ends_are_known_by_key_or_name(void **state)
{
    (void)state;
    struct trit_words v;
    trit_vocabulary_init(&v);
    v.bos = trit_vocabulary_add(&v, "<b>", 3);
    v.eos = trit_vocabulary_add(&v, "<e>", 3);
    int32_t turn = trit_vocabulary_add(&v, "<|eot_id|>", 3); /* in 2B4T no key names it */
    struct trit_tokenizer *t = load(&v);
    assert_true(trit_tokenizer_is_end(t, (int32_t)v.eos) && trit_tokenizer_is_end(t, turn));
    assert_false(trit_tokenizer_is_end(t, (int32_t)v.bos) || trit_tokenizer_is_end(t, 'a'));
    assert_int_equal(trit_tokenizer_bos(t), v.bos);
    assert_true(trit_tokenizer_add_bos(t));
    trit_tokenizer_free(t);
    v.add_bos = 0;
    t = load(&v);
    assert_false(trit_tokenizer_add_bos(t));
    trit_tokenizer_free(t);
    v.bos = v.eos = v.add_bos = -1;
    t = load(&v);
    assert_int_equal(trit_tokenizer_bos(t), -1);
    assert_false(trit_tokenizer_add_bos(t));
    trit_tokenizer_free(t);
}

static void ids_out_of_range_are_nothing(void **state)
{
    (void)state;
    struct trit_tokenizer *t = stories();
    static const int32_t ids[] = { -1, INT32_MIN, INT32_MAX, 2048 };
    assert_int_equal(trit_tokenizer_size(t), 2048);
    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_int_equal(trit_tokenizer_decode(t, ids[i], true).n, 0);
        assert_int_equal(trit_tokenizer_piece(t, ids[i]).n, 0);
        assert_false(trit_tokenizer_is_end(t, ids[i]) || trit_tokenizer_is_special(t, ids[i]));
    }
    assert_true(trit_tokenizer_is_end(t, 2047) && trit_tokenizer_is_special(t, 2046));
    assert_memory_equal(trit_tokenizer_piece(t, 2046).s, "<|begin_of_text|>", 17);
    trit_tokenizer_free(t);
}

/* A vocabulary over {a, b}: some strings of 2 to 5 letters, and all ways to merge them into each
   other, in random order. */
enum { LETTERS = 5, STRINGS = 62 };
struct random_vocabulary {
    struct trit_words v;
    char strings[STRINGS][LETTERS + 1], merges[TRIT_VOCABULARY_MERGES][LETTERS + 2];
};

static void shuffle(const char **list, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = below((unsigned)i);
        const char *kept = list[i - 1];
        list[i - 1] = list[j];
        list[j] = kept;
    }
}

static bool is_token(const struct trit_words *v, const char *s, size_t n)
{
    for (size_t i = 0; i < v->ntokens; i++)
        if (v->tokens[i].n == n && !memcmp(v->tokens[i].s, s, n))
            return true;
    return false;
}

static void make_random(struct random_vocabulary *r)
{
    size_t n = 0;
    trit_vocabulary_init(&r->v);
    for (unsigned length = 2; length <= LETTERS; length++)
        for (unsigned bits = 0; bits < 1u << length; bits++) {
            if (length > 2 && below(3) == 0)
                continue;
            for (unsigned i = 0; i < length; i++)
                r->strings[n][i] = (bits >> i & 1) ? 'b' : 'a';
            r->strings[n][length] = 0;
            trit_vocabulary_add(&r->v, r->strings[n++], 1);
        }
    for (size_t i = 0; i < n; i++)
        for (size_t cut = 1; r->strings[i][cut]; cut++) {
            char *merge = r->merges[r->v.nmerges];
            snprintf(merge, sizeof *r->merges, "%.*s %s", (int)cut, r->strings[i],
                     r->strings[i] + cut);
            if (is_token(&r->v, merge, cut) &&
                is_token(&r->v, r->strings[i] + cut, strlen(r->strings[i]) - cut))
                trit_vocabulary_merge(&r->v, merge);
        }
    shuffle(r->v.merges, r->v.nmerges);
}

/* The definition, slowly: join the pair that comes first in the list of merges, the leftmost of
   such, until none is left. text's symbols are separated by spaces. */
static void merge_slowly(const struct trit_words *v, char *text)
{
    for (size_t rank = 0; rank < v->nmerges;) {
        char pair[LETTERS + 4];
        snprintf(pair, sizeof pair, " %s ", v->merges[rank]);
        char *found = strstr(text, pair);
        if (!found) {
            rank++;
            continue;
        }
        char *space = strchr(found + 1, ' ');
        memmove(space, space + 1, strlen(space));
        rank = 0;
    }
}

static void assert_merges_as_defined(const struct trit_tokenizer *t, const struct trit_words *v)
{
    char text[64], slow[130] = " ", fast[130] = " ";
    size_t n = LETTERS + 1 + below(50), count; /* longer than any token: none is taken whole */
    for (size_t i = 0; i < n; i++) {
        text[i] = below(3) ? 'a' : 'b';
        sprintf(slow + strlen(slow), "%c ", text[i]);
    }
    merge_slowly(v, slow);
    int32_t *ids = encode(t, text, n, true, &count);
    for (size_t i = 0; i < count; i++) {
        struct trit_text piece = trit_tokenizer_decode(t, ids[i], true);
        sprintf(fast + strlen(fast), "%.*s ", (int)piece.n, piece.s);
    }
    assert_string_equal(fast, slow);
    free(ids);
}

static void merging_is_what_its_definition_says(void **state)
{
    (void)state;
    static struct random_vocabulary r;
    for (int i = 0; i < 40; i++) {
        make_random(&r);
        struct trit_tokenizer *t = load(&r.v);
        for (int j = 0; j < 50; j++)
            assert_merges_as_defined(t, &r.v);
        trit_tokenizer_free(t);
    }
}

/* Llama 3's ignore_merges: "abc" is a token that no merge makes. */
static void a_piece_that_is_a_token_is_not_merged(void **state)
{
    (void)state;
    struct trit_words v;
    trit_vocabulary_init(&v);
    int32_t ab = trit_vocabulary_add(&v, "ab", 1), abc = trit_vocabulary_add(&v, "abc", 1);
    trit_vocabulary_merge(&v, "a b");
    struct trit_tokenizer *t = load(&v);
    ASSERT_IDS(t, "abc", true, abc);
    ASSERT_IDS(t, "abca", true, ab, 'c', 'a');
    ASSERT_IDS(t, "abc!", true, abc, '!');
    trit_tokenizer_free(t);
}

/* Qwen 2: digits one by one, merging alone makes tokens of a piece, no BOS unless it is asked for;
   Qwen 3's ends. */
static void qwen2_has_rules_of_its_own(void **state)
{
    (void)state;
    struct trit_words v;
    trit_vocabulary_init(&v);
    v.pre = "qwen2";
    int32_t ab = trit_vocabulary_add(&v, "ab", 1);
    trit_vocabulary_add(&v, "abc", 1);
    trit_vocabulary_add(&v, "12", 1);
    trit_vocabulary_merge(&v, "a b");
    trit_vocabulary_merge(&v, "1 2");
    int32_t text = trit_vocabulary_add(&v, "<|endoftext|>", 3),
            turn = trit_vocabulary_add(&v, "<|im_end|>", 3),
            think = trit_vocabulary_add(&v, "<think>", 4);
    v.bos = text;
    v.eos = turn;
    struct trit_tokenizer *t = load(&v);
    ASSERT_IDS(t, "abc", true, ab, 'c');
    ASSERT_IDS(t, "12", true, '1', '2');
    ASSERT_IDS(t, "1<think><|im_end|>", true, '1', think, turn);
    ASSERT_IDS(t, "<think>a", false, think, 'a');
    assert_true(trit_tokenizer_is_end(t, text) && trit_tokenizer_is_end(t, turn));
    assert_false(trit_tokenizer_is_end(t, think) || trit_tokenizer_add_bos(t));
    trit_tokenizer_free(t);
}

/* What is quadratic does not end within the test's time limit. */
static void long_runs_end(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        size_t bytes;
    } runs[] = {
        { " ", 4 << 20 },
        { "a", 4 << 20 },
        { "\n", 1 << 20 },
        { "ab", 1 << 20 },
        { " \n", 1 << 20 },
        { "'", 1 << 20 },
        { "\xff", 1 << 20 },
        { "\xc2\xa0", 1 << 20 },
        { "1", 1 << 20 },
        { "<", 1 << 20 },
        { "<|end_of_text|", 1 << 20 },
    };
    struct trit_tokenizer *t = stories();
    char *text = malloc((4 << 20) + 16);
    assert_non_null(text);
    for (size_t i = 0; i < COUNT(runs); i++) {
        size_t n = strlen(runs[i].part), at = 0;
        for (; at + n <= runs[i].bytes; at += n)
            memcpy(text + at, runs[i].part, n);
        text[at++] = 'x';
        assert_comes_back(t, text, at, true);
    }
    free(text);
    trit_tokenizer_free(t);
}

static void texts_too_long_are_refused(void **state)
{
    (void)state;
    struct trit_tokenizer *t = stories();
    struct trit_error error = { 0 };
    int32_t *ids;
    size_t n;
    assert_int_equal(trit_tokenizer_encode(t, (struct trit_text){ "", (size_t)TRIT_TEXT_MAX + 1 },
                                           true, &ids, &n, &error),
                     TRIT_EARGUMENT);
    assert_non_null(strstr(error.text, "268435457 bytes"));
    assert_null(ids);
    trit_tokenizer_free(t);
}

static void *encode_often(void *t)
{
    for (int i = 0; i < 50; i++)
        assert_comes_back(t, "Once upon a time,\n there was <|end_of_text|> a fox.", 50, true);
    return NULL;
}

static void threads_share_a_tokenizer(void **state)
{
    (void)state;
    struct trit_tokenizer *t = stories();
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, t), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    trit_tokenizer_free(t);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(bytes_that_are_not_utf8_are_of_no_class),
        cmocka_unit_test(special_tokens_follow_the_flag),
        cmocka_unit_test(ends_are_known_by_key_or_name),
        cmocka_unit_test(ids_out_of_range_are_nothing),
        cmocka_unit_test(merging_is_what_its_definition_says),
        cmocka_unit_test(a_piece_that_is_a_token_is_not_merged),
        cmocka_unit_test(qwen2_has_rules_of_its_own),
        cmocka_unit_test(long_runs_end),
        cmocka_unit_test(texts_too_long_are_refused),
        cmocka_unit_test(threads_share_a_tokenizer),
    };
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 0) | 1;
    printf("seed %#llx\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

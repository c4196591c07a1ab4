/* Text of any bytes through a small vocabulary: it must come back. The first byte says whether
   control tokens count. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib_vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct trit_tokenizer *load(void)
{
    static const char *const tokens[] = {
        "ab", "abc", "bc", "cd", "abcd", "aa", "aaaa", "Ġa", "ĠĠ"
    };
    static const char *const merges[] = { "a b", "b c",   "ab c", "c d", "ab cd", "abc d",
                                          "a a", "aa aa", "a bc", "Ġ a", "Ġ Ġ" };
    static struct trit_words v;
    struct trit_tokenizer *t;
    trit_vocabulary_init(&v);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        trit_vocabulary_add(&v, tokens[i], 1);
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++)
        trit_vocabulary_merge(&v, merges[i]);
    trit_vocabulary_add(&v, "<c>", 3);
    trit_vocabulary_add(&v, "<c>c", 3);
    trit_vocabulary_add(&v, "\xc3\xa9!", 4);
    if (trit_vocabulary_load(&v, &t, NULL))
        abort();
    return t;
}

static void check(const struct trit_tokenizer *t, const char *text, size_t n, bool special)
{
    int32_t *ids;
    size_t count, at = 0, shown = 0;
    struct trit_utf8_stream stream = { 0 };
    char *out = malloc(n + 4);
    if (!out ||
        trit_tokenizer_encode(t, (struct trit_text){ text, n }, special, &ids, &count, NULL))
        abort();
    for (size_t i = 0; i < count; i++) {
        struct trit_text piece = trit_tokenizer_decode(t, ids[i], true);
        if (piece.n == 0 || piece.n > n - at)
            abort();
        at += piece.n;
        shown += trit_utf8_feed(&stream, piece, out + shown);
    }
    shown += trit_utf8_flush(&stream, out + shown);
    if (shown != n || (n && memcmp(out, text, n)))
        abort();
    free(ids);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trit_tokenizer *t;
    if (!t)
        t = load();
    if (size)
        check(t, (const char *)data + 1, size - 1, data[0] & 1);
    return 0;
}

/* Text of any bytes through a small vocabulary: it must come back. The first byte's lowest bits say
   whether control tokens count, and whether the vocabulary is SentencePiece's. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib_vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct trit_tokenizer *load_bytes(void)
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

static struct trit_tokenizer *load_sentence(void)
{
    static const char *const tokens[] = {
        "a",
        "b",
        "ab",
        "abc",
        "bc",
        "\xe2\x96\x81",
        "\xe2\x96\x81\xe2\x96\x81",
        "\xe2\x96\x81"
        "a",
        "aa",
        "aaaa",
        "\xc3\xa9",
        "\xc3\xa9"
        "a",
        "a\xe2\x96\x81"
        "a",
    };
    static struct trit_words v;
    struct trit_tokenizer *t;
    trit_vocabulary_init_sentence(&v);
    v.prefix = 0;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        trit_vocabulary_score(&v, tokens[i], -(float)(i * 7 % 5));
    trit_vocabulary_add(&v, "<c>", 3);
    trit_vocabulary_add(&v, "<c>c", 3);
    trit_vocabulary_add(&v, "  b", 4);
    if (trit_vocabulary_load(&v, &t, NULL))
        abort();
    return t;
}

/* U+2581 comes back as a space. */
static size_t put_spaces(const uint8_t *data, size_t n, char *out)
{
    size_t made = 0;
    for (size_t i = 0; i < n; made++) {
        const bool space = n - i >= 3 && !memcmp(data + i, "\xe2\x96\x81", 3);
        out[made] = space ? ' ' : (char)data[i];
        i += space ? 3 : 1;
    }
    return made;
}

/* The ids of the n bytes of data stand for text. */
static void check(const struct trit_tokenizer *t, const uint8_t *data, size_t n, bool special,
                  struct trit_text text)
{
    int32_t *ids;
    size_t count, at = 0, shown = 0;
    struct trit_utf8_stream stream = { 0 };
    char *out = malloc(text.n + 4);
    if (!out || trit_tokenizer_encode(t, (struct trit_text){ (const char *)data, n }, special, &ids,
                                      &count, NULL))
        abort();
    for (size_t i = 0; i < count; i++) {
        struct trit_text piece = trit_tokenizer_decode(t, ids[i], true);
        if (piece.n == 0 || piece.n > text.n - at)
            abort();
        at += piece.n;
        shown += trit_utf8_feed(&stream, piece, out + shown);
    }
    shown += trit_utf8_flush(&stream, out + shown);
    if (shown != text.n || (text.n && memcmp(out, text.s, text.n)))
        abort();
    free(ids);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trit_tokenizer *bytes, *sentence;
    if (!bytes) {
        bytes = load_bytes();
        sentence = load_sentence();
    }
    if (!size)
        return 0;
    char *text = malloc(size);
    if (!text)
        abort();
    if (data[0] & 2)
        check(sentence, data + 1, size - 1, data[0] & 1,
              (struct trit_text){ text, put_spaces(data + 1, size - 1, text) });
    else
        check(bytes, data + 1, size - 1, data[0] & 1,
              (struct trit_text){ (const char *)data + 1, size - 1 });
    free(text);
    return 0;
}

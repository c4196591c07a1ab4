/* tokenize MODEL [plain] [loose]: reads strings from stdin (u32 length, little endian, and bytes),
   writes a line of ids for each, and fails where decode(encode(x)) is not x. With `plain`, control
   tokens are text; with `loose` nothing needs to come back: the vocabulary lacks bytes.
   tokenize --unassigned: the ranges of code points without a category in this PCRE2's Unicode, one
   per line, in decimal. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/text/tokenizer.h"

static int fail(const char *what)
{
    fprintf(stderr, "tokenize: %s\n", what);
    return 1;
}

/* Fails with -1, ends with 0. */
static int read_string(char **text, uint32_t *n)
{
    size_t got = fread(n, 1, sizeof *n, stdin);
    if (got != sizeof *n)
        return got ? -1 : 0;
    *text = malloc(*n + 1u);
    return *text && fread(*text, 1, *n, stdin) == *n ? 1 : -1;
}

/* Bytes of text that are one byte of a piece: U+2581 may have become a space. */
static size_t matched(struct trit_text text, size_t at, char byte)
{
    if (at < text.n && text.s[at] == byte)
        return 1;
    return byte == ' ' && text.n - at >= 3 && !memcmp(text.s + at, "\xe2\x96\x81", 3) ? 3 : 0;
}

/* Spaces that the tokenizer adds are passed over; of several in a row it does not matter which. */
static bool comes_back(const struct trit_tokenizer *t, const int32_t *ids, size_t n,
                       struct trit_text text)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        struct trit_text piece = trit_tokenizer_decode(t, ids[i], true);
        for (size_t k = 0; k < piece.n; k++) {
            const size_t bytes = matched(text, at, piece.s[k]);
            if (!bytes && !(trit_tokenizer_prefixes(t) && piece.s[k] == ' '))
                return false;
            at += bytes;
        }
    }
    return at == text.n;
}

/* How strings are read. */
struct way {
    bool special, loose;
};

static int tokenize(const struct trit_tokenizer *t, struct trit_text text, struct way way)
{
    int32_t *ids;
    size_t n;
    struct trit_error error;
    if (trit_tokenizer_encode(t, text, way.special, &ids, &n, &error))
        return fail(error.text);
    bool whole = way.loose || comes_back(t, ids, n, text);
    for (size_t i = 0; i < n; i++)
        printf("%s%d", i ? " " : "", ids[i]);
    putchar('\n');
    free(ids);
    return whole ? 0 : fail("a string did not come back");
}

static int tokenize_all(const struct trit_tokenizer *t, struct way way)
{
    char *text = NULL;
    uint32_t n;
    int more, code = 0;
    while (!code && (more = read_string(&text, &n)) > 0) {
        code = tokenize(t, (struct trit_text){ text, n }, way);
        free(text);
        text = NULL;
    }
    free(text);
    return code ? code : more < 0 ? fail("the input is cut short") : 0;
}

static size_t put_utf8(uint32_t point, char *out)
{
    size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n - 1; i > 0; i--, point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)(leads[n] | point);
    return n;
}

static bool is_unassigned(const pcre2_code *code, pcre2_match_data *match, uint32_t point)
{
    char text[4];
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return false;
    size_t n = put_utf8(point, text);
    return pcre2_match(code, (PCRE2_SPTR)text, n, 0, 0, match, NULL) > 0;
}

static int list_unassigned(void)
{
    int number;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR) "\\p{Cn}", PCRE2_ZERO_TERMINATED, PCRE2_UTF,
                                     &number, &offset, NULL);
    pcre2_match_data *match = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    if (!match)
        return fail("no PCRE2");
    bool before = false;
    for (uint32_t point = 0; point <= 0x110000; point++) {
        bool now = is_unassigned(code, match, point);
        if (now && !before)
            printf("%u ", point);
        if (before && !now)
            printf("%u\n", point - 1);
        before = now;
    }
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--unassigned"))
        return list_unassigned();
    if (argc < 2)
        return fail("usage: tokenize MODEL [plain]");
    struct trit_gguf *gguf;
    struct trit_tokenizer *t;
    struct trit_error error;
    if (trit_gguf_open(&gguf, argv[1], &error))
        return fail(error.text);
    enum trit_code code = trit_tokenizer_load(&t, gguf, &error);
    trit_gguf_close(gguf);
    if (code)
        return fail(error.text);
    struct way way = { .special = true };
    for (int i = 2; i < argc; i++) {
        way.special &= strcmp(argv[i], "plain") != 0;
        way.loose |= !strcmp(argv[i], "loose");
    }
    int result = tokenize_all(t, way);
    trit_tokenizer_free(t);
    return result;
}

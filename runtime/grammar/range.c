/* Ranges of byte strings of one length: characters in UTF-8, decimal numbers. And characters as
   they are written: in JSON, some of them escaped. */
#include <stdio.h>
#include <string.h>

#include "runtime/grammar/internal.h"

/* Whether bytes 1 .. n-1 are all the least, or all the greatest. */
static bool all(const uint8_t *bytes, size_t n, uint8_t value)
{
    for (size_t i = 1; i < n; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

/* First byte from low to high, then any. */
static void open_span(struct trit_build *b, uint32_t from, const uint8_t first[2],
                      struct trit_span span, uint32_t to)
{
    for (size_t i = 0; i < span.n; i++) {
        const uint32_t next = i + 1 == span.n ? to : trit_build_state(b);
        trit_build_bytes(b, from, i ? span.low : first[0], i ? span.high : first[1], next);
        from = next;
    }
}

void trit_build_span(struct trit_build *b, uint32_t from, struct trit_span span, uint32_t to)
{
    uint8_t a = span.a[0], z = span.b[0];
    uint8_t ends[2][64];
    if (b->code)
        return;
    if (span.n == 1 || (all(span.a, span.n, span.low) && all(span.b, span.n, span.high))) {
        open_span(b, from, (const uint8_t[]){ a, z }, span, to);
        return;
    }
    const struct trit_span rest = { span.a + 1, span.b + 1, span.n - 1, span.low, span.high };
    if (a == z) {
        const uint32_t next = trit_build_state(b);
        trit_build_bytes(b, from, a, a, next);
        trit_build_span(b, next, rest, to);
        return;
    }
    memset(ends[0], span.low, span.n);
    memset(ends[1], span.high, span.n);
    if (!all(span.a, span.n, span.low)) {
        const uint32_t next = trit_build_state(b);
        struct trit_span lower = rest;
        lower.b = ends[1];
        trit_build_bytes(b, from, a, a, next);
        trit_build_span(b, next, lower, to);
        a++;
    }
    if (!all(span.b, span.n, span.high)) {
        const uint32_t next = trit_build_state(b);
        struct trit_span upper = rest;
        upper.a = ends[0];
        trit_build_bytes(b, from, z, z, next);
        trit_build_span(b, next, upper, to);
        z--;
    }
    if (a <= z)
        open_span(b, from, (const uint8_t[]){ a, z }, span, to);
}

static size_t encode(uint32_t c, uint8_t *out)
{
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(lead[n > 1 ? n : 0] | c);
    return n;
}

/* As it is, the range cut where encodings get longer and where surrogates stand. */
static void plain(struct trit_build *b, uint32_t from, const uint32_t range[2], uint32_t to)
{
    static const uint32_t parts[][2] = {
        { 1, 0x7f }, { 0x80, 0x7ff }, { 0x800, 0xd7ff }, { 0xe000, 0xffff }, { 0x10000, 0x10ffff }
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint8_t low[4], high[4];
        const uint32_t a = range[0] > parts[i][0] ? range[0] : parts[i][0],
                       z = range[1] < parts[i][1] ? range[1] : parts[i][1];
        if (a > z)
            continue;
        encode(a, low);
        const size_t n = encode(z, high);
        trit_build_span(b, from, (struct trit_span){ low, high, n, 0x80, 0xbf }, to);
    }
}

static bool escaped(uint32_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* A backslash and what makes it this character. */
static void escape(struct trit_build *b, uint32_t from, uint32_t c, uint32_t to)
{
    static const struct {
        char c, letter;
    } short_ones[] = { { '"', '"' },  { '\\', '\\' }, { '\b', 'b' }, { '\f', 'f' },
                       { '\n', 'n' }, { '\r', 'r' },  { '\t', 't' } };
    char text[16];
    snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    for (size_t i = 0; i < sizeof short_ones / sizeof *short_ones; i++)
        if ((char)c == short_ones[i].c)
            snprintf(text, sizeof text, "\\%c", short_ones[i].letter);
    trit_build_free(b, trit_build_word(b, from, text, strlen(text)), to);
}

void trit_build_range(struct trit_build *b, enum trit_writing writing, uint32_t from,
                      const uint32_t range[2], uint32_t to)
{
    uint32_t a = range[0] ? range[0] : 1;
    if (writing == TRIT_WRITING_PLAIN) {
        plain(b, from, (const uint32_t[]){ a, range[1] }, to);
        return;
    }
    for (uint32_t c = a; c <= range[1] && c < 128; c++)
        if (escaped(c)) {
            if (c > a)
                plain(b, from, (const uint32_t[]){ a, c - 1 }, to);
            escape(b, from, c, to);
            a = c + 1;
        }
    if (a <= range[1])
        plain(b, from, (const uint32_t[]){ a, range[1] }, to);
}

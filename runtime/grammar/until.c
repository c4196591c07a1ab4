/* Text up to a literal: the states know how much of the literal a text ends with, and, where its
   length counts, how many characters there were. */
#include <string.h>

#include "runtime/grammar/internal.h"

enum { LITERAL_MAX = 64 };

/* How much of the literal's beginning a text ends with, once `byte` has come behind n bytes of it.
 */
static size_t matched(const char *literal, size_t n, uint8_t byte)
{
    for (size_t k = n + 1; k > 0; k--)
        if ((uint8_t)literal[k - 1] == byte && !memcmp(literal, literal + n - (k - 1), k - 1))
            return k;
    return 0;
}

/* A character behind n bytes of the literal: to states by how much is matched then; 0: that is
 * none.
 */
static void character(struct trit_build *b, const char *literal, size_t n, uint32_t from,
                      const uint32_t *to)
{
    for (unsigned low = 1, high; low < 128; low = high + 1) {
        const size_t now = matched(literal, n, (uint8_t)low);
        for (high = low; high < 127 && matched(literal, n, (uint8_t)(high + 1)) == now;)
            high++;
        if (to[now])
            trit_build_bytes(b, from, (uint8_t)low, (uint8_t)high, to[now]);
    }
    if (to[0])
        trit_build_call(b, from, trit_build_builtin(b, TRIT_RULE_MULTI), to[0]);
}

/* What ends the run of bytes that may simply come. */
static uint8_t stop_of(char first)
{
    const uint8_t always = TRIT_STOP_NUL | TRIT_STOP_BROKEN;
    return first == '<'    ? TRIT_STOP_LESS | always
           : first == '{'  ? TRIT_STOP_BRACE | always
           : first == '\n' ? TRIT_STOP_NEWLINE | always
                           : 0;
}

static size_t length_of(struct trit_build *b, const char *literal)
{
    const size_t n = strlen(literal);
    if (!n || n > LITERAL_MAX)
        trit_build_fail(b, TRIT_EARGUMENT, "text up to \"%.80s\": 1 to %d bytes", literal,
                        LITERAL_MAX);
    return n;
}

uint32_t trit_build_until(struct trit_build *b, uint32_t from, const char *literal, uint32_t each)
{
    uint32_t states[LITERAL_MAX + 1];
    const size_t n = length_of(b, literal);
    for (size_t i = 0; i <= n && !b->code; i++)
        states[i] = trit_build_state(b);
    for (size_t i = 0; i < n && !b->code; i++) {
        character(b, literal, i, states[i], states);
        if (each)
            trit_build_free(b, states[i], each);
    }
    if (b->code)
        return 0;
    trit_build_free(b, from, states[0]);
    if (stop_of(literal[0]))
        trit_build_mark(b, states[0], stop_of(literal[0]), UINT32_MAX);
    return states[n];
}

/* States behind `count` characters: [k] with k bytes of the literal at their end, 0 where that
   leads nowhere. */
static void make_row(struct trit_build *b, size_t n, size_t count, uint32_t most, uint32_t *row)
{
    for (size_t k = 0; k < n; k++)
        row[k] = k <= count && count - k <= most ? trit_build_state(b) : 0;
}

uint32_t trit_build_until_counted(struct trit_build *b, uint32_t from, const char *literal,
                                  const uint32_t range[2])
{
    uint32_t rows[2][LITERAL_MAX + 1] = { 0 };
    const size_t n = length_of(b, literal);
    const bool open = range[1] == UINT32_MAX;
    /* As many characters as are told apart, those of the literal among them. */
    const size_t last = b->code ? 0 : n + (open ? range[0] : range[1]);
    const uint32_t to = trit_build_state(b);
    uint32_t *row = rows[0], *next = rows[1];
    make_row(b, n, 0, range[1], row);
    trit_build_free(b, from, row[0]);
    for (size_t count = 0; count < last && !b->code; count++) {
        const bool stays = open && count + 1 == last;
        if (stays)
            memcpy(next, row, sizeof rows[0]);
        else
            make_row(b, n, count + 1, range[1], next);
        next[n] = count + 1 >= n + range[0] ? to : 0;
        for (size_t k = 0; k < n; k++)
            if (row[k])
                character(b, literal, k, row[k], next);
        uint32_t *const swapped = row;
        row = next;
        next = swapped;
    }
    return to;
}

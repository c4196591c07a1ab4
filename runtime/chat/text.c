/* Texts of the interpreter: each byte knows whether it came from a message. */
#include <string.h>

#include "runtime/base/utf8.h"
#include "runtime/chat/internal.h"

static void reserve(struct trit_run *run, struct trit_buffer *b, size_t more)
{
    if (b->n + more <= b->room)
        return;
    if (more > TRIT_JINJA_OUTPUT - b->n)
        trit_arena_fail(&run->arena, TRIT_EUNSUPPORTED, "more than %d MiB of text",
                        TRIT_JINJA_OUTPUT >> 20);
    size_t room = b->room ? 2 * b->room : 64;
    room = room < b->n + more ? b->n + more : room;
    char *s = trit_arena_get(&run->arena, room);
    uint8_t *given = trit_arena_get(&run->arena, room);
    if (b->n) {
        memcpy(s, b->s, b->n);
        memcpy(given, b->given, b->n);
    }
    *b = (struct trit_buffer){ s, given, b->n, room };
}

void trit_buffer_add(struct trit_run *run, struct trit_buffer *b, struct trit_str str)
{
    if (str.n == 0)
        return;
    trit_run_charge(run, str.n / 64);
    reserve(run, b, str.n);
    memcpy(b->s + b->n, str.s, str.n);
    if (str.given)
        memcpy(b->given + b->n, str.given, str.n);
    else
        memset(b->given + b->n, 0, str.n);
    b->n += str.n;
}

void trit_buffer_text(struct trit_run *run, struct trit_buffer *b, const char *s)
{
    trit_buffer_add(run, b, trit_str_of(s));
}

struct trit_value trit_buffer_value(struct trit_run *run, const struct trit_buffer *b)
{
    (void)run;
    return trit_string_value((struct trit_str){ b->s ? b->s : "", b->given, b->n });
}

size_t trit_char_bytes(const char *s, size_t n)
{
    int bytes = trit_utf8_at(s, n);
    return bytes > 0 ? (size_t)bytes : 1;
}

size_t trit_space_bytes(const char *s, size_t n)
{
    unsigned char c = (unsigned char)*s;
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f);
    static const char *const wide[] = { "\xc2\x85", "\u00a0", "\u1680", "\u2000", "\u2001",
                                        "\u2002",   "\u2003", "\u2004", "\u2005", "\u2006",
                                        "\u2007",   "\u2008", "\u2009", "\u200a", "\u2028",
                                        "\u2029",   "\u202f", "\u205f", "\u3000" };
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        size_t w = strlen(wide[i]);
        if (w <= n && !memcmp(wide[i], s, w))
            return w;
    }
    return 0;
}

/* Bytes of the character at s that strip takes, 0: it stays. */
static size_t taken(const char *s, size_t n, const struct trit_str *set)
{
    if (!set)
        return trit_space_bytes(s, n);
    size_t bytes = trit_char_bytes(s, n);
    return trit_find(*set, (struct trit_str){ s, NULL, bytes }, 0) != SIZE_MAX ? bytes : 0;
}

struct trit_str trit_strip(struct trit_str str, const struct trit_str *set, bool left, bool right)
{
    size_t from = 0, to = str.n;
    for (size_t n; left && from < to && (n = taken(str.s + from, to - from, set));)
        from += n;
    while (right && to > from) {
        size_t at = to - 1;
        while (at > from && ((unsigned char)str.s[at] & 0xc0) == 0x80)
            at--;
        if (taken(str.s + at, to - at, set) != to - at)
            break;
        to = at;
    }
    return trit_str_part(str, from, to);
}

size_t trit_find(struct trit_str in, struct trit_str what, size_t from)
{
    if (what.n == 0)
        return from <= in.n ? from : SIZE_MAX;
    while (from + what.n <= in.n) {
        const char *at = memchr(in.s + from, what.s[0], in.n - from - what.n + 1);
        if (!at)
            return SIZE_MAX;
        if (!memcmp(at, what.s, what.n))
            return (size_t)(at - in.s);
        from = (size_t)(at - in.s) + 1;
    }
    return SIZE_MAX;
}

struct trit_str trit_replace(struct trit_run *run, struct trit_str in, struct trit_str old,
                             struct trit_str new, int64_t count)
{
    struct trit_buffer b = { 0 };
    size_t from = 0, at;
    trit_run_charge(run, in.n / 64);
    for (; count != 0 && (at = trit_find(in, old, from)) != SIZE_MAX; count--) {
        trit_run_charge(run, 1);
        trit_buffer_add(run, &b, trit_str_part(in, from, at));
        trit_buffer_add(run, &b, new);
        from = at + old.n;
        if (old.n == 0) { /* between all characters */
            if (at == in.n)
                break;
            from = at + trit_char_bytes(in.s + at, in.n - at);
            trit_buffer_add(run, &b, trit_str_part(in, at, from));
            if (from == in.n && count != 1) {
                trit_buffer_add(run, &b, new);
                break;
            }
        }
    }
    if (from < in.n)
        trit_buffer_add(run, &b, trit_str_part(in, from, in.n));
    return trit_buffer_value(run, &b).str;
}

size_t trit_chars(struct trit_str str)
{
    size_t n = 0;
    for (size_t i = 0; i < str.n; i++)
        n += ((unsigned char)str.s[i] & 0xc0) != 0x80;
    return n;
}

static bool lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

struct trit_value trit_recase(struct trit_run *run, struct trit_str str, enum trit_case as)
{
    char *s = trit_arena_get(&run->arena, str.n);
    bool inside = false; /* of a word; of the string */
    trit_run_charge(run, str.n / 64);
    for (size_t i = 0; i < str.n; i++) {
        char c = str.s[i];
        bool up = as == TRIT_UPPER || (as != TRIT_LOWER && !inside);
        s[i] = up && lower(c) ? (char)(c - 32) : !up && upper(c) ? (char)(c + 32) : c;
        inside = as == TRIT_CAPITAL || lower(c) || upper(c) || (c & 0x80);
    }
    return trit_string_value((struct trit_str){ s, str.given, str.n });
}

struct trit_str trit_want_string(struct trit_run *run, struct trit_value v)
{
    if (v.kind != TRIT_STRING)
        trit_run_fail(run, "%s where a string should stand", trit_kind_name(v.kind));
    return v.str;
}

int64_t trit_want_int(struct trit_run *run, struct trit_value v)
{
    if (v.kind != TRIT_INT && v.kind != TRIT_BOOL)
        trit_run_fail(run, "%s where an integer should stand", trit_kind_name(v.kind));
    return v.kind == TRIT_INT ? v.i : v.yes;
}

/* Regular expressions as JSON Schema has them (ECMAScript's), of which this knows: characters,
   classes, `.`, groups, `|`, `?`, `*`, `+`, `{m,n}`, and `^` and `$` at the ends of a branch. What
   repeats is read as often as it is built. */
#include <string.h>

#include "runtime/base/utf8.h"
#include "runtime/grammar/internal.h"

enum { MOST_RANGES = 64, MOST_GROUPS = 32, LAST = 0x10ffff };

struct reader {
    struct trit_build *b;
    const char *text;
    size_t n, at;
    enum trit_writing writing;
    int groups;
};

static void refuse(struct reader *r, const char *what)
{
    trit_build_fail(r->b, TRIT_EUNSUPPORTED, "pattern, at byte %zu: %s", r->at, what);
}

static bool is(const struct reader *r, char c)
{
    return r->at < r->n && r->text[r->at] == c;
}

static bool take(struct reader *r, char c)
{
    const bool there = is(r, c);
    r->at += there;
    return there;
}

/* --- classes --- */

struct ranges {
    uint32_t list[MOST_RANGES][2];
    size_t n;
};

static void put(struct reader *r, struct ranges *ranges, uint32_t low, uint32_t high)
{
    if (ranges->n == MOST_RANGES) {
        refuse(r, "a class of too many parts");
        return;
    }
    ranges->list[ranges->n][0] = low;
    ranges->list[ranges->n++][1] = high;
}

/* In order, without overlaps. */
static void settle(struct ranges *ranges)
{
    size_t n = 0;
    for (size_t i = 1; i < ranges->n; i++)
        for (size_t j = i; j > 0 && ranges->list[j][0] < ranges->list[j - 1][0]; j--) {
            uint32_t t[2];
            memcpy(t, ranges->list[j], sizeof t);
            memcpy(ranges->list[j], ranges->list[j - 1], sizeof t);
            memcpy(ranges->list[j - 1], t, sizeof t);
        }
    for (size_t i = 0; i < ranges->n; i++) {
        uint32_t *const range = ranges->list[i];
        if (n && range[0] <= ranges->list[n - 1][1] + 1) {
            if (range[1] > ranges->list[n - 1][1])
                ranges->list[n - 1][1] = range[1];
        } else {
            memmove(ranges->list[n++], range, sizeof ranges->list[0]);
        }
    }
    ranges->n = n;
}

static void invert(struct reader *r, struct ranges *ranges)
{
    struct ranges others = { .n = 0 };
    uint32_t low = 1;
    settle(ranges);
    for (size_t i = 0; i < ranges->n; i++) {
        if (ranges->list[i][0] > low)
            put(r, &others, low, ranges->list[i][0] - 1);
        low = ranges->list[i][1] + 1;
    }
    if (low <= LAST)
        put(r, &others, low, LAST);
    *ranges = others;
}

static void put_all(struct reader *r, struct ranges *ranges, const struct ranges *more)
{
    for (size_t i = 0; i < more->n; i++)
        put(r, ranges, more->list[i][0], more->list[i][1]);
}

/* \d, \w, \s and their opposites; false: c names no class. */
static bool named_class(struct reader *r, char c, struct ranges *ranges)
{
    static const struct {
        char name;
        uint32_t list[12][2];
    } classes[] = {
        { 'd', { { '0', '9' } } },
        { 'w', { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } } },
        { 's',
          { { 9, 13 },
            { 32, 32 },
            { 0xa0, 0xa0 },
            { 0x1680, 0x1680 },
            { 0x2000, 0x200a },
            { 0x2028, 0x2029 },
            { 0x202f, 0x202f },
            { 0x205f, 0x205f },
            { 0x3000, 0x3000 },
            { 0xfeff, 0xfeff } } },
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if ((c | 32) != classes[i].name)
            continue;
        struct ranges one = { .n = 0 };
        for (size_t j = 0; classes[i].list[j][0]; j++)
            put(r, &one, classes[i].list[j][0], classes[i].list[j][1]);
        if (c != classes[i].name)
            invert(r, &one);
        put_all(r, ranges, &one);
        return true;
    }
    return false;
}

/* n hexadecimal digits. */
static uint32_t hex(struct reader *r, size_t n)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++, r->at++) {
        const char c = r->at < r->n ? r->text[r->at] : 0;
        const char *const digits = "0123456789abcdef", *at = strchr(digits, c | 32);
        if (!c || !at || (c < 'A' && (c < '0' || c > '9'))) {
            refuse(r, "not a hexadecimal digit");
            return 0;
        }
        value = value * 16 + (uint32_t)(at - digits);
    }
    return value;
}

/* Behind a backslash that names no class. */
static uint32_t escaped(struct reader *r)
{
    static const char letters[] = "n\nr\rt\tf\fv\v";
    const char c = r->at < r->n ? r->text[r->at++] : 0;
    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (c == letters[i])
            return (uint32_t)letters[i + 1];
    const uint32_t value = c == 'x' ? hex(r, 2) : c == 'u' ? hex(r, 4) : 0;
    if (value && (value < 0xd800 || value > 0xdfff))
        return value;
    if (c && c != 'x' && c != 'u' && strchr("^$\\.*+?()[]{}|/-\"'#&%,:;<=>@_`~! ", c))
        return (uint32_t)c;
    refuse(r, "this escape is not supported");
    return 1;
}

/* A character that stands for itself. */
static uint32_t character(struct reader *r)
{
    const int n = trit_utf8_at(r->text + r->at, r->n - r->at);
    const unsigned char *s = (const unsigned char *)r->text + r->at;
    if (n <= 0 || !*s) {
        refuse(r, "not UTF-8, or NUL");
        return 1;
    }
    static const uint8_t lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = s[0] & lead[n];
    for (int i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3f);
    r->at += (size_t)n;
    return c;
}

/* One end of a range in a class; 0: it was a named class, which has been put. */
static uint32_t class_end(struct reader *r, struct ranges *ranges)
{
    if (!take(r, '\\'))
        return character(r);
    if (is(r, 'b')) {
        r->at++;
        return '\b';
    }
    if (r->at < r->n && named_class(r, r->text[r->at], ranges)) {
        r->at++;
        return 0;
    }
    return escaped(r);
}

/* Behind `[`. */
static void read_class(struct reader *r, struct ranges *ranges)
{
    const bool inverted = take(r, '^');
    while (!is(r, ']') && !r->b->code) {
        const uint32_t low = class_end(r, ranges);
        uint32_t high = low;
        if (low && is(r, '-') && r->at + 1 < r->n && r->text[r->at + 1] != ']') {
            r->at++;
            high = class_end(r, ranges);
            if (high < low)
                refuse(r, "a range whose end is below its beginning");
        }
        if (low)
            put(r, ranges, low, high);
        if (r->at >= r->n)
            refuse(r, "a class without its end");
    }
    r->at++;
    if (!ranges->n)
        refuse(r, "an empty class");
    if (inverted)
        invert(r, ranges);
    settle(ranges);
}

static uint32_t build_ranges(struct reader *r, uint32_t from, const struct ranges *ranges)
{
    const uint32_t to = trit_build_state(r->b);
    for (size_t i = 0; i < ranges->n && !r->b->code; i++)
        trit_build_range(r->b, r->writing, from, ranges->list[i], to);
    return to;
}

/* --- structure --- */

static uint32_t branches(struct reader *r, uint32_t from);

/* Behind `(`. */
static uint32_t group(struct reader *r, uint32_t from)
{
    if (take(r, '?') && !take(r, ':')) {
        refuse(r, "only groups of (...) and (?:...) are supported");
        return from;
    }
    if (++r->groups > MOST_GROUPS)
        refuse(r, "groups in too many groups");
    const uint32_t to = r->b->code ? from : branches(r, from);
    r->groups--;
    if (!take(r, ')'))
        refuse(r, "a group without its end");
    return to;
}

static uint32_t atom(struct reader *r, uint32_t from)
{
    struct ranges ranges = { .n = 0 };
    if (take(r, '('))
        return group(r, from);
    if (take(r, '[')) {
        read_class(r, &ranges);
    } else if (take(r, '.')) {
        const uint32_t ends[][2] = { { '\n', '\n' }, { '\r', '\r' }, { 0x2028, 0x2029 } };
        for (size_t i = 0; i < 3; i++)
            put(r, &ranges, ends[i][0], ends[i][1]);
        invert(r, &ranges);
    } else if (take(r, '\\')) {
        if (r->at < r->n && named_class(r, r->text[r->at], &ranges)) {
            r->at++;
        } else {
            const uint32_t c = escaped(r);
            put(r, &ranges, c, c);
        }
    } else if (r->at < r->n && strchr("^$*+?{}]", r->text[r->at])) {
        refuse(r, "this does not stand here");
        return from;
    } else {
        const uint32_t c = character(r);
        put(r, &ranges, c, c);
    }
    settle(&ranges);
    return r->b->code ? from : build_ranges(r, from, &ranges);
}

/* Where the atom that begins at r->at ends. */
static size_t atom_end(const struct reader *r)
{
    size_t i = r->at;
    int groups = 0;
    bool class = false;
    for (; i < r->n; i++) {
        const char c = r->text[i];
        if (c == '\\')
            i++;
        else if (class)
            class = c != ']';
        else if (c == '[')
            class = true;
        else
            groups += (c == '(') - (c == ')');
        if (!class && groups <= 0)
            break;
    }
    i++;
    while (i < r->n && ((unsigned char)r->text[i] & 0xc0) == 0x80)
        i++; /* of one character */
    return i < r->n ? i : r->n;
}

static uint32_t count(struct reader *r)
{
    uint32_t n = 0;
    if (r->at >= r->n || r->text[r->at] < '0' || r->text[r->at] > '9')
        refuse(r, "a number of times is missing");
    for (; r->at < r->n && r->text[r->at] >= '0' && r->text[r->at] <= '9'; r->at++) {
        n = n * 10 + (uint32_t)(r->text[r->at] - '0');
        if (n > TRIT_NET_REPEAT) {
            trit_build_fail(r->b, TRIT_EARGUMENT, "pattern: more than %d times", TRIT_NET_REPEAT);
            return 0;
        }
    }
    return n;
}

/* How often: at r->at, or once. high UINT32_MAX: no bound. */
static void read_times(struct reader *r, uint32_t *low, uint32_t *high)
{
    *low = *high = 1;
    if (take(r, '?')) {
        *low = 0;
    } else if (take(r, '*')) {
        *low = 0;
        *high = UINT32_MAX;
    } else if (take(r, '+')) {
        *high = UINT32_MAX;
    } else if (take(r, '{')) {
        *high = *low = count(r);
        if (take(r, ','))
            *high = is(r, '}') ? UINT32_MAX : count(r);
        if (!take(r, '}') || *high < *low)
            refuse(r, "not a number of times");
    } else {
        return;
    }
    take(r, '?'); /* the same texts */
}

static uint32_t repeated(struct reader *r, uint32_t from)
{
    const size_t start = r->at;
    uint32_t low, high;
    r->at = atom_end(r);
    read_times(r, &low, &high);
    const size_t past = r->at;
    const uint32_t out = trit_build_state(r->b);
    for (uint32_t i = 0; i < low && !r->b->code; i++) {
        r->at = start;
        from = atom(r, from);
    }
    if (high == UINT32_MAX && !r->b->code) {
        const uint32_t loop = trit_build_state(r->b);
        trit_build_free(r->b, from, loop);
        r->at = start;
        trit_build_free(r->b, atom(r, loop), loop);
        from = loop;
    }
    for (uint32_t i = low; i < high && high < UINT32_MAX && !r->b->code; i++) {
        trit_build_free(r->b, from, out);
        r->at = start;
        const uint32_t entered = trit_build_state(r->b);
        trit_build_free(r->b, from, entered);
        from = atom(r, entered);
    }
    trit_build_free(r->b, from, out);
    r->at = past;
    return out;
}

/* Up to `|`, `)` or the end; anchors are left to whoever takes the whole. */
static uint32_t sequence(struct reader *r, uint32_t from)
{
    while (r->at < r->n && !is(r, '|') && !is(r, ')') && !r->b->code) {
        if (!r->groups && is(r, '$') && (r->at + 1 == r->n || r->text[r->at + 1] == '|'))
            break;
        from = repeated(r, from);
    }
    return from;
}

static uint32_t branches(struct reader *r, uint32_t from)
{
    const uint32_t to = trit_build_state(r->b);
    do {
        const uint32_t start = trit_build_state(r->b);
        trit_build_free(r->b, from, start);
        trit_build_free(r->b, sequence(r, start), to);
    } while (take(r, '|') && !r->b->code);
    return to;
}

/* Any characters. */
static uint32_t anything(struct reader *r, uint32_t from)
{
    const uint32_t to = trit_build_state(r->b);
    trit_build_free(r->b, from, to);
    trit_build_range(r->b, r->writing, to, (const uint32_t[]){ 1, LAST }, to);
    if (r->writing == TRIT_WRITING_JSON)
        trit_build_mark(r->b, to, TRIT_STOP_STRING, UINT32_MAX);
    return to;
}

/* A branch of the whole, which may be anchored at its ends. */
static uint32_t branch(struct reader *r, uint32_t from, bool anchored)
{
    uint32_t at = trit_build_state(r->b);
    trit_build_free(r->b, from, at);
    if (!take(r, '^') && !anchored)
        at = anything(r, at);
    at = sequence(r, at);
    if (!take(r, '$') && !anchored)
        at = anything(r, at);
    if (r->at < r->n && !is(r, '|'))
        refuse(r, "this does not stand here");
    return at;
}

uint32_t trit_build_pattern(struct trit_build *b, uint32_t from, struct trit_pattern pattern)
{
    struct reader r = { .b = b, .text = pattern.text, .n = pattern.n, .writing = pattern.writing };
    const uint32_t to = trit_build_state(b);
    do
        trit_build_free(b, branch(&r, from, pattern.anchored), to);
    while (take(&r, '|') && !b->code);
    return to;
}

uint32_t trit_build_known(struct trit_build *b, uint32_t from, const char *pattern,
                          enum trit_writing writing)
{
    return trit_build_pattern(b, from,
                              (struct trit_pattern){ pattern, strlen(pattern), writing, true });
}

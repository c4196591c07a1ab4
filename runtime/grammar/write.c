/* Pieces of texts that all grammars share: characters, white space, values of JSON, strings that
   are known, keys that are none of some. White space and the digits of numbers are bounded, since
   models that may go on with them do. */
#include <string.h>

#include "runtime/grammar/internal.h"

/* Without NUL and lone surrogates, which jansson refuses. */
#define HEX "[0-9a-fA-F]"
#define ESCAPE                                                                                 \
    "\\\\([\"\\\\/bfnrt]|u([1-9a-cA-CeEfF]" HEX "{3}|0[1-9a-fA-F]" HEX "{2}|00[1-9a-fA-F]" HEX \
    "|000[1-9a-fA-F]|[dD][0-7]" HEX "{2}|[dD][89abAB]" HEX "{2}\\\\u[dD][c-fC-F]" HEX "{2}))"

static const char *const patterns[TRIT_NBUILTINS] = {
    [TRIT_RULE_MULTI] = "[^\\x01-\\x7f]",
    [TRIT_RULE_CHAR] = "[^\\x01-\\x1f\"\\\\]|" ESCAPE,
    [TRIT_RULE_SPACE] = " |\n( {0,40}|\t{1,20})",
    [TRIT_RULE_NUMBER] = "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,18})?([eE][\\-+]?[0-9]{1,2})?",
    [TRIT_RULE_INTEGER] = "0|-?[1-9][0-9]{0,17}",
    [TRIT_RULE_TRUE] = "true",
    [TRIT_RULE_FALSE] = "false",
    [TRIT_RULE_NULL] = "null",
};

uint32_t trit_build_space(struct trit_build *b, uint32_t from)
{
    const uint32_t to = trit_build_state(b);
    trit_build_free(b, from, to);
    trit_build_call(b, from, trit_build_builtin(b, TRIT_RULE_SPACE), to);
    return to;
}

static void string(struct trit_build *b, uint32_t from, uint32_t to)
{
    const uint32_t inside = trit_build_literal(b, from, "\"", 1);
    trit_build_call(b, inside, trit_build_builtin(b, TRIT_RULE_CHAR), inside);
    trit_build_mark(b, inside, TRIT_STOP_STRING, UINT32_MAX);
    trit_build_bytes(b, inside, '"', '"', to);
}

/* begin, items between commas or none, end: each has what `item` builds. */
static void list(struct trit_build *b, const char *around, struct trit_arc ends,
                 uint32_t (*item)(struct trit_build *b, uint32_t from))
{
    const uint32_t first = trit_build_space(b, trit_build_literal(b, ends.from, around, 1)),
                   start = trit_build_state(b), last = item(b, start);
    trit_build_free(b, first, start);
    trit_build_bytes(b, first, (uint8_t)around[1], (uint8_t)around[1], ends.to);
    trit_build_free(b, trit_build_space(b, trit_build_literal(b, last, ",", 1)), start);
    trit_build_bytes(b, trit_build_space(b, last), (uint8_t)around[1], (uint8_t)around[1], ends.to);
}

static uint32_t element(struct trit_build *b, uint32_t from)
{
    const uint32_t to = trit_build_state(b);
    trit_build_call(b, from, trit_build_builtin(b, TRIT_RULE_VALUE), to);
    return to;
}

static uint32_t member(struct trit_build *b, uint32_t from)
{
    const uint32_t key = trit_build_state(b);
    trit_build_call(b, from, trit_build_builtin(b, TRIT_RULE_STRING), key);
    return element(b, trit_build_known(b, key, ": ?", TRIT_WRITING_PLAIN));
}

static void value(struct trit_build *b, uint32_t from, uint32_t to)
{
    for (int i = TRIT_RULE_STRING; i < TRIT_RULE_VALUE; i++)
        if (i != TRIT_RULE_INTEGER)
            trit_build_call(b, from, trit_build_builtin(b, (enum trit_builtin)i), to);
}

uint32_t trit_build_builtin(struct trit_build *b, enum trit_builtin which)
{
    if (b->builtin[which] || b->code)
        return b->builtin[which] ? b->builtin[which] - 1 : 0;
    const uint32_t rule = trit_build_rule(b), from = trit_build_entry(b, rule),
                   to = trit_build_end(b, rule);
    b->builtin[which] = rule + 1;
    if (patterns[which])
        trit_build_free(b, trit_build_known(b, from, patterns[which], TRIT_WRITING_PLAIN), to);
    else if (which == TRIT_RULE_STRING)
        string(b, from, to);
    else if (which == TRIT_RULE_VALUE)
        value(b, from, to);
    else if (which == TRIT_RULE_ARRAY)
        list(b, "[]", (struct trit_arc){ .from = from, .to = to }, element);
    else
        list(b, "{}", (struct trit_arc){ .from = from, .to = to }, member);
    return rule;
}

/* --- strings that are known --- */

/* A byte as trit_build_range writes it; how many bytes that are. */
static size_t written(char byte, char out[8])
{
    static const char letters[] = "\"\"\\\\b\bf\fn\nr\rt\t";
    static const char hex[] = "0123456789abcdef";
    const unsigned char c = (unsigned char)byte;
    out[0] = byte;
    if (c >= 0x20 && c != '"' && c != '\\')
        return 1;
    out[0] = '\\';
    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (letters[i + 1] == byte) {
            out[1] = letters[i];
            return 2;
        }
    memcpy(out + 1, "u00", 3);
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

uint32_t trit_build_quoted(struct trit_build *b, uint32_t from, const char *text, size_t n)
{
    char out[8];
    from = trit_build_word(b, from, "\"", 1);
    for (size_t i = 0; i < n; i++)
        from = trit_build_word(b, from, out, written(text[i], out));
    return trit_build_word(b, from, "\"", 1);
}

/* --- keys that are none of some --- */

/* A character but those of `not`, all ASCII. */
static void other_char(struct trit_build *b, uint32_t from, const bool not [128], uint32_t to)
{
    uint32_t low = 1;
    for (uint32_t c = 1; c < 128; c++) {
        if (!not [c])
            continue;
        if (c > low)
            trit_build_range(b, TRIT_WRITING_JSON, from, (const uint32_t[]){ low, c - 1 }, to);
        low = c + 1;
    }
    trit_build_range(b, TRIT_WRITING_JSON, from, (const uint32_t[]){ low, 0x10ffff }, to);
}

struct other {
    const json_t *names;
    uint32_t any, to; /* behind what begins no name; behind the key */
};

/* Which bytes follow in names that begin with these bytes; how many. */
static size_t followers(const json_t *names, const char *prefix, size_t used, bool follows[128])
{
    const char *name;
    json_t *unused;
    size_t n = 0;
    memset(follows, 0, 128);
    json_object_foreach((json_t *)(uintptr_t)names, name,
                        unused) if (strlen(name) > used && !memcmp(name, prefix, used))
    {
        n += !follows[(uint8_t)name[used]];
        follows[(uint8_t)name[used]] = true;
    }
    return n;
}

/* Behind `used` bytes of a beginning of names. */
static void other_from(struct trit_build *b, uint32_t from, const char *prefix, size_t used,
                       const struct other *o)
{
    bool follows[128];
    const size_t n = followers(o->names, prefix, used, follows);
    char longer[256];
    other_char(b, from, follows, o->any);
    for (unsigned c = 1; c < 128 && n && !b->code; c++) {
        if (!follows[c])
            continue;
        memcpy(longer, prefix, used);
        longer[used] = (char)c;
        longer[used + 1] = 0;
        char out[8];
        const size_t wrote = written(longer[used], out);
        const uint32_t next = trit_build_word(b, from, out, wrote);
        if (!json_object_get(o->names, longer))
            trit_build_bytes(b, next, '"', '"', o->to);
        other_from(b, next, longer, used + 1, o);
    }
}

void trit_build_other_key(struct trit_build *b, uint32_t from, const json_t *names, uint32_t to)
{
    const uint32_t start = trit_build_literal(b, from, "\"", 1), any = trit_build_state(b);
    const struct other o = { names, any, to };
    const char *name;
    json_t *unused;
    json_object_foreach((json_t *)(uintptr_t)names, name,
                        unused) for (const char *c = name; *c;
                                     c++) if ((uint8_t)*c >= 128 || c - name > 200)
    {
        trit_build_fail(b, TRIT_EUNSUPPORTED,
                        "additional properties beside one that is no plain ASCII");
        return;
    }
    trit_build_range(b, TRIT_WRITING_JSON, any, (const uint32_t[]){ 1, 0x10ffff }, any);
    trit_build_mark(b, any, TRIT_STOP_STRING, UINT32_MAX);
    trit_build_bytes(b, any, '"', '"', to);
    if (!json_object_get(names, ""))
        trit_build_bytes(b, start, '"', '"', to);
    other_from(b, start, "", 0, &o);
}

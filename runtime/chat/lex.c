/* From a template's text to tokens: what stands between tags with its white space trimmed as
   Hugging Face sets Jinja (trim_blocks, lstrip_blocks), comments, raw blocks, and the words inside
   of tags. */
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/internal.h"

static char look(const struct trit_lexer *x, size_t ahead)
{
    return x->at + ahead < x->n ? x->s[x->at + ahead] : 0;
}

static void skip(struct trit_lexer *x, size_t bytes)
{
    for (size_t end = x->at + bytes; x->at < end; x->at++)
        x->line += x->s[x->at] == '\n';
}

static void skip_space(struct trit_lexer *x)
{
    for (size_t n; x->at < x->n && (n = trit_space_bytes(x->s + x->at, x->n - x->at));)
        skip(x, n);
}

_Noreturn static void fail(struct trit_lexer *x, const char *what)
{
    x->arena->line = x->line;
    trit_arena_fail(x->arena, TRIT_EUNSUPPORTED, "%s", what);
}

/* After a tag: what trimming takes of the text that follows. */
static void after_tag(struct trit_lexer *x, char sign, bool newline)
{
    size_t from = x->at;
    if (sign == '-')
        skip_space(x);
    else if (newline && sign != '+' && look(x, 0) == '\n')
        skip(x, 1);
    x->fresh = x->at > from && x->s[x->at - 1] == '\n';
}

/* Text before a tag, from .. to: what trimming leaves of it. */
static struct trit_str before_tag(const struct trit_lexer *x, size_t from, size_t to)
{
    struct trit_str text = { x->s + from, NULL, to - from };
    char kind = x->s[to + 1], sign = to + 2 < x->n ? x->s[to + 2] : 0;
    if (sign == '-')
        return trit_strip(text, NULL, false, true);
    if (sign == '+' || kind == '{')
        return text;
    size_t n = text.n;
    while (n > 0 && text.s[n - 1] != '\n' && trit_space_bytes(text.s + n - 1, 1))
        n--;
    if (n > 0 ? text.s[n - 1] == '\n' : x->fresh)
        text.n = n;
    return text;
}

static size_t find_tag(const struct trit_lexer *x)
{
    for (size_t at = x->at; at + 1 < x->n; at++)
        if (x->s[at] == '{' && strchr("{%#", x->s[at + 1]))
            return at;
    return x->n;
}

static void skip_comment(struct trit_lexer *x)
{
    while (x->at < x->n && !(look(x, 0) == '#' && look(x, 1) == '}'))
        skip(x, 1);
    if (x->at >= x->n)
        fail(x, "a comment does not end");
    char sign = x->s[x->at - 1];
    skip(x, 2);
    after_tag(x, sign, true);
}

/* Whether the tag at `at` is {% word %}; its bytes, and the signs inside its braces. */
static size_t word_tag(const struct trit_lexer *x, size_t at, const char *word, char signs[2])
{
    size_t from = at, n = strlen(word);
    if (at + 2 > x->n || memcmp(x->s + at, "{%", 2))
        return 0;
    at += 2;
    signs[0] = at < x->n ? x->s[at] : 0;
    at += signs[0] == '-' || signs[0] == '+';
    for (size_t w; at < x->n && (w = trit_space_bytes(x->s + at, x->n - at)); at += w)
        ;
    if (at + n > x->n || memcmp(x->s + at, word, n))
        return 0;
    at += n;
    for (size_t w; at < x->n && (w = trit_space_bytes(x->s + at, x->n - at)); at += w)
        ;
    signs[1] = at < x->n ? x->s[at] : 0;
    at += signs[1] == '-' || signs[1] == '+';
    return at + 2 <= x->n && !memcmp(x->s + at, "%}", 2) ? at + 2 - from : 0;
}

/* A raw block is a text. */
static struct trit_str raw(struct trit_lexer *x, size_t tag, char sign)
{
    char signs[2];
    size_t bytes = 0, end;
    skip(x, tag);
    after_tag(x, sign, false);
    for (end = x->at; end < x->n && !(bytes = word_tag(x, end, "endraw", signs)); end++)
        ;
    if (end >= x->n)
        fail(x, "a raw block does not end");
    struct trit_str text = before_tag(x, x->at, end);
    skip(x, end + bytes - x->at);
    after_tag(x, signs[1], true);
    return text;
}

/* Outside of tags. */
static struct trit_token outside(struct trit_lexer *x)
{
    struct trit_token t = { .kind = TRIT_LEX_TEXT, .line = x->line };
    size_t from = x->at, tag = find_tag(x);
    char signs[2];
    if (tag == x->n) {
        t.text = (struct trit_str){ x->s + from, NULL, x->n - from };
        t.kind = from < x->n ? TRIT_LEX_TEXT : TRIT_LEX_END;
        skip(x, x->n - from);
        return t;
    }
    t.text = before_tag(x, from, tag);
    skip(x, tag - from);
    if (t.text.n > 0)
        return t.line = x->line, t;
    size_t bytes = word_tag(x, x->at, "raw", signs);
    if (bytes) {
        t.text = raw(x, bytes, signs[1]);
    } else if (look(x, 1) == '#') {
        skip(x, 2);
        skip_comment(x);
    } else {
        x->inside = true;
        x->block = look(x, 1) == '%';
        t.kind = x->block ? TRIT_LEX_BLOCK : TRIT_LEX_PRINT;
        skip(x, 2);
        skip(x, look(x, 0) == '-' || look(x, 0) == '+');
        x->brackets = 0;
    }
    return t;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The code point as UTF-8. */
static size_t put_utf8(char *out, uint32_t c)
{
    static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 63));
    out[0] = (char)(first[n > 1 ? n : 0] | c);
    return n;
}

/* \xNN, \uNNNN, \UNNNNNNNN at s[0] = '\\': the bytes it takes; 0: it is none. */
static size_t escaped_code(const char *s, size_t n, uint32_t *code)
{
    size_t digits = n < 2 ? 0 : s[1] == 'x' ? 2 : s[1] == 'u' ? 4 : s[1] == 'U' ? 8 : 0;
    if (digits == 0 || n < 2 + digits)
        return 0;
    *code = 0;
    for (size_t i = 2; i < 2 + digits; i++) {
        const char *hex = "0123456789abcdef", *at = strchr(hex, s[i] | 0x20);
        if (!at || !s[i])
            return 0;
        *code = *code << 4 | (uint32_t)(at - hex);
    }
    return *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : 2 + digits;
}

/* The text of a literal, its quotes left out. */
static struct trit_value unescape(struct trit_lexer *x, const char *s, size_t n)
{
    static const char from[] = "ntrbfav\\'\"", to[] = "\n\t\r\b\f\a\v\\'\"";
    char *out = trit_arena_get(x->arena, n);
    size_t made = 0;
    for (size_t i = 0; i < n;) {
        uint32_t code;
        size_t taken = s[i] == '\\' ? escaped_code(s + i, n - i, &code) : 0;
        const char *known = s[i] == '\\' && i + 1 < n && s[i + 1] ? strchr(from, s[i + 1]) : NULL;
        if (taken) {
            made += put_utf8(out + made, code);
            i += taken;
        } else if (known) {
            out[made++] = to[known - from];
            i += 2;
        } else if (s[i] == '\\' && i + 1 < n && s[i + 1] == '\n') {
            i += 2;
        } else {
            out[made++] = s[i++];
        }
    }
    return trit_string_value((struct trit_str){ out, NULL, made });
}

static struct trit_token string(struct trit_lexer *x, struct trit_token t)
{
    char quote = look(x, 0);
    size_t from = x->at + 1, at = from;
    while (at < x->n && x->s[at] != quote)
        at += x->s[at] == '\\' ? 2 : 1;
    if (at >= x->n)
        fail(x, "a string does not end");
    t.kind = TRIT_LEX_VALUE;
    t.value = unescape(x, x->s + from, at - from);
    skip(x, at + 1 - x->at);
    return t;
}

static size_t digits(const struct trit_lexer *x, size_t at)
{
    size_t n = 0;
    while (at + n < x->n && (digit(x->s[at + n]) || (n > 0 && x->s[at + n] == '_')))
        n++;
    return n;
}

static struct trit_token number(struct trit_lexer *x, struct trit_token t)
{
    size_t n = digits(x, x->at), e, sign;
    bool whole = true;
    char text[64];
    if (look(x, n) == '.' && digit(look(x, n + 1))) {
        n += 1 + digits(x, x->at + n + 1);
        whole = false;
    }
    if ((look(x, n) | 0x20) == 'e') {
        sign = look(x, n + 1) == '-' || look(x, n + 1) == '+';
        if ((e = digits(x, x->at + n + 1 + sign)) > 0) {
            n += 1 + sign + e;
            whole = false;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < n && kept < sizeof text - 1; i++)
        if (look(x, i) != '_')
            text[kept++] = look(x, i);
    text[kept] = 0;
    t.kind = TRIT_LEX_VALUE;
    if (kept == sizeof text - 1 || !trit_number_parse(text, whole, &t.value))
        fail(x, "a number is too large");
    skip(x, n);
    return t;
}

/* Whether the tag ends here; if so, it is left. */
static bool close_tag(struct trit_lexer *x)
{
    size_t sign = look(x, 0) == '-' || (x->block && look(x, 0) == '+');
    char kind = x->block ? '%' : '}';
    if (x->brackets > 0 || look(x, sign) != kind || look(x, sign + 1) != '}')
        return false;
    char c = sign ? look(x, 0) : 0;
    skip(x, sign + 2);
    x->inside = false;
    after_tag(x, c, x->block);
    return true;
}

static struct trit_token operator(struct trit_lexer *x, struct trit_token t)
{
    static const char *const all[] = { "==", "!=", "<=", ">=", "//", "**", "+", "-", "*",
                                       "/",  "%",  "~",  "<",  ">",  "=",  "(", ")", "[",
                                       "]",  "{",  "}",  ",",  ".",  ":",  "|", ";" };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t n = strlen(all[i]);
        if (x->at + n <= x->n && !memcmp(x->s + x->at, all[i], n)) {
            t.kind = TRIT_LEX_OP;
            t.text = trit_str_of(all[i]);
            x->brackets += strchr("([{", all[i][0]) != NULL;
            x->brackets -= x->brackets > 0 && strchr(")]}", all[i][0]);
            skip(x, n);
            return t;
        }
    }
    fail(x, "a character that no expression has");
}

static struct trit_token inside(struct trit_lexer *x)
{
    skip_space(x);
    struct trit_token t = { .line = x->line };
    char c = look(x, 0);
    if (x->at >= x->n)
        fail(x, "a tag does not end");
    if (close_tag(x)) {
        t.kind = TRIT_LEX_CLOSE;
        return t;
    }
    if (c == '"' || c == '\'')
        return string(x, t);
    if (digit(c))
        return number(x, t);
    if (!letter(c))
        return operator(x, t);
    size_t n = 0;
    while (letter(look(x, n)) || digit(look(x, n)))
        n++;
    t.kind = TRIT_LEX_NAME;
    t.text = (struct trit_str){ x->s + x->at, NULL, n };
    skip(x, n);
    return t;
}

struct trit_token trit_lex_next(struct trit_lexer *lexer)
{
    struct trit_token t;
    do
        t = lexer->inside ? inside(lexer) : outside(lexer);
    while (t.kind == TRIT_LEX_TEXT && t.text.n == 0);
    return t;
}

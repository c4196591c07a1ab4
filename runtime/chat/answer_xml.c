/* Calls as <function=F> with <parameter=A> VALUE </parameter>: the arguments become JSON by the
   schema of the tool's parameters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/answer.h"

enum { NAME_MAX = 256 };
static const char function[] = "<function=", parameter[] = "<parameter=";
static const char end_function[] = "</function>", end_call[] = "</tool_call>";
static const char end_parameter[] = "</parameter>";

static void tell(struct trit_answer *a, const char *text, size_t n)
{
    trit_answer_tell(a, TRIT_ANSWER_ARGUMENTS, text, n);
}

/* The inside of a JSON string. */
static void tell_escaped(struct trit_answer *a, const char *s, size_t n)
{
    static const char plain[] = "\"\\\n\r\t", *const known[] = { "\\\"", "\\\\", "\\n", "\\r",
                                                                 "\\t" };
    size_t from = 0;
    char code[8];
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        const char *at = c ? strchr(plain, c) : NULL;
        if (!at && c >= 32)
            continue;
        snprintf(code, sizeof code, "\\u%04x", c);
        const char *escape = at ? known[at - plain] : code;
        tell(a, s + from, i - from);
        tell(a, escape, strlen(escape));
        from = i + 1;
    }
    tell(a, s + from, n - from);
}

/* A name that `>` ends after the literal at s; *name its place, *length its bytes. */
static enum trit_match named(const char *s, size_t n, const char *literal, size_t *name,
                             size_t *length)
{
    enum trit_match match = trit_answer_match(s, n, literal);
    *name = strlen(literal);
    *length = 0;
    if (match != TRIT_MATCH_YES)
        return match;
    for (; *name + *length < n; ++*length) {
        char c = s[*name + *length];
        if (c == '>')
            return *length > 0 ? TRIT_MATCH_YES : TRIT_MATCH_NO;
        if (c == '\n' || c == '<' || *length >= NAME_MAX)
            return TRIT_MATCH_NO;
    }
    return TRIT_MATCH_MORE;
}

bool trit_answer_xml_head(struct trit_answer *a)
{
    const char *s = trit_answer_held(a);
    size_t at = a->tag + strlen(a->row->enter), name = 0, length = 0;
    at += trit_answer_blanks(s + at, a->n - at);
    enum trit_match match = named(s + at, a->n - at, function, &name, &length);
    if (match == TRIT_MATCH_MORE)
        return a->ending && trit_answer_no_call(a);
    if (match == TRIT_MATCH_NO || !trit_answer_call(a, s + at + name, length))
        return trit_answer_no_call(a);
    tell(a, "{", 1);
    trit_answer_drop(a, at + name + length + 1);
    a->state = TRIT_ANSWER_NEXT;
    return true;
}

/* Whether a schema takes a string: then the text is one, whatever it looks like. */
static bool takes_string(const json_t *schema)
{
    static const char *const unions[] = { "anyOf", "oneOf" };
    const json_t *type = json_object_get(schema, "type");
    bool yes = json_is_string(type) && !strcmp(json_string_value(type), "string");
    for (size_t i = 0; i < json_array_size(type); i++) {
        const char *one = json_string_value(json_array_get(type, i));
        yes |= one && !strcmp(one, "string");
    }
    for (size_t u = 0; u < 2; u++) {
        const json_t *of = json_object_get(schema, unions[u]);
        for (size_t i = 0; i < json_array_size(of); i++) {
            const json_t *one = json_object_get(json_array_get(of, i), "type");
            yes |= json_is_string(one) && !strcmp(json_string_value(one), "string");
        }
    }
    return yes;
}

static void begin_parameter(struct trit_answer *a, const char *name, size_t n)
{
    a->raw = takes_string(json_object_getn(a->properties, name, n));
    if (a->parameters++ > 0)
        tell(a, ", ", 2);
    tell(a, "\"", 1);
    tell_escaped(a, name, n);
    tell(a, "\": ", 3);
    if (a->raw)
        tell(a, "\"", 1);
    a->lead = true;
}

/* The call ends after the n bytes, or what follows is not understood. */
static bool end_arguments(struct trit_answer *a, size_t n)
{
    tell(a, "}", 1);
    trit_answer_drop(a, n);
    a->state = TRIT_ANSWER_TAIL;
    return true;
}

bool trit_answer_next(struct trit_answer *a)
{
    const char *s = trit_answer_held(a);
    size_t at = trit_answer_blanks(s, a->n), rest = a->n - at, name, length;
    enum trit_match p = named(s + at, rest, parameter, &name, &length);
    enum trit_match f = trit_answer_match(s + at, rest, end_function);
    enum trit_match c = trit_answer_match(s + at, rest, end_call);
    if (p == TRIT_MATCH_YES) {
        begin_parameter(a, s + at + name, length);
        trit_answer_drop(a, at + name + length + 1);
        a->seen = 0;
        a->state = TRIT_ANSWER_VALUE;
        return true;
    }
    if (f == TRIT_MATCH_YES)
        return end_arguments(a, at + strlen(end_function));
    if (c == TRIT_MATCH_YES)
        return end_arguments(a, at);
    if (p == TRIT_MATCH_MORE || f == TRIT_MATCH_MORE || c == TRIT_MATCH_MORE) {
        if (a->ending)
            trit_answer_drop(a, a->n); /* cut: the arguments end as they are */
        return false;
    }
    return end_arguments(a, 0);
}

/* Whether a value ends at s, which begins with "</parameter>": if a call goes on after it. */
static enum trit_match ends(const char *s, size_t n, bool last)
{
    size_t at = strlen(end_parameter);
    enum trit_match match = trit_answer_match(s, n, end_parameter), best = TRIT_MATCH_NO;
    if (match != TRIT_MATCH_YES)
        return match;
    at += trit_answer_blanks(s + at, n - at);
    if (last && at == n)
        return TRIT_MATCH_YES;
    const char *const after[] = { parameter, end_function, end_call };
    for (size_t i = 0; i < 3; i++) {
        match = trit_answer_match(s + at, n - at, after[i]);
        best = match > best ? match : best;
    }
    return best;
}

/* A value that is no string by its schema: JSON if it is some, else a string. */
static void tell_value(struct trit_answer *a, const char *s, size_t n)
{
    json_t *json = json_loadb(s, n, JSON_DECODE_ANY, NULL);
    size_t from = trit_answer_blanks(s, n);
    if (json) {
        while (n > from && trit_answer_blanks(s + n - 1, 1))
            n--;
        tell(a, s + from, n - from);
    } else {
        tell(a, "\"", 1);
        tell_escaped(a, s, n);
        tell(a, "\"", 1);
    }
    json_decref(json);
}

bool trit_answer_value(struct trit_answer *a)
{
    if (a->lead && a->n == 0)
        return false;
    if (a->lead && *trit_answer_held(a) == '\n')
        trit_answer_drop(a, 1);
    a->lead = false;
    const char *s = trit_answer_held(a);
    size_t at = a->seen;
    enum trit_match end = TRIT_MATCH_NO;
    for (; (at = trit_answer_find(s, a->n, at, end_parameter)) < a->n; at++)
        if ((end = ends(s + at, a->n - at, a->ending)) != TRIT_MATCH_NO)
            break;
    size_t value = at - (at > 0 && s[at - 1] == '\n' && (end == TRIT_MATCH_YES || !a->ending));
    if (end == TRIT_MATCH_YES) {
        if (a->raw)
            tell_escaped(a, s, value);
        else
            tell_value(a, s, value);
        tell(a, "\"", a->raw);
        trit_answer_drop(a, at + strlen(end_parameter));
        a->state = TRIT_ANSWER_NEXT;
        return true;
    }
    if (a->ending)
        value = a->n;
    if (a->raw)
        tell_escaped(a, s, value);
    trit_answer_drop(a, a->raw || a->ending ? value : 0);
    a->seen = at - (a->raw || a->ending ? value : 0);
    return false;
}

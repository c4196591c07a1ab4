/* Values as text: Python's str and repr, and JSON as its json.dumps writes it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/utf8.h"
#include "runtime/chat/internal.h"

bool trit_number_parse(const char *text, bool whole, struct trit_value *value)
{
    json_t *json = NULL; /* reads numbers whatever the locale is */
    char trimmed[64];
    while (text[0] == '0' && text[1] >= '0' && text[1] <= '9')
        text++;
    snprintf(trimmed, sizeof trimmed, "%s", text);
    json = json_loads(trimmed, JSON_DECODE_ANY, NULL);
    bool fits = json && (whole ? json_is_integer(json) : json_is_number(json));
    if (fits && whole)
        *value = trit_int(json_integer_value(json));
    else if (fits)
        *value = (struct trit_value){ .kind = TRIT_FLOAT, .d = json_number_value(json) };
    json_decref(json);
    return fits;
}

/* The fewest digits that give the number back: "1.5e+00" and the like, its point a '.'. */
static void shortest(double d, char *out, size_t room)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, room, "%.*e", digits - 1, d);
        if (strtod(out, NULL) == d)
            break;
    }
    for (char *c = out; *c; c++)
        if (!strchr("0123456789-+e", *c))
            *c = '.';
}

/* As Python's repr. */
void trit_float_text(double d, char out[40])
{
    char e[40], digits[24];
    size_t n = 0;
    if (isnan(d) || isinf(d)) {
        strcpy(out, isnan(d) ? "nan" : d < 0 ? "-inf" : "inf");
        return;
    }
    shortest(d, e, sizeof e);
    for (const char *c = e; *c && *c != 'e'; c++)
        if (*c >= '0' && *c <= '9')
            digits[n++] = *c;
    digits[n] = 0;
    int power = atoi(strchr(e, 'e') + 1);
    out += *e == '-' ? (*out = '-', 1) : 0;
    if (power < -4 || power >= 16) {
        sprintf(out, "%c%s%se%c%02d", digits[0], n > 1 ? "." : "", digits + 1,
                power < 0 ? '-' : '+', abs(power));
    } else if (power < 0) {
        sprintf(out, "0.%.*s%s", -power - 1, "0000", digits);
    } else {
        int whole = power + 1, have = (int)n < whole ? (int)n : whole;
        sprintf(out, "%.*s%.*s.%s", have, digits, whole - have, "0000000000000000",
                (int)n > whole ? digits + whole : "0");
    }
}

static void write_repr(struct trit_run *run, struct trit_buffer *b, struct trit_value v);

static void write_seq(struct trit_run *run, struct trit_buffer *b, struct trit_value v)
{
    bool tuple = v.kind == TRIT_TUPLE;
    trit_buffer_text(run, b, tuple ? "(" : "[");
    for (size_t i = 0; i < v.seq->n; i++) {
        trit_buffer_text(run, b, i ? ", " : "");
        write_repr(run, b, v.seq->v[i]);
    }
    trit_buffer_text(run, b, tuple ? v.seq->n == 1 ? ",)" : ")" : "]");
}

static void write_map(struct trit_run *run, struct trit_buffer *b, const struct trit_map *map)
{
    trit_buffer_text(run, b, "{");
    for (size_t i = 0; i < map->n; i++) {
        trit_buffer_text(run, b, i ? ", " : "");
        write_repr(run, b, map->keys[i]);
        trit_buffer_text(run, b, ": ");
        write_repr(run, b, map->values[i]);
    }
    trit_buffer_text(run, b, "}");
}

/* What stands for a byte that cannot stand for itself, marked as the byte is. */
static void write_escape(struct trit_run *run, struct trit_buffer *b, struct trit_str byte,
                         const char *text)
{
    uint8_t marks[16];
    memset(marks, byte.given && byte.given[0], sizeof marks);
    trit_buffer_add(run, b, (struct trit_str){ text, marks, strlen(text) });
}

/* Python quotes with ', or with " where only ' stands inside. */
static void write_quoted(struct trit_run *run, struct trit_buffer *b, struct trit_str str)
{
    bool one = str.n && memchr(str.s, '\'', str.n), two = str.n && memchr(str.s, '"', str.n);
    char quote = one && !two ? '"' : '\'', q[2] = { quote, 0 }, escape[8];
    trit_buffer_text(run, b, q);
    size_t from = 0;
    for (size_t i = 0; i < str.n; i++) {
        unsigned char c = (unsigned char)str.s[i];
        const char *known = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
        if (c != '\\' && c != (unsigned char)quote && c >= 32 && c != 127)
            continue;
        if (!known)
            snprintf(escape, sizeof escape, c < 32 || c == 127 ? "\\x%02x" : "\\%c", c);
        trit_buffer_add(run, b, trit_str_part(str, from, i));
        write_escape(run, b, trit_str_part(str, i, i + 1), known ? known : escape);
        from = i + 1;
    }
    trit_buffer_add(run, b, trit_str_part(str, from, str.n));
    trit_buffer_text(run, b, q);
}

static void write_repr(struct trit_run *run, struct trit_buffer *b, struct trit_value v)
{
    trit_run_enter(run);
    if (v.kind == TRIT_STRING)
        write_quoted(run, b, v.str);
    else if (v.kind == TRIT_UNDEFINED)
        trit_buffer_text(run, b, "Undefined");
    else
        trit_write(run, b, v);
    run->depth--;
}

void trit_write(struct trit_run *run, struct trit_buffer *b, struct trit_value v)
{
    char number[40] = "";
    switch (v.kind) {
    case TRIT_UNDEFINED:
        return;
    case TRIT_NONE:
        trit_buffer_text(run, b, "None");
        return;
    case TRIT_BOOL:
        trit_buffer_text(run, b, v.yes ? "True" : "False");
        return;
    case TRIT_INT:
        snprintf(number, sizeof number, "%lld", (long long)v.i);
        trit_buffer_text(run, b, number);
        return;
    case TRIT_FLOAT:
        trit_float_text(v.d, number);
        trit_buffer_text(run, b, number);
        return;
    case TRIT_STRING:
        trit_buffer_add(run, b, v.str);
        return;
    case TRIT_LIST:
    case TRIT_TUPLE:
        write_seq(run, b, v);
        return;
    case TRIT_DICT:
        write_map(run, b, v.map);
        return;
    default:
        trit_run_fail(run, "%s has no text", trit_kind_name(v.kind));
    }
}

struct trit_str trit_to_str(struct trit_run *run, struct trit_value v)
{
    struct trit_buffer b = { 0 };
    if (v.kind == TRIT_STRING)
        return v.str;
    trit_write(run, &b, v);
    return trit_buffer_value(run, &b).str;
}

/* A code point beyond ASCII as \uNNNN, two of them from U+10000 on. */
static void json_escape(const char *s, size_t n, char out[16])
{
    uint32_t c = (unsigned char)s[0] & (n == 2 ? 0x1f : n == 3 ? 0x0f : 0x07);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s[i] & 63);
    if (c >= 0x10000)
        snprintf(out, 16, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                 0xdc00 + ((c - 0x10000) & 0x3ff));
    else
        snprintf(out, 16, "\\u%04x", c);
}

static void json_string_text(struct trit_run *run, struct trit_buffer *b, struct trit_str str,
                             bool ascii)
{
    static const char plain[] = "\"\\\n\r\t\b\f", *const known[] = { "\\\"", "\\\\", "\\n", "\\r",
                                                                     "\\t",  "\\b",  "\\f" };
    size_t from = 0, n;
    char escape[16];
    trit_buffer_text(run, b, "\"");
    for (size_t i = 0; i < str.n; i += n) {
        unsigned char c = (unsigned char)str.s[i];
        const char *at = c ? strchr(plain, c) : NULL;
        n = 1;
        if (c >= 0x80) {
            n = trit_char_bytes(str.s + i, str.n - i);
            if (!ascii || n == 1)
                continue;
            json_escape(str.s + i, n, escape);
        } else if (c < 32 && !at) {
            snprintf(escape, sizeof escape, "\\u%04x", c);
        } else if (!at) {
            continue;
        }
        trit_buffer_add(run, b, trit_str_part(str, from, i));
        write_escape(run, b, trit_str_part(str, i, i + 1), at ? known[at - plain] : escape);
        from = i + n;
    }
    trit_buffer_add(run, b, trit_str_part(str, from, str.n));
    trit_buffer_text(run, b, "\"");
}

struct json_writer {
    struct trit_run *run;
    struct trit_buffer *b;
    const struct trit_json_style *style;
    int level;
};

static void json_value(struct json_writer *w, struct trit_value v);

static void json_line(const struct json_writer *w)
{
    if (w->style->indent < 0)
        return;
    trit_buffer_text(w->run, w->b, "\n");
    for (int i = 0; i < w->level * w->style->indent; i++)
        trit_buffer_text(w->run, w->b, " ");
}

static void json_list(struct json_writer *w, const struct trit_seq *seq)
{
    trit_buffer_text(w->run, w->b, "[");
    w->level++;
    for (size_t i = 0; i < seq->n; i++) {
        if (i > 0)
            trit_buffer_add(w->run, w->b, w->style->item);
        json_line(w);
        json_value(w, seq->v[i]);
    }
    w->level--;
    if (seq->n > 0)
        json_line(w);
    trit_buffer_text(w->run, w->b, "]");
}

/* JSON's keys are strings: what Python makes of others. */
static struct trit_str json_key(struct json_writer *w, struct trit_value key)
{
    if (key.kind == TRIT_STRING)
        return key.str;
    if (key.kind == TRIT_NONE)
        return trit_str_of("null");
    if (key.kind == TRIT_BOOL)
        return trit_str_of(key.yes ? "true" : "false");
    if (!trit_is_number(key))
        trit_run_fail(w->run, "%s is no key of JSON", trit_kind_name(key.kind));
    return trit_to_str(w->run, key);
}

/* The order in which the members come: places in the map. */
static size_t *json_order(struct json_writer *w, const struct trit_map *map)
{
    size_t *order = trit_arena_get(&w->run->arena, (map->n + 1) * sizeof *order);
    for (size_t i = 0; i < map->n; i++) {
        size_t at = i;
        for (; w->style->sorted && at > 0 &&
               trit_order(w->run, map->keys[i], map->keys[order[at - 1]]) < 0;
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

static void json_dict(struct json_writer *w, const struct trit_map *map)
{
    const size_t *order = json_order(w, map);
    trit_buffer_text(w->run, w->b, "{");
    w->level++;
    for (size_t i = 0; i < map->n; i++) {
        if (i > 0)
            trit_buffer_add(w->run, w->b, w->style->item);
        json_line(w);
        json_string_text(w->run, w->b, json_key(w, map->keys[order[i]]), w->style->ascii);
        trit_buffer_add(w->run, w->b, w->style->key);
        json_value(w, map->values[order[i]]);
    }
    w->level--;
    if (map->n > 0)
        json_line(w);
    trit_buffer_text(w->run, w->b, "}");
}

static void json_value(struct json_writer *w, struct trit_value v)
{
    trit_run_enter(w->run);
    if (v.kind == TRIT_STRING)
        json_string_text(w->run, w->b, v.str, w->style->ascii);
    else if (v.kind == TRIT_LIST || v.kind == TRIT_TUPLE)
        json_list(w, v.seq);
    else if (v.kind == TRIT_DICT)
        json_dict(w, v.map);
    else if (v.kind == TRIT_NONE || v.kind == TRIT_BOOL)
        trit_buffer_text(w->run, w->b, v.kind == TRIT_NONE ? "null" : v.yes ? "true" : "false");
    else if (v.kind == TRIT_FLOAT && (isnan(v.d) || isinf(v.d)))
        trit_buffer_text(w->run, w->b, isnan(v.d) ? "NaN" : v.d < 0 ? "-Infinity" : "Infinity");
    else if (trit_is_number(v))
        trit_write(w->run, w->b, v);
    else
        trit_run_fail(w->run, "%s is no JSON", trit_kind_name(v.kind));
    w->run->depth--;
}

void trit_write_json(struct trit_run *run, struct trit_buffer *b, struct trit_value v,
                     const struct trit_json_style *style)
{
    json_value(&(struct json_writer){ run, b, style, 0 }, v);
}

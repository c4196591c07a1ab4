/* Values: making, comparing and reading them, with Python's rules. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/internal.h"

struct trit_str trit_str_of(const char *s)
{
    return (struct trit_str){ s, NULL, strlen(s) };
}

bool trit_str_is(struct trit_str str, const char *s)
{
    return str.n == strlen(s) && !memcmp(str.s, s, str.n);
}

bool trit_str_equal(struct trit_str a, struct trit_str b)
{
    return a.n == b.n && !memcmp(a.s, b.s, a.n);
}

struct trit_str trit_str_part(struct trit_str str, size_t from, size_t to)
{
    return (struct trit_str){ str.s + from, str.given ? str.given + from : NULL, to - from };
}

const char *trit_kind_name(enum trit_kind kind)
{
    static const char *const names[] = { "undefined",  "None",        "a boolean", "an integer",
                                         "a float",    "a string",    "a list",    "a tuple",
                                         "a dict",     "a namespace", "a loop",    "a macro",
                                         "a function", "a method" };
    return names[kind];
}

_Noreturn void trit_run_fail(struct trit_run *run, const char *format, ...)
{
    char text[500];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    trit_arena_fail(&run->arena, TRIT_EARGUMENT, "%s", text);
}

void trit_run_charge(struct trit_run *run, size_t steps)
{
    if (steps > run->steps)
        trit_arena_fail(&run->arena, TRIT_EUNSUPPORTED, "too many steps");
    run->steps -= steps;
}

void trit_run_enter(struct trit_run *run)
{
    trit_run_charge(run, 1);
    if (++run->depth > TRIT_JINJA_DEPTH)
        trit_arena_fail(&run->arena, TRIT_EUNSUPPORTED, "deeper than %d", TRIT_JINJA_DEPTH);
}

struct trit_value trit_seq_new(struct trit_run *run, enum trit_kind kind, size_t room)
{
    struct trit_seq *seq = trit_arena_get(&run->arena, sizeof *seq);
    *seq = (struct trit_seq){ .room = room };
    if (room)
        seq->v = trit_arena_get(&run->arena, room * sizeof *seq->v);
    return (struct trit_value){ .kind = kind, .seq = seq };
}

void trit_seq_add(struct trit_run *run, struct trit_seq *seq, struct trit_value v)
{
    trit_run_charge(run, 1);
    if (seq->n == seq->room) {
        seq->room = seq->room ? 2 * seq->room : 4;
        struct trit_value *bigger = trit_arena_get(&run->arena, seq->room * sizeof *bigger);
        if (seq->n)
            memcpy(bigger, seq->v, seq->n * sizeof *bigger);
        seq->v = bigger;
    }
    seq->v[seq->n++] = v;
}

struct trit_value trit_map_new(struct trit_run *run)
{
    struct trit_map *map = trit_arena_get(&run->arena, sizeof *map);
    *map = (struct trit_map){ 0 };
    return (struct trit_value){ .kind = TRIT_DICT, .map = map };
}

struct trit_value *trit_map_name(const struct trit_map *map, struct trit_str name)
{
    for (size_t i = 0; i < map->n; i++)
        if (map->keys[i].kind == TRIT_STRING && trit_str_equal(map->keys[i].str, name))
            return &map->values[i];
    return NULL;
}

struct trit_value *trit_map_find(struct trit_run *run, const struct trit_map *map,
                                 struct trit_value key)
{
    trit_run_charge(run, map->n / 16);
    if (key.kind == TRIT_STRING)
        return trit_map_name(map, key.str);
    if (key.kind == TRIT_LIST || key.kind == TRIT_DICT)
        trit_run_fail(run, "%s is no key of a dict", trit_kind_name(key.kind));
    for (size_t i = 0; i < map->n; i++)
        if (trit_equal(run, map->keys[i], key))
            return &map->values[i];
    return NULL;
}

static void grow(struct trit_run *run, struct trit_map *map)
{
    size_t room = map->room ? 2 * map->room : 4;
    struct trit_value *v = trit_arena_get(&run->arena, 2 * room * sizeof *v);
    if (map->n) {
        memcpy(v, map->keys, map->n * sizeof *v);
        memcpy(v + room, map->values, map->n * sizeof *v);
    }
    map->keys = v;
    map->values = v + room;
    map->room = room;
}

void trit_map_set(struct trit_run *run, struct trit_map *map, struct trit_value key,
                  struct trit_value value)
{
    struct trit_value *old = trit_map_find(run, map, key);
    if (old) {
        *old = value;
        return;
    }
    trit_run_charge(run, 1);
    if (map->n == map->room)
        grow(run, map);
    map->keys[map->n] = key;
    map->values[map->n++] = value;
}

bool trit_is_number(struct trit_value v)
{
    return v.kind == TRIT_INT || v.kind == TRIT_FLOAT || v.kind == TRIT_BOOL;
}

double trit_number(struct trit_value v)
{
    return v.kind == TRIT_FLOAT ? v.d : v.kind == TRIT_BOOL ? v.yes : (double)v.i;
}

bool trit_truth(struct trit_value v)
{
    switch (v.kind) {
    case TRIT_UNDEFINED:
    case TRIT_NONE:
        return false;
    case TRIT_BOOL:
        return v.yes;
    case TRIT_INT:
        return v.i != 0;
    case TRIT_FLOAT:
        return v.d != 0;
    case TRIT_STRING:
        return v.str.n > 0;
    case TRIT_LIST:
    case TRIT_TUPLE:
        return v.seq->n > 0;
    case TRIT_DICT:
        return v.map->n > 0;
    default:
        return true;
    }
}

static bool equal_seq(struct trit_run *run, const struct trit_seq *a, const struct trit_seq *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = trit_equal(run, a->v[i], b->v[i]);
    return same;
}

static bool equal_map(struct trit_run *run, const struct trit_map *a, const struct trit_map *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++) {
        const struct trit_value *other = trit_map_find(run, b, a->keys[i]);
        same = other && trit_equal(run, a->values[i], *other);
    }
    return same;
}

bool trit_equal(struct trit_run *run, struct trit_value a, struct trit_value b)
{
    if (trit_is_number(a) && trit_is_number(b))
        return a.kind == TRIT_INT && b.kind == TRIT_INT ? a.i == b.i
                                                        : trit_number(a) == trit_number(b);
    if (a.kind != b.kind)
        return false;
    trit_run_enter(run);
    bool same = false;
    switch (a.kind) {
    case TRIT_UNDEFINED:
    case TRIT_NONE:
        same = true;
        break;
    case TRIT_STRING:
        trit_run_charge(run, a.str.n / 64);
        same = trit_str_equal(a.str, b.str);
        break;
    case TRIT_LIST:
    case TRIT_TUPLE:
        same = equal_seq(run, a.seq, b.seq);
        break;
    case TRIT_DICT:
        same = equal_map(run, a.map, b.map);
        break;
    default:
        same = a.map == b.map; /* the same object */
    }
    run->depth--;
    return same;
}

int trit_order(struct trit_run *run, struct trit_value a, struct trit_value b)
{
    trit_run_charge(run, 1);
    if (a.kind == TRIT_INT && b.kind == TRIT_INT)
        return (a.i > b.i) - (a.i < b.i);
    if (trit_is_number(a) && trit_is_number(b)) {
        double x = trit_number(a), y = trit_number(b);
        return (x > y) - (x < y);
    }
    if (a.kind != TRIT_STRING || b.kind != TRIT_STRING)
        trit_run_fail(run, "%s and %s have no order", trit_kind_name(a.kind),
                      trit_kind_name(b.kind));
    size_t n = a.str.n < b.str.n ? a.str.n : b.str.n;
    trit_run_charge(run, n / 64);
    int order = n ? memcmp(a.str.s, b.str.s, n) : 0;
    return order ? order : (a.str.n > b.str.n) - (a.str.n < b.str.n);
}

bool trit_contains(struct trit_run *run, struct trit_value in, struct trit_value what)
{
    if (in.kind == TRIT_STRING) {
        if (what.kind != TRIT_STRING)
            trit_run_fail(run, "%s is in no string", trit_kind_name(what.kind));
        trit_run_charge(run, in.str.n / 64);
        return trit_find(in.str, what.str, 0) != SIZE_MAX;
    }
    if (in.kind == TRIT_DICT)
        return trit_map_find(run, in.map, what) != NULL;
    const struct trit_seq *seq = trit_elements(run, in);
    for (size_t i = 0; i < seq->n; i++)
        if (trit_equal(run, seq->v[i], what))
            return true;
    return false;
}

static struct trit_value characters(struct trit_run *run, struct trit_str str)
{
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0);
    for (size_t i = 0, n; i < str.n; i += n) {
        n = trit_char_bytes(str.s + i, str.n - i);
        trit_seq_add(run, list.seq, trit_string_value(trit_str_part(str, i, i + n)));
    }
    return list;
}

const struct trit_seq *trit_elements(struct trit_run *run, struct trit_value v)
{
    if (v.kind == TRIT_LIST || v.kind == TRIT_TUPLE)
        return v.seq;
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0);
    if (v.kind == TRIT_STRING)
        return characters(run, v.str).seq;
    if (v.kind == TRIT_DICT)
        for (size_t i = 0; i < v.map->n; i++)
            trit_seq_add(run, list.seq, v.map->keys[i]);
    else if (v.kind != TRIT_UNDEFINED)
        trit_run_fail(run, "%s has no elements", trit_kind_name(v.kind));
    return list.seq;
}

struct trit_value trit_items(struct trit_run *run, struct trit_value v)
{
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0);
    if (v.kind == TRIT_UNDEFINED)
        return list;
    if (v.kind != TRIT_DICT)
        trit_run_fail(run, "%s has no items", trit_kind_name(v.kind));
    for (size_t i = 0; i < v.map->n; i++) {
        struct trit_value pair = trit_seq_new(run, TRIT_TUPLE, 2);
        trit_seq_add(run, pair.seq, v.map->keys[i]);
        trit_seq_add(run, pair.seq, v.map->values[i]);
        trit_seq_add(run, list.seq, pair);
    }
    return list;
}

static struct trit_value from_text(struct trit_run *run, const char *s, size_t n, bool given)
{
    struct trit_str str = { s, NULL, n };
    if (given && n > 0) {
        uint8_t *marks = trit_arena_get(&run->arena, n);
        memset(marks, 1, n);
        str.given = marks;
    }
    return trit_string_value(str);
}

/* A role that is known is as the template's own: some write it into control tokens. */
static bool own_role(const char *key, const json_t *value)
{
    static const char *const roles[] = { "system", "user", "assistant", "tool" };
    const char *role = json_string_value(value);
    for (size_t i = 0; role && i < sizeof roles / sizeof *roles; i++)
        if (!strcmp(key, "role") && !strcmp(role, roles[i]))
            return true;
    return false;
}

static struct trit_value from_object(struct trit_run *run, const json_t *json, bool given)
{
    struct trit_value map = trit_map_new(run);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        struct trit_value v = trit_from_json(run, value, given && !own_role(key, value));
        if (map.map->n == map.map->room)
            grow(run, map.map);
        map.map->keys[map.map->n] = from_text(run, key, strlen(key), given); /* no two are equal */
        map.map->values[map.map->n++] = v;
    }
    return map;
}

static struct trit_value from_array(struct trit_run *run, const json_t *json, bool given)
{
    struct trit_value list = trit_seq_new(run, TRIT_LIST, json_array_size(json));
    for (size_t i = 0; i < json_array_size(json); i++)
        trit_seq_add(run, list.seq, trit_from_json(run, json_array_get(json, i), given));
    return list;
}

struct trit_value trit_from_json(struct trit_run *run, const json_t *json, bool given)
{
    struct trit_value v = { .kind = TRIT_NONE };
    trit_run_enter(run);
    if (json_is_object(json))
        v = from_object(run, json, given);
    else if (json_is_array(json))
        v = from_array(run, json, given);
    else if (json_is_string(json))
        v = from_text(run, json_string_value(json), json_string_length(json), given);
    else if (json_is_integer(json))
        v = trit_int(json_integer_value(json));
    else if (json_is_real(json))
        v = (struct trit_value){ .kind = TRIT_FLOAT, .d = json_real_value(json) };
    else if (json_is_boolean(json))
        v = trit_bool(json_is_true(json));
    run->depth--;
    return v;
}

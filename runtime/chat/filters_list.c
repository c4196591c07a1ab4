/* Filters on lists and dicts. */
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/internal.h"

static struct trit_value length(struct trit_run *run, const struct trit_args *args)
{
    if (args->self.kind == TRIT_STRING) {
        trit_run_charge(run, args->self.str.n / 64);
        return trit_int((int64_t)trit_chars(args->self.str));
    }
    if (args->self.kind == TRIT_DICT)
        return trit_int((int64_t)args->self.map->n);
    return trit_int((int64_t)trit_elements(run, args->self)->n);
}

/* What a dotted path of names and numbers finds in a value. */
static struct trit_value follow(struct trit_run *run, struct trit_value v, struct trit_value path)
{
    if (path.kind != TRIT_STRING)
        return trit_index(run, v, path);
    struct trit_str rest = path.str;
    for (bool more = true; more;) {
        size_t dot = trit_find(rest, trit_str_of("."), 0), n = dot == SIZE_MAX ? rest.n : dot;
        struct trit_str part = trit_str_part(rest, 0, n);
        struct trit_value number;
        char text[24] = "";
        more = dot != SIZE_MAX;
        if (more)
            rest = trit_str_part(rest, dot + 1, rest.n);
        if (n > 0 && n < sizeof text && part.s[0] >= '0' && part.s[0] <= '9')
            memcpy(text, part.s, n);
        bool numbered = *text && trit_number_parse(text, true, &number);
        v = trit_index(run, v, numbered ? number : trit_string_value(part));
    }
    return v;
}

static struct trit_value join(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = trit_elements(run, args->self);
    struct trit_str between = args->has[0] ? trit_to_str(run, args->v[0]) : trit_str_of("");
    struct trit_buffer b = { 0 };
    for (size_t i = 0; i < seq->n; i++) {
        trit_run_charge(run, 1);
        trit_buffer_add(run, &b, i ? between : trit_str_of(""));
        trit_write(run, &b, args->has[1] ? follow(run, seq->v[i], args->v[1]) : seq->v[i]);
    }
    return trit_buffer_value(run, &b);
}

/* own: the last. */
static struct trit_value end(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = trit_elements(run, args->self);
    if (seq->n == 0)
        return trit_undefined(trit_str_of("an element of what is empty"));
    return seq->v[args->row->own ? seq->n - 1 : 0];
}

static struct trit_value copy(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = trit_elements(run, args->self);
    struct trit_value list = trit_seq_new(run, TRIT_LIST, seq->n);
    for (size_t i = 0; i < seq->n; i++)
        trit_seq_add(run, list.seq, seq->v[i]);
    return list;
}

static struct trit_value reversed(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = trit_elements(run, args->self);
    struct trit_value list = trit_seq_new(run, TRIT_LIST, seq->n);
    for (size_t i = seq->n; i-- > 0;)
        trit_seq_add(run, list.seq, seq->v[i]);
    if (args->self.kind != TRIT_STRING)
        return list;
    struct trit_args joined = { .self = list };
    return join(run, &joined);
}

static struct trit_value items(struct trit_run *run, const struct trit_args *args)
{
    return trit_items(run, args->self);
}

/* map(attribute = path, default = value), or map(filter, its arguments). */
static struct trit_value map(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = trit_elements(run, args->self);
    const struct trit_value *path = trit_map_name(&args->more, trit_str_of("attribute"));
    const struct trit_value *other = trit_map_name(&args->more, trit_str_of("default"));
    const struct trit_callable *row = NULL;
    struct trit_value list = trit_seq_new(run, TRIT_LIST, seq->n);
    if (!path && args->n > 0)
        row = trit_filter_find(trit_want_string(run, args->v[0]));
    if (!path && !row)
        trit_run_fail(run, "map has no such filter");
    for (size_t i = 0; i < seq->n; i++) {
        struct trit_value v =
            path ? follow(run, seq->v[i], *path)
                 : trit_apply_values(run, row, seq->v[i], args->v + 1, args->n - 1);
        trit_seq_add(run, list.seq, path && other && v.kind == TRIT_UNDEFINED ? *other : v);
    }
    return list;
}

/* own: REJECT turns it round, ATTRIBUTE asks what the first argument finds in the element. */
enum { REJECT = 1, ATTRIBUTE = 2 };
static struct trit_value choose(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = trit_elements(run, args->self);
    size_t first = args->row->own & ATTRIBUTE ? 1 : 0;
    const struct trit_callable *row = NULL;
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0);
    if (args->n > first && !(row = trit_test_find(trit_want_string(run, args->v[first]))))
        trit_run_fail(run, "'%s' has no such test", args->row->name);
    for (size_t i = 0; i < seq->n; i++) {
        struct trit_value v = first ? follow(run, seq->v[i], args->v[0]) : seq->v[i];
        if (row)
            v = trit_apply_values(run, row, v, args->v + first + 1, args->n - first - 1);
        if (trit_truth(v) != (bool)(args->row->own & REJECT))
            trit_seq_add(run, list.seq, seq->v[i]);
    }
    return list;
}

/* What is compared: the element, or what a path finds in it, without case unless told. */
static struct trit_value sort_key(struct trit_run *run, struct trit_value v, bool exact,
                                  const struct trit_value *path)
{
    v = path ? follow(run, v, *path) : v;
    return exact || v.kind != TRIT_STRING ? v : trit_recase(run, v.str, TRIT_LOWER);
}

static struct trit_value unique(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = trit_elements(run, args->self);
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0),
                      seen = trit_seq_new(run, TRIT_LIST, 0);
    bool exact = args->has[0] && trit_truth(args->v[0]);
    for (size_t i = 0; i < seq->n; i++) {
        struct trit_value key = sort_key(run, seq->v[i], exact, args->has[1] ? &args->v[1] : NULL);
        if (trit_contains(run, seen, key))
            continue;
        trit_seq_add(run, seen.seq, key);
        trit_seq_add(run, list.seq, seq->v[i]);
    }
    return list;
}

struct sorting {
    struct trit_run *run;
    const struct trit_value *keys;
    size_t *order, *other;
    int sign;
};

/* Stable: halves are sorted, then merged. */
static void merge_sort(const struct sorting *s, size_t from, size_t to)
{
    size_t middle = from + (to - from) / 2, a = from, b = middle;
    if (to - from < 2)
        return;
    merge_sort(s, from, middle);
    merge_sort(s, middle, to);
    for (size_t i = from; i < to; i++) {
        bool left = b == to ||
                    (a < middle &&
                     s->sign * trit_order(s->run, s->keys[s->order[b]], s->keys[s->order[a]]) >= 0);
        s->other[i] = s->order[left ? a++ : b++];
    }
    memcpy(s->order + from, s->other + from, (to - from) * sizeof *s->order);
}

static struct trit_value sorted(struct trit_run *run, const struct trit_seq *seq,
                                const struct trit_seq *keys, bool down)
{
    size_t *order = trit_arena_get(&run->arena, (2 * seq->n + 1) * sizeof *order);
    struct trit_value list = trit_seq_new(run, TRIT_LIST, seq->n);
    for (size_t i = 0; i < seq->n; i++)
        order[i] = i;
    const struct sorting s = { run, keys->v, order, order + seq->n, down ? -1 : 1 };
    merge_sort(&s, 0, seq->n);
    for (size_t i = 0; i < seq->n; i++)
        trit_seq_add(run, list.seq, seq->v[order[i]]);
    return list;
}

static struct trit_value sort(struct trit_run *run, const struct trit_args *args)
{
    enum { DOWN, CASE, PATH };
    const struct trit_seq *seq = trit_elements(run, args->self);
    struct trit_value keys = trit_seq_new(run, TRIT_LIST, seq->n);
    bool exact = args->has[CASE] && trit_truth(args->v[CASE]);
    const struct trit_value *path = args->has[PATH] ? &args->v[PATH] : NULL;
    for (size_t i = 0; i < seq->n; i++)
        trit_seq_add(run, keys.seq, sort_key(run, seq->v[i], exact, path));
    return sorted(run, seq, keys.seq, args->has[DOWN] && trit_truth(args->v[DOWN]));
}

static struct trit_value dict_sort(struct trit_run *run, const struct trit_args *args)
{
    enum { CASE, BY, DOWN };
    struct trit_value pairs = trit_items(run, args->self);
    struct trit_value keys = trit_seq_new(run, TRIT_LIST, pairs.seq->n);
    bool exact = args->has[CASE] && trit_truth(args->v[CASE]);
    bool value = args->has[BY] && trit_str_is(trit_want_string(run, args->v[BY]), "value");
    for (size_t i = 0; i < pairs.seq->n; i++)
        trit_seq_add(run, keys.seq, sort_key(run, pairs.seq->v[i].seq->v[value], exact, NULL));
    return sorted(run, pairs.seq, keys.seq, args->has[DOWN] && trit_truth(args->v[DOWN]));
}

static struct trit_value sum(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = trit_elements(run, args->self);
    struct trit_value total = args->has[1] ? args->v[1] : trit_int(0);
    for (size_t i = 0; i < seq->n; i++)
        total = trit_arithmetic(run, TRIT_OP_ADD, total,
                                args->has[0] && args->v[0].kind != TRIT_NONE
                                    ? follow(run, seq->v[i], args->v[0])
                                    : seq->v[i]);
    return total;
}

/* own: the greatest. */
static struct trit_value extreme(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = trit_elements(run, args->self);
    if (seq->n == 0)
        return trit_undefined(trit_str_of("an element of what is empty"));
    struct trit_value best = seq->v[0], key = sort_key(run, best, false, NULL);
    for (size_t i = 1; i < seq->n; i++) {
        struct trit_value other = sort_key(run, seq->v[i], false, NULL);
        int order = trit_order(run, other, key);
        if (args->row->own ? order > 0 : order < 0) {
            best = seq->v[i];
            key = other;
        }
    }
    return best;
}

const struct trit_callable trit_list_filters[] = {
    { "length", NULL, 0, 0, length, 0, 0 },
    { "count", NULL, 0, 0, length, 0, 0 },
    { "join", "d attribute", 0, 2, join, 0, 0 },
    { "first", NULL, 0, 0, end, 0, 0 },
    { "last", NULL, 0, 0, end, 0, 1 },
    { "list", NULL, 0, 0, copy, 0, 0 },
    { "reverse", NULL, 0, 0, reversed, 0, 0 },
    { "items", NULL, 0, 0, items, 0, 0 },
    { "map", "*", 0, TRIT_JINJA_ARGS, map, 0, 0 },
    { "select", NULL, 0, TRIT_JINJA_ARGS, choose, 0, 0 },
    { "reject", NULL, 0, TRIT_JINJA_ARGS, choose, 0, REJECT },
    { "selectattr", NULL, 1, TRIT_JINJA_ARGS, choose, 0, ATTRIBUTE },
    { "rejectattr", NULL, 1, TRIT_JINJA_ARGS, choose, 0, ATTRIBUTE | REJECT },
    { "unique", "case_sensitive attribute", 0, 2, unique, 0, 0 },
    { "sort", "reverse case_sensitive attribute", 0, 3, sort, 0, 0 },
    { "dictsort", "case_sensitive by reverse", 0, 3, dict_sort, 0, 0 },
    { "sum", "attribute start", 0, 2, sum, 0, 0 },
    { "min", NULL, 0, 0, extreme, 0, 0 },
    { "max", NULL, 0, 0, extreme, 0, 1 },
    { .name = NULL },
};

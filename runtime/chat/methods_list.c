/* Methods of lists, tuples, dicts and loops. */
#include <string.h>

#include "runtime/chat/internal.h"

static struct trit_value none(void)
{
    return (struct trit_value){ .kind = TRIT_NONE };
}

static struct trit_value append(struct trit_run *run, const struct trit_args *args)
{
    trit_seq_add(run, args->self.seq, args->v[0]);
    return none();
}

static struct trit_value extend(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq more = *trit_elements(run, args->v[0]); /* may be the list itself */
    for (size_t i = 0; i < more.n; i++)
        trit_seq_add(run, args->self.seq, more.v[i]);
    return none();
}

static struct trit_value insert(struct trit_run *run, const struct trit_args *args)
{
    struct trit_seq *seq = args->self.seq;
    int64_t n = (int64_t)seq->n, at = trit_want_int(run, args->v[0]);
    at = at < 0 ? at + n : at;
    at = at < 0 ? 0 : at > n ? n : at;
    trit_seq_add(run, seq, args->v[1]);
    trit_run_charge(run, seq->n / 16);
    memmove(seq->v + at + 1, seq->v + at, (size_t)(n - at) * sizeof *seq->v);
    seq->v[at] = args->v[1];
    return none();
}

static struct trit_value pop(struct trit_run *run, const struct trit_args *args)
{
    struct trit_seq *seq = args->self.seq;
    int64_t n = (int64_t)seq->n, at = args->has[0] ? trit_want_int(run, args->v[0]) : n - 1;
    at = at < 0 ? at + n : at;
    if (at < 0 || at >= n)
        trit_run_fail(run, "a list has no element %lld to pop", (long long)at);
    struct trit_value v = seq->v[at];
    trit_run_charge(run, seq->n / 16);
    memmove(seq->v + at, seq->v + at + 1, (size_t)(n - 1 - at) * sizeof *seq->v);
    seq->n--;
    return v;
}

static struct trit_value place(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = args->self.seq;
    for (size_t i = 0; i < seq->n; i++)
        if (trit_equal(run, seq->v[i], args->v[0]))
            return trit_int((int64_t)i);
    trit_run_fail(run, "an element is not in the list");
}

static struct trit_value count(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_seq *seq = args->self.seq;
    int64_t n = 0;
    for (size_t i = 0; i < seq->n; i++)
        n += trit_equal(run, seq->v[i], args->v[0]);
    return trit_int(n);
}

static struct trit_value reverse(struct trit_run *run, const struct trit_args *args)
{
    struct trit_seq *seq = args->self.seq;
    trit_run_charge(run, seq->n);
    for (size_t i = 0; i < seq->n / 2; i++) {
        struct trit_value v = seq->v[i];
        seq->v[i] = seq->v[seq->n - 1 - i];
        seq->v[seq->n - 1 - i] = v;
    }
    return none();
}

enum { LIST = 1 << TRIT_LIST, LISTS = LIST | 1 << TRIT_TUPLE };
const struct trit_callable trit_list_methods[] = {
    { "append", NULL, 1, 1, append, LIST, 0 },   { "extend", NULL, 1, 1, extend, LIST, 0 },
    { "insert", NULL, 2, 2, insert, LIST, 0 },   { "pop", NULL, 0, 1, pop, LIST, 0 },
    { "reverse", NULL, 0, 0, reverse, LIST, 0 }, { "index", NULL, 1, 1, place, LISTS, 0 },
    { "count", NULL, 1, 1, count, LISTS, 0 },    { .name = NULL },
};

static struct trit_value get(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_value *v = trit_map_find(run, args->self.map, args->v[0]);
    return v ? *v : args->has[1] ? args->v[1] : none();
}

static struct trit_value items(struct trit_run *run, const struct trit_args *args)
{
    return trit_items(run, args->self);
}

static struct trit_value keys(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_map *map = args->self.map;
    struct trit_value list = trit_seq_new(run, TRIT_LIST, map->n);
    for (size_t i = 0; i < map->n; i++)
        trit_seq_add(run, list.seq, args->row->own ? map->values[i] : map->keys[i]);
    return list;
}

static struct trit_value update(struct trit_run *run, const struct trit_args *args)
{
    for (int i = 0; i < 2; i++) {
        struct trit_map more = args->more;
        if (i == 0 && args->n > 0) {
            if (args->v[0].kind != TRIT_DICT)
                trit_run_fail(run, "%s updates no dict", trit_kind_name(args->v[0].kind));
            more = *args->v[0].map;
        } else if (i == 0) {
            continue;
        }
        for (size_t j = 0; j < more.n; j++)
            trit_map_set(run, args->self.map, more.keys[j], more.values[j]);
    }
    return none();
}

static struct trit_value pop_key(struct trit_run *run, const struct trit_args *args)
{
    struct trit_map *map = args->self.map;
    struct trit_value *at = trit_map_find(run, map, args->v[0]), v;
    if (!at && !args->has[1])
        trit_run_fail(run, "a dict has no such key to pop");
    if (!at)
        return args->v[1];
    v = *at;
    size_t i = (size_t)(at - map->values), after = map->n - 1 - i;
    trit_run_charge(run, after / 16);
    memmove(map->keys + i, map->keys + i + 1, after * sizeof v);
    memmove(map->values + i, map->values + i + 1, after * sizeof v);
    map->n--;
    return v;
}

static struct trit_value set_default(struct trit_run *run, const struct trit_args *args)
{
    const struct trit_value *at = trit_map_find(run, args->self.map, args->v[0]);
    struct trit_value v = at ? *at : args->has[1] ? args->v[1] : none();
    if (!at)
        trit_map_set(run, args->self.map, args->v[0], v);
    return v;
}

static struct trit_value cycle(struct trit_run *run, const struct trit_args *args)
{
    (void)run;
    return args->v[args->self.loop->at % args->n];
}

enum { DICT = 1 << TRIT_DICT };
const struct trit_callable trit_dict_methods[] = {
    { "get", NULL, 1, 2, get, DICT, 0 },
    { "items", NULL, 0, 0, items, DICT, 0 },
    { "keys", NULL, 0, 0, keys, DICT, 0 },
    { "values", NULL, 0, 0, keys, DICT, 1 },
    { "update", "*", 0, 1, update, DICT, 0 },
    { "pop", NULL, 1, 2, pop_key, DICT, 0 },
    { "setdefault", NULL, 1, 2, set_default, DICT, 0 },
    { "cycle", NULL, 1, TRIT_JINJA_ARGS, cycle, 1 << TRIT_LOOP, 0 },
    { .name = NULL },
};

const struct trit_callable *trit_method_find(enum trit_kind kind, struct trit_str name)
{
    const struct trit_callable *tables[] = { trit_string_methods, trit_list_methods,
                                             trit_dict_methods };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct trit_callable *row = tables[i]; row->name; row++)
            if (row->kinds >> kind & 1 && trit_str_is(name, row->name))
                return row;
    return NULL;
}

/* Functions and tests that a template finds. There is no clock: strftime_now is not defined. */
#include <string.h>

#include "runtime/chat/internal.h"

static struct trit_value raise_exception(struct trit_run *run, const struct trit_args *args)
{
    struct trit_str text = trit_to_str(run, args->v[0]);
    trit_run_fail(run, "%.*s", text.n < 400 ? (int)text.n : 400, text.s);
}

static struct trit_value range(struct trit_run *run, const struct trit_args *args)
{
    int64_t from = args->n > 1 ? trit_want_int(run, args->v[0]) : 0;
    int64_t to = trit_want_int(run, args->v[args->n > 1]),
            step = args->n > 2 ? trit_want_int(run, args->v[2]) : 1;
    struct trit_value list = trit_seq_new(run, TRIT_LIST, 0);
    if (step == 0)
        trit_run_fail(run, "a range with step 0");
    for (int64_t i = from; step > 0 ? i < to : i > to;) {
        trit_seq_add(run, list.seq, trit_int(i));
        if (__builtin_add_overflow(i, step, &i))
            break;
    }
    return list;
}

/* A mapping or nothing first, then names. */
static struct trit_value make_dict(struct trit_run *run, const struct trit_args *args)
{
    struct trit_value map = trit_map_new(run);
    if (args->n > 0 && args->v[0].kind != TRIT_DICT)
        trit_run_fail(run, "%s makes no dict", trit_kind_name(args->v[0].kind));
    for (size_t i = 0; args->n > 0 && i < args->v[0].map->n; i++)
        trit_map_set(run, map.map, args->v[0].map->keys[i], args->v[0].map->values[i]);
    for (size_t i = 0; i < args->more.n; i++)
        trit_map_set(run, map.map, args->more.keys[i], args->more.values[i]);
    return map;
}

static struct trit_value make_namespace(struct trit_run *run, const struct trit_args *args)
{
    struct trit_value space = make_dict(run, args);
    space.kind = TRIT_NAMESPACE;
    return space;
}

static const struct trit_callable functions[] = {
    { "raise_exception", "message", 1, 1, raise_exception, 0, 0 },
    { "range", NULL, 1, 3, range, 0, 0 },
    { "dict", "*", 0, 1, make_dict, 0, 0 },
    { "namespace", "*", 0, 1, make_namespace, 0, 0 },
    { .name = NULL },
};

const struct trit_callable *trit_function_find(struct trit_str name)
{
    return trit_callable_find(functions, name);
}

/* Tests that ask only for the kind of a value: a bit for each kind. */
static struct trit_value is_kind(struct trit_run *run, const struct trit_args *args)
{
    (void)run;
    return trit_bool(args->row->kinds >> args->self.kind & 1);
}

static struct trit_value is_truth(struct trit_run *run, const struct trit_args *args)
{
    (void)run;
    bool want = args->row->own == 1;
    return trit_bool(args->self.kind == TRIT_BOOL && args->self.yes == want);
}

static struct trit_value is_equal(struct trit_run *run, const struct trit_args *args)
{
    return trit_bool(trit_equal(run, args->self, args->v[0]));
}

static struct trit_value is_other(struct trit_run *run, const struct trit_args *args)
{
    return trit_bool(!trit_equal(run, args->self, args->v[0]));
}

/* kinds: a bit for each of less, equal, greater. */
static struct trit_value is_ordered(struct trit_run *run, const struct trit_args *args)
{
    int order = trit_order(run, args->self, args->v[0]);
    return trit_bool(args->row->own >> (order < 0 ? 0 : order == 0 ? 1 : 2) & 1);
}

static struct trit_value is_in(struct trit_run *run, const struct trit_args *args)
{
    return trit_bool(trit_contains(run, args->v[0], args->self));
}

static struct trit_value is_multiple(struct trit_run *run, const struct trit_args *args)
{
    struct trit_value by = args->n > 0 ? args->v[0] : trit_int(2);
    struct trit_value left = trit_arithmetic(run, TRIT_OP_MOD, args->self, by);
    return trit_bool(trit_number(left) == (args->row->own == 1));
}

static struct trit_value is_case(struct trit_run *run, const struct trit_args *args)
{
    struct trit_str str = trit_to_str(run, args->self);
    char first = args->row->own ? 'a' : 'A', other = args->row->own ? 'A' : 'a';
    bool some = false, wrong = false;
    for (size_t i = 0; i < str.n; i++) {
        some |= str.s[i] >= first && str.s[i] < first + 26;
        wrong |= str.s[i] >= other && str.s[i] < other + 26;
    }
    return trit_bool(some && !wrong);
}

static struct trit_value is_same(struct trit_run *run, const struct trit_args *args)
{
    return trit_bool(args->self.kind == args->v[0].kind && trit_equal(run, args->self, args->v[0]));
}

enum {
    NUMBERS = 1 << TRIT_INT | 1 << TRIT_FLOAT | 1 << TRIT_BOOL,
    LISTS = 1 << TRIT_LIST | 1 << TRIT_TUPLE,
    MAPS = 1 << TRIT_DICT,
    STRINGS = 1 << TRIT_STRING,
    CALLED = 1 << TRIT_MACRO | 1 << TRIT_FUNCTION | 1 << TRIT_METHOD,
    LESS = 1,
    EQUAL = 2,
    GREATER = 4,
};
static const struct trit_callable tests[] = {
    { "defined", NULL, 0, 0, is_kind, ~(1u << TRIT_UNDEFINED), 0 },
    { "undefined", NULL, 0, 0, is_kind, 1 << TRIT_UNDEFINED, 0 },
    { "none", NULL, 0, 0, is_kind, 1 << TRIT_NONE, 0 },
    { "string", NULL, 0, 0, is_kind, STRINGS, 0 },
    { "mapping", NULL, 0, 0, is_kind, MAPS, 0 },
    { "sequence", NULL, 0, 0, is_kind, LISTS | MAPS | STRINGS | 1 << TRIT_UNDEFINED, 0 },
    { "iterable", NULL, 0, 0, is_kind, LISTS | MAPS | STRINGS | 1 << TRIT_UNDEFINED, 0 },
    { "number", NULL, 0, 0, is_kind, NUMBERS, 0 },
    { "integer", NULL, 0, 0, is_kind, 1 << TRIT_INT, 0 },
    { "float", NULL, 0, 0, is_kind, 1 << TRIT_FLOAT, 0 },
    { "boolean", NULL, 0, 0, is_kind, 1 << TRIT_BOOL, 0 },
    { "callable", NULL, 0, 0, is_kind, CALLED, 0 },
    { "true", NULL, 0, 0, is_truth, 0, 1 },
    { "false", NULL, 0, 0, is_truth, 0, 0 },
    { "equalto", NULL, 1, 1, is_equal, 0, 0 },
    { "eq", NULL, 1, 1, is_equal, 0, 0 },
    { "==", NULL, 1, 1, is_equal, 0, 0 },
    { "ne", NULL, 1, 1, is_other, 0, 0 },
    { "!=", NULL, 1, 1, is_other, 0, 0 },
    { "lt", NULL, 1, 1, is_ordered, 0, LESS },
    { "lessthan", NULL, 1, 1, is_ordered, 0, LESS },
    { "<", NULL, 1, 1, is_ordered, 0, LESS },
    { "le", NULL, 1, 1, is_ordered, 0, LESS | EQUAL },
    { "<=", NULL, 1, 1, is_ordered, 0, LESS | EQUAL },
    { "gt", NULL, 1, 1, is_ordered, 0, GREATER },
    { "greaterthan", NULL, 1, 1, is_ordered, 0, GREATER },
    { ">", NULL, 1, 1, is_ordered, 0, GREATER },
    { "ge", NULL, 1, 1, is_ordered, 0, GREATER | EQUAL },
    { ">=", NULL, 1, 1, is_ordered, 0, GREATER | EQUAL },
    { "in", NULL, 1, 1, is_in, 0, 0 },
    { "sameas", NULL, 1, 1, is_same, 0, 0 },
    { "odd", NULL, 0, 0, is_multiple, 0, 1 },
    { "even", NULL, 0, 0, is_multiple, 0, 0 },
    { "divisibleby", NULL, 1, 1, is_multiple, 0, 0 },
    { "lower", NULL, 0, 0, is_case, 0, 1 },
    { "upper", NULL, 0, 0, is_case, 0, 0 },
    { .name = NULL },
};

const struct trit_callable *trit_test_find(struct trit_str name)
{
    return trit_callable_find(tests, name);
}

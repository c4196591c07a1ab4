/* What an expression gives. */
#include <math.h>
#include <string.h>

#include "runtime/chat/internal.h"

static struct trit_value lookup(struct trit_run *run, const struct trit_node *node)
{
    trit_run_charge(run, 1);
    for (struct trit_scope *s = run->scope; s; s = s->outer) {
        const struct trit_value *v = trit_map_name(&s->vars, node->value.str);
        if (v)
            return *v;
    }
    const struct trit_callable *row = trit_function_find(node->value.str);
    if (row)
        return (struct trit_value){ .kind = TRIT_FUNCTION, .function = row };
    return trit_undefined(node->value.str);
}

static struct trit_value sequence(struct trit_run *run, const struct trit_node *node)
{
    struct trit_value list =
        trit_seq_new(run, node->op == TRIT_OP_LIST ? TRIT_LIST : TRIT_TUPLE, 0);
    for (const struct trit_node *e = node->b; e; e = e->next)
        trit_seq_add(run, list.seq, trit_eval(run, e));
    return list;
}

static struct trit_value dict(struct trit_run *run, const struct trit_node *node)
{
    struct trit_value map = trit_map_new(run);
    for (const struct trit_node *e = node->b; e; e = e->next->next) {
        struct trit_value key = trit_eval(run, e), value = trit_eval(run, e->next);
        trit_map_set(run, map.map, key, value);
    }
    return map;
}

static struct trit_value method_of(struct trit_run *run, struct trit_value of, struct trit_str name,
                                   bool *found)
{
    const struct trit_callable *row = trit_method_find(of.kind, name);
    *found = row != NULL;
    if (!row)
        return trit_undefined(name);
    struct trit_method *method = trit_arena_get(&run->arena, sizeof *method);
    *method = (struct trit_method){ of, row };
    return (struct trit_value){ .kind = TRIT_METHOD, .method = method };
}

_Noreturn static void undefined(struct trit_run *run, struct trit_value of)
{
    trit_run_fail(run, "'%.*s' is undefined", of.str.n < 60 ? (int)of.str.n : 60, of.str.s);
}

/* of.name: what belongs to the type comes first, as in Jinja. */
struct trit_value trit_attribute(struct trit_run *run, struct trit_value of, struct trit_str name)
{
    bool found;
    if (of.kind == TRIT_UNDEFINED)
        undefined(run, of);
    struct trit_value method = method_of(run, of, name, &found);
    if (found)
        return method;
    if (of.kind == TRIT_LOOP)
        return trit_loop_attribute(of.loop, name);
    const struct trit_value *v = NULL;
    if (of.kind == TRIT_DICT || of.kind == TRIT_NAMESPACE)
        v = trit_map_name(of.map, name);
    return v ? *v : trit_undefined(name);
}

/* The byte at which character i begins; n where there are fewer. */
static size_t byte_of(struct trit_str str, size_t i)
{
    size_t at = 0;
    while (at < str.n && i-- > 0)
        at += trit_char_bytes(str.s + at, str.n - at);
    return at;
}

static struct trit_value element(struct trit_run *run, struct trit_value of, int64_t at)
{
    bool string = of.kind == TRIT_STRING;
    int64_t n = (int64_t)(string ? trit_chars(of.str) : of.seq->n);
    at += at < 0 ? n : 0;
    if (string)
        trit_run_charge(run, of.str.n / 64);
    if (at < 0 || at >= n)
        return trit_undefined(trit_str_of("an element past the end"));
    if (!string)
        return of.seq->v[at];
    size_t from = byte_of(of.str, (size_t)at);
    return trit_string_value(
        trit_str_part(of.str, from, from + trit_char_bytes(of.str.s + from, of.str.n - from)));
}

struct trit_value trit_index(struct trit_run *run, struct trit_value of, struct trit_value at)
{
    bool listed = of.kind == TRIT_LIST || of.kind == TRIT_TUPLE || of.kind == TRIT_STRING;
    if (of.kind == TRIT_UNDEFINED)
        undefined(run, of);
    if (listed && (at.kind == TRIT_INT || at.kind == TRIT_BOOL))
        return element(run, of, at.kind == TRIT_BOOL ? at.yes : at.i);
    if (of.kind == TRIT_DICT && at.kind != TRIT_LIST && at.kind != TRIT_DICT) {
        const struct trit_value *v = trit_map_find(run, of.map, at);
        if (v)
            return *v;
    }
    if (at.kind == TRIT_STRING)
        return trit_attribute(run, of, at.str);
    return trit_undefined(trit_str_of("an element"));
}

/* Python's bounds of a slice of n elements with a step. */
static void slice_bounds(struct trit_run *run, const struct trit_value bounds[3], int64_t n,
                         int64_t out[3])
{
    for (int i = 0; i < 3; i++)
        if (bounds[i].kind != TRIT_INT && bounds[i].kind != TRIT_NONE)
            trit_run_fail(run, "%s bounds no slice", trit_kind_name(bounds[i].kind));
    int64_t step = bounds[2].kind == TRIT_INT ? bounds[2].i : 1;
    if (step == 0 || step > INT32_MAX || step < -INT32_MAX)
        trit_run_fail(run, "a slice with step %lld", (long long)step);
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    out[0] = step > 0 ? low : high;
    out[1] = step > 0 ? high : low;
    out[2] = step;
    for (int i = 0; i < 2; i++) {
        if (bounds[i].kind != TRIT_INT)
            continue;
        int64_t v = bounds[i].i < 0 ? bounds[i].i + n : bounds[i].i;
        out[i] = v < low ? low : v > high ? high : v;
    }
}

static struct trit_value slice_string(struct trit_run *run, struct trit_str str,
                                      const int64_t at[3])
{
    trit_run_charge(run, str.n / 64);
    if (at[2] == 1) {
        size_t from = byte_of(str, (size_t)at[0]);
        struct trit_str rest = trit_str_part(str, from, str.n);
        size_t bytes = at[1] > at[0] ? byte_of(rest, (size_t)(at[1] - at[0])) : 0;
        return trit_string_value(trit_str_part(rest, 0, bytes));
    }
    const struct trit_seq *chars = trit_elements(run, trit_string_value(str));
    struct trit_buffer b = { 0 };
    for (int64_t i = at[0]; at[2] > 0 ? i < at[1] : i > at[1]; i += at[2]) {
        trit_run_charge(run, 1);
        trit_buffer_add(run, &b, chars->v[i].str);
    }
    return trit_buffer_value(run, &b);
}

struct trit_value trit_slice(struct trit_run *run, struct trit_value of,
                             const struct trit_value bounds[3])
{
    int64_t at[3];
    if (of.kind == TRIT_STRING) {
        slice_bounds(run, bounds, (int64_t)trit_chars(of.str), at);
        return slice_string(run, of.str, at);
    }
    if (of.kind == TRIT_UNDEFINED)
        undefined(run, of);
    if (of.kind != TRIT_LIST && of.kind != TRIT_TUPLE)
        return trit_undefined(trit_str_of("a slice"));
    slice_bounds(run, bounds, (int64_t)of.seq->n, at);
    struct trit_value list = trit_seq_new(run, of.kind, 0);
    for (int64_t i = at[0]; at[2] > 0 ? i < at[1] : i > at[1]; i += at[2])
        trit_seq_add(run, list.seq, of.seq->v[i]);
    return list;
}

static struct trit_value slice(struct trit_run *run, const struct trit_node *node)
{
    const struct trit_node *parts[] = { node->b, node->c, node->d };
    struct trit_value bounds[3], of = trit_eval(run, node->a);
    for (int i = 0; i < 3; i++)
        bounds[i] = parts[i] ? trit_eval(run, parts[i]) : (struct trit_value){ .kind = TRIT_NONE };
    return trit_slice(run, of, bounds);
}

static bool compare(struct trit_run *run, enum trit_op op, struct trit_value a, struct trit_value b)
{
    switch (op) {
    case TRIT_OP_EQ:
        return trit_equal(run, a, b);
    case TRIT_OP_NE:
        return !trit_equal(run, a, b);
    case TRIT_OP_IN:
        return trit_contains(run, b, a);
    case TRIT_OP_NOT_IN:
        return !trit_contains(run, b, a);
    case TRIT_OP_LT:
        return trit_order(run, a, b) < 0;
    case TRIT_OP_LE:
        return trit_order(run, a, b) <= 0;
    case TRIT_OP_GT:
        return trit_order(run, a, b) > 0;
    default:
        return trit_order(run, a, b) >= 0;
    }
}

static struct trit_value comparison(struct trit_run *run, const struct trit_node *node)
{
    struct trit_value left = trit_eval(run, node->a);
    bool yes = true;
    for (const struct trit_node *c = node->b; c && yes; c = c->next) {
        struct trit_value right = trit_eval(run, c->a);
        yes = compare(run, c->op, left, right);
        left = right;
    }
    return trit_bool(yes);
}

static struct trit_value logic(struct trit_run *run, const struct trit_node *node)
{
    struct trit_value v = trit_eval(run, node->a);
    switch (node->op) {
    case TRIT_OP_NOT:
        return trit_bool(!trit_truth(v));
    case TRIT_OP_AND:
        return trit_truth(v) ? trit_eval(run, node->b) : v;
    default:
        return trit_truth(v) ? v : trit_eval(run, node->b);
    }
}

static struct trit_value choice(struct trit_run *run, const struct trit_node *node)
{
    if (trit_truth(trit_eval(run, node->b)))
        return trit_eval(run, node->a);
    return node->c ? trit_eval(run, node->c)
                   : trit_undefined(trit_str_of("an expression without else"));
}

static struct trit_value sign(struct trit_run *run, const struct trit_node *node)
{
    struct trit_value zero = trit_int(0), v = trit_eval(run, node->a);
    if (!trit_is_number(v))
        trit_run_fail(run, "%s has no sign", trit_kind_name(v.kind));
    if (v.kind == TRIT_FLOAT && node->op == TRIT_OP_NEGATE)
        return (struct trit_value){ .kind = TRIT_FLOAT, .d = -v.d };
    return trit_arithmetic(run, node->op == TRIT_OP_NEGATE ? TRIT_OP_SUB : TRIT_OP_ADD, zero, v);
}

static struct trit_value both(struct trit_run *run, const struct trit_node *node)
{
    struct trit_value a = trit_eval(run, node->a), b = trit_eval(run, node->b);
    return trit_arithmetic(run, node->op, a, b);
}

static struct trit_value call(struct trit_run *run, const struct trit_node *node)
{
    return trit_eval_call(run, trit_eval(run, node->a), node->b, NULL);
}

static struct trit_value apply(struct trit_run *run, const struct trit_node *node)
{
    return trit_apply(run, node->row, trit_eval(run, node->a), node->b);
}

static struct trit_value constant(struct trit_run *run, const struct trit_node *node)
{
    (void)run;
    return node->value;
}

static struct trit_value hole(struct trit_run *run, const struct trit_node *node)
{
    (void)node;
    return run->hole;
}

static struct trit_value attribute(struct trit_run *run, const struct trit_node *node)
{
    return trit_attribute(run, trit_eval(run, node->a), node->value.str);
}

static struct trit_value subscript(struct trit_run *run, const struct trit_node *node)
{
    struct trit_value of = trit_eval(run, node->a);
    return trit_index(run, of, trit_eval(run, node->b));
}

typedef struct trit_value eval_fn(struct trit_run *run, const struct trit_node *node);

static eval_fn *const rows[TRIT_NOPS] = {
    [TRIT_OP_CONST] = constant,
    [TRIT_OP_NAME] = lookup,
    [TRIT_OP_HOLE] = hole,
    [TRIT_OP_LIST] = sequence,
    [TRIT_OP_TUPLE] = sequence,
    [TRIT_OP_DICT] = dict,
    [TRIT_OP_ATTRIBUTE] = attribute,
    [TRIT_OP_INDEX] = subscript,
    [TRIT_OP_SLICE] = slice,
    [TRIT_OP_CALL] = call,
    [TRIT_OP_FILTER] = apply,
    [TRIT_OP_TEST] = apply,
    [TRIT_OP_NOT] = logic,
    [TRIT_OP_AND] = logic,
    [TRIT_OP_OR] = logic,
    [TRIT_OP_NEGATE] = sign,
    [TRIT_OP_PLUS] = sign,
    [TRIT_OP_CHOICE] = choice,
    [TRIT_OP_COMPARE] = comparison,
    [TRIT_OP_ADD] = both,
    [TRIT_OP_SUB] = both,
    [TRIT_OP_MUL] = both,
    [TRIT_OP_DIV] = both,
    [TRIT_OP_FLOOR] = both,
    [TRIT_OP_MOD] = both,
    [TRIT_OP_POW] = both,
    [TRIT_OP_JOIN] = both,
};

struct trit_value trit_eval(struct trit_run *run, const struct trit_node *node)
{
    trit_run_enter(run);
    run->arena.line = node->line;
    struct trit_value v = rows[node->op](run, node);
    run->depth--;
    return v;
}

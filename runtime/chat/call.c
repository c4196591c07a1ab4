/* Calls: of filters, tests, functions, methods and macros. */
#include <string.h>

#include "runtime/chat/internal.h"

const struct trit_callable *trit_callable_find(const struct trit_callable *table,
                                               struct trit_str name)
{
    for (; table->name; table++)
        if (trit_str_is(name, table->name))
            return table;
    return NULL;
}

/* The place of a parameter by its name; SIZE_MAX: there is none. */
static size_t place(const char *params, struct trit_str name)
{
    for (size_t i = 0; params && *params; i++) {
        size_t n = strcspn(params, " ");
        if (trit_str_equal(name, (struct trit_str){ params, NULL, n }))
            return i;
        params += n + (params[n] == ' ');
    }
    return SIZE_MAX;
}

static void keyword(struct trit_run *run, const struct trit_callable *row, struct trit_args *args,
                    const struct trit_node *node)
{
    struct trit_str name = node->value.str;
    struct trit_value value = trit_eval(run, node->a);
    size_t at = place(row->params, name);
    if (row->params && !strcmp(row->params, "*")) {
        trit_map_set(run, &args->more, node->value, value);
        return;
    }
    if (at >= row->most || args->has[at])
        trit_run_fail(run, "'%s' has no argument '%.*s'", row->name, name.n < 60 ? (int)name.n : 60,
                      name.s);
    args->v[at] = value;
    args->has[at] = true;
}

static void bind(struct trit_run *run, const struct trit_callable *row, struct trit_args *args,
                 const struct trit_node *node)
{
    for (; node; node = node->next) {
        if (node->op == TRIT_OP_KEYWORD) {
            keyword(run, row, args, node);
        } else {
            if (args->n >= row->most)
                trit_run_fail(run, "'%s' has at most %zu arguments", row->name, row->most);
            args->v[args->n] = trit_eval(run, node);
            args->has[args->n++] = true;
        }
    }
    for (size_t i = 0; i < row->least; i++)
        if (!args->has[i])
            trit_run_fail(run, "'%s' has at least %zu arguments", row->name, row->least);
}

struct trit_value trit_apply(struct trit_run *run, const struct trit_callable *row,
                             struct trit_value self, const struct trit_node *args)
{
    struct trit_args a = { .self = self, .row = row };
    bind(run, row, &a, args);
    return row->call(run, &a);
}

struct trit_value trit_apply_values(struct trit_run *run, const struct trit_callable *row,
                                    struct trit_value self, const struct trit_value *v, size_t n)
{
    struct trit_args a = { .self = self, .n = n, .row = row };
    trit_run_charge(run, 1);
    if (n < row->least || n > row->most)
        trit_run_fail(run, "'%s' has %zu to %zu arguments", row->name, row->least, row->most);
    for (size_t i = 0; i < n; i++) {
        a.v[i] = v[i];
        a.has[i] = true;
    }
    return row->call(run, &a);
}

/* The parameters of a macro get their values in its scope. */
static void parameters(struct trit_run *run, const struct trit_macro *macro,
                       const struct trit_call *call)
{
    size_t i = 0, used = 0;
    struct trit_map *vars = &run->scope->vars;
    for (const struct trit_node *p = macro->node->targets; p; p = p->next, i++) {
        struct trit_value *named = trit_map_name(&call->named, p->value.str);
        struct trit_value v = trit_undefined(p->value.str);
        used += named != NULL;
        if (i < call->by_place.n && named)
            trit_run_fail(run, "a macro got an argument twice");
        if (i < call->by_place.n)
            v = call->by_place.v[i];
        else if (named)
            v = *named;
        else if (p->a)
            v = trit_eval(run, p->a);
        trit_map_set(run, vars, p->value, v);
    }
    if (call->by_place.n > i || used < call->named.n)
        trit_run_fail(run, "'%.*s' got an argument that it has not", (int)macro->node->value.str.n,
                      macro->node->value.str.s);
}

struct trit_value trit_call_macro(struct trit_run *run, const struct trit_macro *macro,
                                  const struct trit_call *call)
{
    struct trit_scope *before = run->scope;
    struct trit_buffer out = { 0 }, *to = run->out;
    trit_run_enter(run);
    trit_scope_enter(run, macro->scope);
    run->out = &out;
    parameters(run, macro, call);
    if (call->caller)
        trit_map_set(run, &run->scope->vars, trit_string_value(trit_str_of("caller")),
                     *call->caller);
    trit_exec(run, macro->node->b);
    run->scope = before;
    run->out = to;
    run->depth--;
    return trit_buffer_value(run, &out);
}

static struct trit_value macro(struct trit_run *run, const struct trit_macro *m,
                               const struct trit_node *args, const struct trit_value *caller)
{
    struct trit_call call = { .caller = caller };
    for (; args; args = args->next)
        if (args->op == TRIT_OP_KEYWORD)
            trit_map_set(run, &call.named, args->value, trit_eval(run, args->a));
        else
            trit_seq_add(run, &call.by_place, trit_eval(run, args));
    return trit_call_macro(run, m, &call);
}

struct trit_value trit_eval_call(struct trit_run *run, struct trit_value f,
                                 const struct trit_node *args, const struct trit_value *caller)
{
    if (f.kind == TRIT_MACRO)
        return macro(run, f.macro, args, caller);
    if (f.kind == TRIT_FUNCTION)
        return trit_apply(run, f.function, trit_undefined(trit_str_of("")), args);
    if (f.kind == TRIT_METHOD)
        return trit_apply(run, f.method->row, f.method->self, args);
    if (f.kind == TRIT_UNDEFINED)
        trit_run_fail(run, "'%.*s' is undefined", f.str.n < 60 ? (int)f.str.n : 60, f.str.s);
    trit_run_fail(run, "%s is called", trit_kind_name(f.kind));
}

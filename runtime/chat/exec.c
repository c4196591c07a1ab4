/* What the statements of a template do. */
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/internal.h"

/* A loop's attributes. */
struct trit_value trit_loop_attribute(const struct trit_loop *loop, struct trit_str name)
{
    static const char *const names[] = { "index",  "index0", "revindex", "revindex0",
                                         "length", "depth",  "depth0" };
    size_t n = loop->seq->n, at = loop->at;
    size_t numbers[] = { at + 1, at, n - at, n - at - 1, n, 1, 0 }; /* none is recursive */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (trit_str_is(name, names[i]))
            return trit_int((int64_t)numbers[i]);
    if (trit_str_is(name, "first"))
        return trit_bool(at == 0);
    if (trit_str_is(name, "last"))
        return trit_bool(at + 1 == n);
    if (trit_str_is(name, "previtem") && at > 0)
        return loop->seq->v[at - 1];
    if (trit_str_is(name, "nextitem") && at + 1 < n)
        return loop->seq->v[at + 1];
    return trit_undefined(name);
}

/* In the arena: a macro that is kept somewhere keeps the scope that it was made in. */
void trit_scope_enter(struct trit_run *run, struct trit_scope *outer)
{
    struct trit_scope *scope = trit_arena_get(&run->arena, sizeof *scope);
    *scope = (struct trit_scope){ .outer = outer };
    run->scope = scope;
}

static void set_variable(struct trit_run *run, const struct trit_node *target,
                         struct trit_value value)
{
    if (!target->b) {
        trit_map_set(run, &run->scope->vars, target->value, value);
        return;
    }
    struct trit_node name = { .op = TRIT_OP_NAME, .line = target->line, .value = target->value };
    struct trit_value space = trit_eval(run, &name);
    if (space.kind != TRIT_NAMESPACE)
        trit_run_fail(run, "'%.*s' is no namespace", (int)target->value.str.n, target->value.str.s);
    trit_map_set(run, space.map, target->b->value, value);
}

/* One target, or several that take a sequence apart. */
static void assign(struct trit_run *run, const struct trit_node *targets, struct trit_value value)
{
    if (!targets->d) {
        set_variable(run, targets, value);
        return;
    }
    const struct trit_seq *seq = trit_elements(run, value);
    size_t i = 0;
    for (const struct trit_node *t = targets; t; t = t->next, i++) {
        if (i >= seq->n)
            trit_run_fail(run, "too few values to unpack");
        set_variable(run, t, seq->v[i]);
    }
    if (i < seq->n)
        trit_run_fail(run, "too many values to unpack");
}

/* The statements' output as a value. */
static struct trit_value capture(struct trit_run *run, const struct trit_node *body,
                                 enum trit_flow *flow)
{
    struct trit_buffer out = { 0 }, *to = run->out;
    run->out = &out;
    trit_scope_enter(run, run->scope);
    *flow = trit_exec(run, body);
    run->scope = run->scope->outer;
    run->out = to;
    return trit_buffer_value(run, &out);
}

static struct trit_value filled(struct trit_run *run, const struct trit_node *filters,
                                struct trit_value hole)
{
    struct trit_value before = run->hole;
    run->hole = hole;
    struct trit_value v = trit_eval(run, filters);
    run->hole = before;
    return v;
}

static enum trit_flow exec_text(struct trit_run *run, const struct trit_node *node)
{
    trit_buffer_add(run, run->out, node->value.str);
    return TRIT_GO_ON;
}

static enum trit_flow exec_print(struct trit_run *run, const struct trit_node *node)
{
    trit_write(run, run->out, trit_eval(run, node->a));
    return TRIT_GO_ON;
}

static enum trit_flow exec_if(struct trit_run *run, const struct trit_node *node)
{
    for (; node && node->op == TRIT_OP_IF; node = node->c)
        if (trit_truth(trit_eval(run, node->a)))
            return trit_exec(run, node->b);
    return trit_exec(run, node);
}

static enum trit_flow exec_set(struct trit_run *run, const struct trit_node *node)
{
    enum trit_flow flow = TRIT_GO_ON;
    struct trit_value v =
        node->c ? filled(run, node->a, capture(run, node->b, &flow)) : trit_eval(run, node->a);
    if (flow == TRIT_GO_ON)
        assign(run, node->targets, v);
    return flow;
}

/* The elements that the loop's condition takes. */
static const struct trit_seq *filter(struct trit_run *run, const struct trit_node *node,
                                     const struct trit_seq *seq)
{
    struct trit_value kept = trit_seq_new(run, TRIT_LIST, 0);
    for (size_t i = 0; i < seq->n; i++) {
        trit_scope_enter(run, run->scope);
        assign(run, node->targets, seq->v[i]);
        if (trit_truth(trit_eval(run, node->d)))
            trit_seq_add(run, kept.seq, seq->v[i]);
        run->scope = run->scope->outer;
    }
    return kept.seq;
}

/* As it was when the loop began, whatever its body does to the list. */
static const struct trit_seq *frozen(struct trit_run *run, const struct trit_seq *seq)
{
    struct trit_seq *copy = trit_arena_get(&run->arena, sizeof *copy);
    *copy = *seq;
    return copy;
}

static enum trit_flow exec_for(struct trit_run *run, const struct trit_node *node)
{
    const struct trit_seq *seq = trit_elements(run, trit_eval(run, node->a));
    seq = node->d ? filter(run, node, seq) : frozen(run, seq);
    if (seq->n == 0)
        return trit_exec(run, node->c);
    struct trit_loop *loop = trit_arena_get(&run->arena, sizeof *loop);
    *loop = (struct trit_loop){ .seq = seq };
    enum trit_flow flow = TRIT_GO_ON;
    for (; loop->at < seq->n && flow != TRIT_BREAK; loop->at++) {
        trit_scope_enter(run, run->scope);
        trit_map_set(run, &run->scope->vars, trit_string_value(trit_str_of("loop")),
                     (struct trit_value){ .kind = TRIT_LOOP, .loop = loop });
        assign(run, node->targets, seq->v[loop->at]);
        flow = trit_exec(run, node->b);
        run->scope = run->scope->outer;
    }
    return TRIT_GO_ON;
}

static struct trit_value new_macro(struct trit_run *run, const struct trit_node *node)
{
    struct trit_macro *macro = trit_arena_get(&run->arena, sizeof *macro);
    *macro = (struct trit_macro){ node, run->scope };
    return (struct trit_value){ .kind = TRIT_MACRO, .macro = macro };
}

static enum trit_flow exec_macro(struct trit_run *run, const struct trit_node *node)
{
    trit_map_set(run, &run->scope->vars, node->value, new_macro(run, node));
    return TRIT_GO_ON;
}

static enum trit_flow exec_call(struct trit_run *run, const struct trit_node *node)
{
    struct trit_value caller = new_macro(run, node), f = trit_eval(run, node->a->a);
    if (f.kind != TRIT_MACRO)
        trit_run_fail(run, "a call block calls %s", trit_kind_name(f.kind));
    trit_write(run, run->out, trit_eval_call(run, f, node->a->b, &caller));
    return TRIT_GO_ON;
}

static enum trit_flow exec_filter(struct trit_run *run, const struct trit_node *node)
{
    enum trit_flow flow;
    struct trit_value inner = capture(run, node->b, &flow);
    trit_write(run, run->out, filled(run, node->a, inner));
    return flow;
}

static enum trit_flow exec_with(struct trit_run *run, const struct trit_node *node)
{
    struct trit_map vars = { 0 };
    for (const struct trit_node *t = node->targets; t; t = t->next)
        trit_map_set(run, &vars, t->value, trit_eval(run, t->a));
    trit_scope_enter(run, run->scope);
    run->scope->vars = vars;
    enum trit_flow flow = trit_exec(run, node->b);
    run->scope = run->scope->outer;
    return flow;
}

static enum trit_flow exec_block(struct trit_run *run, const struct trit_node *node)
{
    return trit_exec(run, node->b);
}

static enum trit_flow exec_leave(struct trit_run *run, const struct trit_node *node)
{
    (void)run;
    return node->op == TRIT_OP_BREAK ? TRIT_BREAK : TRIT_CONTINUE;
}

typedef enum trit_flow exec_fn(struct trit_run *run, const struct trit_node *node);

static exec_fn *const rows[TRIT_NOPS] = {
    [TRIT_OP_TEXT] = exec_text,       [TRIT_OP_PRINT] = exec_print,
    [TRIT_OP_IF] = exec_if,           [TRIT_OP_FOR] = exec_for,
    [TRIT_OP_SET] = exec_set,         [TRIT_OP_MACRO] = exec_macro,
    [TRIT_OP_CALL_BLOCK] = exec_call, [TRIT_OP_FILTER_BLOCK] = exec_filter,
    [TRIT_OP_WITH] = exec_with,       [TRIT_OP_BLOCK] = exec_block,
    [TRIT_OP_BREAK] = exec_leave,     [TRIT_OP_CONTINUE] = exec_leave,
};

enum trit_flow trit_exec(struct trit_run *run, const struct trit_node *body)
{
    enum trit_flow flow = TRIT_GO_ON;
    trit_run_enter(run);
    for (; body && flow == TRIT_GO_ON; body = body->next) {
        trit_run_charge(run, 1);
        run->arena.line = body->line;
        flow = rows[body->op](run, body);
    }
    run->depth--;
    return flow;
}

static bool take_output(const struct trit_buffer *b, struct trit_jinja_output *output)
{
    output->text = malloc(b->n + 1);
    output->given = malloc(b->n + 1);
    if (!output->text || !output->given)
        return false;
    if (b->n) {
        memcpy(output->text, b->s, b->n);
        memcpy(output->given, b->given, b->n);
    }
    output->text[b->n] = 0;
    output->n = b->n;
    return true;
}

static enum trit_code render(struct trit_run *run, const struct trit_jinja *jinja,
                             const struct trit_jinja_render *with)
{
    enum trit_code code = (enum trit_code)setjmp(run->arena.out);
    if (code)
        return code;
    for (size_t i = 0; i < with->nvariables; i++) {
        const struct trit_jinja_variable *v = &with->variables[i];
        trit_map_set(run, &run->scope->vars, trit_string_value(trit_str_of(v->name)),
                     trit_from_json(run, v->value, v->given));
    }
    trit_exec(run, jinja->body);
    return TRIT_OK;
}

enum trit_code trit_jinja_render(const struct trit_jinja *jinja,
                                 const struct trit_jinja_render *with,
                                 struct trit_jinja_output *output, struct trit_error *error)
{
    struct trit_buffer out = { 0 };
    struct trit_scope scope = { 0 };
    struct trit_run run = { .scope = &scope, .out = &out };
    run.arena.cap = TRIT_JINJA_MEMORY;
    run.arena.error = error;
    run.steps = with->steps ? with->steps : TRIT_JINJA_STEPS;
    *output = (struct trit_jinja_output){ 0 };
    enum trit_code code = render(&run, jinja, with);
    if (!code && !take_output(&out, output)) {
        free(output->text);
        free(output->given);
        *output = (struct trit_jinja_output){ 0 };
        code = trit_fail(error, TRIT_EMEMORY, "no memory for a prompt of %zu bytes", out.n);
    }
    trit_arena_free(&run.arena);
    return code;
}

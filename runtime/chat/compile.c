/* Statements of a template, from tokens to a tree. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/utf8.h"
#include "runtime/chat/internal.h"

static void close_tag(struct trit_parser *p)
{
    trit_parse_want(p, TRIT_LEX_CLOSE, NULL);
}

/* {% word %}, of which the brace is taken. */
static void end_with(struct trit_parser *p, const char *word)
{
    trit_parse_want(p, TRIT_LEX_NAME, word);
    close_tag(p);
}

static struct trit_node *body_until(struct trit_parser *p, const char *word)
{
    close_tag(p);
    struct trit_node *body = trit_parse_body(p);
    end_with(p, word);
    return body;
}

/* After `if` or `elif`. An elif is an if in what the one before has for else. */
static struct trit_node *parse_if(struct trit_parser *p)
{
    struct trit_node *first = trit_parse_node(p, TRIT_OP_IF), *node = first;
    for (;;) {
        node->a = trit_parse_expression(p, true, true);
        close_tag(p);
        node->b = trit_parse_body(p);
        if (!trit_parse_take(p, TRIT_LEX_NAME, "elif"))
            break;
        node = node->c = trit_parse_node(p, TRIT_OP_IF);
    }
    if (trit_parse_take(p, TRIT_LEX_NAME, "else")) {
        close_tag(p);
        node->c = trit_parse_body(p);
    }
    end_with(p, "endif");
    return first;
}

/* name, or name.attribute where dots may stand. */
static struct trit_node *target(struct trit_parser *p, bool dots)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_TARGET);
    node->value = trit_string_value(trit_parse_name(p));
    if (dots && trit_parse_take(p, TRIT_LEX_OP, ".")) {
        node->b = trit_parse_node(p, TRIT_OP_CONST);
        node->b->value = trit_string_value(trit_parse_name(p));
    }
    return node;
}

/* a, or a, b, ... with or without parentheses; one that a comma follows is a list as well: .d. */
static struct trit_node *targets(struct trit_parser *p, bool dots)
{
    bool bracket = trit_parse_take(p, TRIT_LEX_OP, "(");
    struct trit_node *first = target(p, dots), **end = &first->next;
    bool comma = false;
    while (trit_parse_take(p, TRIT_LEX_OP, ",")) {
        comma = true;
        if (p->token.kind != TRIT_LEX_NAME || trit_parse_is(p, TRIT_LEX_NAME, "in"))
            break;
        *end = target(p, dots);
        end = &(*end)->next;
    }
    if (bracket)
        trit_parse_want(p, TRIT_LEX_OP, ")");
    first->d = comma ? first : NULL;
    return first;
}

static struct trit_node *parse_for(struct trit_parser *p)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_FOR);
    node->targets = targets(p, false);
    trit_parse_want(p, TRIT_LEX_NAME, "in");
    node->a = trit_parse_expression(p, true, false);
    if (trit_parse_take(p, TRIT_LEX_NAME, "if"))
        node->d = trit_parse_expression(p, false, true);
    close_tag(p);
    p->loops++;
    node->b = trit_parse_body(p);
    p->loops--;
    if (trit_parse_take(p, TRIT_LEX_NAME, "else")) {
        close_tag(p);
        node->c = trit_parse_body(p);
    }
    end_with(p, "endfor");
    return node;
}

static struct trit_node *parse_set(struct trit_parser *p)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_SET);
    node->targets = targets(p, true);
    if (trit_parse_take(p, TRIT_LEX_OP, "=")) {
        node->a = trit_parse_expression(p, true, true);
        close_tag(p);
        return node;
    }
    node->a = trit_parse_filters(p, trit_parse_node(p, TRIT_OP_HOLE));
    node->c = node; /* a block */
    node->b = body_until(p, "endset");
    return node;
}

/* ( name, name = default, ... ) */
static struct trit_node *parameters(struct trit_parser *p)
{
    struct trit_node *first = NULL, **end = &first;
    trit_parse_want(p, TRIT_LEX_OP, "(");
    while (!trit_parse_is(p, TRIT_LEX_OP, ")")) {
        *end = target(p, false);
        if (trit_parse_take(p, TRIT_LEX_OP, "="))
            (*end)->a = trit_parse_expression(p, false, true);
        end = &(*end)->next;
        if (!trit_parse_take(p, TRIT_LEX_OP, ","))
            break;
    }
    trit_parse_want(p, TRIT_LEX_OP, ")");
    return first;
}

/* A loop around a macro is not the macro's to leave. */
static struct trit_node *macro_body(struct trit_parser *p, const char *word)
{
    size_t loops = p->loops;
    p->loops = 0;
    struct trit_node *body = body_until(p, word);
    p->loops = loops;
    return body;
}

static struct trit_node *parse_macro(struct trit_parser *p)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_MACRO);
    node->value = trit_string_value(trit_parse_name(p));
    node->targets = parameters(p);
    node->b = macro_body(p, "endmacro");
    return node;
}

static struct trit_node *parse_call(struct trit_parser *p)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_CALL_BLOCK);
    node->value = trit_string_value(trit_str_of("caller"));
    if (trit_parse_is(p, TRIT_LEX_OP, "("))
        node->targets = parameters(p);
    node->a = trit_parse_postfix(p);
    if (node->a->op != TRIT_OP_CALL)
        trit_parse_fail(p, "a call");
    node->b = macro_body(p, "endcall");
    return node;
}

/* {% filter trim | upper %}: the first bar is not written. */
static struct trit_node *parse_filter(struct trit_parser *p)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_FILTER_BLOCK);
    node->a = trit_parse_filter(p, trit_parse_node(p, TRIT_OP_HOLE));
    node->a = trit_parse_filters(p, node->a);
    node->b = body_until(p, "endfilter");
    return node;
}

static struct trit_node *parse_with(struct trit_parser *p)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_WITH), **end = &node->targets;
    while (p->token.kind == TRIT_LEX_NAME) {
        *end = target(p, false);
        trit_parse_want(p, TRIT_LEX_OP, "=");
        (*end)->a = trit_parse_expression(p, false, true);
        end = &(*end)->next;
        if (!trit_parse_take(p, TRIT_LEX_OP, ","))
            break;
    }
    node->b = body_until(p, "endwith");
    return node;
}

static struct trit_node *leave_loop(struct trit_parser *p, enum trit_op op)
{
    if (p->loops == 0)
        trit_arena_fail(p->arena, TRIT_EUNSUPPORTED, "break or continue outside of a loop");
    struct trit_node *node = trit_parse_node(p, op);
    close_tag(p);
    return node;
}

static struct trit_node *parse_break(struct trit_parser *p)
{
    return leave_loop(p, TRIT_OP_BREAK);
}

static struct trit_node *parse_continue(struct trit_parser *p)
{
    return leave_loop(p, TRIT_OP_CONTINUE);
}

/* Marks what a model is trained on; nothing to a prompt. */
static struct trit_node *parse_generation(struct trit_parser *p)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_BLOCK);
    node->b = body_until(p, "endgeneration");
    return node;
}

static struct trit_node *statement(struct trit_parser *p)
{
    static const struct {
        const char *word;
        struct trit_node *(*parse)(struct trit_parser *p);
    } rows[] = {
        { "if", parse_if },
        { "for", parse_for },
        { "set", parse_set },
        { "macro", parse_macro },
        { "call", parse_call },
        { "filter", parse_filter },
        { "with", parse_with },
        { "break", parse_break },
        { "generation", parse_generation },
        { "continue", parse_continue },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (trit_parse_take(p, TRIT_LEX_NAME, rows[i].word))
            return rows[i].parse(p);
    trit_parse_fail(p, "a statement that is known");
}

static bool ends_body(const struct trit_parser *p)
{
    const struct trit_str *t = &p->token.text;
    return p->token.kind == TRIT_LEX_NAME && (trit_str_is(*t, "else") || trit_str_is(*t, "elif") ||
                                              (t->n > 3 && !memcmp(t->s, "end", 3)));
}

/* Up to the end, or to a tag that ends it, of which the brace is taken. */
struct trit_node *trit_parse_body(struct trit_parser *p)
{
    struct trit_node *first = NULL, **end = &first;
    trit_parse_enter(p);
    while (p->token.kind != TRIT_LEX_END) {
        struct trit_node *node;
        if (p->token.kind == TRIT_LEX_TEXT) {
            node = trit_parse_node(p, TRIT_OP_TEXT);
            node->value = trit_string_value(p->token.text);
            trit_parse_next(p);
        } else if (trit_parse_take(p, TRIT_LEX_PRINT, NULL)) {
            node = trit_parse_node(p, TRIT_OP_PRINT);
            node->a = trit_parse_expression(p, true, true);
            close_tag(p);
        } else {
            trit_parse_want(p, TRIT_LEX_BLOCK, NULL);
            if (ends_body(p))
                break;
            node = statement(p);
        }
        *end = node;
        end = &node->next;
    }
    p->depth--;
    return first;
}

/* A copy with line ends as \n, without the last one, as Jinja reads a template. */
static struct trit_str normalized(struct trit_arena *arena, struct trit_text source)
{
    char *s = trit_arena_get(arena, source.n);
    size_t n = 0;
    for (size_t i = 0; i < source.n; i++) {
        if (source.s[i] == '\r' && i + 1 < source.n && source.s[i + 1] == '\n')
            continue;
        s[n++] = source.s[i] == '\r' ? '\n' : source.s[i];
    }
    n -= n > 0 && s[n - 1] == '\n';
    return (struct trit_str){ s, NULL, n };
}

static enum trit_code compile(struct trit_jinja *j, struct trit_text source)
{
    enum trit_code code = (enum trit_code)setjmp(j->arena.out);
    if (code)
        return code;
    struct trit_str text = normalized(&j->arena, source);
    struct trit_parser p = {
        .arena = &j->arena,
        .lexer = { .arena = &j->arena, .s = text.s, .n = text.n, .line = 1, .fresh = true }
    };
    trit_parse_next(&p);
    j->body = trit_parse_body(&p);
    if (p.token.kind != TRIT_LEX_END)
        trit_parse_fail(&p, "the template's end");
    return TRIT_OK;
}

enum trit_code trit_jinja_compile(struct trit_jinja **jinja, struct trit_text source,
                                  struct trit_error *error)
{
    *jinja = NULL;
    if (source.n > TRIT_JINJA_TEXT)
        return trit_fail(error, TRIT_EUNSUPPORTED, "a chat template of %zu bytes, at most %d",
                         source.n, TRIT_JINJA_TEXT);
    if (trit_utf8_valid(source.s, source.n) < source.n)
        return trit_fail(error, TRIT_EUNSUPPORTED, "the chat template is not UTF-8");
    struct trit_jinja *j = calloc(1, sizeof *j);
    if (!j)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a chat template");
    j->arena.cap = TRIT_JINJA_MEMORY;
    j->arena.error = error;
    enum trit_code code = compile(j, source);
    j->arena.error = NULL;
    if (code) {
        trit_jinja_free(j);
        return code;
    }
    *jinja = j;
    return TRIT_OK;
}

void trit_jinja_free(struct trit_jinja *jinja)
{
    if (jinja)
        trit_arena_free(&jinja->arena);
    free(jinja);
}

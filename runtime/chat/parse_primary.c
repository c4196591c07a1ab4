/* The inner parts of expressions: constants, lists, dicts, what follows a value (attributes,
   indices, calls), filters and tests. */
#include <string.h>

#include "runtime/chat/internal.h"

static struct trit_node *constant(struct trit_parser *p, struct trit_value value)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_CONST);
    node->value = value;
    return node;
}

/* Strings side by side are one. */
static struct trit_node *literal(struct trit_parser *p)
{
    struct trit_node *node = constant(p, p->token.value);
    trit_parse_next(p);
    while (node->value.kind == TRIT_STRING && p->token.kind == TRIT_LEX_VALUE &&
           p->token.value.kind == TRIT_STRING) {
        struct trit_str a = node->value.str, b = p->token.value.str;
        char *s = trit_arena_get(p->arena, a.n + b.n);
        memcpy(s, a.s, a.n);
        memcpy(s + a.n, b.s, b.n);
        node->value.str = (struct trit_str){ s, NULL, a.n + b.n };
        trit_parse_next(p);
    }
    return node;
}

/* a, b, ... up to and with the bracket. */
static struct trit_node *elements(struct trit_parser *p, const char *bracket)
{
    struct trit_node *first = NULL, **end = &first;
    while (!trit_parse_is(p, TRIT_LEX_OP, bracket)) {
        *end = trit_parse_expression(p, false, true);
        end = &(*end)->next;
        if (!trit_parse_take(p, TRIT_LEX_OP, ","))
            break;
    }
    trit_parse_want(p, TRIT_LEX_OP, bracket);
    return first;
}

static struct trit_node *dict(struct trit_parser *p)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_DICT), **end = &node->b;
    while (!trit_parse_is(p, TRIT_LEX_OP, "}")) {
        *end = trit_parse_expression(p, false, true);
        trit_parse_want(p, TRIT_LEX_OP, ":");
        end = &(*end)->next;
        *end = trit_parse_expression(p, false, true);
        end = &(*end)->next;
        if (!trit_parse_take(p, TRIT_LEX_OP, ","))
            break;
    }
    trit_parse_want(p, TRIT_LEX_OP, "}");
    return node;
}

static struct trit_node *bracketed(struct trit_parser *p)
{
    struct trit_node *node;
    if (trit_parse_take(p, TRIT_LEX_OP, "[")) {
        node = trit_parse_node(p, TRIT_OP_LIST);
        node->b = elements(p, "]");
        return node;
    }
    if (trit_parse_take(p, TRIT_LEX_OP, "{"))
        return dict(p);
    if (!trit_parse_take(p, TRIT_LEX_OP, "("))
        trit_parse_fail(p, "an expression");
    if (trit_parse_take(p, TRIT_LEX_OP, ")"))
        return trit_parse_node(p, TRIT_OP_TUPLE);
    node = trit_parse_expression(p, true, true);
    trit_parse_want(p, TRIT_LEX_OP, ")");
    return node;
}

static struct trit_node *name(struct trit_parser *p)
{
    static const struct {
        const char *name;
        struct trit_value value;
    } words[] = {
        { "true", { TRIT_BOOL, { true } } },   { "True", { TRIT_BOOL, { true } } },
        { "false", { TRIT_BOOL, { false } } }, { "False", { TRIT_BOOL, { false } } },
        { "none", { .kind = TRIT_NONE } },     { "None", { .kind = TRIT_NONE } },
    };
    struct trit_str text = trit_parse_name(p);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (trit_str_is(text, words[i].name))
            return constant(p, words[i].value);
    struct trit_node *node = trit_parse_node(p, TRIT_OP_NAME);
    node->value = trit_string_value(text);
    return node;
}

struct trit_node *trit_parse_primary(struct trit_parser *p)
{
    if (p->token.kind == TRIT_LEX_VALUE)
        return literal(p);
    return p->token.kind == TRIT_LEX_NAME ? name(p) : bracketed(p);
}

/* After "(": values, and names = values, up to and with ")". */
struct trit_node *trit_parse_arguments(struct trit_parser *p)
{
    struct trit_node *first = NULL, **end = &first;
    while (!trit_parse_is(p, TRIT_LEX_OP, ")")) {
        struct trit_node *value = trit_parse_expression(p, false, true);
        if (value->op == TRIT_OP_NAME && trit_parse_take(p, TRIT_LEX_OP, "=")) {
            value->op = TRIT_OP_KEYWORD;
            value->a = trit_parse_expression(p, false, true);
        }
        *end = value;
        end = &value->next;
        if (!trit_parse_take(p, TRIT_LEX_OP, ","))
            break;
    }
    trit_parse_want(p, TRIT_LEX_OP, ")");
    return first;
}

static struct trit_node *subscript(struct trit_parser *p, struct trit_node *of)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_INDEX),
                     **part[3] = { &node->b, &node->c, &node->d };
    size_t i = 0;
    node->a = of;
    for (;; i++) {
        if (!trit_parse_is(p, TRIT_LEX_OP, ":") && !trit_parse_is(p, TRIT_LEX_OP, "]"))
            *part[i] = trit_parse_expression(p, true, true);
        if (i == 2 || !trit_parse_take(p, TRIT_LEX_OP, ":"))
            break;
    }
    if (i > 0)
        node->op = TRIT_OP_SLICE;
    else if (!node->b)
        trit_parse_fail(p, "an index");
    trit_parse_want(p, TRIT_LEX_OP, "]");
    return node;
}

static struct trit_node *attribute(struct trit_parser *p, struct trit_node *of)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_ATTRIBUTE);
    node->a = of;
    if (p->token.kind == TRIT_LEX_VALUE && p->token.value.kind == TRIT_INT) {
        node->op = TRIT_OP_INDEX;
        node->b = literal(p);
    } else {
        node->value = trit_string_value(trit_parse_name(p));
    }
    return node;
}

static struct trit_node *call(struct trit_parser *p, struct trit_node *of)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_CALL);
    node->a = of;
    node->b = trit_parse_arguments(p);
    return node;
}

struct trit_node *trit_parse_postfix(struct trit_parser *p)
{
    struct trit_node *node = trit_parse_primary(p);
    for (;;) {
        if (trit_parse_take(p, TRIT_LEX_OP, "."))
            node = attribute(p, node);
        else if (trit_parse_take(p, TRIT_LEX_OP, "["))
            node = subscript(p, node);
        else if (trit_parse_take(p, TRIT_LEX_OP, "("))
            node = call(p, node);
        else
            return node;
    }
}

struct trit_node *trit_parse_filter(struct trit_parser *p, struct trit_node *of)
{
    struct trit_node *node = trit_parse_node(p, TRIT_OP_FILTER);
    struct trit_str text = trit_parse_name(p);
    node->a = of;
    node->row = trit_filter_find(text);
    if (!node->row)
        trit_arena_fail(p->arena, TRIT_EUNSUPPORTED, "no filter '%.*s'",
                        text.n < 60 ? (int)text.n : 60, text.s);
    if (trit_parse_take(p, TRIT_LEX_OP, "("))
        node->b = trit_parse_arguments(p);
    return node;
}

/* A test's one argument may stand without parentheses. */
static bool bare_argument(const struct trit_parser *p)
{
    static const char *const words[] = { "else", "or", "and", "is", "if", "in", "not" };
    if (p->token.kind == TRIT_LEX_NAME) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (trit_str_is(p->token.text, words[i]))
                return false;
        return true;
    }
    return p->token.kind == TRIT_LEX_VALUE || trit_parse_is(p, TRIT_LEX_OP, "[") ||
           trit_parse_is(p, TRIT_LEX_OP, "{");
}

static struct trit_node *test(struct trit_parser *p, struct trit_node *of)
{
    bool not = trit_parse_take(p, TRIT_LEX_NAME, "not");
    struct trit_node *node = trit_parse_node(p, TRIT_OP_TEST);
    struct trit_str text = trit_parse_name(p);
    node->a = of;
    node->row = trit_test_find(text);
    if (!node->row)
        trit_arena_fail(p->arena, TRIT_EUNSUPPORTED, "no test '%.*s'",
                        text.n < 60 ? (int)text.n : 60, text.s);
    if (trit_parse_take(p, TRIT_LEX_OP, "("))
        node->b = trit_parse_arguments(p);
    else if (node->row->most > 0 && bare_argument(p))
        node->b = trit_parse_postfix(p);
    if (!not )
        return node;
    struct trit_node *outer = trit_parse_node(p, TRIT_OP_NOT);
    outer->a = node;
    return outer;
}

struct trit_node *trit_parse_filters(struct trit_parser *p, struct trit_node *of)
{
    for (;;) {
        if (trit_parse_take(p, TRIT_LEX_OP, "|"))
            of = trit_parse_filter(p, of);
        else if (trit_parse_take(p, TRIT_LEX_NAME, "is"))
            of = test(p, of);
        else if (trit_parse_take(p, TRIT_LEX_OP, "("))
            of = call(p, of);
        else
            return of;
    }
}

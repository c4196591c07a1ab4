/* Expressions of a template, from tokens to a tree, with Jinja's precedence. */
#include <string.h>

#include "runtime/chat/internal.h"

void trit_parse_next(struct trit_parser *p)
{
    p->token = trit_lex_next(&p->lexer);
    p->arena->line = p->token.line;
}

bool trit_parse_is(const struct trit_parser *p, enum trit_lex kind, const char *text)
{
    return p->token.kind == kind && (!text || trit_str_is(p->token.text, text));
}

bool trit_parse_take(struct trit_parser *p, enum trit_lex kind, const char *text)
{
    if (!trit_parse_is(p, kind, text))
        return false;
    trit_parse_next(p);
    return true;
}

_Noreturn void trit_parse_fail(struct trit_parser *p, const char *wanted)
{
    static const char *const kinds[] = {
        [TRIT_LEX_END] = "the end",         [TRIT_LEX_TEXT] = "text",
        [TRIT_LEX_PRINT] = "'{{'",          [TRIT_LEX_BLOCK] = "'{%'",
        [TRIT_LEX_CLOSE] = "the tag's end", [TRIT_LEX_VALUE] = "a constant",
    };
    const struct trit_token *t = &p->token;
    if (t->kind == TRIT_LEX_NAME || t->kind == TRIT_LEX_OP)
        trit_arena_fail(p->arena, TRIT_EUNSUPPORTED, "'%.*s' where %s should stand",
                        t->text.n < 60 ? (int)t->text.n : 60, t->text.s, wanted);
    trit_arena_fail(p->arena, TRIT_EUNSUPPORTED, "%s where %s should stand", kinds[t->kind],
                    wanted);
}

void trit_parse_want(struct trit_parser *p, enum trit_lex kind, const char *text)
{
    if (!trit_parse_take(p, kind, text))
        trit_parse_fail(p, text ? text : "a tag's end");
}

void trit_parse_enter(struct trit_parser *p)
{
    if (++p->depth > TRIT_JINJA_NESTING)
        trit_arena_fail(p->arena, TRIT_EUNSUPPORTED, "nested deeper than %d", TRIT_JINJA_NESTING);
}

struct trit_node *trit_parse_node(struct trit_parser *p, enum trit_op op)
{
    struct trit_node *node = trit_arena_get(p->arena, sizeof *node);
    *node = (struct trit_node){ .op = op, .line = p->token.line };
    return node;
}

struct trit_str trit_parse_name(struct trit_parser *p)
{
    struct trit_str name = p->token.text;
    if (p->token.kind != TRIT_LEX_NAME)
        trit_parse_fail(p, "a name");
    trit_parse_next(p);
    return name;
}

static struct trit_node *join(struct trit_parser *p, enum trit_op op, struct trit_node *a,
                              struct trit_node *b)
{
    struct trit_node *node = trit_parse_node(p, op);
    node->a = a;
    node->b = b;
    return node;
}

/* Binary operators by how tightly they bind. */
struct row {
    const char *text;
    enum trit_op op;
};
enum { LEVELS = 4, WIDTH = 4 };
static const struct row levels[LEVELS][WIDTH] = {
    { { "+", TRIT_OP_ADD }, { "-", TRIT_OP_SUB } },
    { { "~", TRIT_OP_JOIN } },
    { { "*", TRIT_OP_MUL }, { "/", TRIT_OP_DIV }, { "//", TRIT_OP_FLOOR }, { "%", TRIT_OP_MOD } },
    { { "**", TRIT_OP_POW } },
};
static const struct row comparisons[] = {
    { "==", TRIT_OP_EQ }, { "!=", TRIT_OP_NE }, { "<", TRIT_OP_LT },
    { "<=", TRIT_OP_LE }, { ">", TRIT_OP_GT },  { ">=", TRIT_OP_GE },
};

static enum trit_op operator_of(const struct trit_parser *p, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n && rows[i].text; i++)
        if (trit_parse_is(p, TRIT_LEX_OP, rows[i].text))
            return rows[i].op;
    return TRIT_NOPS;
}

static struct trit_node *binary(struct trit_parser *p, size_t level)
{
    if (level == LEVELS)
        return trit_parse_unary(p, true);
    struct trit_node *left = binary(p, level + 1);
    for (enum trit_op op; (op = operator_of(p, levels[level], WIDTH)) != TRIT_NOPS;) {
        trit_parse_next(p);
        left = join(p, op, left, binary(p, level + 1));
    }
    return left;
}

/* A word of an operator may be a name elsewhere: `not in` is one where `in` follows. */
static bool not_in(struct trit_parser *p)
{
    if (!trit_parse_is(p, TRIT_LEX_NAME, "not"))
        return false;
    struct trit_parser ahead = *p;
    trit_parse_next(&ahead);
    if (!trit_parse_is(&ahead, TRIT_LEX_NAME, "in"))
        return false;
    *p = ahead;
    return true;
}

static enum trit_op comparison_of(struct trit_parser *p)
{
    if (trit_parse_is(p, TRIT_LEX_NAME, "in"))
        return TRIT_OP_IN;
    if (not_in(p))
        return TRIT_OP_NOT_IN;
    return operator_of(p, comparisons, sizeof comparisons / sizeof *comparisons);
}

static struct trit_node *comparison(struct trit_parser *p)
{
    struct trit_node *left = binary(p, 0), *chain = NULL, **end = &chain;
    for (enum trit_op op; (op = comparison_of(p)) != TRIT_NOPS;) {
        trit_parse_next(p);
        *end = trit_parse_node(p, op);
        (*end)->a = binary(p, 0);
        end = &(*end)->next;
    }
    return chain ? join(p, TRIT_OP_COMPARE, left, chain) : left;
}

static struct trit_node *negation(struct trit_parser *p)
{
    if (!trit_parse_take(p, TRIT_LEX_NAME, "not"))
        return comparison(p);
    trit_parse_enter(p);
    struct trit_node *node = trit_parse_node(p, TRIT_OP_NOT);
    node->a = negation(p);
    p->depth--;
    return node;
}

static struct trit_node *conjunction(struct trit_parser *p)
{
    struct trit_node *left = negation(p);
    while (trit_parse_take(p, TRIT_LEX_NAME, "and"))
        left = join(p, TRIT_OP_AND, left, negation(p));
    return left;
}

static struct trit_node *disjunction(struct trit_parser *p)
{
    struct trit_node *left = conjunction(p);
    while (trit_parse_take(p, TRIT_LEX_NAME, "or"))
        left = join(p, TRIT_OP_OR, left, conjunction(p));
    return left;
}

static struct trit_node *choice_of(struct trit_parser *p)
{
    struct trit_node *value = disjunction(p);
    while (trit_parse_take(p, TRIT_LEX_NAME, "if")) {
        struct trit_node *node = trit_parse_node(p, TRIT_OP_CHOICE);
        node->a = value;
        node->b = disjunction(p);
        if (trit_parse_take(p, TRIT_LEX_NAME, "else")) {
            trit_parse_enter(p);
            node->c = choice_of(p);
            p->depth--;
        }
        value = node;
    }
    return value;
}

static bool ends(const struct trit_parser *p)
{
    return p->token.kind == TRIT_LEX_CLOSE || trit_parse_is(p, TRIT_LEX_OP, ")") ||
           trit_parse_is(p, TRIT_LEX_OP, "=") || trit_parse_is(p, TRIT_LEX_NAME, "in");
}

struct trit_node *trit_parse_expression(struct trit_parser *p, bool tuple, bool choice)
{
    trit_parse_enter(p);
    struct trit_node *first = choice ? choice_of(p) : disjunction(p), **end = &first->next;
    if (tuple && trit_parse_is(p, TRIT_LEX_OP, ",")) {
        while (trit_parse_take(p, TRIT_LEX_OP, ",") && !ends(p)) {
            *end = choice ? choice_of(p) : disjunction(p);
            end = &(*end)->next;
        }
        first = join(p, TRIT_OP_TUPLE, NULL, first);
    }
    p->depth--;
    return first;
}

struct trit_node *trit_parse_unary(struct trit_parser *p, bool filters)
{
    struct trit_node *node;
    bool minus = trit_parse_is(p, TRIT_LEX_OP, "-");
    if (minus || trit_parse_is(p, TRIT_LEX_OP, "+")) {
        trit_parse_enter(p);
        node = trit_parse_node(p, minus ? TRIT_OP_NEGATE : TRIT_OP_PLUS);
        trit_parse_next(p);
        node->a = trit_parse_unary(p, false);
        p->depth--;
    } else {
        node = trit_parse_postfix(p);
    }
    return filters ? trit_parse_filters(p, node) : node;
}

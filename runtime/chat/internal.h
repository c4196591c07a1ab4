/* What the interpreter's files share: memory, values, the tree of a template, a rendering. A fault
   leaves by longjmp to trit_jinja_compile or trit_jinja_render; whatever was made lies in the
   arena, which they free. */
#ifndef TRIT_JINJA_PARTS_H
#define TRIT_JINJA_PARTS_H

#include <setjmp.h>

#include "runtime/chat/jinja.h"

/* Memory that is freed at once, and the way out of what uses it. */
struct trit_arena_block;
struct trit_arena {
    struct trit_arena_block *blocks;
    size_t used, left, cap;
    char *at;
    jmp_buf out;
    struct trit_error *error;
    uint32_t line; /* of the template, for messages */
};

void *trit_arena_get(struct trit_arena *arena, size_t bytes); /* aligned to 16, not zeroed */
void trit_arena_free(struct trit_arena *arena);
/* "template line N: ..." */
_Noreturn void trit_arena_fail(struct trit_arena *arena, enum trit_code code, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));

/* Values. Lists and dicts are shared by reference, as in Python. */
enum trit_kind {
    TRIT_UNDEFINED,
    TRIT_NONE,
    TRIT_BOOL,
    TRIT_INT,
    TRIT_FLOAT,
    TRIT_STRING,
    TRIT_LIST,
    TRIT_TUPLE,
    TRIT_DICT,
    TRIT_NAMESPACE,
    TRIT_LOOP,
    TRIT_MACRO,
    TRIT_FUNCTION,
    TRIT_METHOD,
};
struct trit_str {
    const char *s;
    const uint8_t *given; /* one byte a byte; NULL: none came from a message */
    size_t n;
};
struct trit_value {
    enum trit_kind kind;
    union {
        bool yes;
        int64_t i;
        double d;
        struct trit_str str; /* of undefined: what is undefined */
        struct trit_seq *seq;
        struct trit_map *map; /* of dicts and namespaces */
        struct trit_loop *loop;
        const struct trit_macro *macro;
        const struct trit_callable *function;
        struct trit_method *method;
    };
};
struct trit_seq {
    struct trit_value *v;
    size_t n, room;
};
struct trit_map {
    struct trit_value *keys, *values;
    size_t n, room;
};
struct trit_loop {
    const struct trit_seq *seq;
    size_t at;
};
struct trit_scope {
    struct trit_scope *outer;
    struct trit_map vars;
};
struct trit_macro {
    const struct trit_node *node;
    struct trit_scope *scope; /* where it was defined */
};
struct trit_method {
    struct trit_value self;
    const struct trit_callable *row;
};

/* A rendering. */
struct trit_run {
    struct trit_arena arena;
    struct trit_scope *scope;
    struct trit_buffer *out;
    struct trit_value hole; /* what a block gave, to its filters */
    size_t steps, depth;
};
struct trit_buffer {
    char *s;
    uint8_t *given;
    size_t n, room;
};

/* Arguments of a filter, test, function or method: by position, those by keyword put in their
   place; absent ones are undefined. */
enum { TRIT_JINJA_ARGS = 8 };
struct trit_args {
    struct trit_value self; /* what is filtered, tested, or has the method */
    struct trit_value v[TRIT_JINJA_ARGS];
    bool has[TRIT_JINJA_ARGS];
    size_t n;                        /* by position */
    struct trit_map more;            /* by keyword, of functions that take any */
    const struct trit_callable *row; /* that is called */
};
/* Those of a macro, and what a call block gives it. */
struct trit_call {
    struct trit_seq by_place;
    struct trit_map named;
    const struct trit_value *caller; /* NULL: none */
};
struct trit_callable {
    const char *name, *params; /* names of the arguments, one blank between; "*": any keywords */
    size_t least, most;
    struct trit_value (*call)(struct trit_run *run, const struct trit_args *args);
    unsigned kinds; /* a bit 1 << kind: of methods for what has it, of tests for what is so */
    unsigned own;   /* for functions that stand in several rows */
};
const struct trit_callable *trit_filter_find(struct trit_str name);
const struct trit_callable *trit_test_find(struct trit_str name);
const struct trit_callable *trit_function_find(struct trit_str name);
const struct trit_callable *trit_method_find(enum trit_kind kind, struct trit_str name);
/* In a table that ends with a row without a name. */
const struct trit_callable *trit_callable_find(const struct trit_callable *table,
                                               struct trit_str name);
extern const struct trit_callable trit_string_filters[], trit_list_filters[];
extern const struct trit_callable trit_string_methods[], trit_list_methods[], trit_dict_methods[];

/* The tree. */
enum trit_op {
    /* statements; b: what follows inside */
    TRIT_OP_TEXT,         /* value */
    TRIT_OP_PRINT,        /* a */
    TRIT_OP_IF,           /* a, b, c: else */
    TRIT_OP_FOR,          /* a: iterable, b, c: else, d: filter, targets */
    TRIT_OP_SET,          /* a: value, or b: block, filters in a; targets */
    TRIT_OP_MACRO,        /* value: name, targets: parameters with defaults in a, b */
    TRIT_OP_CALL_BLOCK,   /* a: call, b */
    TRIT_OP_FILTER_BLOCK, /* a: filters over HOLE, b */
    TRIT_OP_WITH,         /* targets with values in a, b */
    TRIT_OP_BLOCK,        /* b */
    TRIT_OP_BREAK,
    TRIT_OP_CONTINUE,
    /* expressions */
    TRIT_OP_CONST, /* value */
    TRIT_OP_NAME,  /* value: a string */
    TRIT_OP_HOLE,  /* what a block gave */
    TRIT_OP_LIST,  /* b: elements */
    TRIT_OP_TUPLE,
    TRIT_OP_DICT,      /* b: keys and values by turns */
    TRIT_OP_ATTRIBUTE, /* a . value */
    TRIT_OP_INDEX,     /* a [b] */
    TRIT_OP_SLICE,     /* a [b : c : d], absent ones NULL */
    TRIT_OP_CALL,      /* a (b ...) ; value of an argument: its keyword */
    TRIT_OP_FILTER,    /* a | row (b ...) */
    TRIT_OP_TEST,      /* a is row (b ...) */
    TRIT_OP_NOT,
    TRIT_OP_NEGATE,
    TRIT_OP_PLUS,
    TRIT_OP_AND,
    TRIT_OP_OR,
    TRIT_OP_CHOICE,  /* a if b else c */
    TRIT_OP_COMPARE, /* a, then b: a chain of TRIT_OP_... with a: right side */
    TRIT_OP_ADD,
    TRIT_OP_SUB,
    TRIT_OP_MUL,
    TRIT_OP_DIV,
    TRIT_OP_FLOOR,
    TRIT_OP_MOD,
    TRIT_OP_POW,
    TRIT_OP_JOIN, /* ~ */
    TRIT_OP_EQ,
    TRIT_OP_NE,
    TRIT_OP_LT,
    TRIT_OP_LE,
    TRIT_OP_GT,
    TRIT_OP_GE,
    TRIT_OP_IN,
    TRIT_OP_NOT_IN,
    TRIT_OP_KEYWORD, /* value = a, of a call */
    TRIT_OP_TARGET,  /* value: a name, or value . b's name */
    TRIT_NOPS,
};
struct trit_node {
    enum trit_op op;
    uint32_t line;
    struct trit_node *a, *b, *c, *d, *targets;
    struct trit_node *next; /* of a list */
    const struct trit_callable *row;
    struct trit_value value;
};
struct trit_jinja {
    struct trit_arena arena;
    struct trit_node *body;
};

/* Tokens. */
enum trit_lex {
    TRIT_LEX_END,
    TRIT_LEX_TEXT,
    TRIT_LEX_PRINT,
    TRIT_LEX_BLOCK,
    TRIT_LEX_CLOSE,
    TRIT_LEX_NAME,
    TRIT_LEX_VALUE,
    TRIT_LEX_OP
};
struct trit_token {
    enum trit_lex kind;
    uint32_t line;
    struct trit_str text; /* of a name, an operator, a text */
    struct trit_value value;
};
struct trit_lexer {
    struct trit_arena *arena;
    const char *s;
    size_t n, at;
    uint32_t line;
    bool inside, block; /* in a tag; one that is {% */
    bool fresh;         /* a line begins here */
    size_t brackets;    /* open in the tag */
};
struct trit_token trit_lex_next(struct trit_lexer *lexer);

struct trit_parser {
    struct trit_arena *arena;
    struct trit_lexer lexer;
    struct trit_token token; /* the next one */
    size_t depth, loops;
};
void trit_parse_next(struct trit_parser *p);
bool trit_parse_is(const struct trit_parser *p, enum trit_lex kind, const char *text);
bool trit_parse_take(struct trit_parser *p, enum trit_lex kind, const char *text);
void trit_parse_want(struct trit_parser *p, enum trit_lex kind, const char *text);
_Noreturn void trit_parse_fail(struct trit_parser *p, const char *wanted);
void trit_parse_enter(struct trit_parser *p); /* a level deeper; the caller takes one from depth */
struct trit_node *trit_parse_node(struct trit_parser *p, enum trit_op op);
struct trit_str trit_parse_name(struct trit_parser *p);
/* An expression; tuple: a, b without parentheses is one; choice: `x if y` may stand in it. */
struct trit_node *trit_parse_expression(struct trit_parser *p, bool tuple, bool choice);
/* One filter, after its bar; all that follow. */
struct trit_node *trit_parse_filter(struct trit_parser *p, struct trit_node *of);
struct trit_node *trit_parse_filters(struct trit_parser *p, struct trit_node *of);
struct trit_node *trit_parse_postfix(struct trit_parser *p);
struct trit_node *trit_parse_arguments(struct trit_parser *p);
struct trit_node *trit_parse_primary(struct trit_parser *p);
struct trit_node *trit_parse_unary(struct trit_parser *p, bool filters);
struct trit_node *trit_parse_body(struct trit_parser *p);

/* Making and reading values. */
static inline struct trit_value trit_bool(bool yes)
{
    return (struct trit_value){ .kind = TRIT_BOOL, .yes = yes };
}
static inline struct trit_value trit_int(int64_t i)
{
    return (struct trit_value){ .kind = TRIT_INT, .i = i };
}
static inline struct trit_value trit_string_value(struct trit_str str)
{
    return (struct trit_value){ .kind = TRIT_STRING, .str = str };
}
static inline struct trit_value trit_undefined(struct trit_str what)
{
    return (struct trit_value){ .kind = TRIT_UNDEFINED, .str = what };
}
struct trit_str trit_str_of(const char *s);
bool trit_str_is(struct trit_str str, const char *s);
bool trit_str_equal(struct trit_str a, struct trit_str b);
struct trit_str trit_str_part(struct trit_str str, size_t from, size_t to); /* shares its bytes */
const char *trit_kind_name(enum trit_kind kind);

_Noreturn void trit_run_fail(struct trit_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void trit_run_charge(struct trit_run *run, size_t steps);
void trit_run_enter(struct trit_run *run); /* a level deeper; the caller takes one from depth */

struct trit_value trit_seq_new(struct trit_run *run, enum trit_kind kind, size_t room);
void trit_seq_add(struct trit_run *run, struct trit_seq *seq, struct trit_value v);
struct trit_value trit_map_new(struct trit_run *run);
struct trit_value *trit_map_find(struct trit_run *run, const struct trit_map *map,
                                 struct trit_value key); /* NULL: absent */
struct trit_value *trit_map_name(const struct trit_map *map, struct trit_str name);
void trit_map_set(struct trit_run *run, struct trit_map *map, struct trit_value key,
                  struct trit_value value);

bool trit_truth(struct trit_value v);
bool trit_equal(struct trit_run *run, struct trit_value a, struct trit_value b);
int trit_order(struct trit_run *run, struct trit_value a, struct trit_value b); /* < 0, 0, > 0 */
bool trit_contains(struct trit_run *run, struct trit_value in, struct trit_value what);
bool trit_is_number(struct trit_value v); /* a bool is one, as in Python */
double trit_number(struct trit_value v);
/* The elements: of a dict its keys, of a string its characters, of undefined none. */
const struct trit_seq *trit_elements(struct trit_run *run, struct trit_value v);
struct trit_value trit_items(struct trit_run *run, struct trit_value v);
struct trit_value trit_from_json(struct trit_run *run, const json_t *json, bool given);

/* Text. */
void trit_buffer_add(struct trit_run *run, struct trit_buffer *b, struct trit_str str);
void trit_buffer_text(struct trit_run *run, struct trit_buffer *b, const char *s);
struct trit_value trit_buffer_value(struct trit_run *run, const struct trit_buffer *b);
void trit_write(struct trit_run *run, struct trit_buffer *b, struct trit_value v); /* str() */
struct trit_str trit_to_str(struct trit_run *run, struct trit_value v);
struct trit_json_style {
    struct trit_str item, key; /* separators */
    int indent;                /* -1: one line */
    bool ascii, sorted;
};
void trit_write_json(struct trit_run *run, struct trit_buffer *b, struct trit_value v,
                     const struct trit_json_style *style);
void trit_float_text(double d, char out[40]);
/* An integer (whole), or a number with a point or an exponent; false: no number, or too large. */
bool trit_number_parse(const char *text, bool whole, struct trit_value *value);
size_t trit_char_bytes(const char *s, size_t n);  /* of the character at s, n >= 1 */
size_t trit_space_bytes(const char *s, size_t n); /* of the white space at s; 0: none */
struct trit_str trit_strip(struct trit_str str, const struct trit_str *set, bool left, bool right);
size_t trit_find(struct trit_str in, struct trit_str what, size_t from); /* SIZE_MAX: absent */
struct trit_str trit_replace(struct trit_run *run, struct trit_str in, struct trit_str old,
                             struct trit_str new, int64_t count);
size_t trit_chars(struct trit_str str);
/* Cases of ASCII's letters; others stay. */
enum trit_case { TRIT_UPPER, TRIT_LOWER, TRIT_CAPITAL, TRIT_TITLE };
struct trit_value trit_recase(struct trit_run *run, struct trit_str str, enum trit_case as);
struct trit_str trit_want_string(struct trit_run *run, struct trit_value v);
int64_t trit_want_int(struct trit_run *run, struct trit_value v);

/* Evaluation. */
struct trit_value trit_eval(struct trit_run *run, const struct trit_node *node);
struct trit_value trit_eval_call(struct trit_run *run, struct trit_value f,
                                 const struct trit_node *args, const struct trit_value *caller);
struct trit_value trit_apply(struct trit_run *run, const struct trit_callable *row,
                             struct trit_value self, const struct trit_node *args);
struct trit_value trit_apply_values(struct trit_run *run, const struct trit_callable *row,
                                    struct trit_value self, const struct trit_value *v, size_t n);
struct trit_value trit_call_macro(struct trit_run *run, const struct trit_macro *macro,
                                  const struct trit_call *call);
struct trit_value trit_attribute(struct trit_run *run, struct trit_value of, struct trit_str name);
struct trit_value trit_index(struct trit_run *run, struct trit_value of, struct trit_value at);
struct trit_value trit_slice(struct trit_run *run, struct trit_value of,
                             const struct trit_value bounds[3]);
struct trit_value trit_arithmetic(struct trit_run *run, enum trit_op op, struct trit_value a,
                                  struct trit_value b);
struct trit_value trit_loop_attribute(const struct trit_loop *loop, struct trit_str name);
void trit_scope_enter(struct trit_run *run, struct trit_scope *outer);
enum trit_flow { TRIT_GO_ON, TRIT_BREAK, TRIT_CONTINUE };
enum trit_flow trit_exec(struct trit_run *run, const struct trit_node *body);

#endif

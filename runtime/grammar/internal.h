/* What grammars are made of: a net of states over bytes, in which rules are called as functions
   are, with a stack; how it is built, and what a finished one has. */
#ifndef TRIT_GRAMMAR_PARTS_H
#define TRIT_GRAMMAR_PARTS_H

#include "runtime/grammar/grammar.h"

enum {
    TRIT_NET_STATES = 1 << 17, /* bounds: what would have more is TRIT_EARGUMENT */
    TRIT_NET_ARCS = 1 << 18,
    TRIT_NET_RULES = 1 << 12,
    TRIT_NET_DEPTH = 64, /* of calls in calls, so of objects and arrays in a text */
    TRIT_NET_REPEAT = 4096,
};

/* What bytes a text has from some place on, so that many can be let through at once: a state's
   `stop` names those that may not simply come. */
enum trit_stop {
    TRIT_STOP_QUOTE = 1,
    TRIT_STOP_BACKSLASH = 2,
    TRIT_STOP_CONTROL = 4, /* below 32, but newlines */
    TRIT_STOP_NEWLINE = 8,
    TRIT_STOP_LESS = 16,   /* < */
    TRIT_STOP_BRACE = 32,  /* { */
    TRIT_STOP_BROKEN = 64, /* what is not UTF-8 */
    TRIT_STOP_NUL = 128,
    TRIT_STOP_STRING = TRIT_STOP_QUOTE | TRIT_STOP_BACKSLASH | TRIT_STOP_CONTROL |
                       TRIT_STOP_NEWLINE | TRIT_STOP_BROKEN,
};

enum trit_arc_kind { TRIT_ARC_BYTES, TRIT_ARC_FREE, TRIT_ARC_CALL };
struct trit_arc {
    uint32_t from, to;
    uint32_t rule;  /* of a call: it is gone through, then `to` */
    uint32_t other; /* while it is built: the next arc of `from`, + 1 */
    uint8_t kind, low, high;
};
struct trit_state {
    uint32_t first; /* of its arcs, which go on to where the next state's begin: bytes, free, calls.
                       While it is built: the last arc, + 1 */
    uint32_t run;   /* characters without any of `stop` that may come, one after the other */
    uint8_t stop;   /* 0: nothing is known */
    uint8_t
        height; /* of the stack that its rule needs from here to its end; 255: there is no way */
    bool end;   /* of its rule */
};
struct trit_rule {
    uint32_t entry, end;
    uint32_t rank; /* below that of rules that it may call before any byte */
};

struct trit_grammar {
    struct trit_state *states; /* nstates, and one behind */
    struct trit_arc *arcs;
    struct trit_rule *rules; /* 0 is the text; no other goes through without a byte */
    uint32_t nstates, narcs, nrules;
    uint8_t class[256]; /* bytes that no arc tells apart */
    uint8_t sample[256];
    uint32_t nclasses;
};

/* --- building --- */

enum trit_builtin {
    TRIT_RULE_MULTI, /* a character of several bytes */
    TRIT_RULE_CHAR,  /* of a JSON string, escapes included */
    TRIT_RULE_SPACE, /* between tokens of JSON */
    TRIT_RULE_STRING,
    TRIT_RULE_NUMBER,
    TRIT_RULE_INTEGER,
    TRIT_RULE_TRUE,
    TRIT_RULE_FALSE,
    TRIT_RULE_NULL,
    TRIT_RULE_OBJECT,
    TRIT_RULE_ARRAY,
    TRIT_RULE_VALUE,
    TRIT_NBUILTINS,
};

/* How characters are written. */
enum trit_writing {
    TRIT_WRITING_PLAIN, /* UTF-8 as it is */
    TRIT_WRITING_JSON, /* in a string: the shortest escape where there must be one, else as it is */
};

struct trit_build {
    struct trit_grammar *net;
    uint32_t states_room, arcs_room, rules_room;
    uint32_t builtin[TRIT_NBUILTINS]; /* rule + 1 */
    enum trit_code code;              /* the first failure; after it nothing is built any more */
    struct trit_error *error;
    char path[256]; /* what is being compiled: "#/properties/a" */
    size_t path_used;
    bool cut; /* the path had no more room */
};

/* The first of all failures stays. Its text: the path, then what is said. */
void trit_build_fail(struct trit_build *b, enum trit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* All give 0 after a failure. */
uint32_t trit_build_state(struct trit_build *b);
uint32_t trit_build_rule(struct trit_build *b);
uint32_t trit_build_entry(const struct trit_build *b, uint32_t rule);
uint32_t trit_build_end(const struct trit_build *b, uint32_t rule);
void trit_build_bytes(struct trit_build *b, uint32_t from, uint8_t low, uint8_t high, uint32_t to);
void trit_build_free(struct trit_build *b, uint32_t from, uint32_t to);
void trit_build_call(struct trit_build *b, uint32_t from, uint32_t rule, uint32_t to);
/* Behind the bytes. */
uint32_t trit_build_literal(struct trit_build *b, uint32_t from, const char *bytes, size_t n);
/* The same, where words from one state share their beginnings. */
uint32_t trit_build_word(struct trit_build *b, uint32_t from, const char *bytes, size_t n);
void trit_build_mark(struct trit_build *b, uint32_t state, uint8_t stop, uint32_t run);

/* Sorts the arcs, computes what states and rules have besides. Without a way to the end of rule 0,
   and where a rule calls itself before any byte: TRIT_EARGUMENT. */
void trit_build_finish(struct trit_build *b);

/* --- text --- */

/* Strings of n bytes from a to b, each byte but those of the ends between low and high. */
struct trit_span {
    const uint8_t *a, *b;
    size_t n;
    uint8_t low, high;
};
void trit_build_span(struct trit_build *b, uint32_t from, struct trit_span span, uint32_t to);
/* A character from low to high, none of them 0 or a surrogate. */
void trit_build_range(struct trit_build *b, enum trit_writing writing, uint32_t from,
                      const uint32_t range[2], uint32_t to);
uint32_t trit_build_builtin(struct trit_build *b, enum trit_builtin which); /* its rule */
uint32_t trit_build_space(struct trit_build *b, uint32_t from); /* behind white space, or none */
/* "text": a JSON string; behind it. */
uint32_t trit_build_quoted(struct trit_build *b, uint32_t from, const char *text, size_t n);
/* Text up to and with a literal of ASCII; behind it. each: the state in front of a text, and of its
   parts, in which it may end, gets a free arc there; 0: none. */
uint32_t trit_build_until(struct trit_build *b, uint32_t from, const char *literal, uint32_t each);
/* The same of low to high characters; high UINT32_MAX: no bound. */
uint32_t trit_build_until_counted(struct trit_build *b, uint32_t from, const char *literal,
                                  const uint32_t range[2]);
/* A string of JSON that is none of the object's keys, with `"`s. */
void trit_build_other_key(struct trit_build *b, uint32_t from, const json_t *names, uint32_t to);

/* --- regular expressions, numbers --- */

/* anchored: all of the text, whatever stands at its ends. */
struct trit_pattern {
    const char *text;
    size_t n;
    enum trit_writing writing;
    bool anchored;
};
uint32_t trit_build_pattern(struct trit_build *b, uint32_t from, struct trit_pattern pattern);
uint32_t trit_build_known(struct trit_build *b, uint32_t from, const char *pattern,
                          enum trit_writing writing); /* one of our own, anchored */
const char *trit_format_pattern(const char *format);  /* NULL: nothing is asked of it */

/* Integers, or numbers without exponent, from low to high, both within TRIT_WHOLE_MOST. */
#define TRIT_WHOLE_MOST INT64_C(999999999999999999)
void trit_build_whole(struct trit_build *b, uint32_t from, const int64_t range[2], bool fraction,
                      uint32_t to);

/* --- schemas --- */

struct trit_compile {
    struct trit_build b;
    const json_t *root; /* what "#" is */
    struct trit_known {
        const json_t *schema;
        uint32_t rule;
    } * known; /* those that references name */
    size_t nknown, known_room;
    json_t *made; /* an array: schemas that were made on the way */
    int depth;
};

/* The rule of a schema; 0 after a failure. */
uint32_t trit_compile_rule(struct trit_compile *c, const json_t *schema);
/* Parts of it: the rules' bodies, from one state to the other. */
struct trit_ends {
    uint32_t from, to;
};
void trit_compile_object(struct trit_compile *c, const json_t *schema, struct trit_ends ends);
void trit_compile_array(struct trit_compile *c, const json_t *schema, struct trit_ends ends);
void trit_compile_string(struct trit_compile *c, const json_t *schema, struct trit_ends ends);
void trit_compile_number(struct trit_compile *c, const json_t *schema, bool whole,
                         struct trit_ends ends);
void trit_compile_any_of(struct trit_compile *c, const json_t *schema, struct trit_ends ends);
void trit_compile_all_of(struct trit_compile *c, const json_t *schema, struct trit_ends ends);
void trit_compile_enum(struct trit_compile *c, const json_t *schema, struct trit_ends ends);

/* What a schema says of a string: a pattern, its format's, or how many characters (from 0 to
   UINT32_MAX: any); more than one of them is TRIT_EUNSUPPORTED. */
struct trit_limits {
    const char *pattern; /* NULL: none */
    bool anchored;
    uint32_t range[2];
};
struct trit_limits trit_compile_limits(struct trit_compile *c, const json_t *schema);
/* Behind what the pattern says. */
uint32_t trit_build_limited(struct trit_build *b, uint32_t from, const struct trit_limits *limits,
                            enum trit_writing writing);
/* One value, as JSON. */
void trit_compile_value(struct trit_compile *c, const json_t *value, struct trit_ends ends);

/* What a reference names; NULL after a failure. */
const json_t *trit_compile_find(struct trit_compile *c, const char *ref);
/* The schema behind references; NULL after a failure. */
const json_t *trit_compile_follow(struct trit_compile *c, const json_t *schema);
/* Whether a property must be there. */
bool trit_schema_requires(const json_t *schema, const char *name);
/* Whether its keywords are known and may stand together; else a failure. */
bool trit_compile_check(struct trit_compile *c, const json_t *schema);
/* Adds to the path; returns how long it was, for trit_compile_back. */
size_t trit_compile_into(struct trit_compile *c, const char *name);
void trit_compile_back(struct trit_compile *c, size_t used);
/* A member that is a count: TRIT_EARGUMENT where it is none, or beyond TRIT_NET_REPEAT (of which
   unsigned ones that are left out are `absent`). */
uint32_t trit_compile_count(struct trit_compile *c, const json_t *schema, const char *name,
                            uint32_t absent);

enum trit_json_type {
    TRIT_IS_NULL = 1,
    TRIT_IS_BOOLEAN = 2,
    TRIT_IS_INTEGER = 4,
    TRIT_IS_NUMBER = 8,
    TRIT_IS_STRING = 16,
    TRIT_IS_ARRAY = 32,
    TRIT_IS_OBJECT = 64,
    TRIT_IS_ANY = 127,
};
/* Types that "type" names, TRIT_IS_ANY without; 0 after a failure. */
unsigned trit_compile_types(struct trit_compile *c, const json_t *schema);
/* Types of a value: a whole number has two. */
unsigned trit_type_of(const json_t *value);
/* The values of enum and const, an array that is to be released; NULL: there are none. */
json_t *trit_compile_values(const json_t *schema);

/* --- calls --- */

void trit_compile_calls(struct trit_compile *c, const struct trit_call_rules *rules,
                        struct trit_ends ends);

/* --- vocabularies and matchers --- */

/* A trie of the tokens' bytes in preorder. Node 0 is its root. */
struct trit_vocabulary {
    const struct trit_tokenizer *tokenizer;
    size_t ids; /* as the tokenizer has them */
    uint32_t nnodes, ntokens;
    uint32_t *past;   /* a node: the first behind its descendants */
    uint32_t *tokens; /* a node, and one behind: where the tokens that go through it begin */
    uint16_t *depths; /* a node: how many bytes lead to it */
    uint8_t *bytes;   /* a node: the last of them */
    uint8_t *below;   /* a node: enum trit_stop of the bytes below it */
    uint8_t *longest; /* a node: characters below it at most, 255: as many or more */
    int32_t *order;   /* ids by their bytes */
    int32_t *ends;    /* ids of end tokens */
    uint32_t nends;
    uint16_t deepest;
};

/* Where texts stand: sets of a state and a stack, which are numbered. Stacks are sets of the places
   from which their rule was called, as they are the same for all ways that lead there. */
struct trit_stacks;
struct trit_place {
    uint32_t state, stack;
};
enum { TRIT_STACKS_DEAD = 1, TRIT_STACKS_START = 2, TRIT_STACKS_NONE = 0 };
/* NULL: no memory. */
struct trit_stacks *trit_stacks_create(const struct trit_grammar *grammar);
void trit_stacks_free(struct trit_stacks *stacks);
/* Behind a byte; TRIT_STACKS_DEAD, or TRIT_STACKS_NONE: no memory, or too much work since the last
   rest. */
uint32_t trit_stacks_step(struct trit_stacks *stacks, uint32_t from, uint8_t byte);
void trit_stacks_rest(struct trit_stacks *stacks);
bool trit_stacks_complete(const struct trit_stacks *stacks, uint32_t at);
/* Whether all bytes below a node can come. */
bool trit_stacks_passes(const struct trit_stacks *stacks, uint32_t at, uint8_t below,
                        uint8_t longest);
/* Forgets what is not needed for *at, where there is much of it. True: it did, *at has a new
   number, and no other holds any more. */
bool trit_stacks_trim(struct trit_stacks *stacks, uint32_t *at);

#endif

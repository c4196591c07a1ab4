/* Grammars for callers: a frame, then JSON, a schema or calls. */
#include "runtime/grammar/grammar.h"

#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/grammar/internal.h"

/* What is asked for: one of the two. */
struct ask {
    const json_t *schema;
    const struct trit_call_rules *calls;
};

static void build(struct trit_compile *c, const struct ask *ask,
                  const struct trit_grammar_frame *frame)
{
    struct trit_build *b = &c->b;
    const uint32_t text = trit_build_rule(b);
    struct trit_ends ends = { trit_build_entry(b, text), trit_build_end(b, text) };
    if (frame && frame->until)
        ends.from = trit_build_until(b, ends.from, frame->until, 0);
    trit_compile_into(c, ask->calls ? "tools" : "#");
    if (ask->calls)
        trit_compile_calls(c, ask->calls, ends);
    else
        trit_build_call(b, ends.from, trit_compile_rule(c, ask->schema), ends.to);
    trit_build_finish(b);
}

static enum trit_code create(struct trit_grammar **grammar, const struct ask *ask,
                             const struct trit_grammar_frame *frame, struct trit_error *error)
{
    struct trit_compile c = { .root = ask->schema };
    *grammar = NULL;
    c.b.error = error;
    c.b.net = trit_alloc(1, sizeof *c.b.net);
    c.made = json_array();
    if (c.b.net && c.made)
        build(&c, ask, frame);
    else
        trit_build_fail(&c.b, TRIT_EMEMORY, "no memory for a grammar");
    json_decref(c.made);
    free(c.known);
    if (c.b.code)
        trit_grammar_free(c.b.net);
    else
        *grammar = c.b.net;
    return c.b.code;
}

enum trit_code trit_grammar_json(struct trit_grammar **grammar,
                                 const struct trit_grammar_frame *frame, struct trit_error *error)
{
    json_t *schema = json_pack("{s:s}", "type", "object");
    *grammar = NULL;
    if (!schema)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a grammar");
    const enum trit_code code = create(grammar, &(struct ask){ .schema = schema }, frame, error);
    json_decref(schema);
    return code;
}

enum trit_code trit_grammar_schema(struct trit_grammar **grammar, const json_t *schema,
                                   const struct trit_grammar_frame *frame, struct trit_error *error)
{
    return create(grammar, &(struct ask){ .schema = schema }, frame, error);
}

enum trit_code trit_grammar_calls(struct trit_grammar **grammar,
                                  const struct trit_call_rules *rules,
                                  const struct trit_grammar_frame *frame, struct trit_error *error)
{
    return create(grammar, &(struct ask){ .calls = rules }, frame, error);
}

void trit_grammar_free(struct trit_grammar *grammar)
{
    if (!grammar)
        return;
    free(grammar->states);
    free(grammar->arcs);
    free(grammar->rules);
    free(grammar);
}

/* Grammars of the C interface, and the vocabulary that they need of a model. */
#include "runtime/api/internal.h"

#include <stdlib.h>

#include "runtime/grammar/grammar.h"

struct trit_lm_grammar {
    struct trit_grammar *grammar;
    struct trit_lm *lm;
};

/* The model's, made when it is first needed. */
static enum trit_code vocabulary(struct trit_lm *lm, const struct trit_vocabulary **out,
                                 struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    pthread_mutex_lock(&lm->making);
    if (!lm->vocabulary)
        code = trit_vocabulary_create(&lm->vocabulary, lm->engine.tokenizer, error);
    *out = lm->vocabulary;
    pthread_mutex_unlock(&lm->making);
    return code;
}

enum trit_code trit_hold_begin(struct trit_matcher **matcher, const struct trit_lm_grammar *grammar,
                               struct trit_error *error)
{
    const struct trit_vocabulary *tokens;
    *matcher = NULL;
    if (!grammar)
        return TRIT_OK;
    const enum trit_code code = vocabulary(grammar->lm, &tokens, error);
    return code ? code : trit_matcher_create(matcher, grammar->grammar, tokens, error);
}

static enum trit_code make_schema(struct trit_lm_grammar *g, const char *schema, const char *until,
                                  struct trit_error *error)
{
    const struct trit_grammar_frame frame = { .until = until };
    json_t *json = NULL;
    if (!schema)
        return trit_grammar_json(&g->grammar, &frame, error);
    enum trit_code code = trit_api_json(&json, schema, "the schema", error);
    if (!code)
        code = trit_grammar_schema(&g->grammar, json, &frame, error);
    json_decref(json);
    return code;
}

static enum trit_code begin(struct trit_lm_grammar **g, struct trit_lm *lm,
                            struct trit_error *error)
{
    *g = calloc(1, sizeof **g);
    if (!*g)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a grammar");
    (*g)->lm = lm;
    return TRIT_OK;
}

/* What was begun is handed out, or freed. */
static enum trit_lm_code finish(struct trit_lm_grammar **out, struct trit_lm_grammar *g,
                                enum trit_code code, const struct trit_error *from,
                                struct trit_lm_error *error)
{
    if (code)
        trit_lm_grammar_free(g);
    *out = code ? NULL : g;
    return trit_api_result(code, from, error);
}

enum trit_lm_code trit_lm_grammar_schema(struct trit_lm_grammar **grammar, struct trit_lm *lm,
                                         const char *schema, const char *until,
                                         struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_lm_grammar *g;
    enum trit_code code = begin(&g, lm, &e);
    if (!code)
        code = make_schema(g, schema, until, &e);
    return finish(grammar, g, code, &e, error);
}

static enum trit_code make_calls(struct trit_lm_grammar *g, const struct trit_lm_chat *chat,
                                 const struct trit_lm_calls *calls, struct trit_error *error)
{
    struct trit_lm_calls c;
    json_t *tools = NULL;
    enum trit_code code = trit_api_take(&c, sizeof c, calls, "trit_lm_calls", error);
    if (!code && !c.tools)
        code = trit_fail(error, TRIT_EARGUMENT, "trit_lm_calls.tools is NULL");
    if (!code)
        code = trit_api_json(&tools, c.tools, "tools", error);
    if (!code) {
        const struct trit_grammar_frame frame = { .until = c.until };
        const struct trit_call_rules rules = { .form = trit_chat_traits(chat->chat)->calls,
                                               .tools = tools,
                                               .only = c.only,
                                               .parallel = c.parallel,
                                               .must = c.must };
        code = trit_grammar_calls(&g->grammar, &rules, &frame, error);
    }
    json_decref(tools);
    return code;
}

enum trit_lm_code trit_lm_grammar_calls(struct trit_lm_grammar **grammar,
                                        const struct trit_lm_chat *chat,
                                        const struct trit_lm_calls *calls,
                                        struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_lm_grammar *g;
    enum trit_code code = begin(&g, chat->lm, &e);
    if (!code)
        code = make_calls(g, chat, calls, &e);
    return finish(grammar, g, code, &e, error);
}

void trit_lm_grammar_free(struct trit_lm_grammar *g)
{
    if (!g)
        return;
    trit_grammar_free(g->grammar);
    free(g);
}

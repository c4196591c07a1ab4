/* Chats of the C interface: messages as prompts, and answers taken apart. */
#include "runtime/api/internal.h"

#include <stdlib.h>
#include <string.h>

enum trit_code trit_api_json(json_t **json, const char *text, const char *what,
                             struct trit_error *error)
{
    json_error_t why;
    *json = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (*json)
        return TRIT_OK;
    return trit_fail(error, TRIT_EARGUMENT, "%s: no JSON at byte %d: %s", what, why.position,
                     why.text);
}

enum trit_lm_code trit_lm_chat_open(struct trit_lm_chat **chat, struct trit_lm *lm,
                                    const char *wanted, struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_lm_chat *c = calloc(1, sizeof *c);
    *chat = NULL;
    if (!c)
        return trit_api_result(trit_fail(&e, TRIT_EMEMORY, "no memory for a chat"), &e, error);
    c->lm = lm;
    const enum trit_code code = trit_chat_open(&c->chat, lm->engine.gguf, wanted, &e);
    if (code)
        trit_lm_chat_close(c);
    else
        *chat = c;
    return trit_api_result(code, &e, error);
}

void trit_lm_chat_close(struct trit_lm_chat *c)
{
    if (!c)
        return;
    trit_chat_free(c->chat);
    free(c);
}

void trit_lm_chat_facts(const struct trit_lm_chat *c, struct trit_lm_chat_facts *facts)
{
    const struct trit_chat_traits *t = trit_chat_traits(c->chat);
    const struct trit_lm_chat_facts all = { .name = t->name,
                                            .why = t->why,
                                            .source = t->source,
                                            .think = t->thinks ? t->think : NULL,
                                            .thought = t->thinks ? t->thought : NULL,
                                            .system = t->system,
                                            .tools = t->tools,
                                            .quiet = t->quiet };
    trit_api_give(facts, &all, sizeof all);
}

/* OpenAI's array out of pairs of texts. */
static enum trit_code pairs(const struct trit_lm_ask *ask, json_t **out, struct trit_error *error)
{
    *out = json_array();
    for (size_t i = 0; i < ask->nmessages; i++) {
        const struct trit_lm_message *m = &ask->messages[i];
        if (!m->role || !m->content)
            return trit_fail(error, TRIT_EARGUMENT, "message %zu has no role or no content", i);
        json_t *message = json_pack("{s:s, s:s}", "role", m->role, "content", m->content);
        if (!message)
            return trit_fail(error, TRIT_EARGUMENT, "message %zu is not UTF-8", i);
        if (json_array_append_new(*out, message))
            return trit_fail(error, TRIT_EMEMORY, "no memory for message %zu", i);
    }
    return TRIT_OK;
}

/* What the templates read. */
struct parts {
    json_t *messages, *tools, *variables;
};

static enum trit_code read_parts(const struct trit_lm_ask *ask, struct parts *p,
                                 struct trit_error *error)
{
    if (ask->json && ask->nmessages)
        return trit_fail(error, TRIT_EARGUMENT, "messages are given twice");
    if (ask->think < 0 || ask->think > TRIT_LM_THINK_OFF)
        return trit_fail(error, TRIT_EARGUMENT, "enum trit_lm_think has no value %d", ask->think);
    enum trit_code code = ask->json ? trit_api_json(&p->messages, ask->json, "messages", error)
                                    : pairs(ask, &p->messages, error);
    if (!code && ask->tools)
        code = trit_api_json(&p->tools, ask->tools, "tools", error);
    if (!code && ask->variables)
        code = trit_api_json(&p->variables, ask->variables, "variables", error);
    return code;
}

static enum trit_code render(const struct trit_lm_chat *c, const struct trit_lm_ask *ask,
                             struct trit_chat_prompt *prompt, struct trit_error *error)
{
    struct parts p = { 0 };
    enum trit_code code = read_parts(ask, &p, error);
    if (!code) {
        const struct trit_chat_ask inner = { .messages = p.messages,
                                             .tools = p.tools,
                                             .kwargs = p.variables,
                                             .think = (enum trit_think)ask->think,
                                             .closed = ask->closed };
        code = trit_chat_render(c->chat, &inner, prompt, error);
    }
    json_decref(p.messages);
    json_decref(p.tools);
    json_decref(p.variables);
    return code;
}

static enum trit_code make_prompt(const struct trit_lm_chat *c, const struct trit_lm_ask *ask,
                                  struct trit_lm_prompt *out, struct trit_error *error)
{
    struct trit_lm_ask all;
    struct trit_chat_prompt prompt = { 0 };
    struct trit_chat_ids ids = { 0 };
    enum trit_code code = trit_api_take(&all, sizeof all, ask, "trit_lm_ask", error);
    if (!code)
        code = render(c, &all, &prompt, error);
    if (!code)
        code = trit_chat_encode(c->lm->engine.tokenizer, &prompt, &ids, error);
    if (!code) {
        out->text = malloc(prompt.bytes + 1);
        out->tokens = (struct trit_lm_tokens){ ids.ids, ids.n };
        out->bytes = prompt.bytes;
        out->turn = ids.nturns ? ids.turns[ids.nturns - 1] : 0;
        out->thinking = prompt.thinking;
    }
    if (!code && !out->text)
        code = trit_fail(error, TRIT_EMEMORY, "no memory for a prompt");
    if (!code) {
        memcpy(out->text, prompt.text, prompt.bytes);
        out->text[prompt.bytes] = 0;
    }
    free(ids.turns);
    trit_chat_prompt_free(&prompt);
    return code;
}

enum trit_lm_code trit_lm_chat_prompt(const struct trit_lm_chat *chat,
                                      const struct trit_lm_ask *ask, struct trit_lm_prompt *prompt,
                                      struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_lm_prompt all = { .size = sizeof all };
    const enum trit_code code = make_prompt(chat, ask, &all, &e);
    if (code)
        trit_lm_prompt_free(&all);
    trit_api_give(prompt, &all, sizeof all);
    return trit_api_result(code, &e, error);
}

void trit_lm_prompt_free(struct trit_lm_prompt *prompt)
{
    if (!prompt)
        return;
    free(prompt->text);
    free(prompt->tokens.ids);
    prompt->text = NULL;
    prompt->tokens = (struct trit_lm_tokens){ NULL, 0 };
}

struct trit_lm_answer {
    struct trit_answer *answer;
    struct trit_lm_taking taking;
    json_t *tools;
};

static void take(void *arg, const struct trit_answer_piece *piece)
{
    const struct trit_lm_answer *a = arg;
    a->taking.take(a->taking.arg, (enum trit_lm_part)piece->part, piece->call, piece->text,
                   piece->bytes);
}

static enum trit_code make_answer(struct trit_lm_answer *a, const struct trit_lm_chat *chat,
                                  const struct trit_lm_taking *taking, struct trit_error *error)
{
    enum trit_code code =
        trit_api_take(&a->taking, sizeof a->taking, taking, "trit_lm_taking", error);
    if (!code && !a->taking.take)
        code = trit_fail(error, TRIT_EARGUMENT, "trit_lm_taking.take is NULL");
    if (!code && a->taking.tools)
        code = trit_api_json(&a->tools, a->taking.tools, "tools", error);
    a->taking.tools = NULL; /* the caller's */
    return code ? code
                : trit_answer_create(&a->answer, chat->chat, a->taking.thinking, a->tools,
                                     &(struct trit_answer_sink){ take, a }, error);
}

enum trit_lm_code trit_lm_answer_create(struct trit_lm_answer **answer,
                                        const struct trit_lm_chat *chat,
                                        const struct trit_lm_taking *taking,
                                        struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_lm_answer *a = calloc(1, sizeof *a);
    *answer = NULL;
    if (!a)
        return trit_api_result(trit_fail(&e, TRIT_EMEMORY, "no memory for an answer"), &e, error);
    const enum trit_code code = make_answer(a, chat, taking, &e);
    if (code)
        trit_lm_answer_free(a);
    else
        *answer = a;
    return trit_api_result(code, &e, error);
}

void trit_lm_answer_free(struct trit_lm_answer *a)
{
    if (!a)
        return;
    trit_answer_free(a->answer);
    json_decref(a->tools);
    free(a);
}

enum trit_lm_code trit_lm_answer_feed(struct trit_lm_answer *a, const char *text, size_t bytes,
                                      struct trit_lm_error *error)
{
    struct trit_error e;
    return trit_api_result(trit_answer_feed(a->answer, text, bytes, &e), &e, error);
}

enum trit_lm_code trit_lm_answer_end(struct trit_lm_answer *a, struct trit_lm_error *error)
{
    struct trit_error e;
    return trit_api_result(trit_answer_end(a->answer, &e), &e, error);
}

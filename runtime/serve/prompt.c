/* Prompts as tokens, and the grammar of answers. */
#include "runtime/serve/prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "runtime/base/mem.h"
#include "runtime/serve/fields.h"

struct trit_ask *trit_ask_create(void)
{
    struct trit_ask *ask = trit_alloc(1, sizeof *ask);
    if (!ask)
        return NULL;
    ask->keep_alive = NAN;
    ask->n = 1;
    ask->parallel = true;
    return ask;
}

void trit_ask_free(struct trit_ask *ask)
{
    if (!ask)
        return;
    json_decref(ask->messages);
    json_decref(ask->tools);
    json_decref(ask->kwargs);
    json_decref(ask->prompts);
    json_decref(ask->schema);
    json_decref(ask->context);
    trit_chat_free(ask->chat);
    json_decref(ask->source);
    for (size_t i = 0; i < ask->nstop; i++)
        free(ask->stop[i]);
    free(ask->biases);
    free(ask);
}

const struct trit_chat *trit_ask_chat(const struct trit_ask *ask, const struct trit_served *served)
{
    return ask->chat ? ask->chat : served->chat;
}

void trit_prompt_free(struct trit_prompt *prompt)
{
    free(prompt->ids);
    free(prompt->turns);
}

/* What it is not, the field passes over: it was looked at when the model was made. */
static void take_number(struct trit_ask *ask, const struct trit_field *field, const char *text)
{
    const char *param;
    json_t *object = json_pack("{s:f}", field->name, strtod(text, NULL));
    trit_fields_read(object, field, 1, ask, &param, NULL);
    json_decref(object);
}

static void take_stops(struct trit_ask *ask, const struct trit_modelfile *m)
{
    for (size_t i = 0; i < m->parameters.n && ask->nstop < TRIT_STOPS; i++) {
        const struct trit_modelfile_pair *pair = &m->parameters.v[i];
        const size_t n = strlen(pair->value);
        if (!strcmp(pair->name, "stop") && n && n <= TRIT_STOP_BYTES &&
            (ask->stop[ask->nstop] = strdup(pair->value)))
            ask->nstop++;
    }
}

void trit_ask_complete(struct trit_ask *ask, const struct trit_served *served)
{
    const struct trit_modelfile *m = &served->made_of;
    const size_t sampling = offsetof(struct trit_ask, sampling);
    for (size_t i = 0; i < trit_parameters.n; i++) {
        const struct trit_field *field = &trit_parameters.v[i];
        if (ask->given & field->given)
            continue;
        memcpy((char *)ask + field->offset,
               (const char *)&served->engine.sampling + field->offset - sampling,
               field->kind == TRIT_FIELD_INT ? sizeof(int) : sizeof(float));
        const char *text = trit_modelfile_value(m, field->name);
        if (text)
            take_number(ask, field, text);
    }
    const char *predict = trit_modelfile_value(m, "num_predict"),
               *seed = trit_modelfile_value(m, "seed");
    if (!(ask->given & TRIT_GIVEN_PREDICT) && predict && atol(predict) > 0)
        ask->predict = (size_t)atol(predict);
    if (!(ask->given & TRIT_GIVEN_STOP))
        take_stops(ask, m);
    ask->sampling.bias = ask->biases;
    if (ask->given & TRIT_GIVEN_SEED)
        return;
    if (seed)
        ask->sampling.seed = strtoull(seed, NULL, 10);
    else
        (void)!getrandom(&ask->sampling.seed, sizeof ask->sampling.seed, 0);
}

/* The messages with a system message before them, where they have none and the ask or the Modelfile
   has one; with the Modelfile's own messages, unless a chat goes on, which has had them. A new
   reference; NULL: no memory. */
static json_t *all_messages(const struct trit_ask *ask, const struct trit_served *served)
{
    static const struct trit_modelfile none;
    const struct trit_modelfile *m = ask->context ? &none : &served->made_of;
    const char *system = ask->system ? ask->system : m->system;
    const json_t *first = json_array_get(ask->messages, 0);
    const char *role = json_string_value(json_object_get(first, "role"));
    const bool has_system = role && (!strcmp(role, "system") || !strcmp(role, "developer"));
    json_t *all = json_array();
    if (system && *system && !has_system)
        json_array_append_new(all, json_pack("{s:s,s:s}", "role", "system", "content", system));
    for (size_t i = 0; i < m->messages.n; i++)
        json_array_append_new(all, json_pack("{s:s,s:s}", "role", m->messages.v[i].name, "content",
                                             m->messages.v[i].value));
    json_array_extend(all, ask->messages);
    return all;
}

static enum trit_code render(const struct trit_ask *ask, const struct trit_served *served,
                             const json_t *messages, struct trit_prompt *prompt,
                             struct trit_error *error)
{
    const struct trit_chat_ask chat = {
        .messages = messages,
        .tools = ask->choice == TRIT_TOOLS_NONE ? NULL : ask->tools,
        .kwargs = ask->kwargs,
        .think = ask->think,
    };
    struct trit_chat_prompt text = { 0 };
    struct trit_chat_ids ids = { 0 };
    enum trit_code code = trit_chat_render(trit_ask_chat(ask, served), &chat, &text, error);
    prompt->thinking = text.thinking;
    if (!code)
        code = trit_chat_encode(served->engine.tokenizer, &text, &ids, error);
    if (!code)
        *prompt = (struct trit_prompt){ ids.ids, ids.n, ids.turns, ids.nturns, text.thinking };
    trit_chat_prompt_free(&text);
    return code;
}

static bool is_role(const json_t *message, const char *role)
{
    const char *its = json_string_value(json_object_get(message, "role"));
    return its && !strcmp(its, role);
}

/* The messages without those before the user's n-th further one, but for the system's. A new
   reference; NULL: no memory. */
static json_t *later_turns(const json_t *all, size_t n)
{
    json_t *later = json_array();
    size_t questions = 0;
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t *message = json_array_get(all, i);
        questions += is_role(message, "user");
        if (questions > n || is_role(message, "system"))
            json_array_append(later, message);
    }
    return later;
}

static enum trit_code render_later(const struct trit_ask *ask, const struct trit_served *served,
                                   const json_t *all, size_t n, struct trit_prompt *prompt,
                                   struct trit_error *error)
{
    json_t *later = later_turns(all, n);
    trit_prompt_free(prompt);
    *prompt = (struct trit_prompt){ 0 };
    const enum trit_code code = render(ask, served, later, prompt, error);
    json_decref(later);
    return code;
}

/* As few of the oldest turns go as leave a quarter of the context free, so that the next requests
   find what was evaluated for this one; the user's last stays. */
static enum trit_code cut_chat(const struct trit_ask *ask, const struct trit_served *served,
                               const json_t *all, struct trit_prompt *prompt,
                               struct trit_error *error)
{
    const size_t most = served->context - served->context / 4;
    size_t low = 1, high = 0;
    for (size_t i = 0; i < json_array_size(all); i++)
        high += is_role(json_array_get(all, i), "user");
    if (high < 2)
        return TRIT_OK;
    high--;
    enum trit_code code = TRIT_OK;
    while (low < high && !code) {
        const size_t middle = (low + high) / 2;
        code = render_later(ask, served, all, middle, prompt, error);
        if (!code && prompt->n <= most)
            high = middle;
        else
            low = middle + 1;
    }
    return code ? code : render_later(ask, served, all, high, prompt, error);
}

static enum trit_code make_chat(const struct trit_ask *ask, const struct trit_served *served,
                                struct trit_prompt *prompt, struct trit_error *error)
{
    json_t *messages = all_messages(ask, served);
    enum trit_code code = render(ask, served, messages, prompt, error);
    if (!code && ask->truncate && prompt->n >= served->context)
        code = cut_chat(ask, served, messages, prompt, error);
    json_decref(messages);
    return code;
}

/* BOS first where the model wants one. */
static enum trit_code make_text(const struct trit_served *served, const json_t *json,
                                struct trit_prompt *prompt, struct trit_error *error)
{
    const struct trit_tokenizer *tokenizer = served->engine.tokenizer;
    const struct trit_text text = { json_string_value(json), json_string_length(json) };
    int32_t *plain;
    size_t n;
    enum trit_code code = trit_tokenizer_encode(tokenizer, text, true, &plain, &n, error);
    if (code)
        return code;
    const size_t bos = trit_tokenizer_lacks_bos(tokenizer, plain, n);
    prompt->ids = trit_alloc(n + bos + 1, sizeof *prompt->ids);
    if (prompt->ids) {
        prompt->ids[0] = trit_tokenizer_bos(tokenizer);
        if (n)
            memcpy(prompt->ids + bos, plain, n * sizeof *plain);
        prompt->n = n + bos;
    }
    free(plain);
    return prompt->ids ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "out of memory");
}

static enum trit_code make_ids(const struct trit_served *served, const json_t *json,
                               struct trit_prompt *prompt, struct trit_error *error)
{
    const json_int_t size = (json_int_t)trit_tokenizer_size(served->engine.tokenizer);
    const size_t n = json_array_size(json);
    prompt->ids = trit_alloc(n + 1, sizeof *prompt->ids);
    if (!prompt->ids)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_array_get(json, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= size)
            return trit_fail(error, TRIT_EARGUMENT, "prompt: element %zu is no token of the model",
                             i);
        prompt->ids[prompt->n++] = (int32_t)json_integer_value(id);
    }
    return TRIT_OK;
}

/* What is made of the chat's messages goes behind the context; a turn begins there. */
static enum trit_code add_context(const struct trit_ask *ask, const struct trit_served *served,
                                  struct trit_prompt *prompt, struct trit_error *error)
{
    const struct trit_tokenizer *tokenizer = served->engine.tokenizer;
    struct trit_prompt new = *prompt, before = { 0 };
    const size_t bos = new.n &&new.ids[0] == trit_tokenizer_bos(tokenizer);
    enum trit_code code = make_ids(served, ask->context, &before, error);
    int32_t *ids = code ? NULL : realloc(before.ids, (before.n + new.n) * sizeof *ids);
    size_t *turns = code ? NULL : trit_alloc(new.nturns + 1, sizeof *turns);
    if (!code && !(ids && turns))
        code = trit_fail(error, TRIT_EMEMORY, "out of memory");
    if (code) {
        free(ids ? ids : before.ids);
        free(turns);
        return code;
    }
    memcpy(ids + before.n, new.ids + bos, (new.n - bos) * sizeof *ids);
    *prompt = (struct trit_prompt){ ids, before.n + new.n - bos, turns, 0, new.thinking };
    turns[prompt->nturns++] = before.n;
    for (size_t i = 0; i < new.nturns; i++)
        if (new.turns[i] > bos)
            turns[prompt->nturns++] = before.n + new.turns[i] - bos;
    trit_prompt_free(&new);
    return TRIT_OK;
}

static enum trit_code make_one(const struct trit_ask *ask, const struct trit_served *served,
                               size_t i, struct trit_prompt *prompt, struct trit_error *error)
{
    const json_t *json = json_array_get(ask->prompts, i);
    enum trit_code code = ask->messages          ? make_chat(ask, served, prompt, error)
                          : json_is_string(json) ? make_text(served, json, prompt, error)
                                                 : make_ids(served, json, prompt, error);
    if (!code && ask->messages && ask->context)
        code = add_context(ask, served, prompt, error);
    if (!code && prompt->n == 0)
        return trit_fail(error, TRIT_EARGUMENT, "the prompt is empty");
    if (!code && prompt->n >= served->context)
        return trit_fail(error, TRIT_EARGUMENT,
                         "the prompt has %zu tokens, and the context %zu: shorten it, or serve "
                         "with a larger -c",
                         prompt->n, served->context);
    return code;
}

enum trit_code trit_prompts_make(const struct trit_ask *ask, const struct trit_served *served,
                                 struct trit_prompt **prompts, size_t *n, const char **param,
                                 struct trit_error *error)
{
    const size_t count = ask->messages ? 1 : json_array_size(ask->prompts);
    enum trit_code code = TRIT_OK;
    if (ask->must_think && !trit_chat_traits(trit_ask_chat(ask, served))->thinks)
        return trit_fail(error, TRIT_EARGUMENT, "\"%s\" does not support thinking", served->key);
    *param = ask->messages ? "messages" : "prompt";
    *prompts = trit_alloc(count, sizeof **prompts);
    if (!*prompts)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    *n = count;
    for (size_t i = 0; i < count && !code; i++)
        code = make_one(ask, served, i, &(*prompts)[i], error);
    return code;
}

static bool calls_tools(const struct trit_ask *ask)
{
    return json_array_size(ask->tools) && ask->choice != TRIT_TOOLS_NONE;
}

enum trit_code trit_prompt_grammar(const struct trit_ask *ask, const struct trit_served *served,
                                   const struct trit_prompt *prompt, struct trit_grammar **grammar,
                                   const char **param, struct trit_error *error)
{
    const struct trit_chat_traits *traits = trit_chat_traits(trit_ask_chat(ask, served));
    const struct trit_grammar_frame thought = { .until = traits->thought };
    const struct trit_grammar_frame *frame = prompt->thinking && traits->thought ? &thought : NULL;
    const struct trit_call_rules rules = { .form = traits->calls,
                                           .tools = ask->tools,
                                           .only = ask->only,
                                           .parallel = ask->parallel,
                                           .must = ask->choice == TRIT_TOOLS_MUST };
    *param = "tools";
    if (calls_tools(ask) && traits->calls == TRIT_CALLS_NONE)
        return trit_fail(error, TRIT_EARGUMENT, "%s does not support tools", served->key);
    if (calls_tools(ask) && ask->format != TRIT_FORMAT_TEXT)
        return trit_fail(error, TRIT_EARGUMENT,
                         "tools and a format of the answer cannot be asked for at once");
    if (calls_tools(ask))
        return trit_grammar_calls(grammar, &rules, frame, error);
    *param = "response_format";
    if (ask->format == TRIT_FORMAT_SCHEMA)
        return trit_grammar_schema(grammar, ask->schema, frame, error);
    return ask->format == TRIT_FORMAT_JSON ? trit_grammar_json(grammar, frame, error) : TRIT_OK;
}

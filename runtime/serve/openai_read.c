/* OpenAI's requests: which parameters there are, and what they may be. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/serve/fields.h"
#include "runtime/serve/openai.h"

#define AT(member) offsetof(struct trit_ask, member)
static const struct trit_field common[] = {
    { "temperature", TRIT_FIELD_FLOAT, AT(sampling.temperature), TRIT_GIVEN_TEMPERATURE, 0, 2 },
    { "top_p", TRIT_FIELD_FLOAT, AT(sampling.top_p), TRIT_GIVEN_TOP_P, 0, 1 },
    { "top_k", TRIT_FIELD_INT, AT(sampling.top_k), TRIT_GIVEN_TOP_K, -1, 1 << 24 },
    { "min_p", TRIT_FIELD_FLOAT, AT(sampling.min_p), TRIT_GIVEN_MIN_P, 0, 1 },
    { "presence_penalty", TRIT_FIELD_FLOAT, AT(sampling.presence_penalty), TRIT_GIVEN_PRESENCE, -2,
      2 },
    { "frequency_penalty", TRIT_FIELD_FLOAT, AT(sampling.frequency_penalty), TRIT_GIVEN_FREQUENCY,
      -2, 2 },
    { "repeat_penalty", TRIT_FIELD_FLOAT, AT(sampling.repeat_penalty), TRIT_GIVEN_REPEAT_PENALTY,
      1e-3, 1e3 },
    { "repeat_last_n", TRIT_FIELD_INT, AT(sampling.repeat_last_n), TRIT_GIVEN_REPEAT_LAST_N, -1,
      1 << 24 },
    { "n", TRIT_FIELD_SIZE, AT(n), 0, 1, TRIT_CHOICES },
    { "stream", TRIT_FIELD_BOOL, AT(stream), 0, 0, 0 },
    { "ignore_eos", TRIT_FIELD_BOOL, AT(endless), 0, 0, 0 },
};
static const struct trit_field chat_fields[] = {
    { "logprobs", TRIT_FIELD_BOOL, AT(logprobs), 0, 0, 0 },
    { "top_logprobs", TRIT_FIELD_SIZE, AT(top), 0, 0, TRIT_TOP_LOGPROBS },
    { "parallel_tool_calls", TRIT_FIELD_BOOL, AT(parallel), 0, 0, 0 },
};
static const struct trit_field completion_fields[] = {
    { "echo", TRIT_FIELD_BOOL, AT(echo), 0, 0, 0 },
};
#undef AT
#define COUNT(table) (sizeof(table) / sizeof *(table))

static const char *const chat_refused[] = { "audio",   "functions",          "function_call",
                                            "grammar", "web_search_options", "prediction" };
static const char *const completion_refused[] = { "suffix", "grammar" };

static enum trit_code read_biases(struct trit_ask *ask, json_t *biases, struct trit_error *error)
{
    const char *key;
    json_t *value;
    const size_t n = json_object_size(biases);
    if (!biases || json_is_null(biases))
        return TRIT_OK;
    if (!json_is_object(biases) || n > TRIT_BIASES)
        return trit_fail(error, TRIT_EARGUMENT, "logit_bias must be an object of at most %d tokens",
                         TRIT_BIASES);
    ask->biases = trit_alloc(n + 1, sizeof *ask->biases);
    if (!ask->biases)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    json_object_foreach(biases, key, value)
    {
        char *end;
        const long id = strtol(key, &end, 10);
        const double add = json_number_value(value);
        if (*end || end == key || id < 0 || id > INT32_MAX || !json_is_number(value) ||
            !(fabs(add) <= 100))
            return trit_fail(error, TRIT_EARGUMENT,
                             "logit_bias: \"%.20s\" must be a token's id, its value from -100 to "
                             "100",
                             key);
        ask->biases[ask->sampling.nbias++] = (struct trit_bias){ (int32_t)id, (float)add };
    }
    return TRIT_OK;
}

static enum trit_code read_stream_options(struct trit_ask *ask, const json_t *options,
                                          struct trit_error *error)
{
    if (!options || json_is_null(options))
        return TRIT_OK;
    if (!json_is_object(options))
        return trit_fail(error, TRIT_EARGUMENT, "stream_options must be an object");
    ask->usage = json_is_true(json_object_get(options, "include_usage"));
    return TRIT_OK;
}

/* A parameter that is read by itself. */
struct part {
    const char *name;
    enum trit_code (*read)(struct trit_ask *ask, json_t *value, struct trit_error *error);
};

static enum trit_code read_model(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    return trit_ask_model(ask, value, error);
}

static enum trit_code read_stop(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    return trit_ask_stop(ask, value, error);
}

static enum trit_code read_seed(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    return trit_ask_seed(ask, value, error);
}

static enum trit_code read_options(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    return read_stream_options(ask, value, error);
}

static enum trit_code read_most(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    return trit_ask_predict(ask, value, "max_tokens", error);
}

static enum trit_code read_most_new(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    return trit_ask_predict(ask, value, "max_completion_tokens", error);
}

static enum trit_code read_format(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    const char *type = json_string_value(json_object_get(value, "type"));
    if (!value || json_is_null(value) || (type && !strcmp(type, "text")))
        return TRIT_OK;
    if (type && !strcmp(type, "json_schema"))
        return trit_ask_schema(
            ask, json_object_get(json_object_get(value, "json_schema"), "schema"), error);
    if (!type || strcmp(type, "json_object") != 0)
        return trit_fail(error, TRIT_EARGUMENT,
                         "response_format: type must be text, json_object or json_schema");
    json_t *schema = json_object_get(value, "schema"); /* llama.cpp's clients send it here */
    if (json_is_object(schema))
        return trit_ask_schema(ask, schema, error);
    ask->format = TRIT_FORMAT_JSON;
    return TRIT_OK;
}

static enum trit_code read_kwargs(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    if (!value || json_is_null(value))
        return TRIT_OK;
    if (!json_is_object(value))
        return trit_fail(error, TRIT_EARGUMENT, "chat_template_kwargs must be an object");
    const json_t *thinking = json_object_get(value, "enable_thinking");
    if (json_is_boolean(thinking))
        ask->think = json_is_true(thinking) ? TRIT_THINK_ON : TRIT_THINK_OFF;
    ask->kwargs = json_incref(value);
    return TRIT_OK;
}

static enum trit_code read_effort(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    if (!value || json_is_null(value))
        return TRIT_OK;
    if (!json_is_string(value))
        return trit_fail(error, TRIT_EARGUMENT, "reasoning_effort must be a string");
    if (!strcmp(json_string_value(value), "none"))
        ask->think = TRIT_THINK_OFF;
    return TRIT_OK;
}

static bool has_tool(const struct trit_ask *ask, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < json_array_size(ask->tools); i++)
        found |=
            !strcmp(name, json_string_value(json_object_get(
                              json_object_get(json_array_get(ask->tools, i), "function"), "name")));
    return found;
}

static enum trit_code read_choice(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    static const char *const words[] = {
        [TRIT_TOOLS_AUTO] = "auto", [TRIT_TOOLS_NONE] = "none", [TRIT_TOOLS_MUST] = "required"
    };
    const char *word = json_string_value(value),
               *name =
                   json_string_value(json_object_get(json_object_get(value, "function"), "name"));
    if (!value || json_is_null(value))
        return TRIT_OK;
    for (size_t i = 0; word && i < COUNT(words); i++)
        if (!strcmp(word, words[i])) {
            ask->choice = (enum trit_tool_choice)i;
            if (ask->choice != TRIT_TOOLS_MUST || ask->tools)
                return TRIT_OK;
        }
    if (name && has_tool(ask, name)) {
        ask->choice = TRIT_TOOLS_MUST;
        ask->only = name;
        return TRIT_OK;
    }
    return trit_fail(error, TRIT_EARGUMENT,
                     "tool_choice must be auto, none, required or the function of one of tools");
}

/* tools before tool_choice. */
static const struct part parts[] = {
    { "model", read_model },       { "stop", read_stop },
    { "seed", read_seed },         { "stream_options", read_options },
    { "logit_bias", read_biases }, { "max_tokens", read_most },
};
static const struct part chat_parts[] = {
    { "max_completion_tokens", read_most_new },
    { "messages", trit_ask_messages },
    { "tools", trit_ask_tools },
    { "tool_choice", read_choice },
    { "response_format", read_format },
    { "chat_template_kwargs", read_kwargs },
    { "reasoning_effort", read_effort },
};

static enum trit_code read_parts(const struct part *table, size_t n, const json_t *body,
                                 struct trit_ask *ask, const char **param, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < n && !code; i++) {
        code = table[i].read(ask, json_object_get(body, table[i].name), error);
        *param = code ? table[i].name : *param;
    }
    return code;
}

static enum trit_code begin(json_t *body, struct trit_ask **ask, const char **param,
                            struct trit_error *error)
{
    *param = NULL;
    *ask = trit_ask_create();
    if (!*ask)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    (*ask)->source = json_incref(body);
    enum trit_code code = trit_fields_read(body, common, COUNT(common), *ask, param, error);
    return code ? code : read_parts(parts, COUNT(parts), body, *ask, param, error);
}

enum trit_code trit_openai_chat(json_t *body, struct trit_ask **ask, const char **param,
                                struct trit_error *error)
{
    enum trit_code code = begin(body, ask, param, error);
    if (!code)
        code = trit_fields_refuse(body, chat_refused, COUNT(chat_refused), param, error);
    if (!code)
        code = trit_fields_read(body, chat_fields, COUNT(chat_fields), *ask, param, error);
    if (!code)
        code = read_parts(chat_parts, COUNT(chat_parts), body, *ask, param, error);
    if (!code && (*ask)->top && !(*ask)->logprobs) {
        *param = "top_logprobs";
        code = trit_fail(error, TRIT_EARGUMENT, "top_logprobs needs logprobs: true");
    }
    return code;
}

/* A text, an array of texts, of tokens, or of arrays of tokens. */
static enum trit_code read_prompt(struct trit_ask *ask, json_t *prompt, struct trit_error *error)
{
    const json_t *first = json_array_get(prompt, 0);
    if (json_is_string(prompt) || json_is_integer(first)) {
        ask->prompts = json_pack("[O]", prompt);
        return ask->prompts ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "out of memory");
    }
    bool fine = json_array_size(prompt) >= 1 && json_array_size(prompt) <= TRIT_CHOICES;
    for (size_t i = 0; i < json_array_size(prompt); i++) {
        const json_t *one = json_array_get(prompt, i);
        fine &= json_is_string(one) || json_is_array(one);
    }
    if (!fine)
        return trit_fail(error, TRIT_EARGUMENT,
                         "prompt must be a text, an array of tokens, or 1 to %d of those",
                         TRIT_CHOICES);
    ask->prompts = json_incref(prompt);
    return TRIT_OK;
}

static enum trit_code read_count(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    if (!value || json_is_null(value) || json_is_false(value))
        return TRIT_OK;
    const json_int_t n = json_is_true(value) ? 0 : json_integer_value(value);
    if ((!json_is_integer(value) && !json_is_true(value)) || n < 0 || n > TRIT_TOP_LOGPROBS)
        return trit_fail(error, TRIT_EARGUMENT, "logprobs must be an integer from 0 to %d",
                         TRIT_TOP_LOGPROBS);
    ask->logprobs = true;
    ask->top = (size_t)n;
    return TRIT_OK;
}

static enum trit_code read_best(struct trit_ask *ask, json_t *value, struct trit_error *error)
{
    if (!value || json_is_null(value) ||
        (json_is_integer(value) && json_integer_value(value) == (json_int_t)ask->n))
        return TRIT_OK;
    return trit_fail(error, TRIT_EUNSUPPORTED, "best_of is not supported, except the same as n");
}

static const struct part completion_parts[] = {
    { "prompt", read_prompt },
    { "logprobs", read_count },
    { "best_of", read_best },
};

enum trit_code trit_openai_completion(json_t *body, struct trit_ask **ask, const char **param,
                                      struct trit_error *error)
{
    enum trit_code code = begin(body, ask, param, error);
    if (!code)
        code =
            trit_fields_refuse(body, completion_refused, COUNT(completion_refused), param, error);
    if (!code)
        code =
            trit_fields_read(body, completion_fields, COUNT(completion_fields), *ask, param, error);
    if (!code)
        code = read_parts(completion_parts, COUNT(completion_parts), body, *ask, param, error);
    if (!code && (*ask)->echo && (*ask)->logprobs) {
        *param = "echo";
        code = trit_fail(error, TRIT_EUNSUPPORTED,
                         "echo with logprobs is not supported: a prompt's are not computed");
    }
    return code;
}

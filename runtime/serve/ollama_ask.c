/* Ollama's requests for answers: which fields there are, and what they may be. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/serve/fields.h"
#include "runtime/serve/ollama.h"

#define AT(member) offsetof(struct trit_ask, member)
static const struct trit_field fields[] = {
    { "stream", TRIT_FIELD_BOOL, AT(stream), 0, 0, 0 },
    { "logprobs", TRIT_FIELD_BOOL, AT(logprobs), 0, 0, 0 },
    { "top_logprobs", TRIT_FIELD_SIZE, AT(top), 0, 0, TRIT_TOP_LOGPROBS },
};
static const struct trit_field chat_fields[] = {
    { "truncate", TRIT_FIELD_BOOL, AT(truncate), 0, 0, 0 },
};
#undef AT
#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { CALLS_MOST = 256, CONTEXT_MOST = 1 << 24 };

/* NULL where it is null, too. */
static json_t *get(const json_t *object, const char *name)
{
    json_t *json = json_object_get(object, name);
    return json_is_null(json) ? NULL : json;
}

static enum trit_code is_not(const char *name, const char *what, struct trit_error *error)
{
    return trit_fail(error, TRIT_EARGUMENT, "%s must be %s", name, what);
}

static enum trit_code no_memory(struct trit_error *error)
{
    return trit_fail(error, TRIT_EMEMORY, "out of memory");
}

/* A whole number, which may be written as 5.0. */
static bool whole(const json_t *json, double *value)
{
    *value = json_number_value(json);
    return json_is_number(json) && fabs(*value) < 0x1p63 && *value == floor(*value);
}

static enum trit_code read_seed(struct trit_ask *ask, const json_t *seed, struct trit_error *error)
{
    double value;
    if (!seed)
        return TRIT_OK;
    if (!whole(seed, &value))
        return is_not("seed", "an integer", error);
    if (value < 0)
        return TRIT_OK; /* any */
    ask->sampling.seed =
        json_is_integer(seed) ? (uint64_t)json_integer_value(seed) : (uint64_t)value;
    ask->given |= TRIT_GIVEN_SEED;
    return TRIT_OK;
}

/* Below 1: as the context allows. */
static enum trit_code read_predict(struct trit_ask *ask, const json_t *predict,
                                   struct trit_error *error)
{
    double value;
    if (!predict)
        return TRIT_OK;
    if (!whole(predict, &value))
        return is_not("num_predict", "an integer", error);
    ask->predict = value < 1 ? 0 : value > TRIT_PREDICT_MOST ? TRIT_PREDICT_MOST : (size_t)value;
    ask->given |= TRIT_GIVEN_PREDICT;
    return TRIT_OK;
}

/* Others are Ollama's for things that are decided here when the server is started, or unknown:
   passed over, as Ollama does with what it does not know. */
static enum trit_code read_options(struct trit_ask *ask, const json_t *given,
                                   struct trit_error *error)
{
    const char *param;
    double value;
    if (!given)
        return TRIT_OK;
    if (!json_is_object(given))
        return is_not("options", "an object", error);
    const json_t *context = get(given, "num_ctx");
    if (context && !(whole(context, &value) && value >= 1))
        return is_not("num_ctx", "an integer from 1", error);
    enum trit_code code =
        trit_fields_read(given, trit_parameters.v, trit_parameters.n, ask, &param, error);
    if (!code)
        code = read_seed(ask, get(given, "seed"), error);
    if (!code)
        code = read_predict(ask, get(given, "num_predict"), error);
    return code ? code : trit_ask_stop(ask, get(given, "stop"), error);
}

/* "1h30m", "300ms", "-1m", "0": Go's. */
static bool read_duration(const char *text, double *seconds)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = { { "ns", 1e-9 }, { "us", 1e-6 }, { "\xc2\xb5s", 1e-6 }, { "\xce\xbcs", 1e-6 },
                  { "ms", 1e-3 }, { "s", 1 },     { "m", 60 },           { "h", 3600 } };
    const bool negative = *text == '-';
    bool any = false;
    text += negative || *text == '+';
    *seconds = 0;
    if (!strcmp(text, "0"))
        return true;
    while (*text) {
        const size_t digits = strspn(text, "0123456789.");
        char *end;
        const double value = strtod(text, &end);
        size_t i = 0;
        while (i < COUNT(units) && strncmp(end, units[i].name, strlen(units[i].name)) != 0)
            i++;
        if (!digits || end != text + digits || i == COUNT(units))
            return false;
        *seconds += value * units[i].seconds;
        text = end + strlen(units[i].name);
        any = true;
    }
    *seconds = negative ? -*seconds : *seconds;
    return any;
}

static enum trit_code read_keep_alive(struct trit_ask *ask, const json_t *json,
                                      struct trit_error *error)
{
    double seconds = json_number_value(json);
    if (!json)
        return TRIT_OK;
    if (!json_is_number(json) &&
        !(json_is_string(json) && read_duration(json_string_value(json), &seconds)))
        return is_not("keep_alive", "seconds, or a duration like \"5m\"", error);
    ask->keep_alive = seconds < 0 ? -1 : seconds;
    return TRIT_OK;
}

static enum trit_code read_think(struct trit_ask *ask, const json_t *think,
                                 struct trit_error *error)
{
    static const char *const levels[] = { "low", "medium", "high" };
    if (!think)
        return TRIT_OK;
    ask->think = json_is_false(think) ? TRIT_THINK_OFF : TRIT_THINK_ON;
    ask->must_think = !json_is_false(think);
    if (json_is_boolean(think))
        return TRIT_OK;
    for (size_t i = 0; json_is_string(think) && i < COUNT(levels); i++)
        if (!strcmp(json_string_value(think), levels[i])) {
            ask->kwargs = json_pack("{s:s}", "reasoning_effort", levels[i]);
            return ask->kwargs ? TRIT_OK : no_memory(error);
        }
    return is_not("think", "true, false, \"low\", \"medium\" or \"high\"", error);
}

static enum trit_code read_format(struct trit_ask *ask, json_t *format, struct trit_error *error)
{
    const char *word = json_string_value(format);
    if (!format || (word && !*word))
        return TRIT_OK;
    if (json_is_object(format))
        return trit_ask_schema(ask, format, error);
    if (!word || strcmp(word, "json") != 0)
        return is_not("format", "\"json\" or a JSON schema, an object", error);
    ask->format = TRIT_FORMAT_JSON;
    return TRIT_OK;
}

static enum trit_code refuse_images(const json_t *object, struct trit_error *error)
{
    const json_t *images = get(object, "images");
    if (!images || (json_is_array(images) && !json_array_size(images)))
        return TRIT_OK;
    return trit_fail(error, TRIT_EUNSUPPORTED, "images: the model does not support them");
}

/* "" where it is not there. */
static enum trit_code read_text(const json_t *object, const char *name, const char **text,
                                struct trit_error *error)
{
    const json_t *json = get(object, name);
    *text = json ? json_string_value(json) : "";
    return *text ? TRIT_OK : is_not(name, "a string", error);
}

/* What both have. */
static enum trit_code begin(json_t *body, struct trit_ask **asked, struct trit_error *error)
{
    const char *param;
    struct trit_ask *ask = *asked = trit_ask_create();
    if (!ask)
        return no_memory(error);
    ask->source = json_incref(body);
    ask->stream = true;
    enum trit_code code = trit_fields_read(body, fields, COUNT(fields), ask, &param, error);
    if (!code)
        code = read_options(ask, get(body, "options"), error);
    if (!code)
        code = read_keep_alive(ask, get(body, "keep_alive"), error);
    if (!code)
        code = read_think(ask, get(body, "think"), error);
    if (!code)
        code = read_format(ask, get(body, "format"), error);
    return code ? code : refuse_images(body, error);
}

/* Texts that go through the model's template, or not. */
static enum trit_code set_prompt(struct trit_ask *ask, bool raw, const char *prompt,
                                 struct trit_error *error)
{
    if (!*prompt)
        return TRIT_OK;
    ask->keep_ids = !raw;
    if (raw)
        ask->prompts = json_pack("[s]", prompt);
    else
        ask->messages = json_pack("[{s:s,s:s}]", "role", "user", "content", prompt);
    return ask->prompts || ask->messages ? TRIT_OK : no_memory(error);
}

static enum trit_code read_context(struct trit_ask *ask, json_t *context, struct trit_error *error)
{
    if (!context)
        return TRIT_OK;
    if (!json_is_array(context) || json_array_size(context) > CONTEXT_MOST)
        return is_not("context", "an array of tokens", error);
    if (json_array_size(context))
        ask->context = json_incref(context);
    return TRIT_OK;
}

enum trit_code trit_ollama_read_generate(json_t *body, struct trit_ask **ask,
                                         struct trit_error *error)
{
    const char *prompt = "", *suffix = "", *system = "", *template = "";
    const json_t *raw = get(body, "raw");
    enum trit_code code = begin(body, ask, error);
    if (!code)
        code = read_text(body, "prompt", &prompt, error);
    if (!code)
        code = read_text(body, "suffix", &suffix, error);
    if (!code)
        code = read_text(body, "system", &system, error);
    if (!code)
        code = read_text(body, "template", &template, error);
    if (!code && raw && !json_is_boolean(raw))
        code = is_not("raw", "true or false", error);
    if (!code)
        code = read_context(*ask, get(body, "context"), error);
    if (code)
        return code;
    if (*suffix)
        return trit_fail(error, TRIT_EUNSUPPORTED, "suffix: the model does not support insert");
    if (json_is_true(raw) && (*template || *system || (*ask)->context))
        return trit_fail(error, TRIT_EARGUMENT,
                         "raw mode does not support template, system, or context");
    (*ask)->system = *system ? system : NULL;
    (*ask)->chat_template = *template ? template : NULL;
    return set_prompt(*ask, json_is_true(raw), prompt, error);
}

/* A call in a message of the assistant, in OpenAI's form. */
static enum trit_code add_call(json_t *calls, const json_t *call, struct trit_error *error)
{
    json_t *f = json_object_get(call, "function"), *arguments = get(f, "arguments"),
           *name = json_object_get(f, "name");
    const char *id = json_string_value(json_object_get(call, "id"));
    if (!json_is_string(name) || !(!arguments || json_is_object(arguments)))
        return trit_fail(error, TRIT_EARGUMENT,
                         "messages: a call must be {\"function\": {\"name\": TEXT, \"arguments\": "
                         "OBJECT}}");
    json_t *one = json_pack("{s:s,s:{s:O,s:o}}", "type", "function", "function", "name", name,
                            "arguments", arguments ? json_incref(arguments) : json_object());
    if (one && id)
        json_object_set_new(one, "id", json_string(id));
    return json_array_append_new(calls, one) ? no_memory(error) : TRIT_OK;
}

static enum trit_code put_calls(json_t *message, const json_t *given, struct trit_error *error)
{
    const size_t n = json_array_size(given);
    if (!given || (json_is_array(given) && !n))
        return TRIT_OK;
    if (!json_is_array(given) || n > CALLS_MOST)
        return is_not("messages: tool_calls", "an array", error);
    json_t *calls = json_array();
    enum trit_code code = calls ? TRIT_OK : no_memory(error);
    for (size_t i = 0; i < n && !code; i++)
        code = add_call(calls, json_array_get(given, i), error);
    if (json_object_set_new(message, "tool_calls", calls) && !code)
        code = no_memory(error);
    return code;
}

/* Ollama's names of what a message may have, and OpenAI's. */
static const struct {
    const char *name, *becomes;
} message_texts[] = {
    { "role", "role" },
    { "content", "content" },
    { "thinking", "reasoning_content" },
    { "tool_name", "name" },
    { "tool_call_id", "tool_call_id" },
};

static enum trit_code add_message(json_t *messages, const json_t *given, struct trit_error *error)
{
    json_t *message = json_object();
    enum trit_code code = message ? refuse_images(given, error) : no_memory(error);
    if (!code && !json_is_string(json_object_get(given, "role")))
        code = trit_fail(error, TRIT_EARGUMENT,
                         "messages: element %zu must be an object with a "
                         "role, which is a string",
                         json_array_size(messages));
    for (size_t i = 0; i < COUNT(message_texts) && !code; i++) {
        json_t *text = get(given, message_texts[i].name);
        if (text && !json_is_string(text))
            code = trit_fail(error, TRIT_EARGUMENT, "messages: element %zu: %s must be a string",
                             json_array_size(messages), message_texts[i].name);
        else if (text && json_object_set(message, message_texts[i].becomes, text))
            code = no_memory(error);
    }
    if (!code && !json_object_get(message, "content"))
        json_object_set_new(message, "content", json_string(""));
    if (!code)
        code = put_calls(message, get(given, "tool_calls"), error);
    if (json_array_append_new(messages, message) && !code)
        code = no_memory(error);
    return code;
}

static enum trit_code read_messages(struct trit_ask *ask, const json_t *given,
                                    struct trit_error *error)
{
    const size_t n = json_array_size(given);
    if (!given || (json_is_array(given) && !n))
        return TRIT_OK;
    if (!json_is_array(given) || n > TRIT_MESSAGES_MOST)
        return trit_fail(error, TRIT_EARGUMENT, "messages must be an array of at most %d",
                         TRIT_MESSAGES_MOST);
    ask->messages = json_array();
    enum trit_code code = ask->messages ? TRIT_OK : no_memory(error);
    for (size_t i = 0; i < n && !code; i++)
        code = add_message(ask->messages, json_array_get(given, i), error);
    return code;
}

enum trit_code trit_ollama_read_chat(json_t *body, struct trit_ask **ask, struct trit_error *error)
{
    const char *param;
    enum trit_code code = begin(body, ask, error);
    if (code)
        return code;
    (*ask)->truncate = true;
    code = trit_fields_read(body, chat_fields, COUNT(chat_fields), *ask, &param, error);
    if (!code)
        code = read_messages(*ask, get(body, "messages"), error);
    return code ? code : trit_ask_tools(*ask, json_object_get(body, "tools"), error);
}

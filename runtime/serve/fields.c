/* Parameters of requests. */
#include "runtime/serve/fields.h"

#include <stdlib.h>
#include <string.h>

enum { TOOLS_MOST = 256 };

#define AT(member) offsetof(struct trit_ask, member)
static const struct trit_field numbers[] = {
    { "temperature", TRIT_FIELD_FLOAT, AT(sampling.temperature), TRIT_GIVEN_TEMPERATURE, 0, 1e6 },
    { "top_k", TRIT_FIELD_INT, AT(sampling.top_k), TRIT_GIVEN_TOP_K, -1, INT32_MAX },
    { "top_p", TRIT_FIELD_FLOAT, AT(sampling.top_p), TRIT_GIVEN_TOP_P, 0, 1 },
    { "min_p", TRIT_FIELD_FLOAT, AT(sampling.min_p), TRIT_GIVEN_MIN_P, 0, 1 },
    { "repeat_penalty", TRIT_FIELD_FLOAT, AT(sampling.repeat_penalty), TRIT_GIVEN_REPEAT_PENALTY,
      1e-3, 1e3 },
    { "repeat_last_n", TRIT_FIELD_INT, AT(sampling.repeat_last_n), TRIT_GIVEN_REPEAT_LAST_N, -1,
      1 << 24 },
    { "presence_penalty", TRIT_FIELD_FLOAT, AT(sampling.presence_penalty), TRIT_GIVEN_PRESENCE,
      -100, 100 },
    { "frequency_penalty", TRIT_FIELD_FLOAT, AT(sampling.frequency_penalty), TRIT_GIVEN_FREQUENCY,
      -100, 100 },
};
#undef AT
const struct trit_parameters trit_parameters = { numbers, sizeof numbers / sizeof *numbers };

static bool absent(const json_t *json)
{
    return !json || json_is_null(json);
}

static bool fits(const struct trit_field *f, const json_t *json)
{
    if (f->kind == TRIT_FIELD_BOOL)
        return json_is_boolean(json);
    if (!json_is_number(json))
        return false;
    const double value = json_number_value(json);
    if (!(value >= f->least && value <= f->most))
        return false;
    return f->kind == TRIT_FIELD_FLOAT || value == (double)(int64_t)value;
}

static void set(const struct trit_field *f, const json_t *json, struct trit_ask *ask)
{
    void *at = (char *)ask + f->offset;
    const double value = json_number_value(json);
    ask->given |= f->given;
    switch (f->kind) {
    case TRIT_FIELD_FLOAT:
        *(float *)at = (float)value;
        break;
    case TRIT_FIELD_INT:
        *(int *)at = (int)value;
        break;
    case TRIT_FIELD_SIZE:
        *(size_t *)at = (size_t)value;
        break;
    case TRIT_FIELD_BOOL:
        *(bool *)at = json_is_true(json);
        break;
    }
}

static enum trit_code refuse_value(const struct trit_field *f, struct trit_error *error)
{
    if (f->kind == TRIT_FIELD_BOOL)
        return trit_fail(error, TRIT_EARGUMENT, "%s must be true or false", f->name);
    return trit_fail(error, TRIT_EARGUMENT, "%s must be %s from %g to %g", f->name,
                     f->kind == TRIT_FIELD_FLOAT ? "a number" : "an integer", f->least, f->most);
}

enum trit_code trit_fields_read(const json_t *object, const struct trit_field *fields, size_t n,
                                struct trit_ask *ask, const char **param, struct trit_error *error)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *json = json_object_get(object, fields[i].name);
        if (absent(json))
            continue;
        if (!fits(&fields[i], json)) {
            *param = fields[i].name;
            return refuse_value(&fields[i], error);
        }
        set(&fields[i], json, ask);
    }
    return TRIT_OK;
}

enum trit_code trit_fields_refuse(const json_t *object, const char *const *names, size_t n,
                                  const char **param, struct trit_error *error)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *json = json_object_get(object, names[i]);
        if (absent(json) || json_is_false(json))
            continue;
        *param = names[i];
        return trit_fail(error, TRIT_EUNSUPPORTED, "%s is not supported", names[i]);
    }
    return TRIT_OK;
}

enum trit_code trit_ask_model(struct trit_ask *ask, const json_t *model, struct trit_error *error)
{
    if (absent(model))
        return TRIT_OK;
    if (!json_is_string(model) || json_string_length(model) >= sizeof ask->model)
        return trit_fail(error, TRIT_EARGUMENT, "model must be a name of at most %zu bytes",
                         sizeof ask->model - 1);
    strcpy(ask->model, json_string_value(model));
    return TRIT_OK;
}

static enum trit_code add_stop(struct trit_ask *ask, const json_t *json, struct trit_error *error)
{
    const size_t n = json_string_length(json);
    if (!json_is_string(json) || n > TRIT_STOP_BYTES)
        return trit_fail(error, TRIT_EARGUMENT, "stop must be strings of at most %d bytes",
                         TRIT_STOP_BYTES);
    if (n == 0)
        return TRIT_OK; /* it would stop at once; clients send it for none */
    if (ask->nstop == TRIT_STOPS)
        return trit_fail(error, TRIT_EARGUMENT, "stop may have at most %d strings", TRIT_STOPS);
    ask->stop[ask->nstop] = strdup(json_string_value(json));
    if (!ask->stop[ask->nstop])
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    ask->nstop++;
    return TRIT_OK;
}

enum trit_code trit_ask_stop(struct trit_ask *ask, const json_t *stop, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    if (absent(stop))
        return TRIT_OK;
    ask->given |= TRIT_GIVEN_STOP;
    if (!json_is_array(stop))
        return add_stop(ask, stop, error);
    for (size_t i = 0; i < json_array_size(stop) && !code; i++)
        code = add_stop(ask, json_array_get(stop, i), error);
    return code;
}

enum trit_code trit_ask_seed(struct trit_ask *ask, const json_t *seed, struct trit_error *error)
{
    if (absent(seed))
        return TRIT_OK;
    if (!json_is_integer(seed))
        return trit_fail(error, TRIT_EARGUMENT, "seed must be an integer");
    if (json_integer_value(seed) == -1)
        return TRIT_OK; /* any */
    ask->sampling.seed = (uint64_t)json_integer_value(seed);
    ask->given |= TRIT_GIVEN_SEED;
    return TRIT_OK;
}

enum trit_code trit_ask_tools(struct trit_ask *ask, json_t *tools, struct trit_error *error)
{
    if (absent(tools) || (json_is_array(tools) && json_array_size(tools) == 0))
        return TRIT_OK;
    if (!json_is_array(tools) || json_array_size(tools) > TOOLS_MOST)
        return trit_fail(error, TRIT_EARGUMENT, "tools must be an array of at most %d", TOOLS_MOST);
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i), *f = json_object_get(tool, "function"),
                     *type = json_object_get(tool, "type"),
                     *parameters = json_object_get(f, "parameters");
        const bool function =
            !type || (json_is_string(type) && !strcmp(json_string_value(type), "function"));
        if (!function || !json_is_string(json_object_get(f, "name")) ||
            !(absent(parameters) || json_is_object(parameters)))
            return trit_fail(error, TRIT_EARGUMENT,
                             "tools: element %zu must be {\"type\": \"function\", \"function\": "
                             "{\"name\": TEXT, \"parameters\": SCHEMA}}",
                             i);
    }
    ask->tools = json_incref(tools);
    return TRIT_OK;
}

enum trit_code trit_ask_messages(struct trit_ask *ask, json_t *messages, struct trit_error *error)
{
    const size_t n = json_array_size(messages);
    if (!json_is_array(messages) || n == 0 || n > TRIT_MESSAGES_MOST)
        return trit_fail(error, TRIT_EARGUMENT, "messages must be an array of 1 to %d",
                         TRIT_MESSAGES_MOST);
    ask->messages = json_incref(messages);
    return TRIT_OK;
}

enum trit_code trit_ask_schema(struct trit_ask *ask, json_t *schema, struct trit_error *error)
{
    if (!json_is_object(schema) && !json_is_boolean(schema))
        return trit_fail(error, TRIT_EARGUMENT, "the schema must be an object");
    ask->format = TRIT_FORMAT_SCHEMA;
    ask->schema = json_incref(schema);
    return TRIT_OK;
}

enum trit_code trit_ask_predict(struct trit_ask *ask, const json_t *tokens, const char *name,
                                struct trit_error *error)
{
    if (absent(tokens))
        return TRIT_OK;
    const json_int_t n = json_integer_value(tokens);
    if (!json_is_integer(tokens) || n < -1 || n == 0 || n > TRIT_PREDICT_MOST)
        return trit_fail(error, TRIT_EARGUMENT,
                         "%s must be an integer from 1 to %d, or -1: as the context allows", name,
                         TRIT_PREDICT_MOST);
    ask->predict = n < 0 ? 0 : (size_t)n;
    ask->given |= TRIT_GIVEN_PREDICT;
    return TRIT_OK;
}

/* Calls of tools, as the rows of calls.h write them: arguments are a JSON object, or each argument
   stands between literals of its own, strings as they are and other values as JSON. */
#include <string.h>

#include "runtime/grammar/internal.h"

enum { MOST_TOOLS = 512 };

/* --- arguments between literals --- */

enum raw_kind { RAW_NEVER, RAW_ANY, RAW_STRING, RAW_MIXED };

/* Whether a value is written as it is: never; always, and any; a string that keywords describe; or
   one of several, some of them strings that keywords describe. */
static enum raw_kind raw_kind(struct trit_compile *c, const json_t *schema, int depth)
{
    static const char *const limits[] = { "pattern", "format", "minLength", "maxLength" };
    const json_t *any, *one;
    bool limited = false;
    enum raw_kind kind = RAW_NEVER;
    size_t i;
    schema = trit_compile_follow(c, schema);
    trit_compile_check(c, schema);
    if (!json_is_object(schema) || depth > 3)
        return json_is_false(schema) ? RAW_NEVER : json_is_true(schema) ? RAW_ANY : RAW_MIXED;
    for (i = 0; i < sizeof limits / sizeof *limits; i++)
        limited |= json_object_get(schema, limits[i]) != NULL;
    any = json_object_get(schema, json_object_get(schema, "anyOf") ? "anyOf" : "oneOf");
    if (json_array_size(any) > 32)
        return RAW_MIXED;
    json_array_foreach((json_t *)(uintptr_t)any, i, one)
    {
        const enum raw_kind other = raw_kind(c, one, depth + 1);
        kind = other == RAW_STRING || kind == RAW_MIXED ? RAW_MIXED : other > kind ? other : kind;
    }
    if (any || json_object_get(schema, "allOf"))
        return kind;
    if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
        return RAW_STRING;
    const unsigned types = trit_compile_types(c, schema);
    if (!json_object_get(schema, "type") &&
        (json_object_get(schema, "properties") || json_object_get(schema, "items")))
        return RAW_NEVER;
    if (!(types & TRIT_IS_STRING))
        return RAW_NEVER;
    return !limited ? RAW_ANY : types == TRIT_IS_STRING ? RAW_STRING : RAW_MIXED;
}

/* enum and const: strings as they are. */
static uint32_t raw_values(struct trit_compile *c, json_t *values, uint32_t from, const char *after)
{
    struct trit_build *b = &c->b;
    const uint32_t start = trit_build_state(b), to = trit_build_state(b);
    json_t *value;
    size_t i;
    trit_build_free(b, from, start);
    json_array_foreach(values, i, value) if (json_is_string(value)) trit_build_free(
        b, trit_build_word(b, start, json_string_value(value), json_string_length(value)), to);
    else trit_compile_value(c, value, (struct trit_ends){ start, to });
    return trit_build_literal(b, to, after, strlen(after));
}

static uint32_t raw_string(struct trit_compile *c, const json_t *schema, uint32_t from,
                           const char *after)
{
    struct trit_build *b = &c->b;
    json_t *values = trit_compile_values(schema);
    if (values) {
        from = raw_values(c, values, from, after);
        json_decref(values);
        return from;
    }
    const struct trit_limits limits = trit_compile_limits(c, schema);
    if (!limits.pattern)
        return trit_build_until_counted(b, from, after, limits.range);
    from = trit_build_limited(b, from, &limits, TRIT_WRITING_PLAIN);
    return trit_build_literal(b, from, after, strlen(after));
}

static uint32_t argument(struct trit_compile *c, const json_t *schema, uint32_t from,
                         const char *after)
{
    struct trit_build *b = &c->b;
    const enum raw_kind kind = raw_kind(c, schema, 0);
    if (kind == RAW_ANY)
        return trit_build_until(b, from, after, 0);
    if (kind == RAW_STRING)
        return raw_string(c, trit_compile_follow(c, schema), from, after);
    if (kind == RAW_MIXED)
        trit_build_fail(b, TRIT_EUNSUPPORTED,
                        "a limited string or a value of another type: not in this family's calls");
    const uint32_t to = trit_build_state(b);
    trit_build_call(b, from, trit_compile_rule(c, schema), to);
    return trit_build_literal(b, to, after, strlen(after));
}

/* In the order of the schema, those that are required always. */
static uint32_t arguments(struct trit_compile *c, const struct trit_call_form_row *row,
                          const json_t *schema, uint32_t from)
{
    static const char *const unions[] = { "anyOf", "oneOf", "allOf", "enum", "const" };
    struct trit_build *b = &c->b;
    schema = trit_compile_follow(c, schema);
    const json_t *properties = json_object_get(schema, "properties"), *one;
    const char *name;
    json_t *value;
    size_t i;
    trit_compile_check(c, schema);
    if ((properties && !json_is_object(properties)) ||
        json_object_size(properties) > TRIT_NET_REPEAT ||
        json_array_size(json_object_get(schema, "required")) > TRIT_NET_REPEAT)
        trit_build_fail(b, TRIT_EARGUMENT, "\"properties\" must be an object of at most %d",
                        TRIT_NET_REPEAT);
    for (i = 0; i < sizeof unions / sizeof *unions; i++)
        if (json_object_get(schema, unions[i]))
            trit_build_fail(b, TRIT_EUNSUPPORTED,
                            "the keyword \"%s\" is not supported in this family's calls",
                            unions[i]);
    json_array_foreach(json_object_get(schema, "required"), i,
                       one) if (!json_is_string(one) ||
                                !json_object_get(properties, json_string_value(one)))
        trit_build_fail(b, TRIT_EARGUMENT, "\"required\" has what is not in \"properties\"");
    json_object_foreach((json_t *)(uintptr_t)properties, name, value)
    {
        const size_t used = trit_compile_into(c, "properties");
        const uint32_t to = trit_build_state(b);
        trit_compile_into(c, name);
        uint32_t at = trit_build_literal(b, from, row->parameter, strlen(row->parameter));
        at = trit_build_literal(b, at, name, strlen(name));
        at = trit_build_literal(b, at, row->value, strlen(row->value));
        trit_build_free(b, argument(c, value, at, row->after), to);
        if (!trit_schema_requires(schema, name))
            trit_build_free(b, from, to);
        trit_compile_back(c, used);
        from = to;
    }
    return from;
}

/* --- calls --- */

/* Behind the name of a function. */
static uint32_t call(struct trit_compile *c, const struct trit_call_form_row *row,
                     const json_t *parameters, uint32_t from)
{
    struct trit_build *b = &c->b;
    from = trit_build_literal(b, from, row->named, strlen(row->named));
    if (!parameters)
        return row->parameter ? from : trit_build_literal(b, from, "{}", 2);
    const size_t used = trit_compile_into(c, "parameters");
    uint32_t to;
    c->root = parameters;
    if (row->parameter) {
        to = arguments(c, row, parameters, from);
    } else {
        to = trit_build_state(b);
        trit_build_call(b, from, trit_compile_rule(c, parameters), to);
    }
    trit_compile_back(c, used);
    return to;
}

static const char *name_of(struct trit_compile *c, const json_t *tool)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:/";
    const char *name =
        json_string_value(json_object_get(json_object_get(tool, "function"), "name"));
    if (!name || !*name || strlen(name) > 128 || name[strspn(name, letters)]) {
        trit_build_fail(&c->b, TRIT_EARGUMENT,
                        "a tool has a \"function\" with a \"name\" of 1 to 128 letters, digits and "
                        "any of _-.:/");
        return NULL;
    }
    return name;
}

/* From the beginning of a name to behind arguments. */
static void choices(struct trit_compile *c, const struct trit_call_rules *rules,
                    struct trit_ends ends)
{
    struct trit_build *b = &c->b;
    const json_t *tool;
    bool found = false;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)rules->tools, i, tool)
    {
        const char *name = name_of(c, tool);
        if (!name || (rules->only && strcmp(name, rules->only) != 0))
            continue;
        const size_t used = trit_compile_into(c, name);
        const uint32_t at = trit_build_word(b, ends.from, name, strlen(name));
        const json_t *parameters = json_object_get(json_object_get(tool, "function"), "parameters");
        trit_build_free(b, call(c, &trit_call_forms[rules->form], parameters, at), ends.to);
        trit_compile_back(c, used);
        found = true;
    }
    if (!found)
        trit_build_fail(b, TRIT_EARGUMENT,
                        rules->only ? "no tool has the name \"%.100s\"" : "there is no tool%.0s",
                        rules->only ? rules->only : "");
}

void trit_compile_calls(struct trit_compile *c, const struct trit_call_rules *rules,
                        struct trit_ends ends)
{
    struct trit_build *b = &c->b;
    const struct trit_call_form_row *row = &trit_call_forms[rules->form];
    if (!row->begin) {
        trit_build_fail(b, TRIT_EUNSUPPORTED, "the model's chat template has no calls of tools");
        return;
    }
    if (json_array_size(rules->tools) > MOST_TOOLS) {
        trit_build_fail(b, TRIT_EARGUMENT, "too large: more than %d tools", MOST_TOOLS);
        return;
    }
    const struct trit_ends names = { trit_build_state(b), trit_build_state(b) };
    const char *begin = row->begin;
    uint32_t start = ends.from;
    if (!rules->must) {
        start = trit_build_until(b, start, row->enter, ends.to);
        begin += strlen(row->enter);
    }
    trit_build_free(b, trit_build_literal(b, start, begin, strlen(begin)), names.from);
    choices(c, rules, names);
    const uint32_t done = trit_build_literal(b, names.to, row->end, strlen(row->end));
    trit_build_free(b, done, ends.to);
    if (rules->parallel && row->next) {
        const uint32_t next = trit_build_literal(b, done, row->next, strlen(row->next));
        trit_build_free(b, trit_build_literal(b, next, row->begin, strlen(row->begin)), names.from);
    }
}

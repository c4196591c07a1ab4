/* Schemas of scalars: strings, numbers, values that are listed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/grammar/internal.h"

uint32_t trit_compile_count(struct trit_compile *c, const json_t *schema, const char *name,
                            uint32_t absent)
{
    const json_t *value = json_object_get(schema, name);
    if (!value)
        return absent;
    const double count = json_number_value(value);
    if (!json_is_number(value) || count < 0 || count != floor(count))
        trit_build_fail(&c->b, TRIT_EARGUMENT, "\"%s\" must be a whole number, 0 or more", name);
    else if (count > TRIT_NET_REPEAT)
        trit_build_fail(&c->b, TRIT_EARGUMENT, "too large: \"%s\" is more than %d", name,
                        TRIT_NET_REPEAT);
    return c->b.code ? 0 : (uint32_t)count;
}

/* --- strings --- */

/* From low to high characters between the quotes; high UINT32_MAX: no bound. */
static void counted(struct trit_build *b, const uint32_t range[2], struct trit_ends ends)
{
    uint32_t at = trit_build_literal(b, ends.from, "\"", 1);
    const uint32_t any = trit_build_builtin(b, TRIT_RULE_CHAR), low = range[0], high = range[1],
                   last = high == UINT32_MAX ? low : high;
    for (uint32_t i = 0; i <= last && !b->code; i++) {
        const uint32_t left = high == UINT32_MAX ? UINT32_MAX : last - i;
        trit_build_mark(b, at, TRIT_STOP_STRING, left);
        if (i >= low)
            trit_build_bytes(b, at, '"', '"', ends.to);
        const uint32_t next = i < last ? trit_build_state(b) : at;
        if (i < last || high == UINT32_MAX)
            trit_build_call(b, at, any, next);
        at = next;
    }
}

static const char *string_of(struct trit_compile *c, const json_t *schema, const char *name)
{
    const json_t *value = json_object_get(schema, name);
    if (value &&
        (!json_is_string(value) || json_string_length(value) != strlen(json_string_value(value))))
        trit_build_fail(&c->b, TRIT_EARGUMENT, "\"%s\" must be a string", name);
    return c->b.code ? NULL : json_string_value(value);
}

struct trit_limits trit_compile_limits(struct trit_compile *c, const json_t *schema)
{
    const char *pattern = string_of(c, schema, "pattern"), *format = string_of(c, schema, "format"),
               *known = format ? trit_format_pattern(format) : NULL;
    const struct trit_limits limits = {
        .pattern = pattern ? pattern : known,
        .anchored = !pattern,
        .range = { trit_compile_count(c, schema, "minLength", 0),
                   trit_compile_count(c, schema, "maxLength", UINT32_MAX) },
    };
    const bool bounded = limits.range[0] || limits.range[1] != UINT32_MAX;
    if (limits.range[0] > limits.range[1])
        trit_build_fail(&c->b, TRIT_EARGUMENT, "\"minLength\" is more than \"maxLength\"");
    if ((pattern != NULL) + (known != NULL) + bounded > 1)
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED,
                        "more than one of \"pattern\", \"format\" and bounds of the length");
    return limits;
}

uint32_t trit_build_limited(struct trit_build *b, uint32_t from, const struct trit_limits *limits,
                            enum trit_writing writing)
{
    if (b->code)
        return 0;
    const struct trit_pattern pattern = { limits->pattern, strlen(limits->pattern), writing,
                                          limits->anchored };
    return trit_build_pattern(b, from, pattern);
}

void trit_compile_string(struct trit_compile *c, const json_t *schema, struct trit_ends ends)
{
    struct trit_build *b = &c->b;
    const struct trit_limits limits = trit_compile_limits(c, schema);
    if (limits.pattern) {
        const uint32_t inside = trit_build_literal(b, ends.from, "\"", 1);
        trit_build_bytes(b, trit_build_limited(b, inside, &limits, TRIT_WRITING_JSON), '"', '"',
                         ends.to);
    } else if (limits.range[0] || limits.range[1] != UINT32_MAX) {
        counted(b, limits.range, ends);
    } else {
        trit_build_call(b, ends.from, trit_build_builtin(b, TRIT_RULE_STRING), ends.to);
    }
}

/* --- numbers --- */

/* Takes a bound into the range; at: 0 the lower one, 1 the upper. */
static void bound(struct trit_compile *c, const json_t *schema, int at, bool exclusive,
                  int64_t range[2], bool whole)
{
    static const char *const names[2][2] = { { "minimum", "exclusiveMinimum" },
                                             { "maximum", "exclusiveMaximum" } };
    const char *name = names[at][exclusive];
    const json_t *json = json_object_get(schema, name);
    if (!json)
        return;
    const double x = json_number_value(json), sign = at ? -1 : 1;
    if (!json_is_number(json)) {
        trit_build_fail(&c->b, TRIT_EARGUMENT, "\"%s\" must be a number", name);
        return;
    }
    if (!whole && (exclusive || x != floor(x))) {
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED,
                        "\"%s\" of a number: only whole ones, not exclusive", name);
        return;
    }
    if (fabs(x) >= (double)TRIT_WHOLE_MOST) {
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED, "\"%s\" is beyond 18 digits", name);
        return;
    }
    int64_t limit =
        json_is_integer(json) ? json_integer_value(json) : (int64_t)(sign * ceil(sign * x));
    if (exclusive && (json_is_integer(json) || x == floor(x)))
        limit += at ? -1 : 1;
    if (at ? limit < range[1] : limit > range[0])
        range[at] = limit;
}

void trit_compile_number(struct trit_compile *c, const json_t *schema, bool whole,
                         struct trit_ends ends)
{
    int64_t range[2] = { -TRIT_WHOLE_MOST, TRIT_WHOLE_MOST };
    for (int at = 0; at < 2; at++) {
        bound(c, schema, at, false, range, whole);
        bound(c, schema, at, true, range, whole);
    }
    if (c->b.code)
        return;
    if (range[0] > range[1])
        trit_build_fail(&c->b, TRIT_EARGUMENT, "no number is within the bounds");
    else if (range[0] == -TRIT_WHOLE_MOST && range[1] == TRIT_WHOLE_MOST)
        trit_build_call(&c->b, ends.from,
                        trit_build_builtin(&c->b, whole ? TRIT_RULE_INTEGER : TRIT_RULE_NUMBER),
                        ends.to);
    else
        trit_build_whole(&c->b, ends.from, range, !whole, ends.to);
}

/* --- values that are listed --- */

unsigned trit_type_of(const json_t *value)
{
    const double x = json_number_value(value);
    if (json_is_integer(value) || (json_is_real(value) && x == floor(x)))
        return TRIT_IS_INTEGER | TRIT_IS_NUMBER;
    return json_is_real(value)     ? TRIT_IS_NUMBER
           : json_is_null(value)   ? TRIT_IS_NULL
           : json_is_string(value) ? TRIT_IS_STRING
           : json_is_array(value)  ? TRIT_IS_ARRAY
           : json_is_object(value) ? TRIT_IS_OBJECT
                                   : TRIT_IS_BOOLEAN;
}

json_t *trit_compile_values(const json_t *schema)
{
    json_t *list = json_object_get(schema, "enum"), *one = json_object_get(schema, "const");
    if (!one)
        return json_is_array(list) ? json_incref(list) : NULL;
    json_t *values = json_array();
    if (!values || json_array_append(values, one)) {
        json_decref(values);
        return NULL;
    }
    return values;
}

/* The text of a value, with the fewest digits that give its numbers back. */
static char *text_of(const json_t *value)
{
    char *text = NULL;
    for (size_t digits = 15; digits <= 17; digits++) {
        free(text);
        text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
        json_t *back = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
        const bool same = back && json_equal(back, value);
        json_decref(back);
        if (same)
            break;
    }
    return text;
}

/* A schema that nothing but this object or array meets; NULL: no memory. */
static json_t *schema_of(const json_t *value)
{
    json_t *all = (json_t *)(uintptr_t)value, *one;
    json_t *parts = json_is_object(value) ? json_object() : json_array(), *names = json_array();
    const char *name;
    size_t i;
    bool good = parts && names;
    json_object_foreach(all, name, one) good =
        good && !json_object_set_new(parts, name, json_pack("{s:O}", "const", one)) &&
        !json_array_append_new(names, json_string(name));
    json_array_foreach(all, i, one) good =
        good && !json_array_append_new(parts, json_pack("{s:O}", "const", one));
    if (!good) {
        json_decref(parts);
        json_decref(names);
        return NULL;
    }
    if (json_is_object(value))
        return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", parts, "required",
                         names, "additionalProperties", 0);
    json_decref(names);
    return json_pack("{s:s, s:o, s:b, s:I}", "type", "array", "prefixItems", parts, "items", 0,
                     "minItems", (json_int_t)json_array_size(value));
}

void trit_compile_value(struct trit_compile *c, const json_t *value, struct trit_ends ends)
{
    struct trit_build *b = &c->b;
    char *text = NULL;
    json_t *schema = NULL;
    if (json_is_string(value)) {
        trit_build_free(
            b, trit_build_quoted(b, ends.from, json_string_value(value), json_string_length(value)),
            ends.to);
        return;
    }
    if (json_is_object(value) || json_is_array(value))
        schema = schema_of(value);
    else
        text = text_of(value);
    if (text)
        trit_build_free(b, trit_build_word(b, ends.from, text, strlen(text)), ends.to);
    else if (schema && !json_array_append(c->made, schema))
        trit_build_call(b, ends.from, trit_compile_rule(c, schema), ends.to);
    else
        trit_build_fail(b, TRIT_EMEMORY, "no memory for a value");
    json_decref(schema);
    free(text);
}

void trit_compile_enum(struct trit_compile *c, const json_t *schema, struct trit_ends ends)
{
    const unsigned types = trit_compile_types(c, schema) |
                           (json_is_true(json_object_get(schema, "nullable")) ? TRIT_IS_NULL : 0);
    json_t *values = trit_compile_values(schema), *value;
    size_t i;
    if (json_object_get(schema, "const") && json_object_get(schema, "enum"))
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED, "\"const\" beside \"enum\" is not supported");
    if (!values)
        trit_build_fail(&c->b, TRIT_EARGUMENT, "\"enum\" must be an array");
    json_array_foreach(values, i, value) if (types & trit_type_of(value) && !c->b.code)
        trit_compile_value(c, value, ends);
    json_decref(values);
}

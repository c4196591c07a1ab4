/* anyOf, oneOf and allOf. oneOf is anyOf where no text can be two of them; allOf is one schema of
   objects where nothing in it says the same thing twice. */
#include <stdio.h>
#include <string.h>

#include "runtime/grammar/internal.h"

/* What is compared to tell schemas apart: more of it may be met by both. */
enum { MOST_SCHEMAS = 64, MOST_VALUES = 256, MOST_PROPERTIES = 64 };

/* --- what cannot be both --- */

/* Types of which a value of the schema must be. */
static unsigned types_of(struct trit_compile *c, const json_t *schema)
{
    json_t *values = trit_compile_values(schema), *value;
    unsigned types = 0;
    size_t i;
    if (!values)
        return trit_compile_types(c, schema);
    json_array_foreach(values, i, value) types |= trit_type_of(value);
    json_decref(values);
    return types;
}

static bool same_value(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    /* Numbers may hide in these, as 1 and 1.0. */
    if ((json_is_object(a) && json_is_object(b)) || (json_is_array(a) && json_is_array(b)))
        return true;
    return json_equal(a, b);
}

/* Both list values, and none is in both lists. */
static bool values_apart(const json_t *a, const json_t *b)
{
    json_t *all = trit_compile_values(a), *others = trit_compile_values(b), *x, *y;
    bool apart = all && others && json_array_size(all) <= MOST_VALUES &&
                 json_array_size(others) <= MOST_VALUES;
    size_t i, j;
    json_array_foreach(apart ? all : NULL, i, x) json_array_foreach(others, j, y) apart =
        apart && !same_value(x, y);
    json_decref(all);
    json_decref(others);
    return apart;
}

/* Objects of which both must have a property, with other values of it. */
static bool told_by_property(struct trit_compile *c, const json_t *a, const json_t *b)
{
    const json_t *others = json_object_get(b, "properties");
    const char *name;
    json_t *property;
    if (json_object_size(json_object_get(a, "properties")) > MOST_PROPERTIES)
        return false;
    json_object_foreach(json_object_get(a, "properties"), name, property)
    {
        const json_t *mine = trit_compile_follow(c, property),
                     *other = json_object_get(others, name);
        other = other ? trit_compile_follow(c, other) : NULL;
        if (mine && other && trit_schema_requires(a, name) && trit_schema_requires(b, name) &&
            values_apart(mine, other))
            return true;
    }
    return false;
}

static bool are_apart(struct trit_compile *c, const json_t *a, const json_t *b)
{
    a = trit_compile_follow(c, a);
    b = trit_compile_follow(c, b);
    if (!json_is_object(a) || !json_is_object(b))
        return json_is_false(a) || json_is_false(b);
    if (json_is_true(json_object_get(a, "nullable")) ||
        json_is_true(json_object_get(b, "nullable")))
        return false;
    const unsigned types = types_of(c, a) & types_of(c, b);
    return !types || values_apart(a, b) || (types == TRIT_IS_OBJECT && told_by_property(c, a, b));
}

static void check_apart(struct trit_compile *c, const json_t *list)
{
    const size_t n = json_array_size(list);
    if (n > MOST_SCHEMAS)
        trit_build_fail(&c->b, TRIT_EARGUMENT, "too large: \"oneOf\" of more than %d",
                        MOST_SCHEMAS);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i && !c->b.code; j++)
            if (!are_apart(c, json_array_get(list, i), json_array_get(list, j)))
                trit_build_fail(&c->b, TRIT_EUNSUPPORTED,
                                "\"oneOf\": number %zu and %zu may both be met: tell them apart "
                                "by type or by a required property's const, or use \"anyOf\"",
                                j, i);
}

void trit_compile_any_of(struct trit_compile *c, const json_t *schema, struct trit_ends ends)
{
    const json_t *any = json_object_get(schema, "anyOf"), *one = json_object_get(schema, "oneOf"),
                 *list = any ? any : one;
    char name[32];
    if (any && one)
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED, "\"anyOf\" beside \"oneOf\" is not supported");
    if (!json_array_size(list))
        trit_build_fail(&c->b, TRIT_EARGUMENT, "\"%s\" must be an array of schemas",
                        any ? "anyOf" : "oneOf");
    if (one)
        check_apart(c, one);
    for (size_t i = 0; i < json_array_size(list) && !c->b.code; i++) {
        snprintf(name, sizeof name, "%s/%zu", any ? "anyOf" : "oneOf", i);
        const size_t used = trit_compile_into(c, name);
        trit_build_call(&c->b, ends.from, trit_compile_rule(c, json_array_get(list, i)), ends.to);
        trit_compile_back(c, used);
    }
}

/* --- allOf --- */

/* What a schema of objects may say to be merged with others; NULL: it may not. */
static const char *unmerged(const json_t *schema)
{
    static const char *const allowed[] = { "type",        "properties", "required", "title",
                                           "description", "default",    "$comment", "examples" };
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)schema, name, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
            found |= !strcmp(name, allowed[i]);
        if (!found || (!strcmp(name, "type") &&
                       (!json_is_string(value) || strcmp(json_string_value(value), "object") != 0)))
            return name;
    }
    return NULL;
}

/* False: no memory, or a failure of c. */
static bool merge(struct trit_compile *c, json_t *into, const json_t *schema)
{
    json_t *properties = json_object_get(into, "properties"),
           *required = json_object_get(into, "required"), *value;
    const char *name = unmerged(schema);
    size_t i;
    if (!json_is_object(schema) || name) {
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED,
                        "\"allOf\": only objects of \"properties\" and \"required\" are merged, "
                        "not \"%.64s\"",
                        name ? name : "true");
        return false;
    }
    json_object_foreach(json_object_get(schema, "properties"), name, value)
    {
        if (json_object_get(properties, name) &&
            !json_equal(json_object_get(properties, name), value)) {
            trit_build_fail(&c->b, TRIT_EUNSUPPORTED,
                            "\"allOf\": the property \"%.64s\" is in two of them", name);
            return false;
        }
        if (json_object_set(properties, name, value))
            return false;
    }
    json_array_foreach(json_object_get(schema, "required"), i,
                       value) if (json_array_append(required, value)) return false;
    return true;
}

void trit_compile_all_of(struct trit_compile *c, const json_t *schema, struct trit_ends ends)
{
    const json_t *list = json_object_get(schema, "allOf");
    const size_t n = json_array_size(list), used = trit_compile_into(c, "allOf");
    if (!n || n > MOST_SCHEMAS)
        trit_build_fail(&c->b, TRIT_EARGUMENT, "\"allOf\" must be an array of 1 to %d schemas",
                        MOST_SCHEMAS);
    if (n == 1)
        trit_build_call(&c->b, ends.from, trit_compile_rule(c, json_array_get(list, 0)), ends.to);
    if (n > 1 && !c->b.code) {
        json_t *merged = json_pack("{s:s, s:{}, s:[]}", "type", "object", "properties", "required");
        bool good = merged && !json_array_append(c->made, merged);
        for (size_t i = 0; i < n && good && !c->b.code; i++) {
            const json_t *one = trit_compile_follow(c, json_array_get(list, i));
            good = one && merge(c, merged, one);
        }
        if (!good)
            trit_build_fail(&c->b, TRIT_EMEMORY, "no memory for a schema");
        if (!c->b.code)
            trit_build_call(&c->b, ends.from, trit_compile_rule(c, merged), ends.to);
        json_decref(merged);
    }
    trit_compile_back(c, used);
}

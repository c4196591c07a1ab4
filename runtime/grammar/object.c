/* Schemas of objects and arrays. Properties come in the order of the schema, those that are
   required always, then additional ones. */
#include <stdio.h>
#include <string.h>

#include "runtime/grammar/internal.h"

bool trit_schema_requires(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const json_t *one = json_array_get(required, i);
        if (json_is_string(one) && !strcmp(json_string_value(one), name))
            return true;
    }
    return false;
}

/* Where a member may be left out: before any other, and behind one. */
struct places {
    uint32_t none, some;
};

/* Behind the key: `: value`. */
static uint32_t member_value(struct trit_compile *c, uint32_t key, uint32_t rule)
{
    const uint32_t value = trit_build_known(&c->b, key, ": ?", TRIT_WRITING_PLAIN),
                   to = trit_build_state(&c->b);
    trit_build_call(&c->b, value, rule, to);
    return to;
}

/* Where a member begins, from either place. */
static uint32_t member_start(struct trit_compile *c, struct places at)
{
    struct trit_build *b = &c->b;
    const uint32_t start = trit_build_state(b);
    trit_build_free(b, at.none, start);
    trit_build_free(b, trit_build_space(b, trit_build_literal(b, at.some, ",", 1)), start);
    return start;
}

static struct places property(struct trit_compile *c, struct places at, const char *name,
                              const json_t *schema, bool required)
{
    struct trit_build *b = &c->b;
    const size_t used = trit_compile_into(c, "properties");
    trit_compile_into(c, name);
    struct places next = { trit_build_state(b), trit_build_state(b) };
    const uint32_t key = trit_build_quoted(b, member_start(c, at), name, strlen(name)),
                   rule = trit_compile_rule(c, schema);
    trit_build_free(b, member_value(c, key, rule), next.some);
    if (!required) {
        trit_build_free(b, at.none, next.none);
        trit_build_free(b, at.some, next.some);
    }
    trit_compile_back(c, used);
    return next;
}

/* Any number of members whose keys are none of names. */
static void others(struct trit_compile *c, struct places at, const json_t *names,
                   const json_t *schema)
{
    struct trit_build *b = &c->b;
    const size_t used = trit_compile_into(c, "additionalProperties");
    const uint32_t key = trit_build_state(b), rule = trit_compile_rule(c, schema);
    trit_build_other_key(b, member_start(c, at), names, key);
    trit_build_free(b, member_value(c, key, rule), at.some);
    trit_compile_back(c, used);
}

/* Required properties that "properties" does not name: as additional ones are. A new reference. */
static json_t *all_properties(struct trit_compile *c, const json_t *schema)
{
    const json_t *given = json_object_get(schema, "properties"),
                 *required = json_object_get(schema, "required"),
                 *more = json_object_get(schema, "additionalProperties"), *one;
    size_t i;
    if ((given && !json_is_object(given)) || (required && !json_is_array(required))) {
        trit_build_fail(&c->b, TRIT_EARGUMENT,
                        "\"properties\" must be an object, \"required\" an array");
        return NULL;
    }
    if (json_object_size(given) > TRIT_NET_REPEAT || json_array_size(required) > TRIT_NET_REPEAT) {
        trit_build_fail(&c->b, TRIT_EARGUMENT, "too large: more than %d properties",
                        TRIT_NET_REPEAT);
        return NULL;
    }
    json_t *all = given ? json_copy((json_t *)(uintptr_t)given) : json_object();
    bool failed = !all;
    json_array_foreach((json_t *)(uintptr_t)required, i, one)
    {
        const char *name = json_string_value(one);
        if (!name)
            trit_build_fail(&c->b, TRIT_EARGUMENT, "\"required\" must be an array of strings");
        else if (!failed && !json_object_get(all, name))
            failed = more ? json_object_set(all, name, (json_t *)(uintptr_t)more)
                          : json_object_set_new(all, name, json_true());
    }
    if (failed)
        trit_build_fail(&c->b, TRIT_EMEMORY, "no memory for a schema");
    return all;
}

void trit_compile_object(struct trit_compile *c, const json_t *schema, struct trit_ends ends)
{
    struct trit_build *b = &c->b;
    const json_t *more = json_object_get(schema, "additionalProperties");
    json_t *all = all_properties(c, schema), *value;
    const char *name;
    if (!json_object_size(all) && (!more || json_is_true(more)) && !c->b.code &&
        !json_object_get(schema, "properties")) {
        trit_build_call(b, ends.from, trit_build_builtin(b, TRIT_RULE_OBJECT), ends.to);
    } else {
        const uint32_t open = trit_build_literal(b, ends.from, "{", 1);
        struct places at = { trit_build_space(b, open), trit_build_state(b) };
        json_object_foreach(all, name, value) if (!b->code) at =
            property(c, at, name, value, trit_schema_requires(schema, name));
        if (more && !json_is_false(more))
            others(c, at, all, more);
        trit_build_bytes(b, at.none, '}', '}', ends.to);
        trit_build_bytes(b, trit_build_space(b, at.some), '}', '}', ends.to);
    }
    json_decref(all);
}

/* --- arrays --- */

struct items {
    const json_t *schema, *prefix; /* of all; of the first ones; NULL: any */
    uint32_t low, high, nprefix;   /* high UINT32_MAX: no bound */
    uint32_t rule;                 /* of `schema`, + 1 once there is one */
};

static uint32_t item_rule(struct trit_compile *c, struct items *items, uint32_t i)
{
    char name[32];
    snprintf(name, sizeof name, i < items->nprefix ? "prefixItems/%u" : "items", (unsigned)i);
    const size_t used = trit_compile_into(c, name);
    uint32_t rule = 0;
    if (i < items->nprefix)
        rule = trit_compile_rule(c, json_array_get(items->prefix, i));
    else if (items->rule)
        rule = items->rule - 1;
    else
        items->rule = 1 + (rule = items->schema ? trit_compile_rule(c, items->schema)
                                                : trit_build_builtin(&c->b, TRIT_RULE_VALUE));
    trit_compile_back(c, used);
    return rule;
}

/* Items one behind the other, as many as are told apart; from where on all are alike, round and
   round. */
static void build_items(struct trit_compile *c, struct items *items, struct trit_ends ends)
{
    struct trit_build *b = &c->b;
    const bool open = items->high == UINT32_MAX;
    const uint32_t alike = items->low > items->nprefix + 1 ? items->low : items->nprefix + 1,
                   last = open ? alike : items->high;
    uint32_t start = trit_build_space(b, trit_build_literal(b, ends.from, "[", 1));
    if (!items->low)
        trit_build_bytes(b, start, ']', ']', ends.to);
    for (uint32_t i = 0; i < last && !b->code; i++) {
        const uint32_t behind = trit_build_state(b);
        trit_build_call(b, start, item_rule(c, items, i), behind);
        if (i + 1 >= items->low)
            trit_build_bytes(b, trit_build_space(b, behind), ']', ']', ends.to);
        if (i + 1 < last || open) {
            start = trit_build_space(b, trit_build_literal(b, behind, ",", 1));
            if (i + 1 == last)
                trit_build_call(b, start, item_rule(c, items, i + 1), behind);
        }
    }
}

void trit_compile_array(struct trit_compile *c, const json_t *schema, struct trit_ends ends)
{
    struct items items = {
        .schema = json_object_get(schema, "items"),
        .prefix = json_object_get(schema, "prefixItems"),
        .low = trit_compile_count(c, schema, "minItems", 0),
        .high = trit_compile_count(c, schema, "maxItems", UINT32_MAX),
    };
    items.nprefix = (uint32_t)json_array_size(items.prefix);
    if (json_is_array(items.schema))
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED, "\"items\" as an array is not supported");
    if (items.prefix && !json_is_array(items.prefix))
        trit_build_fail(&c->b, TRIT_EARGUMENT, "\"prefixItems\" must be an array");
    if (json_is_true(json_object_get(schema, "uniqueItems")))
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED, "\"uniqueItems\" is not supported");
    if (items.nprefix > TRIT_NET_REPEAT)
        trit_build_fail(&c->b, TRIT_EARGUMENT, "too large: \"prefixItems\"");
    if (json_is_false(items.schema) && items.high > items.nprefix)
        items.high = items.nprefix;
    if (items.low > items.high)
        trit_build_fail(&c->b, TRIT_EARGUMENT, "\"minItems\" is more than there may be");
    if (!c->b.code)
        build_items(c, &items, ends);
}

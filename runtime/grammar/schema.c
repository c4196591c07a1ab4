/* A JSON Schema as a rule: which keywords there are, which go together, references. A keyword that
   is not known is refused, since a text that it forbids would be a wrong answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/grammar/internal.h"

enum keyword_class {
    K_NOTE, /* says nothing of which texts there are */
    K_TYPE,
    K_NULLABLE,
    K_VALUES,
    K_STRING,
    K_NUMBER,
    K_OBJECT,
    K_ARRAY,
    K_REF,
    K_UNION,
    K_ALL,
    K_UNKNOWN,
    NCLASSES,
};

static enum keyword_class keyword_class(const char *name)
{
    static const struct {
        const char *name;
        enum keyword_class class;
    } keywords[] = {
        { "type", K_TYPE },
        { "properties", K_OBJECT },
        { "required", K_OBJECT },
        { "additionalProperties", K_OBJECT },
        { "items", K_ARRAY },
        { "prefixItems", K_ARRAY },
        { "minItems", K_ARRAY },
        { "maxItems", K_ARRAY },
        { "uniqueItems", K_ARRAY },
        { "enum", K_VALUES },
        { "const", K_VALUES },
        { "minLength", K_STRING },
        { "maxLength", K_STRING },
        { "pattern", K_STRING },
        { "format", K_STRING },
        { "minimum", K_NUMBER },
        { "maximum", K_NUMBER },
        { "exclusiveMinimum", K_NUMBER },
        { "exclusiveMaximum", K_NUMBER },
        { "anyOf", K_UNION },
        { "oneOf", K_UNION },
        { "allOf", K_ALL },
        { "$ref", K_REF },
        { "nullable", K_NULLABLE },
        { "title", K_NOTE },
        { "description", K_NOTE },
        { "default", K_NOTE },
        { "example", K_NOTE },
        { "examples", K_NOTE },
        { "deprecated", K_NOTE },
        { "readOnly", K_NOTE },
        { "writeOnly", K_NOTE },
        { "contentMediaType", K_NOTE },
        { "contentEncoding", K_NOTE },
        { "$schema", K_NOTE },
        { "$id", K_NOTE },
        { "$comment", K_NOTE },
        { "$defs", K_NOTE },
        { "definitions", K_NOTE },
    };
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (!strcmp(name, keywords[i].name))
            return keywords[i].class;
    return strncmp(name, "x-", 2) ? K_UNKNOWN : K_NOTE;
}

/* --- paths --- */

size_t trit_compile_into(struct trit_compile *c, const char *name)
{
    struct trit_build *b = &c->b;
    const size_t used = b->path_used, left = sizeof b->path - used;
    const int n = snprintf(b->path + used, left, "%s%s", used ? "/" : "", name);
    if (n < 0 || (size_t)n >= left) {
        b->path[used] = 0;
        b->cut = true;
        return used;
    }
    b->path_used += (size_t)n;
    return used;
}

void trit_compile_back(struct trit_compile *c, size_t used)
{
    if (c->b.path_used == used)
        c->b.cut = false;
    c->b.path_used = used;
    c->b.path[used] = 0;
}

/* --- references --- */

/* One step of a JSON pointer: "~1" is "/", "~0" is "~", "%25" is "%". False: it is not well formed.
 */
static bool unescape(const char *step, size_t n, char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        char c = step[i];
        unsigned value;
        if (used + 1 >= room)
            return false;
        if (c == '~') {
            if (++i == n || (step[i] != '0' && step[i] != '1'))
                return false;
            c = step[i] == '0' ? '~' : '/';
        } else if (c == '%') {
            if (n - i < 3 || sscanf(step + i + 1, "%2x", &value) != 1 || !value)
                return false;
            c = (char)value;
            i += 2;
        }
        out[used++] = c;
    }
    out[used] = 0;
    return true;
}

static const json_t *step_into(const json_t *at, const char *name)
{
    char *end;
    if (json_is_object(at))
        return json_object_get(at, name);
    if (!json_is_array(at) || name[0] < '0' || name[0] > '9')
        return NULL;
    const unsigned long i = strtoul(name, &end, 10);
    return *end ? NULL : json_array_get(at, i);
}

const json_t *trit_compile_find(struct trit_compile *c, const char *ref)
{
    const json_t *at = c->root;
    if (ref[0] != '#') {
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED, "$ref \"%.100s\": only \"#...\" is supported",
                        ref);
        return NULL;
    }
    for (const char *s = ref + 1; *s && at; s += strcspn(s, "/")) {
        char name[256];
        if (*s++ != '/' || !unescape(s, strcspn(s, "/"), name, sizeof name))
            at = NULL;
        else
            at = step_into(at, name);
    }
    if (!json_is_object(at) && !json_is_boolean(at)) {
        trit_build_fail(&c->b, TRIT_EARGUMENT, "$ref \"%.100s\" names no schema", ref);
        return NULL;
    }
    return at;
}

const json_t *trit_compile_follow(struct trit_compile *c, const json_t *schema)
{
    for (int i = 0; schema && json_object_get(schema, "$ref"); i++) {
        const char *ref = json_string_value(json_object_get(schema, "$ref"));
        if (!ref || i == 32) {
            trit_build_fail(&c->b, TRIT_EARGUMENT, "$ref is no string, or names itself");
            return NULL;
        }
        schema = trit_compile_find(c, ref);
    }
    return schema;
}

static void body(struct trit_compile *c, const json_t *schema, struct trit_ends ends);

static uint32_t new_rule(struct trit_compile *c, const json_t *schema, bool known)
{
    const uint32_t rule = trit_build_rule(&c->b);
    if (known && !c->b.code) {
        if (!trit_grow(&c->known, &c->known_room, c->nknown + 1, sizeof *c->known)) {
            trit_build_fail(&c->b, TRIT_EMEMORY, "no memory for a grammar");
            return 0;
        }
        c->known[c->nknown++] = (struct trit_known){ schema, rule };
    }
    if (++c->depth > TRIT_NET_DEPTH)
        trit_build_fail(&c->b, TRIT_EARGUMENT, "too large: schemas in schemas, more than %d",
                        TRIT_NET_DEPTH);
    if (!c->b.code)
        body(c, schema,
             (struct trit_ends){ trit_build_entry(&c->b, rule), trit_build_end(&c->b, rule) });
    c->depth--;
    return c->b.code ? 0 : rule;
}

static void reference(struct trit_compile *c, const json_t *schema, struct trit_ends ends)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    const json_t *found = ref ? trit_compile_find(c, ref) : NULL;
    uint32_t rule = 0;
    bool known = false;
    if (!found) {
        trit_build_fail(&c->b, TRIT_EARGUMENT, "$ref must be a string");
        return;
    }
    for (size_t i = 0; i < c->nknown && !known; i++) {
        known = c->known[i].schema == found;
        rule = c->known[i].rule;
    }
    if (!known) {
        const size_t used = trit_compile_into(c, "$ref");
        rule = new_rule(c, found, true);
        trit_compile_back(c, used);
    }
    trit_build_call(&c->b, ends.from, rule, ends.to);
}

/* --- what a schema says --- */

/* Which classes of keywords there are, one bit each; 0 after a failure. first: one of each. */
static unsigned classes(struct trit_compile *c, const json_t *schema, const char *first[NCLASSES])
{
    unsigned found = 1u << K_NOTE;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)schema, name, value)
    {
        const enum keyword_class class = keyword_class(name);
        found |= 1u << class;
        first[class] = name;
    }
    if (first[K_UNKNOWN])
        trit_build_fail(&c->b, TRIT_EUNSUPPORTED, "the keyword \"%.64s\" is not supported",
                        first[K_UNKNOWN]);
    return c->b.code ? 0 : found;
}

/* Those that stand alone, notes aside; with which others. */
static bool alone(struct trit_compile *c, unsigned found, const char *const first[NCLASSES])
{
    static const struct {
        enum keyword_class class;
        unsigned with;
    } rules[] = {
        { K_REF, 0 },
        { K_UNION, 1u << K_NULLABLE },
        { K_ALL, 0 },
        { K_VALUES, 1u << K_TYPE | 1u << K_NULLABLE },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const unsigned others = found & ~(1u << rules[i].class | rules[i].with | 1u << K_NOTE);
        if (!(found & 1u << rules[i].class))
            continue;
        for (int other = 0; other < NCLASSES; other++)
            if (others & 1u << other)
                trit_build_fail(&c->b, TRIT_EUNSUPPORTED,
                                "the keyword \"%s\" beside \"%s\" is not supported", first[other],
                                first[rules[i].class]);
    }
    return !c->b.code;
}

bool trit_compile_check(struct trit_compile *c, const json_t *schema)
{
    const char *first[NCLASSES] = { 0 };
    const unsigned found = json_is_object(schema) ? classes(c, schema, first) : 0;
    return found ? alone(c, found, first) : !c->b.code;
}

static unsigned type_named(struct trit_compile *c, const json_t *name)
{
    static const struct {
        const char *name;
        unsigned types;
    } types[] = {
        { "null", TRIT_IS_NULL },     { "boolean", TRIT_IS_BOOLEAN },
        { "string", TRIT_IS_STRING }, { "number", TRIT_IS_NUMBER | TRIT_IS_INTEGER },
        { "array", TRIT_IS_ARRAY },   { "integer", TRIT_IS_INTEGER },
        { "object", TRIT_IS_OBJECT },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (json_is_string(name) && !strcmp(json_string_value(name), types[i].name))
            return types[i].types;
    trit_build_fail(&c->b, TRIT_EARGUMENT, "\"type\" must be a type's name, or an array of them");
    return 0;
}

unsigned trit_compile_types(struct trit_compile *c, const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type"), *one;
    unsigned types = 0;
    size_t i;
    if (!type)
        return TRIT_IS_ANY;
    if (!json_is_array(type))
        return type_named(c, type);
    json_array_foreach((json_t *)(uintptr_t)type, i, one) types |= type_named(c, one);
    if (!types)
        type_named(c, NULL);
    return c->b.code ? 0 : types;
}

static void call(struct trit_compile *c, enum trit_builtin which, struct trit_ends ends)
{
    trit_build_call(&c->b, ends.from, trit_build_builtin(&c->b, which), ends.to);
}

/* One alternative for each type that has keywords of its own. */
static void by_types(struct trit_compile *c, const json_t *schema, unsigned types,
                     struct trit_ends ends)
{
    if (types & TRIT_IS_NULL)
        call(c, TRIT_RULE_NULL, ends);
    if (types & TRIT_IS_BOOLEAN) {
        call(c, TRIT_RULE_TRUE, ends);
        call(c, TRIT_RULE_FALSE, ends);
    }
    if (types & (TRIT_IS_NUMBER | TRIT_IS_INTEGER))
        trit_compile_number(c, schema, !(types & TRIT_IS_NUMBER), ends);
    if (types & TRIT_IS_STRING)
        trit_compile_string(c, schema, ends);
    if (types & TRIT_IS_ARRAY)
        trit_compile_array(c, schema, ends);
    if (types & TRIT_IS_OBJECT)
        trit_compile_object(c, schema, ends);
}

/* Without "type" the keywords say which type is meant. */
static unsigned meant(unsigned found)
{
    return (found & 1u << K_STRING ? TRIT_IS_STRING : 0) |
           (found & 1u << K_NUMBER ? TRIT_IS_NUMBER | TRIT_IS_INTEGER : 0) |
           (found & 1u << K_ARRAY ? TRIT_IS_ARRAY : 0) |
           (found & 1u << K_OBJECT ? TRIT_IS_OBJECT : 0);
}

static void body(struct trit_compile *c, const json_t *schema, struct trit_ends ends)
{
    const char *first[NCLASSES] = { 0 };
    if (json_is_false(schema))
        return; /* there is no way */
    if (!json_is_object(schema) && !json_is_true(schema)) {
        trit_build_fail(&c->b, TRIT_EARGUMENT, "a schema is an object, true or false");
        return;
    }
    const unsigned found = json_is_true(schema) ? 1u << K_NOTE : classes(c, schema, first);
    if (!found || !alone(c, found, first))
        return;
    if (json_is_true(json_object_get(schema, "nullable")) && !(found & 1u << K_VALUES))
        call(c, TRIT_RULE_NULL, ends);
    if (found & 1u << K_REF)
        reference(c, schema, ends);
    else if (found & 1u << K_UNION)
        trit_compile_any_of(c, schema, ends);
    else if (found & 1u << K_ALL)
        trit_compile_all_of(c, schema, ends);
    else if (found & 1u << K_VALUES)
        trit_compile_enum(c, schema, ends);
    else if (found & 1u << K_TYPE)
        by_types(c, schema, trit_compile_types(c, schema), ends);
    else if (meant(found))
        by_types(c, schema, meant(found), ends);
    else
        call(c, TRIT_RULE_VALUE, ends);
}

uint32_t trit_compile_rule(struct trit_compile *c, const json_t *schema)
{
    return new_rule(c, schema, false);
}

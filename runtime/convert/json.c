/* JSON of files that are not believed: counted before it is parsed. */
#include "runtime/convert/json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/nesting.h"

const struct trit_json_limits trit_json_small = { 16 << 20, 32, 1 << 14, 1 << 16, 1 << 19, false };
const struct trit_json_limits trit_json_reals = { 16 << 20, 32, 1 << 14, 1 << 16, 1 << 19, true };

static enum trit_code check_counts(const char *text, size_t bytes, const char *path,
                                   const struct trit_json_limits *limits, struct trit_error *error)
{
    const struct trit_nesting c = trit_nesting_count(text, bytes);
    const struct {
        const char *what;
        size_t is, most;
    } rules[] = {
        { "levels of nesting", c.deepest, limits->depth },
        { "objects", c.objects, limits->objects },
        { "arrays", c.arrays, limits->arrays },
        { "values", c.values, limits->values },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].is > rules[i].most)
            return trit_fail(error, TRIT_EFORMAT, "%s: %zu %s, at most %zu are read", path,
                             rules[i].is, rules[i].what, rules[i].most);
    return TRIT_OK;
}

enum trit_code trit_json_parse(json_t **json, const char *text, size_t bytes, const char *path,
                               const struct trit_json_limits *limits, struct trit_error *error)
{
    json_error_t why;
    *json = NULL;
    if (bytes > limits->bytes)
        return trit_fail(error, TRIT_EFORMAT, "%s: %zu bytes of JSON, at most %zu are read", path,
                         bytes, limits->bytes);
    enum trit_code code = check_counts(text, bytes, path, limits, error);
    if (code)
        return code;
    *json = json_loadb(
        text, bytes, JSON_REJECT_DUPLICATES | (limits->reals ? JSON_DECODE_INT_AS_REAL : 0), &why);
    if (!*json)
        return trit_fail(error, TRIT_EFORMAT, "%s: line %d, column %d: %s", path, why.line,
                         why.column, why.text);
    if (json_is_object(*json))
        return TRIT_OK;
    json_decref(*json);
    *json = NULL;
    return trit_fail(error, TRIT_EFORMAT, "%s: is no JSON object", path);
}

enum trit_code trit_json_file(json_t **json, const char *path,
                              const struct trit_json_limits *limits, struct trit_error *error)
{
    char *text;
    size_t bytes;
    *json = NULL;
    enum trit_code code = trit_file_read(path, limits->bytes, &text, &bytes, error);
    if (code)
        return code;
    code = trit_json_parse(json, text, bytes, path, limits, error);
    free(text);
    return code;
}

char *trit_path_join(const char *folder, const char *name)
{
    const size_t n = strlen(folder) + strlen(name) + 2;
    char *path = malloc(n);
    if (path)
        snprintf(path, n, "%s/%s", folder, name);
    return path;
}

enum trit_code trit_json_optional(json_t **json, char **path, const char *folder, const char *name,
                                  const struct trit_json_limits *limits, struct trit_error *error)
{
    *json = NULL;
    *path = trit_path_join(folder, name);
    if (!*path)
        return trit_fail(error, TRIT_EMEMORY, "%s/%s: out of memory", folder, name);
    if (access(*path, F_OK) && errno == ENOENT)
        return TRIT_OK;
    return trit_json_file(json, *path, limits, error);
}

json_t *trit_json_get(const struct trit_json_in *in, const char *key)
{
    json_t *value = json_object_get(in->object, key);
    return json_is_null(value) ? NULL : value;
}

static enum trit_code missing(const struct trit_json_in *in, const char *key)
{
    return trit_fail(in->error, TRIT_EFORMAT, "%s: key '%s%s' is missing", in->path, in->name, key);
}

char *trit_json_shown(const json_t *value, char out[48])
{
    if (json_is_string(value))
        snprintf(out, 48, "'%.40s'", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(out, 48, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, 48, "%g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(out, 48, "%s", json_is_true(value) ? "true" : "false");
    else
        snprintf(out, 48, "%s",
                 json_is_object(value)  ? "an object"
                 : json_is_array(value) ? "a list"
                                        : "null");
    return out;
}

static enum trit_code wrong(const struct trit_json_in *in, const char *key, const char *must)
{
    char shown[48];
    return trit_fail(in->error, TRIT_EFORMAT, "%s: key '%s%s' is %s: must be %s", in->path,
                     in->name, key, trit_json_shown(json_object_get(in->object, key), shown), must);
}

enum trit_code trit_json_refuse(const struct trit_json_in *in, const char *key, const char *why)
{
    char shown[48];
    return trit_fail(in->error, TRIT_EUNSUPPORTED, "%s: key '%s%s' is %s: %s", in->path, in->name,
                     key, trit_json_shown(json_object_get(in->object, key), shown), why);
}

enum trit_code trit_json_size(const struct trit_json_in *in, const char *key, size_t min,
                              size_t max, size_t fallback, size_t *value)
{
    char must[80];
    const json_t *v = trit_json_get(in, key);
    if (!v && fallback == SIZE_MAX)
        return missing(in, key);
    *value = fallback;
    if (!v)
        return TRIT_OK;
    snprintf(must, sizeof must, "an integer from %zu to %zu", min, max);
    const json_int_t number = json_integer_value(v);
    if (!json_is_integer(v) || number < 0 || (uint64_t)number < min || (uint64_t)number > max)
        return wrong(in, key, must);
    *value = (size_t)number;
    return TRIT_OK;
}

enum trit_code trit_json_float(const struct trit_json_in *in, const char *key, float fallback,
                               float *value)
{
    const json_t *v = trit_json_get(in, key);
    if (!v && fallback == 0)
        return missing(in, key);
    *value = v ? (float)json_number_value(v) : fallback;
    if (v && (!json_is_number(v) || !isfinite(*value) || !(*value > 0)))
        return wrong(in, key, "a number above 0");
    return TRIT_OK;
}

enum trit_code trit_json_bool(const struct trit_json_in *in, const char *key, bool fallback,
                              bool *value)
{
    const json_t *v = trit_json_get(in, key);
    *value = v ? json_is_true(v) : fallback;
    return !v || json_is_boolean(v) ? TRIT_OK : wrong(in, key, "true or false");
}

enum trit_code trit_json_string(const struct trit_json_in *in, const char *key, const char **value)
{
    const json_t *v = trit_json_get(in, key);
    *value = json_string_value(v);
    return !v || json_is_string(v) ? TRIT_OK : wrong(in, key, "a text");
}

bool trit_json_is(const json_t *value, const char *written)
{
    char *end;
    if (json_is_string(value))
        return !strcmp(json_string_value(value), written);
    if (json_is_number(value))
        return json_number_value(value) == strtod(written, &end) && !*end && end != written;
    return !strcmp(written, json_is_true(value)                               ? "true"
                            : json_is_false(value)                            ? "false"
                            : !value || json_is_null(value)                   ? "null"
                            : json_is_array(value) && !json_array_size(value) ? "[]"
                                                                              : "");
}

/* The JSON files of a checkpoint: bounded before they are parsed, duplicates of keys refused, and
   what is asked of them named with file and key where it is not there. */
#ifndef TRIT_CONVERT_JSON_H
#define TRIT_CONVERT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/error.h"

/* What a text may hold. Parsing takes about 300 bytes an object, 130 an array, 64 a value. */
struct trit_json_limits {
    size_t bytes, depth, objects, arrays, values;
    bool reals; /* integers are read as reals: one of any size is no error */
};

extern const struct trit_json_limits trit_json_small; /* config.json and its like */
/* tokenizer_config.json, whose model_max_length is 10^30 where there is none. */
extern const struct trit_json_limits trit_json_reals;

/* A text whose outermost value is an object; path is for messages. TRIT_EFORMAT tells line and
   column, or which limit was passed. json_decref what it gives. */
enum trit_code trit_json_parse(json_t **json, const char *text, size_t bytes, const char *path,
                               const struct trit_json_limits *limits, struct trit_error *error);
/* The same of a file. */
enum trit_code trit_json_file(json_t **json, const char *path,
                              const struct trit_json_limits *limits, struct trit_error *error);
/* The same of folder/name, whose path (of malloc) is given as well; no error where there is no such
   file: *json is NULL then. */
enum trit_code trit_json_optional(json_t **json, char **path, const char *folder, const char *name,
                                  const struct trit_json_limits *limits, struct trit_error *error);
/* folder/name, of malloc; NULL: no memory. */
char *trit_path_join(const char *folder, const char *name);

/* An object of a file, for what is read from it. */
struct trit_json_in {
    const char *path; /* of the file */
    const char *name; /* of the object, "" or "text_config." */
    const json_t *object;
    struct trit_error *error;
};

/* The member, NULL where it is absent or null. */
json_t *trit_json_get(const struct trit_json_in *in, const char *key);
/* An integer within min .. max; `fallback` where it is absent and fallback is not SIZE_MAX. */
enum trit_code trit_json_size(const struct trit_json_in *in, const char *key, size_t min,
                              size_t max, size_t fallback, size_t *value);
/* A finite number above 0; `fallback` where it is absent and fallback is not 0. */
enum trit_code trit_json_float(const struct trit_json_in *in, const char *key, float fallback,
                               float *value);
enum trit_code trit_json_bool(const struct trit_json_in *in, const char *key, bool fallback,
                              bool *value);
/* A text that lives as long as the object; NULL where it is absent. */
enum trit_code trit_json_string(const struct trit_json_in *in, const char *key, const char **value);
/* Whether a value is the one that is written so: "null", "false", "true", a number, a text. */
bool trit_json_is(const json_t *value, const char *written);
/* A value as an error shows it; out has room for 48 bytes. Returns out. */
char *trit_json_shown(const json_t *value, char out[48]);
/* "%s: key '%s%s' is VALUE: WHY", TRIT_EUNSUPPORTED. */
enum trit_code trit_json_refuse(const struct trit_json_in *in, const char *key, const char *why);

#endif

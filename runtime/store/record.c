/* Records of created names: JSON, since a Modelfile cannot hold every text. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/store/internal.h"

enum { RECORD_MOST = 8 << 20 };

static const char *const texts[] = { "system", "template", "license" };
enum { NTEXTS = sizeof texts / sizeof *texts };

typedef enum trit_code add_pair(struct trit_modelfile *m, const char *name, const char *value,
                                struct trit_error *error);

/* [[name, value], ...] */
static enum trit_code read_pairs(const json_t *list, add_pair *add, struct trit_modelfile *m,
                                 struct trit_error *error)
{
    size_t i;
    const json_t *pair;
    enum trit_code code = TRIT_OK;
    json_array_foreach(list, i, pair)
    {
        const char *name = json_string_value(json_array_get(pair, 0)),
                   *value = json_string_value(json_array_get(pair, 1));
        if (!code)
            code = name && value ? add(m, name, value, error)
                                 : trit_fail(error, TRIT_EFORMAT, "a pair is none");
    }
    return code;
}

static enum trit_code read_rest(const json_t *json, struct trit_modelfile *m,
                                struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    *m = (struct trit_modelfile){ 0 };
    for (size_t i = 0; i < NTEXTS && !code; i++) {
        const char *text = json_string_value(json_object_get(json, texts[i]));
        if (text)
            code = trit_modelfile_set(m, texts[i], text, error);
    }
    if (!code)
        code = read_pairs(json_object_get(json, "parameters"), trit_modelfile_parameter, m, error);
    if (!code)
        code = read_pairs(json_object_get(json, "messages"), trit_modelfile_message, m, error);
    return code;
}

/* Relative, and nowhere up. */
static bool stays_inside(const char *place)
{
    if (*place == '/' || !*place || strlen(place) >= TRIT_STORE_PATH)
        return false;
    for (const char *part = place; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
            return false;
    return true;
}

enum trit_code trit_store_record_read(const char *path, char *place, char *digest,
                                      struct trit_modelfile *m, struct trit_error *error)
{
    struct trit_error why = { 0 };
    char *text;
    size_t bytes;
    if (m)
        *m = (struct trit_modelfile){ 0 };
    enum trit_code code = trit_file_read(path, RECORD_MOST, &text, &bytes, error);
    if (code)
        return code;
    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    const char *from = json_string_value(json_object_get(json, "from")),
               *hex = json_string_value(json_object_get(json, "digest"));
    if (!from || !stays_inside(from) || !hex || !trit_digest_parse(hex, digest))
        code = trit_fail(error, TRIT_EFORMAT, "%s: is no record of a model", path);
    else
        memcpy(place, from, strlen(from) + 1);
    if (!code && m && (code = read_rest(json, m, &why)))
        code = trit_fail(error, TRIT_EFORMAT, "%s: is no record of a model: %s", path, why.text);
    json_decref(json);
    return code;
}

static json_t *write_pairs(const struct trit_modelfile_pairs *pairs)
{
    json_t *list = json_array();
    for (size_t i = 0; i < pairs->n; i++)
        json_array_append_new(list, json_pack("[ss]", pairs->v[i].name, pairs->v[i].value));
    return list;
}

enum trit_code trit_store_record_write(const struct trit_store *store, const char *record,
                                       const char *place, const char *digest,
                                       const struct trit_modelfile *m, struct trit_error *error)
{
    char path[TRIT_STORE_PATH];
    struct trit_file *file;
    struct stat st;
    if (!trit_store_join(store, TRIT_STORE_NAMES, record, path, sizeof path))
        return trit_fail(error, TRIT_EARGUMENT, "%.40s...: the name is too long", record);
    json_t *json =
        json_pack("{ss ss ss* ss* ss* so so}", "from", place, "digest", digest, texts[0], m->system,
                  texts[1], m->chat_template, texts[2], m->license, "parameters",
                  write_pairs(&m->parameters), "messages", write_pairs(&m->messages));
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    json_decref(json);
    if (!text)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory, or a name that is not UTF-8", path);
    if (!lstat(path, &st) && !S_ISREG(st.st_mode)) {
        free(text);
        return trit_fail(error, TRIT_EIO, "%s: is there and is no regular file", path);
    }
    enum trit_code code = trit_file_make_folders(path, error);
    if (!code)
        code = trit_file_create(&file, path, error);
    if (!code) {
        trit_file_write(file, text, strlen(text));
        code = trit_file_commit(file, error);
    }
    free(text);
    return code;
}

/* What lies beside a part of a file. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/hub/internal.h"

enum { SIDE_MOST = 16384 };

static bool take(const json_t *json, const char *key, char *out, size_t room)
{
    const char *text = json_string_value(json_object_get(json, key));
    if (!text || strlen(text) >= room)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

bool trit_hub_side_read(const char *path, struct trit_hub_side *side)
{
    char *text;
    size_t bytes;
    if (trit_file_read(path, SIDE_MOST, &text, &bytes, NULL))
        return false;
    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    const json_t *size = json_object_get(json, "size");
    const bool good = take(json, "repo", side->repo, sizeof side->repo) &&
                      take(json, "file", side->path, sizeof side->path) &&
                      take(json, "commit", side->commit, sizeof side->commit) &&
                      take(json, "etag", side->etag, sizeof side->etag) &&
                      take(json, "sha256", side->sha256, sizeof side->sha256) &&
                      json_is_integer(size) && json_integer_value(size) >= 0;
    side->bytes = good ? (uint64_t)json_integer_value(size) : 0;
    json_decref(json);
    return good;
}

enum trit_code trit_hub_side_write(const char *path, const struct trit_hub_side *side,
                                   struct trit_error *error)
{
    struct trit_file *file;
    json_t *json = json_pack("{ss ss ss ss ss sI}", "repo", side->repo, "file", side->path,
                             "commit", side->commit, "etag", side->etag, "sha256", side->sha256,
                             "size", (json_int_t)side->bytes);
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    json_decref(json);
    if (!text)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    enum trit_code code = trit_file_create(&file, path, error);
    if (!code) {
        trit_file_write(file, text, strlen(text));
        code = trit_file_commit(file, error);
    }
    free(text);
    return code;
}

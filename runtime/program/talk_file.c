/* Conversations in files: the messages as JSON that people can read, and beside it what was
   computed for them. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/program/talk.h"

enum { FILE_MAX = 64 << 20 };
static const char key[] = "tritmill_chat";

static bool is_conversation(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, "{\n  \"tritmill_chat\":");
}

static const struct trit_file_kind conversation = { "a conversation of tritmill", is_conversation,
                                                    0600 };

static json_t *to_json(const struct trit_talk *t)
{
    return json_pack("{si, ss, si, sO}", key, 1, "model", t->engine.path, "dropped",
                     (int)t->dropped, "messages", t->messages);
}

static enum trit_code state_path(const char *path, char *out, size_t room, struct trit_error *error)
{
    const int n = snprintf(out, room, "%s.state", path);
    return n < 0 || (size_t)n >= room
               ? trit_fail(error, TRIT_EARGUMENT, "%.60s...: the name is too long", path)
               : TRIT_OK;
}

static enum trit_code save_messages(const struct trit_talk *t, const char *path,
                                    struct trit_error *error)
{
    json_t *json = to_json(t);
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    struct trit_file *file = NULL;
    enum trit_code code =
        text ? trit_file_create_as(&file, path, &conversation, error)
             : trit_fail(error, TRIT_EMEMORY, "%s: no memory for the conversation", path);
    if (!code) {
        trit_file_write(file, text, strlen(text));
        trit_file_write(file, "\n", 1);
        code = trit_file_commit(file, error);
    }
    free(text);
    json_decref(json);
    return code;
}

enum trit_code trit_talk_save(struct trit_talk *t, const char *path, struct trit_error *error)
{
    char state[PATH_MAX];
    struct trit_scheduler_stats stats;
    enum trit_code code = state_path(path, state, sizeof state, error);
    if (!code)
        code = save_messages(t, path, error);
    trit_scheduler_stats(t->scheduler, &stats);
    return code || !stats.kept ? code : trit_scheduler_save(t->scheduler, state, error);
}

/* Whether it has a role that there is, and a text; the system's stands first alone. */
static bool is_message(const json_t *message, size_t i)
{
    static const char *const roles[] = { "user", "assistant", "system" };
    const char *role = json_string_value(json_object_get(message, "role"));
    if (!role || !json_is_string(json_object_get(message, "content")))
        return false;
    for (size_t r = 0; r < sizeof roles / sizeof *roles - (i > 0); r++)
        if (!strcmp(role, roles[r]))
            return true;
    return false;
}

static enum trit_code take(struct trit_talk *t, const char *path, const json_t *json,
                           struct trit_error *error)
{
    json_t *messages = json_object_get(json, "messages");
    const json_int_t dropped = json_integer_value(json_object_get(json, "dropped"));
    const size_t n = json_array_size(messages);
    if (json_integer_value(json_object_get(json, key)) != 1 || !json_is_array(messages))
        return trit_fail(error, TRIT_EFORMAT, "%s: is no conversation of tritmill (%s: 1)", path,
                         key);
    for (size_t i = 0; i < n; i++)
        if (!is_message(json_array_get(messages, i), i))
            return trit_fail(error, TRIT_EFORMAT, "%s: message %zu: needs a role and a content",
                             path, i);
    if (dropped < 0 || (size_t)dropped > n)
        return trit_fail(error, TRIT_EFORMAT, "%s: dropped: must be 0 .. %zu", path, n);
    json_decref(t->messages);
    t->messages = json_incref(messages);
    t->dropped = (size_t)dropped;
    return TRIT_OK;
}

static enum trit_code load_messages(struct trit_talk *t, const char *path, struct trit_error *error)
{
    json_error_t at;
    char *text = NULL;
    size_t bytes;
    enum trit_code code = trit_file_read(path, FILE_MAX, &text, &bytes, error);
    if (code)
        return code;
    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &at);
    code = json ? take(t, path, json, error)
                : trit_fail(error, TRIT_EFORMAT, "%s:%d:%d: %s", path, at.line, at.column, at.text);
    json_decref(json);
    free(text);
    return code;
}

enum trit_code trit_talk_load(struct trit_talk *t, const char *path, char *slow, size_t room,
                              struct trit_error *error)
{
    char state[PATH_MAX];
    struct trit_error why;
    *slow = 0;
    enum trit_code code = state_path(path, state, sizeof state, error);
    if (!code)
        code = load_messages(t, path, error);
    if (!code && trit_scheduler_restore(t->scheduler, state, &why))
        snprintf(slow, room, "%s", why.text);
    return code;
}

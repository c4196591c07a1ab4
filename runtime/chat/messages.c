/* Messages as templates expect them. */
#include <string.h>

#include "runtime/chat/parts.h"

static enum trit_code no_memory(struct trit_error *error)
{
    return trit_fail(error, TRIT_EMEMORY, "no memory for the messages");
}

/* The texts of the parts, joined. */
static enum trit_code join_parts(const json_t *parts, size_t at, json_t **text,
                                 struct trit_error *error)
{
    json_t *whole = json_string("");
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        const char *type = json_string_value(json_object_get(part, "type"));
        const char *piece = json_string_value(json_object_get(part, "text"));
        if (!type || strcmp(type, "text") || !piece) {
            json_decref(whole);
            return trit_fail(error, TRIT_EARGUMENT,
                             "messages[%zu].content[%zu] is no text: images, sound and files are "
                             "not read",
                             at, i);
        }
        json_t *longer = json_sprintf("%s%s", json_string_value(whole), piece);
        json_decref(whole);
        whole = longer;
    }
    *text = whole;
    return whole ? TRIT_OK : no_memory(error);
}

static enum trit_code set_content(json_t *message, size_t at, struct trit_error *error)
{
    json_t *content = json_object_get(message, "content"), *text = NULL;
    if (json_is_string(content))
        return TRIT_OK;
    if (content && !json_is_null(content) && !json_is_array(content))
        return trit_fail(error, TRIT_EARGUMENT, "messages[%zu].content is no text", at);
    enum trit_code code = TRIT_OK;
    if (json_is_array(content))
        code = join_parts(content, at, &text, error);
    else if (!(text = json_string("")))
        code = no_memory(error);
    if (!code && json_object_set_new(message, "content", text))
        code = no_memory(error);
    return code;
}

/* Arguments as text become the object that they are; others stay, for the template to judge. */
static enum trit_code set_arguments(json_t *function, struct trit_error *error)
{
    const json_t *arguments = json_object_get(function, "arguments");
    if (!json_is_string(arguments))
        return arguments || !json_object_set_new(function, "arguments", json_object())
                   ? TRIT_OK
                   : no_memory(error);
    const char *s = json_string_value(arguments);
    json_t *object = *s ? json_loads(s, 0, NULL) : json_object();
    if (json_is_object(object))
        return json_object_set_new(function, "arguments", object) ? no_memory(error) : TRIT_OK;
    json_decref(object);
    return TRIT_OK;
}

static enum trit_code set_calls(json_t *message, size_t at, struct trit_error *error)
{
    json_t *calls = json_object_get(message, "tool_calls");
    if (!calls)
        return TRIT_OK;
    if (json_is_null(calls) || (json_is_array(calls) && json_array_size(calls) == 0)) {
        json_object_del(message, "tool_calls");
        return TRIT_OK;
    }
    if (!json_is_array(calls))
        return trit_fail(error, TRIT_EARGUMENT, "messages[%zu].tool_calls is no array", at);
    for (size_t i = 0; i < json_array_size(calls); i++) {
        json_t *function = json_object_get(json_array_get(calls, i), "function");
        if (!json_is_string(json_object_get(function, "name")))
            return trit_fail(error, TRIT_EARGUMENT,
                             "messages[%zu].tool_calls[%zu].function has no name", at, i);
        enum trit_code code = set_arguments(function, error);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static enum trit_code set_message(json_t *message, size_t at, struct trit_error *error)
{
    const char *role = json_string_value(json_object_get(message, "role"));
    if (!json_is_object(message) || !role)
        return trit_fail(error, TRIT_EARGUMENT, "messages[%zu] has no role", at);
    if (!strcmp(role, "developer") && json_object_set_new(message, "role", json_string("system")))
        return no_memory(error);
    const json_t *thought = json_object_get(message, "reasoning_content");
    if (thought && !json_is_string(thought)) {
        if (!json_is_null(thought))
            return trit_fail(error, TRIT_EARGUMENT, "messages[%zu].reasoning_content is no text",
                             at);
        json_object_del(message, "reasoning_content");
    }
    enum trit_code code = set_content(message, at, error);
    return code ? code : set_calls(message, at, error);
}

enum trit_code trit_chat_messages(const json_t *messages, json_t **copy, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    *copy = NULL;
    if (!json_is_array(messages) || json_array_size(messages) == 0)
        return trit_fail(error, TRIT_EARGUMENT, "messages is no array, or an empty one");
    json_t *all = json_deep_copy(messages);
    if (!all)
        return no_memory(error);
    for (size_t i = 0; i < json_array_size(all) && !code; i++)
        code = set_message(json_array_get(all, i), i, error);
    if (code)
        json_decref(all);
    else
        *copy = all;
    return code;
}

/* From messages to a prompt, and from a prompt to ids. */
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/parts.h"

enum { VARIABLES = 64 };

struct rendering {
    const struct trit_chat *chat;
    const struct trit_chat_ask *ask;
    json_t *messages;
    bool open; /* the last message is gone on with */
    struct trit_jinja_variable variables[VARIABLES];
    size_t n;
};

static bool add(struct rendering *r, const char *name, const json_t *value, bool given)
{
    if (r->n == VARIABLES)
        return false;
    r->variables[r->n++] = (struct trit_jinja_variable){ name, value, given };
    return true;
}

/* Those that come last replace those before. */
static enum trit_code set_variables(struct rendering *r, struct trit_error *error)
{
    const char *key;
    json_t *value;
    bool fits = true, begin = !r->ask->closed && !r->open;
    json_object_foreach((json_t *)(uintptr_t)r->ask->kwargs, key, value) fits =
        fits && r->n < VARIABLES - 8 && add(r, key, value, true);
    if (!fits)
        return trit_fail(error, TRIT_EARGUMENT, "more than %d variables of a chat template",
                         VARIABLES - 8);
    bool tools = json_array_size(r->ask->tools) > 0;
    add(r, "messages", r->messages, true);
    add(r, "tools", tools ? r->ask->tools : json_null(), true);
    add(r, "add_generation_prompt", begin ? json_true() : json_false(), false);
    add(r, "bos_token", r->chat->bos, false);
    add(r, "eos_token", r->chat->eos, false);
    const json_t *think = r->ask->think == TRIT_THINK_ON ? json_true() : json_false();
    if (r->ask->think != TRIT_THINK_DEFAULT) {
        add(r, "enable_thinking", think, false);
        add(r, "thinking", think, false);
    }
    return TRIT_OK;
}

static bool is_text(const json_t *message, const char *key)
{
    return json_string_length(json_object_get(message, key)) > 0;
}

/* A last message of the assistant is gone on with; one that says nothing is as none. */
static void open_last(struct rendering *r)
{
    size_t last = json_array_size(r->messages) - 1;
    const json_t *message = json_array_get(r->messages, last);
    const char *role = json_string_value(json_object_get(message, "role"));
    if (r->ask->closed || strcmp(role, "assistant") || json_object_get(message, "tool_calls"))
        return;
    r->open = is_text(message, "content") || is_text(message, "reasoning_content");
    if (!r->open && last > 0)
        json_array_remove(r->messages, last);
}

/* What the template writes after the last message's text ends its turn. */
static void cut(struct trit_jinja_output *out)
{
    while (out->n > 0 && !out->given[out->n - 1])
        out->n--;
    out->text[out->n] = 0;
}

/* The last place at which the template itself wrote `what`; n where it did not. */
static size_t last_own(const struct trit_jinja_output *out, const char *what)
{
    size_t n = strlen(what);
    for (size_t at = out->n < n ? 0 : out->n - n + 1; at-- > 0;)
        if (!memcmp(out->text + at, what, n) && !memchr(out->given + at, 1, n))
            return at;
    return out->n;
}

static bool within_thinking(const struct trit_chat_traits *traits,
                            const struct trit_jinja_output *out)
{
    if (!traits->think)
        return false;
    size_t begins = last_own(out, traits->think), ends = last_own(out, traits->thought);
    return begins < out->n && (ends == out->n || ends < begins);
}

static enum trit_code check_ask(const struct trit_chat_ask *ask, struct trit_error *error)
{
    if (ask->tools && !json_is_array(ask->tools))
        return trit_fail(error, TRIT_EARGUMENT, "tools is no array");
    if (ask->kwargs && !json_is_object(ask->kwargs))
        return trit_fail(error, TRIT_EARGUMENT, "the template's variables are no object");
    return TRIT_OK;
}

enum trit_code trit_chat_render_steps(const struct trit_chat *chat, const struct trit_chat_ask *ask,
                                      size_t steps, struct trit_chat_prompt *prompt,
                                      struct trit_error *error)
{
    struct rendering r = { .chat = chat, .ask = ask };
    struct trit_jinja_output out;
    *prompt = (struct trit_chat_prompt){ 0 };
    enum trit_code code = check_ask(ask, error);
    if (!code)
        code = trit_chat_messages(ask->messages, &r.messages, error);
    if (code)
        return code;
    open_last(&r);
    code = set_variables(&r, error);
    const struct trit_jinja_render with = { r.variables, r.n, steps };
    if (!code)
        code = trit_jinja_render(chat->jinja, &with, &out, error);
    json_decref(r.messages);
    if (code)
        return code;
    if (r.open)
        cut(&out);
    *prompt = (struct trit_chat_prompt){ .text = out.text,
                                         .bytes = out.n,
                                         .given = out.given,
                                         .thinking = within_thinking(&chat->traits, &out) };
    return TRIT_OK;
}

enum trit_code trit_chat_render(const struct trit_chat *chat, const struct trit_chat_ask *ask,
                                struct trit_chat_prompt *prompt, struct trit_error *error)
{
    return trit_chat_render_steps(chat, ask, 0, prompt, error);
}

void trit_chat_prompt_free(struct trit_chat_prompt *prompt)
{
    free(prompt->text);
    free(prompt->given);
    *prompt = (struct trit_chat_prompt){ 0 };
}

/* Which template a model's chats get, and what it can do: found by trying it. */
#define _GNU_SOURCE /* memmem */
#include "runtime/chat/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/chat/builtin.h"
#include "runtime/chat/parts.h"

enum { TRIAL_STEPS = 1000000 };

/* Words that no template has by itself. */
#define ASKED "Wh4t is asked"
#define TOLD  "Wh4t is told"
#define TOOL  "wh4t_is_called"

static const char user[] = "[{\"role\":\"user\",\"content\":\"" ASKED "\"}]";
static const char with_system[] = "[{\"role\":\"system\",\"content\":\"" TOLD
                                  "\"},{\"role\":\"user\",\"content\":\"" ASKED "\"}]";
static const char turns[] = "[{\"role\":\"user\",\"content\":\"a\"},"
                            "{\"role\":\"assistant\",\"content\":\"b\"},"
                            "{\"role\":\"user\",\"content\":\"" ASKED "\"}]";
static const char tools[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"" TOOL "\",\"description\":\"d\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"string\","
    "\"description\":\"e\"}},\"required\":[\"p\"]}}}]";

/* The prompt of these messages; an empty one where the template refuses. */
static enum trit_code try(const struct trit_chat *chat, const char *messages, const char *with,
                          enum trit_think think, struct trit_chat_prompt *prompt,
                          struct trit_error *error)
{
    json_t *m = json_loads(messages, 0, NULL), *t = with ? json_loads(with, 0, NULL) : NULL;
    const struct trit_chat_ask ask = { .messages = m, .tools = t, .think = think };
    *prompt = (struct trit_chat_prompt){ 0 };
    enum trit_code code = m && (t || !with)
                              ? trit_chat_render_steps(chat, &ask, TRIAL_STEPS, prompt, error)
                              : trit_fail(error, TRIT_EMEMORY, "no memory to try a chat template");
    json_decref(m);
    json_decref(t);
    return code;
}

/* Whether the prompt has the word. */
static bool shows(const struct trit_chat *chat, const char *messages, const char *with,
                  const char *word)
{
    struct trit_chat_prompt prompt;
    bool yes =
        !try(chat, messages, with, TRIT_THINK_DEFAULT, &prompt, NULL) && strstr(prompt.text, word);
    trit_chat_prompt_free(&prompt);
    return yes;
}

static bool can_be_quiet(const struct trit_chat *chat)
{
    struct trit_chat_prompt on, off;
    bool differs = !try(chat, user, NULL, TRIT_THINK_ON, &on, NULL);
    differs &= !try(chat, user, NULL, TRIT_THINK_OFF, &off, NULL);
    differs = differs && strcmp(on.text, off.text) != 0;
    trit_chat_prompt_free(&on);
    trit_chat_prompt_free(&off);
    return differs;
}

/* How a template teaches to call. */
static const struct {
    const char *text;
    enum trit_call_form form;
} teachings[] = {
    { "<function=", TRIT_CALLS_XML },
    { "<tool_call>", TRIT_CALLS_JSON },
    { "\"parameters\":", TRIT_CALLS_LLAMA },
};

static enum trit_call_form find_calls(const char *source)
{
    for (size_t i = 0; i < sizeof teachings / sizeof *teachings; i++)
        if (strstr(source, teachings[i].text))
            return teachings[i].form;
    return TRIT_CALLS_NONE;
}

static void find_traits(struct trit_chat *chat)
{
    struct trit_chat_traits *t = &chat->traits;
    t->thinks = strstr(chat->source, "<think>") || strstr(chat->source, "</think>");
    t->think = t->thinks ? "<think>" : NULL;
    t->thought = t->thinks ? "</think>" : NULL;
    t->quiet = t->thinks && can_be_quiet(chat);
    t->system = shows(chat, with_system, NULL, TOLD);
    t->tools = shows(chat, user, tools, TOOL);
    t->calls = t->tools ? find_calls(chat->source) : TRIT_CALLS_NONE;
}

/* Whether it compiles, and makes a prompt of a conversation that has in it what was asked. */
static enum trit_code use(struct trit_chat *chat, struct trit_text source, struct trit_error *error)
{
    struct trit_chat_prompt prompt = { 0 };
    enum trit_code code = trit_jinja_compile(&chat->jinja, source, error);
    if (code)
        return code;
    chat->source = strndup(source.s, source.n);
    if (!chat->source)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a chat template");
    chat->traits.source = chat->source;
    code = try(chat, turns, NULL, TRIT_THINK_DEFAULT, &prompt, error);
    if (!code && !strstr(prompt.text, ASKED))
        code = trit_fail(error, TRIT_EUNSUPPORTED, "the chat template leaves the question out");
    trit_chat_prompt_free(&prompt);
    if (!code)
        find_traits(chat);
    return code;
}

static void drop(struct trit_chat *chat)
{
    trit_jinja_free(chat->jinja);
    free(chat->source);
    chat->jinja = NULL;
    chat->source = NULL;
}

static enum trit_code use_builtin(struct trit_chat *chat, const struct trit_chat_builtin *row,
                                  struct trit_error *error)
{
    chat->traits.name = row->name;
    return use(chat, (struct trit_text){ row->source, strlen(row->source) }, error);
}

static enum trit_code set_why(struct trit_chat *chat, const char *first, const char *second,
                              struct trit_error *error)
{
    char why[1200];
    snprintf(why, sizeof why, "%s%s%s", first, second ? "; " : "", second ? second : "");
    chat->why = strdup(why);
    chat->traits.why = chat->why;
    return chat->why ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "no memory for a chat template");
}

/* Templates that files have and that are not what the model was trained with, by a part of each. */
static const char *const wrong[] = { "BITNETAssistant" };

static bool has(struct trit_text text, const char *part)
{
    return memmem(text.s, text.n, part, strlen(part)) != NULL;
}

/* The file's, or why not. */
static enum trit_code use_file(struct trit_chat *chat, const struct trit_gguf *gguf,
                               struct trit_error *error)
{
    struct trit_text source;
    if (trit_gguf_text(gguf, "tokenizer.chat_template", &source, NULL) &&
        trit_gguf_text(gguf, "tokenizer.chat_template.default", &source, NULL))
        return trit_fail(error, TRIT_EUNSUPPORTED, "the file has no chat template");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (has(source, wrong[i]))
            return trit_fail(error, TRIT_EUNSUPPORTED,
                             "the file's chat template is known to be "
                             "wrong ('%s')",
                             wrong[i]);
    chat->traits.name = "file";
    return use(chat, source, error);
}

static enum trit_code use_own(struct trit_chat *chat, const struct trit_gguf *gguf,
                              struct trit_error *error)
{
    struct trit_error found = { 0 };
    const char *why;
    enum trit_code code = use_file(chat, gguf, &found);
    if (!code)
        return set_why(chat, "the file has it", NULL, error);
    drop(chat);
    if (code == TRIT_EMEMORY)
        return trit_fail(error, code, "%s", found.text);
    const struct trit_chat_builtin *row = trit_chat_family(gguf, &why);
    code = use_builtin(chat, row, error);
    return code ? code : set_why(chat, found.text, why, error);
}

static enum trit_code use_wanted(struct trit_chat *chat, const char *wanted,
                                 struct trit_error *error)
{
    const struct trit_chat_builtin *row = trit_chat_builtin(wanted);
    enum trit_code code;
    if (!row && !strstr(wanted, "{{") && !strstr(wanted, "{%"))
        return trit_fail(error, TRIT_EARGUMENT, "no chat template '%.60s'", wanted);
    if (row) {
        code = use_builtin(chat, row, error);
    } else {
        chat->traits.name = "given";
        code = use(chat, (struct trit_text){ wanted, strlen(wanted) }, error);
    }
    return code ? code : set_why(chat, "it was asked for", NULL, error);
}

/* The text of the token that a key names, or an empty one. */
static json_t *token_text(const struct trit_gguf *gguf, const char *key)
{
    struct trit_text *tokens = NULL, text = { "", 0 };
    uint32_t id;
    size_t n;
    if (!trit_gguf_u32(gguf, key, &id, NULL) &&
        !trit_gguf_texts(gguf, "tokenizer.ggml.tokens", &tokens, &n, NULL) && id < n)
        text = tokens[id];
    json_t *json = json_stringn(text.s, text.n);
    free(tokens);
    return json ? json : json_string("");
}

enum trit_code trit_chat_open(struct trit_chat **chat, const struct trit_gguf *gguf,
                              const char *wanted, struct trit_error *error)
{
    *chat = NULL;
    struct trit_chat *c = calloc(1, sizeof *c);
    if (!c)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a chat template");
    c->bos = token_text(gguf, "tokenizer.ggml.bos_token_id");
    c->eos = token_text(gguf, "tokenizer.ggml.eos_token_id");
    enum trit_code code = wanted ? use_wanted(c, wanted, error) : use_own(c, gguf, error);
    if (code) {
        trit_chat_free(c);
        return code;
    }
    *chat = c;
    return TRIT_OK;
}

void trit_chat_free(struct trit_chat *chat)
{
    if (!chat)
        return;
    drop(chat);
    free(chat->why);
    json_decref(chat->bos);
    json_decref(chat->eos);
    free(chat);
}

const struct trit_chat_traits *trit_chat_traits(const struct trit_chat *chat)
{
    return &chat->traits;
}

/* chat MODEL [TEMPLATE]: its traits as JSON; then one question a line in, {"messages", "tools",
   "kwargs", "think", "closed"}; one a line out: {"text", "given", "ids", "turns", "thinking"}, or
   {"error", "code"}. given: a string with a 1 for each byte that came from a message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/chat.h"

static json_t *numbers(const struct trit_chat_ids *ids, bool turns)
{
    json_t *list = json_array();
    for (size_t i = 0; i < (turns ? ids->nturns : ids->n); i++)
        json_array_append_new(list, json_integer(turns ? (json_int_t)ids->turns[i] : ids->ids[i]));
    return list;
}

static json_t *told(const struct trit_tokenizer *tokenizer, struct trit_chat_prompt *prompt)
{
    struct trit_chat_ids ids;
    if (trit_chat_encode(tokenizer, prompt, &ids, NULL))
        return NULL;
    for (size_t i = 0; i < prompt->bytes; i++)
        prompt->given[i] = prompt->given[i] ? '1' : '0';
    json_t *said = json_pack("{s:s%,s:s%,s:b,s:o,s:o}", "text", prompt->text, prompt->bytes,
                             "given", prompt->given, prompt->bytes, "thinking", prompt->thinking,
                             "ids", numbers(&ids, false), "turns", numbers(&ids, true));
    free(ids.ids);
    free(ids.turns);
    return said;
}

static json_t *answer(const struct trit_chat *chat, const struct trit_tokenizer *tokenizer,
                      const json_t *q)
{
    const json_t *think = json_object_get(q, "think");
    const struct trit_chat_ask ask = {
        .messages = json_object_get(q, "messages"),
        .tools = json_object_get(q, "tools"),
        .kwargs = json_object_get(q, "kwargs"),
        .think = !think                ? TRIT_THINK_DEFAULT
                 : json_is_true(think) ? TRIT_THINK_ON
                                       : TRIT_THINK_OFF,
        .closed = json_is_true(json_object_get(q, "closed")),
    };
    struct trit_chat_prompt prompt;
    struct trit_error error;
    enum trit_code code = trit_chat_render(chat, &ask, &prompt, &error);
    if (code)
        return json_pack("{s:s,s:i}", "error", error.text, "code", (int)code);
    json_t *said = told(tokenizer, &prompt);
    trit_chat_prompt_free(&prompt);
    return said;
}

static void print(json_t *json)
{
    json_dumpf(json, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(json);
}

static int talk(const struct trit_gguf *gguf, const char *wanted, struct trit_error *error)
{
    struct trit_chat *chat;
    struct trit_tokenizer *tokenizer;
    char *line = NULL;
    size_t room = 0;
    if (trit_chat_open(&chat, gguf, wanted, error))
        return 1;
    if (trit_tokenizer_load(&tokenizer, gguf, error)) {
        trit_chat_free(chat);
        return 1;
    }
    const struct trit_chat_traits *t = trit_chat_traits(chat);
    print(json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:b,s:s}", "name", t->name, "why", t->why, "source",
                    t->source, "system", t->system, "tools", t->tools, "thinks", t->thinks, "quiet",
                    t->quiet, "calls", trit_call_forms[t->calls].name));
    for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
        json_t *q = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, NULL);
        print(answer(chat, tokenizer, q));
        json_decref(q);
    }
    free(line);
    trit_tokenizer_free(tokenizer);
    trit_chat_free(chat);
    return 0;
}

int main(int argc, char **argv)
{
    struct trit_gguf *gguf;
    struct trit_error error;
    int status = 1;
    if (argc > 1 && !trit_gguf_open(&gguf, argv[1], &error)) {
        status = talk(gguf, argv[2], &error);
        trit_gguf_close(gguf);
    }
    if (status)
        fprintf(stderr, "chat: %s\n", argc > 1 ? error.text : "a model is missing");
    return status;
}

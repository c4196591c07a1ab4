/* OpenAI's answers as server-sent events, written as they come. */
#include <stdlib.h>
#include <string.h>

#include "runtime/serve/openai.h"
#include "runtime/serve/serve.h"

/* An event up to its choices. */
static void begin_event(const struct trit_generation *g, bool chat, struct trit_buffer *b)
{
    trit_buffer_print(b, "data: {\"id\":\"%s-%s\",\"object\":\"%s\",\"created\":%lld,\"model\":",
                      chat ? "chatcmpl" : "cmpl", g->id,
                      chat ? "chat.completion.chunk" : "text_completion", (long long)g->created);
    trit_buffer_json(b, g->served->model.name, strlen(g->served->model.name));
    trit_buffer_put(b, ",\"system_fingerprint\":\"tritmill\",\"choices\":[", 44);
}

static void put_json(struct trit_buffer *b, json_t *json)
{
    char *text =
        json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
    trit_buffer_print(b, "%s", text ? text : "null");
    free(text);
    json_decref(json);
}

static void send(struct trit_generation *g, struct trit_buffer *b)
{
    if (!g->streaming)
        trit_stream_begin(g->request, "text/event-stream");
    g->streaming = true;
    if (!b->failed)
        trit_stream_write(g->request, b->s, b->n);
    free(b->s);
}

/* The log-probabilities of the tokens that were not told yet. */
static void put_logprobs(struct trit_choice *c, bool chat, struct trit_buffer *b)
{
    if (!c->logprobs)
        return;
    const size_t end = trit_openai_told(c), first = c->told;
    trit_buffer_print(b, ",\"logprobs\":");
    put_json(b, chat ? trit_openai_logprobs(c, first, end)
                     : trit_openai_completion_logprobs(c, first, end));
    c->told = end;
}

static void put_delta(const struct trit_choice *c, const struct trit_answer_piece *p,
                      struct trit_buffer *b)
{
    const struct trit_call *call = c->ncalls ? &c->calls[c->ncalls - 1] : NULL;
    switch (p->part) {
    case TRIT_ANSWER_CONTENT:
    case TRIT_ANSWER_THINKING:
        trit_buffer_print(
            b, "\"%s\":", p->part == TRIT_ANSWER_CONTENT ? "content" : "reasoning_content");
        trit_buffer_json(b, p->text, p->bytes);
        break;
    case TRIT_ANSWER_CALL:
        trit_buffer_print(b,
                          "\"tool_calls\":[{\"index\":%zu,\"id\":\"%s\",\"type\":\"function\","
                          "\"function\":{\"name\":",
                          c->ncalls - 1, call ? call->id : "");
        trit_buffer_json(b, p->text, p->bytes);
        trit_buffer_print(b, ",\"arguments\":\"\"}}]");
        break;
    case TRIT_ANSWER_ARGUMENTS:
        trit_buffer_print(b, "\"tool_calls\":[{\"index\":%zu,\"function\":{\"arguments\":",
                          c->ncalls ? c->ncalls - 1 : 0);
        trit_buffer_json(b, p->text, p->bytes);
        trit_buffer_print(b, "}}]");
        break;
    }
}

static void chat_event(struct trit_choice *c, const struct trit_answer_piece *p, const char *reason)
{
    struct trit_buffer b = { 0 };
    begin_event(c->generation, true, &b);
    trit_buffer_print(&b, "{\"index\":%zu,\"delta\":{", c->index);
    if (!c->own)
        trit_buffer_print(&b, "\"role\":\"assistant\"%s", p ? "," : ",\"content\":\"\"");
    c->own = c; /* its role was told */
    if (p)
        put_delta(c, p, &b);
    trit_buffer_print(&b, "}");
    put_logprobs(c, true, &b);
    trit_buffer_print(&b, ",\"finish_reason\":%s%s%s}]}\n\n", reason ? "\"" : "",
                      reason ? reason : "null", reason ? "\"" : "");
    send(c->generation, &b);
}

static void chat_piece(struct trit_choice *c, const struct trit_answer_piece *p)
{
    if (!c->own) /* by itself, as clients know it */
        chat_event(c, NULL, NULL);
    chat_event(c, p, NULL);
}

static void chat_ended(struct trit_choice *c)
{
    if (!c->own)
        chat_event(c, NULL, NULL);
    chat_event(c, NULL, trit_choice_reason(c));
}

static void completion_event(struct trit_choice *c, const char *text, size_t bytes,
                             const char *reason)
{
    struct trit_buffer b = { 0 };
    begin_event(c->generation, false, &b);
    trit_buffer_print(&b, "{\"index\":%zu,\"text\":", c->index);
    trit_buffer_json(&b, text, bytes);
    put_logprobs(c, false, &b);
    trit_buffer_print(&b, ",\"finish_reason\":%s%s%s}]}\n\n", reason ? "\"" : "",
                      reason ? reason : "null", reason ? "\"" : "");
    send(c->generation, &b);
}

static void tell_prompt(struct trit_choice *c)
{
    const struct trit_ask *ask = c->generation->ask;
    const json_t *prompt = json_array_get(ask->prompts, c->prompt);
    if (!c->own && ask->echo && json_is_string(prompt))
        completion_event(c, json_string_value(prompt), json_string_length(prompt), NULL);
    c->own = c;
}

static void completion_piece(struct trit_choice *c, const struct trit_answer_piece *p)
{
    tell_prompt(c);
    completion_event(c, p->text, p->bytes, NULL);
}

static void completion_ended(struct trit_choice *c)
{
    tell_prompt(c);
    completion_event(c, "", 0, trit_choice_reason(c));
}

static void end_stream(struct trit_generation *g, bool chat)
{
    struct trit_buffer b = { 0 };
    if (g->ask->usage) {
        begin_event(g, chat, &b);
        trit_buffer_print(&b, "],\"usage\":");
        put_json(&b, trit_openai_usage(g));
        trit_buffer_print(&b, ",\"timings\":");
        put_json(&b, trit_openai_timings(g));
        trit_buffer_print(&b, "}\n\n");
    }
    trit_buffer_print(&b, "data: [DONE]\n\n");
    send(g, &b);
    trit_stream_end(g->request);
}

static void chat_done(struct trit_generation *g)
{
    end_stream(g, true);
}

static void completion_done(struct trit_generation *g)
{
    end_stream(g, false);
}

const struct trit_writer trit_openai_chat_stream = {
    .piece = chat_piece, .ended = chat_ended, .done = chat_done, .fail = trit_openai_fail
};
const struct trit_writer trit_openai_completion_stream = { .piece = completion_piece,
                                                           .ended = completion_ended,
                                                           .done = completion_done,
                                                           .fail = trit_openai_fail };

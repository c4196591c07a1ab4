/* OpenAI's answers, whole and as server-sent events. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/serve/openai.h"
#include "runtime/serve/serve.h"

json_t *trit_openai_usage(const struct trit_generation *g)
{
    const struct trit_usage u = trit_generation_usage(g);
    return json_pack("{s:I,s:I,s:I,s:{s:I}}", "prompt_tokens", (json_int_t)u.prompt,
                     "completion_tokens", (json_int_t)u.made, "total_tokens",
                     (json_int_t)(u.prompt + u.made), "prompt_tokens_details", "cached_tokens",
                     (json_int_t)u.reused);
}

static double rate(double n, double by)
{
    return by > 0 ? n / by : 0;
}

json_t *trit_openai_timings(const struct trit_generation *g)
{
    const struct trit_usage u = trit_generation_usage(g);
    const double fresh = (double)(u.prompt - u.reused), made = (double)u.made;
    return json_pack("{s:I,s:I,s:f,s:f,s:f,s:I,s:f,s:f,s:f}", "cache_n", (json_int_t)u.reused,
                     "prompt_n", (json_int_t)(u.prompt - u.reused), "prompt_ms", 1e3 * u.prefill,
                     "prompt_per_token_ms", rate(1e3 * u.prefill, fresh), "prompt_per_second",
                     rate(fresh, u.prefill), "predicted_n", (json_int_t)u.made, "predicted_ms",
                     1e3 * u.decode, "predicted_per_token_ms", rate(1e3 * u.decode, made),
                     "predicted_per_second", rate(made, u.decode));
}

/* Offsets in the text are those in the content as long as there is nothing else. */
size_t trit_openai_told(const struct trit_choice *c)
{
    const size_t n = json_array_size(c->logprobs);
    size_t told = 0;
    if (c->thinking.n || c->ncalls)
        return n;
    while (told < n && (size_t)json_integer_value(json_object_get(json_array_get(c->logprobs, told),
                                                                  "offset")) < c->content.n)
        told++;
    return told;
}

json_t *trit_openai_logprobs(const struct trit_choice *c, size_t first, size_t end)
{
    json_t *content = json_array();
    for (size_t i = first; i < end; i++) {
        json_t *one = json_copy(json_array_get(c->logprobs, i));
        json_object_del(one, "offset");
        json_array_append_new(content, one);
    }
    return json_pack("{s:o}", "content", content);
}

json_t *trit_openai_completion_logprobs(const struct trit_choice *c, size_t first, size_t end)
{
    json_t *tokens = json_array(), *values = json_array(), *tops = json_array(),
           *offsets = json_array();
    for (size_t i = first; i < end; i++) {
        const json_t *one = json_array_get(c->logprobs, i), *top;
        json_t *best = json_object();
        size_t k;
        json_array_append(tokens, json_object_get(one, "token"));
        json_array_append(values, json_object_get(one, "logprob"));
        json_array_append(offsets, json_object_get(one, "offset"));
        json_array_foreach(json_object_get(one, "top_logprobs"), k, top)
            json_object_set(best, json_string_value(json_object_get(top, "token")),
                            json_object_get(top, "logprob"));
        json_array_append_new(tops, best);
    }
    return json_pack("{s:o,s:o,s:o,s:o}", "tokens", tokens, "token_logprobs", values,
                     "top_logprobs", tops, "text_offset", offsets);
}

static json_t *text_json(const struct trit_buffer *b)
{
    return json_stringn(b->s ? b->s : "", b->n);
}

static json_t *calls_json(const struct trit_choice *c)
{
    json_t *calls = json_array();
    for (size_t i = 0; i < c->ncalls; i++)
        json_array_append_new(calls, json_pack("{s:s,s:s,s:{s:o,s:o}}", "id", c->calls[i].id,
                                               "type", "function", "function", "name",
                                               text_json(&c->calls[i].name), "arguments",
                                               text_json(&c->calls[i].arguments)));
    return calls;
}

static json_t *chat_choice(const struct trit_choice *c)
{
    json_t *message = json_pack("{s:s,s:o}", "role", "assistant", "content",
                                c->ncalls && !c->content.n ? json_null() : text_json(&c->content));
    if (c->thinking.n)
        json_object_set_new(message, "reasoning_content", text_json(&c->thinking));
    if (c->ncalls)
        json_object_set_new(message, "tool_calls", calls_json(c));
    json_t *logprobs = c->logprobs ? trit_openai_logprobs(c, 0, trit_openai_told(c)) : json_null();
    return json_pack("{s:I,s:o,s:o,s:s}", "index", (json_int_t)c->index, "message", message,
                     "logprobs", logprobs, "finish_reason", trit_choice_reason(c));
}

static json_t *completion_choice(const struct trit_choice *c)
{
    const struct trit_ask *ask = c->generation->ask;
    const json_t *prompt = json_array_get(ask->prompts, c->prompt);
    struct trit_buffer text = { 0 };
    if (ask->echo && json_is_string(prompt))
        trit_buffer_put(&text, json_string_value(prompt), json_string_length(prompt));
    trit_buffer_put(&text, c->content.s ? c->content.s : "", c->content.n);
    json_t *logprobs =
        c->logprobs ? trit_openai_completion_logprobs(c, 0, trit_openai_told(c)) : json_null();
    json_t *json =
        json_pack("{s:o,s:I,s:o,s:s}", "text", text_json(&text), "index", (json_int_t)c->index,
                  "logprobs", logprobs, "finish_reason", trit_choice_reason(c));
    free(text.s);
    return json;
}

static void reply_whole(struct trit_generation *g, const char *prefix, const char *object,
                        json_t *(*choice)(const struct trit_choice *c))
{
    json_t *choices = json_array();
    for (size_t i = 0; i < g->nchoices; i++)
        json_array_append_new(choices, choice(&g->choices[i]));
    json_t *id = json_sprintf("%s-%s", prefix, g->id);
    trit_reply_json(g->request, 200,
                    json_pack("{s:o,s:s,s:I,s:s,s:s,s:o,s:o,s:o}", "id", id, "object", object,
                              "created", (json_int_t)g->created, "model", g->served->model.name,
                              "system_fingerprint", "tritmill", "choices", choices, "usage",
                              trit_openai_usage(g), "timings", trit_openai_timings(g)));
}

static void chat_whole(struct trit_generation *g)
{
    reply_whole(g, "chatcmpl", "chat.completion", chat_choice);
}

static void completion_whole(struct trit_generation *g)
{
    reply_whole(g, "cmpl", "text_completion", completion_choice);
}

void trit_openai_fail(struct trit_generation *g, unsigned status, const char *param,
                      const char *message)
{
    if (!g->streaming) {
        trit_reply_error(g->request, status, param, "%s", message);
        return;
    }
    json_t *json = trit_error_json(TRIT_API_OPENAI, status, param, message);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    struct trit_buffer line = { 0 };
    trit_buffer_print(&line, "data: %s\n\n", text ? text : "{\"error\":{}}");
    if (!line.failed)
        trit_stream_write(g->request, line.s, line.n);
    trit_stream_end(g->request);
    free(line.s);
    free(text);
    json_decref(json);
}

const struct trit_writer trit_openai_chat_whole = { .done = chat_whole, .fail = trit_openai_fail };
const struct trit_writer trit_openai_completion_whole = { .done = completion_whole,
                                                          .fail = trit_openai_fail };

/* Ollama's answers, whole and as lines of JSON. */
#include <stdlib.h>
#include <string.h>

#include "runtime/serve/ollama.h"
#include "runtime/serve/openai.h"

static const struct trit_ollama_own *own_of(const struct trit_generation *g)
{
    return g->own;
}

static json_t *text_json(const struct trit_buffer *b)
{
    return json_stringn(b->s ? b->s : "", b->n);
}

static json_t *begin_answer(const char *model)
{
    struct timespec now;
    char created[TRIT_OLLAMA_TIME];
    clock_gettime(CLOCK_REALTIME, &now);
    trit_ollama_time(now, created);
    return json_pack("{s:s,s:s}", "model", model, "created_at", created);
}

/* The text of a line, or of an answer; takes over text, and what of thinking and calls is not NULL.
 */
static void put_text(json_t *json, bool chat, json_t *text, json_t *thinking, json_t *calls)
{
    json_t *in = chat ? json_pack("{s:s}", "role", "assistant") : json_incref(json);
    json_object_set_new(in, chat ? "content" : "response", text);
    if (thinking)
        json_object_set_new(in, "thinking", thinking);
    if (calls)
        json_object_set_new(in, "tool_calls", calls);
    if (chat)
        json_object_set_new(json, "message", in);
    else
        json_decref(in);
}

json_t *trit_ollama_nothing(const struct trit_ollama_own *own, const char *why)
{
    json_t *json = begin_answer(own->model);
    put_text(json, own->chat, json_string(""), NULL, NULL);
    json_object_set_new(json, "done", json_true());
    json_object_set_new(json, "done_reason", json_string(why));
    return json;
}

/* The calls from `first` on, before `end`; NULL where there are none. One that was cut has no
   arguments that a program could take, and is left out. */
static json_t *calls_json(const struct trit_choice *c, size_t first, size_t end)
{
    json_t *calls = json_array();
    for (size_t i = first; i < end; i++) {
        const struct trit_call *call = &c->calls[i];
        json_t *arguments =
            trit_json_read(call->arguments.s ? call->arguments.s : "", call->arguments.n, NULL);
        if (json_is_object(arguments))
            json_array_append_new(calls, json_pack("{s:s,s:{s:I,s:o,s:O}}", "id", call->id,
                                                   "function", "index", (json_int_t)i, "name",
                                                   text_json(&call->name), "arguments", arguments));
        json_decref(arguments);
    }
    if (json_array_size(calls))
        return calls;
    json_decref(calls);
    return NULL;
}

/* Those of the tokens that were not told yet. */
static void put_logprobs(json_t *json, struct trit_choice *c)
{
    json_t *list = json_array(), *one, *top;
    const size_t end = c->logprobs ? trit_openai_told(c) : 0;
    size_t k;
    for (; c->told < end; c->told++) {
        one = json_deep_copy(json_array_get(c->logprobs, c->told));
        json_object_del(one, "offset");
        json_object_del(one, "id");
        json_array_foreach(json_object_get(one, "top_logprobs"), k, top) json_object_del(top, "id");
        json_array_append_new(list, one);
    }
    if (json_array_size(list))
        json_object_set(json, "logprobs", list);
    json_decref(list);
}

/* The tokens of prompt and answer, which a request may go on from. */
static json_t *context_json(const struct trit_choice *c)
{
    size_t n;
    const int32_t *ids = trit_choice_prompt(c, &n);
    json_t *context = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(context, json_integer(ids[i]));
    for (size_t i = 0; i < c->nids; i++)
        json_array_append_new(context, json_integer(c->ids[i]));
    return context;
}

static json_int_t nanoseconds(double seconds)
{
    return (json_int_t)(seconds * 1e9);
}

static void put_end(json_t *json, const struct trit_generation *g)
{
    const struct trit_usage u = trit_generation_usage(g);
    const char *reason = trit_choice_reason(&g->choices[0]);
    const struct {
        const char *name;
        json_int_t value;
    } figures[] = {
        { "total_duration", nanoseconds(g->total_seconds) },
        { "load_duration", nanoseconds(g->load_seconds) },
        { "prompt_eval_count", (json_int_t)u.prompt },
        { "prompt_eval_duration", nanoseconds(u.prefill) },
        { "eval_count", (json_int_t)u.made },
        { "eval_duration", nanoseconds(u.decode) },
    };
    json_object_set_new(json, "done", json_true());
    json_object_set_new(json, "done_reason",
                        json_string(strcmp(reason, "length") != 0 ? "stop" : "length"));
    if (g->ask->keep_ids)
        json_object_set_new(json, "context", context_json(&g->choices[0]));
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        json_object_set_new(json, figures[i].name, json_integer(figures[i].value));
}

static void whole(struct trit_generation *g)
{
    struct trit_choice *c = &g->choices[0];
    json_t *json = begin_answer(own_of(g)->model);
    put_text(json, own_of(g)->chat, text_json(&c->content),
             c->thinking.n ? text_json(&c->thinking) : NULL, calls_json(c, 0, c->ncalls));
    put_end(json, g);
    put_logprobs(json, c);
    trit_reply_json(g->request, 200, json);
}

/* Takes json over. */
static void send_line(struct trit_generation *g, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    struct trit_buffer line = { 0 };
    trit_buffer_print(&line, "%s\n", text ? text : "{\"error\":\"out of memory\"}");
    if (!g->streaming)
        trit_stream_begin(g->request, "application/x-ndjson");
    g->streaming = true;
    if (!line.failed)
        trit_stream_write(g->request, line.s, line.n);
    free(line.s);
    free(text);
    json_decref(json);
}

static void send_piece(struct trit_choice *c, const struct trit_answer_piece *p, json_t *calls)
{
    struct trit_generation *g = c->generation;
    const bool thinking = p && p->part == TRIT_ANSWER_THINKING;
    json_t *json = begin_answer(own_of(g)->model),
           *text = p ? json_stringn(p->text, p->bytes) : json_string("");
    put_text(json, own_of(g)->chat, thinking ? json_string("") : text, thinking ? text : NULL,
             calls);
    json_object_set_new(json, "done", json_false());
    put_logprobs(json, c);
    send_line(g, json);
}

/* Calls are told as wholes: when something else comes. */
static void tell_calls(struct trit_choice *c, size_t end)
{
    struct trit_ollama_own *own = c->generation->own;
    json_t *calls = calls_json(c, own->calls, end);
    own->calls = end;
    if (calls)
        send_piece(c, NULL, calls);
}

static void piece(struct trit_choice *c, const struct trit_answer_piece *p)
{
    if (p->part == TRIT_ANSWER_CALL)
        tell_calls(c, c->ncalls - 1);
    if (p->part == TRIT_ANSWER_CALL || p->part == TRIT_ANSWER_ARGUMENTS)
        return;
    tell_calls(c, c->ncalls);
    send_piece(c, p, NULL);
}

static void ended(struct trit_choice *c)
{
    tell_calls(c, c->ncalls);
}

static void done(struct trit_generation *g)
{
    json_t *json = begin_answer(own_of(g)->model);
    put_text(json, own_of(g)->chat, json_string(""), NULL, NULL);
    put_end(json, g);
    put_logprobs(json, &g->choices[0]);
    send_line(g, json);
    trit_stream_end(g->request);
}

static void fail(struct trit_generation *g, unsigned status, const char *param, const char *message)
{
    if (!g->streaming) {
        trit_reply_error(g->request, status, param, "%s", message);
        return;
    }
    send_line(g, trit_error_json(TRIT_API_OLLAMA, status, param, message));
    trit_stream_end(g->request);
}

const struct trit_writer trit_ollama_whole = { .done = whole, .fail = fail };
const struct trit_writer trit_ollama_stream = {
    .piece = piece, .ended = ended, .done = done, .fail = fail
};

/* Tokens of one choice on their way to text. */
#include "runtime/serve/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/serve/prompt.h"
#include "runtime/serve/serve.h"

static void pass_on(struct trit_choice *c, const struct trit_answer_piece *piece)
{
    const struct trit_writer *writer = c->generation->writer;
    if (writer->piece && piece->bytes)
        writer->piece(c, piece);
}

static bool new_call(struct trit_choice *c)
{
    struct trit_call *grown = realloc(c->calls, (c->ncalls + 1) * sizeof *grown);
    if (!grown)
        return false;
    c->calls = grown;
    struct trit_call *call = &c->calls[c->ncalls++];
    *call = (struct trit_call){ .id = "call_" };
    trit_random_id(call->id + strlen(call->id));
    return true;
}

/* Content goes past the stop strings first. */
static void take_content(struct trit_choice *c, const struct trit_answer_piece *piece)
{
    c->out.n = 0;
    trit_stops_feed(&c->stops, piece->text, piece->bytes, &c->out);
    trit_buffer_put(&c->content, c->out.s ? c->out.s : "", c->out.n);
    const struct trit_answer_piece told = { .part = TRIT_ANSWER_CONTENT,
                                            .text = c->out.s,
                                            .bytes = c->out.n };
    pass_on(c, &told);
}

static void take(void *arg, const struct trit_answer_piece *piece)
{
    struct trit_choice *c = arg;
    if (c->stops.met)
        return;
    switch (piece->part) {
    case TRIT_ANSWER_CONTENT:
        take_content(c, piece);
        return;
    case TRIT_ANSWER_THINKING:
        trit_buffer_put(&c->thinking, piece->text, piece->bytes);
        break;
    case TRIT_ANSWER_CALL:
        if (!new_call(c))
            return;
        trit_buffer_put(&c->calls[c->ncalls - 1].name, piece->text, piece->bytes);
        break;
    case TRIT_ANSWER_ARGUMENTS:
        if (c->ncalls)
            trit_buffer_put(&c->calls[c->ncalls - 1].arguments, piece->text, piece->bytes);
        break;
    }
    pass_on(c, piece);
}

enum trit_code trit_choice_begin(struct trit_choice *c, bool thinking, struct trit_error *error)
{
    const struct trit_ask *ask = c->generation->ask;
    c->stops = (struct trit_stops){ .strings = ask->stop, .n = ask->nstop };
    c->last = trit_now();
    if (!ask->messages)
        return TRIT_OK;
    const json_t *tools = ask->choice == TRIT_TOOLS_NONE ? NULL : ask->tools;
    return trit_answer_create(&c->answer, trit_ask_chat(ask, c->generation->served), thinking,
                              tools, &(struct trit_answer_sink){ take, c }, error);
}

/* A control token is no text, unless it parts an answer. */
static struct trit_text token_text(const struct trit_choice *c, int32_t id)
{
    const struct trit_served *served = c->generation->served;
    if (!c->answer)
        return trit_tokenizer_decode(served->engine.tokenizer, id, false);
    return trit_chat_piece(trit_ask_chat(c->generation->ask, served), served->engine.tokenizer, id);
}

static json_t *logprob_json(const struct trit_tokenizer *tokenizer, int32_t id, float logprob)
{
    const struct trit_text text = trit_tokenizer_decode(tokenizer, id, true);
    struct trit_buffer clean = { 0 };
    json_t *bytes = json_array();
    for (size_t i = 0; i < text.n; i++)
        json_array_append_new(bytes, json_integer((unsigned char)text.s[i]));
    trit_buffer_utf8(&clean, text.s, text.n);
    json_t *json = json_pack("{s:I,s:s,s:f,s:o}", "id", (json_int_t)id, "token",
                             clean.s ? clean.s : "", "logprob", (double)logprob, "bytes", bytes);
    free(clean.s);
    return json;
}

static void keep_logprobs(struct trit_choice *c, const struct trit_job_token *token)
{
    const struct trit_tokenizer *tokenizer = c->generation->served->engine.tokenizer;
    json_t *json = logprob_json(tokenizer, token->id, token->logprob), *top = json_array();
    for (size_t i = 0; i < token->ntop; i++)
        json_array_append_new(top,
                              logprob_json(tokenizer, token->top[i].id, token->top[i].logprob));
    json_object_set_new(json, "top_logprobs", top);
    json_object_set_new(json, "offset", json_integer((json_int_t)c->offset));
    if (!c->logprobs)
        c->logprobs = json_array();
    json_array_append_new(c->logprobs, json);
}

/* Whole characters, and well-formed ones, go on. */
static bool feed(struct trit_choice *c, const char *s, size_t n)
{
    struct trit_buffer clean = { 0 };
    trit_buffer_utf8(&clean, s, n);
    const char *text = clean.s ? clean.s : "";
    const struct trit_answer_piece piece = { .text = text, .bytes = clean.n };
    bool fine = !clean.failed;
    if (fine && c->answer)
        fine = !trit_answer_feed(c->answer, text, clean.n, NULL);
    else if (fine && clean.n)
        take(c, &piece);
    c->offset += clean.n;
    free(clean.s);
    return fine;
}

static bool keep_id(struct trit_choice *c, int32_t id)
{
    if (!c->generation->ask->keep_ids)
        return true;
    if (!trit_grow(&c->ids, &c->ids_room, c->nids + 1, sizeof *c->ids))
        return false;
    c->ids[c->nids++] = id;
    return true;
}

bool trit_choice_token(struct trit_choice *c, const struct trit_job_token *token)
{
    const double now = trit_now();
    struct trit_server *server = c->generation->server;
    trit_metrics_time(server->metrics, c->told_first ? TRIT_TIME_BETWEEN : TRIT_TIME_TO_FIRST,
                      now - c->last);
    c->told_first = true;
    c->last = now;
    if (!keep_id(c, token->id))
        return false;
    if (token->end)
        return true;
    if (c->generation->ask->logprobs)
        keep_logprobs(c, token);
    const struct trit_text text = token_text(c, token->id);
    char *out = malloc(text.n + 4);
    const bool fine = out && feed(c, out, trit_utf8_feed(&c->utf8, text, out));
    free(out);
    return fine && !c->stops.met;
}

void trit_choice_end(struct trit_choice *c)
{
    const struct trit_writer *writer = c->generation->writer;
    char rest[4];
    feed(c, rest, trit_utf8_flush(&c->utf8, rest));
    if (c->answer)
        trit_answer_end(c->answer, NULL);
    c->out.n = 0;
    trit_stops_end(&c->stops, &c->out);
    if (c->out.n) {
        trit_buffer_put(&c->content, c->out.s, c->out.n);
        const struct trit_answer_piece piece = { .part = TRIT_ANSWER_CONTENT,
                                                 .text = c->out.s,
                                                 .bytes = c->out.n };
        pass_on(c, &piece);
    }
    c->ended = true;
    if (writer->ended)
        writer->ended(c);
}

void trit_choice_free(struct trit_choice *c)
{
    trit_answer_free(c->answer);
    for (size_t i = 0; i < c->ncalls; i++) {
        free(c->calls[i].name.s);
        free(c->calls[i].arguments.s);
    }
    free(c->calls);
    free(c->ids);
    free(c->content.s);
    free(c->thinking.s);
    free(c->stops.held.s);
    free(c->out.s);
    json_decref(c->logprobs);
}

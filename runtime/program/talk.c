/* A conversation: messages in, an answer out, a job of the scheduler each. */
#include "runtime/program/talk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/base/stop.h"
#include "runtime/base/utf8.h"
#include "runtime/cli/open.h"

enum { LEAST_CONTEXT = 512, LOOK_MS = 20 };

static enum trit_code open_template(struct trit_talk *t, struct trit_error *error)
{
    const char *wanted = t->options->chat_template;
    char *text;
    enum trit_code code = trit_cli_read_template(wanted, &text, error);
    if (!code)
        code = trit_chat_open(&t->chat, t->engine.gguf, text ? text : wanted, error);
    free(text);
    return code;
}

static enum trit_code load(struct trit_talk *t, struct trit_error *error)
{
    const struct trit_talk_options *o = t->options;
    struct trit_engine *e = &t->engine;
    e->sparse = o->sparse;
    e->kv = o->kv;
    e->wanted = o->profile;
    e->sequences = 1;
    e->context = o->context > 0                      ? (size_t)o->context
                 : e->config.context < LEAST_CONTEXT ? e->config.context
                                                     : LEAST_CONTEXT;
    e->fit = o->context <= 0;
    e->chunk = (size_t)o->chunk < e->context ? (size_t)o->chunk : e->context;
    enum trit_code code = trit_cli_load_model(e, o->threads, o->quiet, error);
    if (code)
        return code;
    const struct trit_scheduler_sizes sizes = {
        .slots = 1,
        .context = e->context,
        .chunk = e->chunk,
        .queue = 1,
        .kept_bytes = trit_memory_room() / 4,
        .drafting = { (enum trit_draft)o->draft, (size_t)o->draft_n },
    };
    return trit_scheduler_create(&t->scheduler, e, &sizes, error);
}

enum trit_code trit_talk_open(struct trit_talk *t, const struct trit_talk_options *o,
                              struct trit_error *error)
{
    *t = (struct trit_talk){ .options = o,
                             .think = (enum trit_think)o->think,
                             .predict = o->predict > 0 ? (size_t)o->predict : 0,
                             .messages = json_array() };
    enum trit_code code = trit_cli_open_model(&t->engine, o->model, error);
    t->sampling = trit_cli_sampling(&o->sampling, &t->engine.sampling);
    trit_cli_layout(&t->engine, o->i2s);
    if (!code)
        code = trit_engine_want_drafts(&t->engine, (enum trit_draft)o->draft, error);
    if (!code)
        code = trit_engine_load_tokenizer(&t->engine, error);
    if (!code)
        code = open_template(t, error);
    if (!code)
        code = trit_talk_system(t, o->system, error);
    return code ? code : load(t, error);
}

void trit_talk_close(struct trit_talk *t)
{
    trit_scheduler_free(t->scheduler);
    trit_chat_free(t->chat);
    trit_engine_close(&t->engine);
    json_decref(t->messages);
    free(t->made);
}

/* --- messages --- */

static const char *role_at(const json_t *messages, size_t i)
{
    const char *role = json_string_value(json_object_get(json_array_get(messages, i), "role"));
    return role ? role : "";
}

/* 1 where the first message is the system's. */
static size_t after_system(const struct trit_talk *t)
{
    return !strcmp(role_at(t->messages, 0), "system");
}

static enum trit_code message(json_t **out, const char *role, const char *text, size_t bytes,
                              struct trit_error *error)
{
    const size_t valid = trit_utf8_valid(text, bytes);
    if (valid < bytes)
        return trit_fail(error, TRIT_EARGUMENT, "the message is not UTF-8 at byte %zu", valid);
    *out = json_pack("{ss, ss%}", "role", role, "content", text, bytes);
    return *out ? TRIT_OK
                : trit_fail(error, TRIT_EMEMORY, "no memory for a message of %zu bytes", bytes);
}

enum trit_code trit_talk_system(struct trit_talk *t, const char *text, struct trit_error *error)
{
    json_t *made = NULL;
    enum trit_code code =
        text && *text ? message(&made, "system", text, strlen(text), error) : TRIT_OK;
    if (code)
        return code;
    if (after_system(t))
        json_array_remove(t->messages, 0);
    if (made && json_array_insert_new(t->messages, 0, made))
        return trit_fail(error, TRIT_EMEMORY, "no memory for the system's message");
    return TRIT_OK;
}

enum trit_code trit_talk_say(struct trit_talk *t, const char *text, size_t bytes,
                             struct trit_error *error)
{
    json_t *made;
    enum trit_code code = message(&made, "user", text, bytes, error);
    if (!code && json_array_append_new(t->messages, made))
        code = trit_fail(error, TRIT_EMEMORY, "no memory for a message of %zu bytes", bytes);
    return code;
}

bool trit_talk_drop_last(struct trit_talk *t, const char *role)
{
    const size_t n = json_array_size(t->messages);
    const bool is = n > 0 && !strcmp(role_at(t->messages, n - 1), role);
    if (is)
        json_array_remove(t->messages, n - 1);
    return is;
}

void trit_talk_reset(struct trit_talk *t)
{
    while (json_array_size(t->messages) > after_system(t))
        json_array_remove(t->messages, json_array_size(t->messages) - 1);
    t->dropped = 0;
}

/* --- the prompt --- */

/* The messages that are shown to the model; a new reference. */
static json_t *visible(const struct trit_talk *t)
{
    json_t *shown = json_copy(t->messages);
    for (size_t i = 0; i < t->dropped; i++)
        json_array_remove(shown, after_system(t));
    return shown;
}

static enum trit_code make_prompt(const struct trit_talk *t, struct trit_chat_prompt *prompt,
                                  struct trit_chat_ids *ids, struct trit_error *error)
{
    json_t *shown = visible(t);
    const struct trit_chat_ask ask = { .messages = shown, .think = t->think };
    enum trit_code code = trit_chat_render(t->chat, &ask, prompt, error);
    json_decref(shown);
    if (!code)
        code = trit_chat_encode(t->engine.tokenizer, prompt, ids, error);
    return code;
}

/* Drops the oldest exchange: up to the next message of the user. False: there is only the last. */
static bool drop_oldest(struct trit_talk *t, size_t *dropped)
{
    const size_t begin = after_system(t) + t->dropped, n = json_array_size(t->messages);
    for (size_t i = begin + 1; i < n; i++)
        if (!strcmp(role_at(t->messages, i), "user")) {
            *dropped += i - begin;
            t->dropped += i - begin;
            return true;
        }
    return false;
}

/* A prompt that leaves room for an answer. Where the context is full, half of it is made free: what
   follows what is dropped is evaluated again, which shall be seldom. */
static enum trit_code fit_prompt(struct trit_talk *t, struct trit_chat_prompt *prompt,
                                 struct trit_chat_ids *ids, size_t *dropped,
                                 struct trit_error *error)
{
    const size_t context = t->engine.context,
                 wanted = t->predict && t->predict < context / 4 ? t->predict : context / 4;
    size_t most = context - wanted;
    *dropped = 0;
    for (;;) {
        enum trit_code code = make_prompt(t, prompt, ids, error);
        if (code || ids->n <= most)
            return code;
        if (!drop_oldest(t, dropped)) {
            if (ids->n < context)
                return TRIT_OK;
            return trit_fail(error, TRIT_EARGUMENT,
                             "the message makes a prompt of %zu tokens, and the context has %zu: "
                             "shorten it, or raise the context with -c",
                             ids->n, context);
        }
        most = context / 2;
        trit_chat_prompt_free(prompt);
        free(ids->ids);
        free(ids->turns);
        *ids = (struct trit_chat_ids){ 0 };
    }
}

/* --- the answer --- */

struct answer {
    struct trit_talk *talk;
    struct trit_answer *parser;
    struct trit_utf8_stream utf8;
    trit_talk_show_fn *show;
    void *arg;
    char *content, *thinking; /* so far */
    FILE *to_content, *to_thinking;
    size_t content_bytes, thinking_bytes, room; /* room: of talk->made */
    bool closed;                                /* show said so */
    struct trit_error error;                    /* of parser and memory */
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool finished;
};

static void take_piece(void *arg, const struct trit_answer_piece *piece)
{
    struct answer *a = arg;
    FILE *to = piece->part == TRIT_ANSWER_THINKING ? a->to_thinking : a->to_content;
    fwrite(piece->text, 1, piece->bytes, to);
    a->closed = a->closed || !a->show(a->arg, piece);
}

static bool keep_id(struct answer *a, int32_t id)
{
    struct trit_talk *t = a->talk;
    if (!trit_grow(&t->made, &a->room, t->nmade + 1, sizeof *t->made))
        return false;
    t->made[t->nmade++] = id;
    return true;
}

static bool take_token(void *arg, const struct trit_job_token *token)
{
    struct answer *a = arg;
    if (token->end)
        return true;
    const struct trit_talk *t = a->talk;
    const struct trit_text piece = trit_chat_piece(t->chat, t->engine.tokenizer, token->id);
    char *out = malloc(piece.n + 4);
    const bool fine = out && keep_id(a, token->id);
    if (!fine)
        trit_fail(&a->error, TRIT_EMEMORY, "no memory for the answer");
    enum trit_code code =
        fine ? trit_answer_feed(a->parser, out, trit_utf8_feed(&a->utf8, piece, out), &a->error)
             : TRIT_EMEMORY;
    free(out);
    return !code && !a->closed;
}

static void take_end(void *arg, const struct trit_job_result *result)
{
    struct answer *a = arg;
    pthread_mutex_lock(&a->lock);
    a->talk->last = *result;
    a->finished = true;
    pthread_cond_signal(&a->over);
    pthread_mutex_unlock(&a->lock);
}

/* Until the job has ended; looks for Ctrl-C in between. */
static void wait_for(struct answer *a, struct trit_job *job)
{
    pthread_mutex_lock(&a->lock);
    while (!a->finished) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&a->over, &a->lock, &until);
        if (trit_stopped() && !a->finished)
            trit_job_cancel(job);
    }
    pthread_mutex_unlock(&a->lock);
}

static enum trit_code run_job(struct answer *a, const struct trit_chat_ids *ids,
                              struct trit_error *error)
{
    struct trit_talk *t = a->talk;
    const struct trit_job_ask ask = { .tokens = ids->ids,
                                      .ntokens = ids->n,
                                      .turns = ids->turns,
                                      .nturns = ids->nturns,
                                      .sampling = &t->sampling,
                                      .predict = t->predict,
                                      .token = take_token,
                                      .done = take_end,
                                      .arg = a };
    struct trit_job *job;
    char rest[4];
    t->last = (struct trit_job_result){ 0 };
    enum trit_code code = trit_scheduler_submit(t->scheduler, &ask, &job, error);
    if (code)
        return code;
    wait_for(a, job);
    trit_job_release(job);
    if (t->last.end == TRIT_JOB_FAILED)
        return trit_fail(error, t->last.error.code, "%s", t->last.error.text);
    code = a->error.code;
    if (!code)
        code = trit_answer_feed(a->parser, rest, trit_utf8_flush(&a->utf8, rest), &a->error);
    if (!code)
        code = trit_answer_end(a->parser, &a->error);
    return code ? trit_fail(error, code, "%s", a->error.text) : TRIT_OK;
}

/* A text of a model: it may end, or be cut, within a character. NULL: no memory. */
static json_t *mended(const char *text, size_t bytes)
{
    char *out = malloc(3 * bytes + 1);
    json_t *made = out ? json_stringn(out, trit_utf8_mend(text, bytes, out)) : NULL;
    free(out);
    return made;
}

/* The answer becomes a message. */
static enum trit_code keep(struct answer *a, struct trit_error *error)
{
    fflush(a->to_content);
    fflush(a->to_thinking);
    json_t *thinking = a->thinking_bytes ? mended(a->thinking, a->thinking_bytes) : NULL;
    json_t *made = json_pack("{ss, so, so*}", "role", "assistant", "content",
                             mended(a->content, a->content_bytes), "reasoning_content", thinking);
    return !made || json_array_append_new(a->talk->messages, made)
               ? trit_fail(error, TRIT_EMEMORY, "no memory for the answer")
               : TRIT_OK;
}

static enum trit_code answer(struct answer *a, const struct trit_chat_prompt *prompt,
                             const struct trit_chat_ids *ids, struct trit_error *error)
{
    struct trit_talk *t = a->talk;
    a->to_content = open_memstream(&a->content, &a->content_bytes);
    a->to_thinking = open_memstream(&a->thinking, &a->thinking_bytes);
    enum trit_code code = a->to_content && a->to_thinking
                              ? TRIT_OK
                              : trit_fail(error, TRIT_EMEMORY, "no memory for the answer");
    if (!code)
        code = trit_answer_create(&a->parser, t->chat, prompt->thinking, NULL,
                                  &(struct trit_answer_sink){ take_piece, a }, error);
    if (!code)
        code = run_job(a, ids, error);
    if (!code)
        code = keep(a, error);
    t->cut = trit_stopped() || a->closed;
    t->prompt = ids->n;
    t->sampling.seed++;
    trit_answer_free(a->parser);
    if (a->to_content)
        fclose(a->to_content);
    if (a->to_thinking)
        fclose(a->to_thinking);
    free(a->content);
    free(a->thinking);
    return code;
}

enum trit_code trit_talk_answer(struct trit_talk *t, trit_talk_show_fn *show, void *arg,
                                size_t *dropped, struct trit_error *error)
{
    struct answer a = { .talk = t,
                        .show = show,
                        .arg = arg,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .over = PTHREAD_COND_INITIALIZER };
    struct trit_chat_prompt prompt = { 0 };
    struct trit_chat_ids ids = { 0 };
    free(t->made);
    t->made = NULL;
    t->nmade = 0;
    enum trit_code code = fit_prompt(t, &prompt, &ids, dropped, error);
    if (!code)
        code = answer(&a, &prompt, &ids, error);
    trit_chat_prompt_free(&prompt);
    free(ids.ids);
    free(ids.turns);
    return code;
}

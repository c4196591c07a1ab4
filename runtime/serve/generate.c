/* From a request to jobs of the scheduler, and from their tokens to pieces of answers. */
#include "runtime/serve/generate.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/serve/answer.h"
#include "runtime/serve/internal.h"
#include "runtime/serve/prompt.h"
#include "runtime/serve/serve.h"

/* What only this file has of a generation. */
struct work {
    struct trit_generation g;
    struct trit_want want;
    struct trit_prompt *prompts; /* of each choice's prompt */
    size_t nprompts;
    struct trit_grammar *grammar;
    atomic_int references; /* it, and a cancelling that is under way */
    atomic_size_t pending; /* choices that have not ended, and the one who submits */
    atomic_bool gone;
    struct trit_task cancel;
    double begin;
    /* The first thing that went wrong; set before pending falls. */
    atomic_bool failed;
    unsigned status;
    const char *param;
    char message[1024];
};

static struct work *work_of(const struct trit_generation *g)
{
    return (struct work *)(uintptr_t)g;
}

static void release(struct work *w)
{
    if (atomic_fetch_sub(&w->references, 1) != 1)
        return;
    struct trit_generation *g = &w->g;
    const double keep_alive = g->ask->keep_alive;
    for (size_t i = 0; i < g->nchoices; i++) {
        trit_job_release(atomic_load(&g->choices[i].job));
        trit_choice_free(&g->choices[i]);
    }
    for (size_t i = 0; i < w->nprompts; i++)
        trit_prompt_free(&w->prompts[i]);
    free(w->prompts);
    free(g->choices);
    trit_grammar_free(w->grammar);
    trit_ask_free(g->ask);
    free(g->own);
    if (g->served)
        trit_models_leave(g->server->models, g->served, keep_alive);
    atomic_fetch_sub(&g->server->generations, 1);
    free(w);
}

static void set_failed(struct work *w, unsigned status, const char *param, const char *message)
{
    if (atomic_exchange(&w->failed, true))
        return;
    w->status = status;
    w->param = param;
    snprintf(w->message, sizeof w->message, "%s", message);
}

static unsigned status_of(enum trit_code code)
{
    static const unsigned short statuses[] = {
        [TRIT_EARGUMENT] = 400, [TRIT_EUNSUPPORTED] = 400, [TRIT_EBUSY] = 503,
        [TRIT_ESTOPPED] = 503,  [TRIT_EMEMORY] = 503,
    };
    const size_t n = sizeof statuses / sizeof *statuses;
    return (size_t)code < n && statuses[code] ? statuses[code] : 500;
}

/* All has ended: the answer is completed, and the model let go. */
static void finish(struct work *w)
{
    struct trit_generation *g = &w->g;
    struct trit_server *server = g->server;
    trit_request_watch(g->request, NULL, NULL);
    g->total_seconds = trit_now() - w->begin;
    struct trit_served *served = g->served;
    if (served && trit_engine_broken(&served->engine)) {
        set_failed(w, 500, "model", "the model's file became shorter while it was used");
        trit_models_spoil(server->models, served);
    }
    if (atomic_load(&w->failed)) {
        if (w->status == 503 && !g->streaming)
            trit_reply_header(g->request, "Retry-After", "2");
        g->writer->fail(g, w->status, w->param, w->message);
    } else {
        g->writer->done(g);
    }
    release(w);
}

static void one_less(struct work *w)
{
    if (atomic_fetch_sub(&w->pending, 1) == 1)
        finish(w);
}

static void cancel_all(struct work *w)
{
    for (size_t i = 0; i < w->g.nchoices; i++) {
        struct trit_job *job = atomic_load(&w->g.choices[i].job);
        if (job)
            trit_job_cancel(job);
    }
}

static void run_cancel(void *arg)
{
    cancel_all(arg);
    release(arg);
}

/* Nobody waits for the answer. Under the request's lock, so that jobs are cancelled elsewhere. */
static void on_gone(void *arg)
{
    struct work *w = arg;
    atomic_store(&w->gone, true);
    atomic_fetch_add(&w->references, 1);
    w->cancel = (struct trit_task){ .run = run_cancel, .arg = w };
    trit_tasks_put(w->g.request->http->tasks, &w->cancel);
}

static bool on_token(void *arg, const struct trit_job_token *token)
{
    struct trit_choice *c = arg;
    struct work *w = work_of(c->generation);
    if (atomic_load(&w->gone) || trit_engine_broken(&c->generation->served->engine))
        return false;
    return trit_choice_token(c, token);
}

static void on_done(void *arg, const struct trit_job_result *result)
{
    struct trit_choice *c = arg;
    struct work *w = work_of(c->generation);
    c->result = *result;
    if (result->end == TRIT_JOB_FAILED)
        set_failed(w, status_of(result->error.code), NULL, result->error.text);
    else if (result->end == TRIT_JOB_CANCELLED || atomic_load(&w->gone))
        set_failed(w, 503, NULL, "the answer was cut: the server is shutting down");
    else
        trit_choice_end(c);
    one_less(w);
}

static void submit_one(struct work *w, struct trit_choice *c)
{
    struct trit_generation *g = &w->g;
    const struct trit_prompt *prompt = &w->prompts[c->prompt];
    struct trit_sampling sampling = g->ask->sampling;
    struct trit_error error;
    struct trit_job *job = NULL;
    sampling.seed += c->index; /* other draws, and the same ones for the same request */
    const struct trit_job_ask ask = {
        .tokens = prompt->ids,
        .ntokens = prompt->n,
        .turns = prompt->turns,
        .nturns = prompt->nturns,
        .sampling = &sampling,
        .predict = g->ask->predict,
        .endless = g->ask->endless,
        .grammar = w->grammar,
        .logprobs = g->ask->logprobs,
        .top = g->ask->top,
        .client = trit_request_client(g->request),
        .token = on_token,
        .done = on_done,
        .arg = c,
    };
    atomic_fetch_add(&w->pending, 1);
    const enum trit_code code = trit_scheduler_submit(g->served->scheduler, &ask, &job, &error);
    if (!code) {
        atomic_store(&c->job, job);
        return;
    }
    set_failed(w, status_of(code), NULL, error.text);
    atomic_fetch_sub(&w->pending, 1); /* never the last: the one who submits is there */
}

static enum trit_code make_choices(struct work *w, struct trit_error *error)
{
    struct trit_generation *g = &w->g;
    const size_t n = w->nprompts * g->ask->n;
    if (n > TRIT_CHOICES)
        return trit_fail(error, TRIT_EARGUMENT, "n: %zu answers are asked for, at most %d may be",
                         n, TRIT_CHOICES);
    g->choices = trit_alloc(n, sizeof *g->choices);
    if (!g->choices)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    g->nchoices = n;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < n && !code; i++) {
        struct trit_choice *c = &g->choices[i];
        c->generation = g;
        c->index = i;
        c->prompt = i / g->ask->n;
        code = trit_choice_begin(c, w->prompts[c->prompt].thinking, error);
    }
    return code;
}

static enum trit_code open_chat(struct trit_ask *ask, const struct trit_served *served,
                                const char **param, struct trit_error *error)
{
    if (!ask->chat_template)
        return TRIT_OK;
    const enum trit_code code =
        trit_chat_open(&ask->chat, served->engine.gguf, ask->chat_template, error);
    if (code)
        ask->chat = NULL;
    *param = "template";
    return code == TRIT_OK || code == TRIT_EMEMORY ? code : TRIT_EARGUMENT;
}

/* The model is there: on a thread for handlers. */
static void prepare(void *arg)
{
    struct work *w = arg;
    struct trit_generation *g = &w->g;
    struct trit_error error;
    const char *param = NULL;
    trit_ask_complete(g->ask, g->served);
    enum trit_code code = open_chat(g->ask, g->served, &param, &error);
    if (!code)
        code = trit_prompts_make(g->ask, g->served, &w->prompts, &w->nprompts, &param, &error);
    if (!code)
        code = trit_prompt_grammar(g->ask, g->served, w->prompts, &w->grammar, &param, &error);
    if (!code)
        code = make_choices(w, &error);
    if (code)
        set_failed(w, status_of(code), param, error.text);
    else
        trit_request_watch(g->request, on_gone, w);
    for (size_t i = 0; i < g->nchoices && !atomic_load(&w->failed); i++)
        submit_one(w, &g->choices[i]);
    if (atomic_load(&w->failed) || atomic_load(&w->gone))
        cancel_all(w);
    one_less(w);
}

static void on_ready(void *arg, struct trit_served *served, unsigned status,
                     const struct trit_error *error)
{
    struct work *w = arg;
    w->g.served = served;
    w->g.load_seconds = w->want.waited;
    if (served) {
        trit_request_later(w->g.request, prepare, w);
        return;
    }
    set_failed(w, status, "model", error->text);
    one_less(w);
}

/* A line of JSON on stderr, where that was asked for. */
static void log_ask(const struct trit_request *request, const struct trit_ask *ask)
{
    char *text = ask->source ? json_dumps(ask->source, JSON_COMPACT) : NULL;
    if (text)
        fprintf(stderr, "tritmill: %s %s\n", trit_request_route(request)->path, text);
    free(text);
}

void trit_generation_begin(struct trit_server *server, struct trit_request *request,
                           struct trit_ask *ask, const struct trit_writer *writer, void *own)
{
    struct work *w = trit_alloc(1, sizeof *w);
    if (!w) {
        trit_ask_free(ask);
        free(own);
        trit_reply_error(request, 503, NULL, "out of memory");
        return;
    }
    w->g = (struct trit_generation){ .server = server,
                                     .request = request,
                                     .ask = ask,
                                     .writer = writer,
                                     .own = own,
                                     .created = (int64_t)time(NULL) };
    if (server->options->log_prompts)
        log_ask(request, ask);
    trit_random_id(w->g.id);
    w->begin = trit_now();
    atomic_init(&w->references, 1);
    atomic_init(&w->pending, 1);
    atomic_fetch_add(&server->generations, 1);
    w->want = (struct trit_want){ .keep_alive = ask->keep_alive, .arg = w, .ready = on_ready };
    snprintf(w->want.name, sizeof w->want.name, "%s", ask->model);
    trit_models_want(server->models, &w->want);
}

const int32_t *trit_choice_prompt(const struct trit_choice *choice, size_t *n)
{
    const struct trit_prompt *prompt = &work_of(choice->generation)->prompts[choice->prompt];
    *n = prompt->n;
    return prompt->ids;
}

const char *trit_choice_reason(const struct trit_choice *choice)
{
    if (choice->result.end == TRIT_JOB_LENGTH)
        return "length";
    return choice->ncalls ? "tool_calls" : "stop";
}

struct trit_usage trit_generation_usage(const struct trit_generation *g)
{
    struct trit_usage u = { 0 };
    for (size_t i = 0; i < g->nchoices; i++) {
        const struct trit_job_result *r = &g->choices[i].result;
        const bool first = i % g->ask->n == 0; /* of its prompt */
        u.prompt += first ? r->prompt : 0;
        u.reused += first ? r->reused : 0;
        u.prefill += first ? r->prefill : 0;
        u.made += r->made;
        u.decode = r->decode > u.decode ? r->decode : u.decode;
    }
    return u;
}

/* A server from its start to its end. */
#define _GNU_SOURCE
#include "runtime/serve/serve.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mapping.h"
#include "runtime/base/mem.h"
#include "runtime/base/stop.h"

enum { SWEEP_MILLISECONDS = 200, LAST_SECONDS = 30 };

static volatile sig_atomic_t hung_up;

static void on_hang_up(int number)
{
    (void)number;
    hung_up = 1;
}

static void answered(void *arg, const struct trit_route *route, unsigned status, double seconds)
{
    struct trit_server *server = arg;
    trit_metrics_request(server->metrics, route, status, seconds);
}

/* All routes in one table; free() it. */
static struct trit_route *all_routes(size_t *n)
{
    static const struct trit_routes *const tables[] = TRIT_ROUTE_TABLES;
    enum { TABLES = sizeof tables / sizeof *tables };
    *n = 0;
    for (size_t i = 0; i < TABLES; i++)
        *n += tables[i]->n;
    struct trit_route *routes = trit_alloc(*n, sizeof *routes), *at = routes;
    for (size_t i = 0; routes && i < TABLES; at += tables[i++]->n)
        memcpy(at, tables[i]->v, tables[i]->n * sizeof *routes);
    return routes;
}

static void say_ready(const struct trit_server *s)
{
    const struct trit_http_options *o = &s->options->http;
    const bool v6 = strchr(o->host, ':') != NULL;
    printf("tritmill: serving at http://%s%s%s:%d/ (OpenAI: /v1, Ollama: /api, a page for "
           "browsers)\n",
           v6 ? "[" : "", o->host, v6 ? "]" : "", trit_http_port(s->http));
    fflush(stdout);
    if (trit_http_local(s->http))
        return;
    fprintf(stderr, "tritmill: --host %s: other machines can reach this server%s\n", o->host,
            o->key_file ? "" : ", and without --api-key-file any of them can use it");
}

static void reload(struct trit_server *s)
{
    struct trit_error error;
    hung_up = 0;
    trit_models_rescan(s->models);
    if (trit_http_reload(s->http, &error))
        fprintf(stderr, "tritmill: %s: the old keys hold\n", error.text);
    else
        fprintf(stderr, "tritmill: models and keys were looked at again\n");
}

/* Sweeps until that time, or until nothing is under way. */
static void sweep_until(struct trit_server *s, double until)
{
    while (trit_now() < until && trit_http_working(s->http)) {
        poll(NULL, 0, SWEEP_MILLISECONDS / 4);
        trit_http_sweep(s->http);
    }
}

static void wait_for_stop(struct trit_server *s)
{
    while (!trit_stopped()) {
        poll(NULL, 0, SWEEP_MILLISECONDS); /* a signal ends it */
        trit_http_sweep(s->http);
        if (hung_up)
            reload(s);
    }
}

static void drain(struct trit_server *s)
{
    trit_http_drain(s->http);
    const size_t n = trit_http_working(s->http);
    if (n)
        fprintf(stderr, "tritmill: %zu answers have %g seconds to end\n", n, s->options->drain);
    sweep_until(s, trit_now() + s->options->drain);
    trit_models_end(s->models);
    for (int i = 0; i < LAST_SECONDS && trit_http_working(s->http); i++) {
        trit_http_cut(s->http); /* again: one may have begun to watch since */
        sweep_until(s, trit_now() + 1);
    }
}

/* What is under way after all of that is stuck: the program ends with it. */
static bool all_ended(struct trit_server *s)
{
    for (int i = 0; i < 100 && atomic_load(&s->generations); i++)
        poll(NULL, 0, 10);
    return !trit_http_working(s->http) && !atomic_load(&s->generations);
}

static void handle_signals(void)
{
    struct sigaction action = { .sa_handler = on_hang_up, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    trit_catch_stop();
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    trit_mapping_survive();
}

bool trit_server_models(struct trit_server *s, struct trit_request *r,
                        struct trit_store_model **list, size_t *n)
{
    struct trit_error error;
    if (!trit_models_list(s->models, list, n, &error))
        return true;
    trit_reply_error(r, 500, NULL, "%s", error.text);
    return false;
}

enum trit_code trit_serve(const struct trit_serve_options *options, struct trit_error *error)
{
    struct trit_server s = { .options = options, .started = trit_now() };
    struct trit_http_options http = options->http;
    struct trit_route *routes = all_routes(&http.nroutes);
    s.metrics = trit_metrics_create(options->read_limit);
    http.routes = routes;
    http.server = &s;
    http.answered = answered;
    handle_signals();
    enum trit_code code =
        routes && s.metrics ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "out of memory");
    if (!code)
        code = trit_models_start(&s.models, &options->models, error);
    if (!code)
        code = trit_http_start(&s.http, &http, error);
    if (!code) {
        s.digests = trit_digests_start(trit_models_store(s.models));
        say_ready(&s);
        wait_for_stop(&s);
        drain(&s);
        if (!all_ended(&s))
            return trit_fail(error, TRIT_ESTOPPED, "answers under way did not end");
    }
    trit_digests_stop(s.digests);
    trit_models_stop(s.models);
    trit_http_stop(s.http);
    trit_metrics_free(s.metrics);
    free(routes);
    return code;
}

/* Answers: whole ones, and those that come in pieces from other threads while the connection waits
   for them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/serve/internal.h"

enum { STREAM_BLOCK = 16 << 10 };

/* The connection goes on, and MHD asks for the answer. Under the request's lock. */
static void wake(struct trit_request *r)
{
    if (r->suspended && r->connection) {
        r->suspended = false;
        MHD_resume_connection(r->connection);
    }
}

static void run_held(void *arg)
{
    struct trit_request *r = arg;
    r->held(r->held_arg);
    pthread_mutex_lock(&r->lock);
    wake(r);
    pthread_mutex_unlock(&r->lock);
    trit_request_release(r);
}

void trit_request_hold(struct trit_request *r, void (*run)(void *arg), void *arg)
{
    r->held = run;
    r->held_arg = arg;
    atomic_fetch_add(&r->references, 1);
    pthread_mutex_lock(&r->lock);
    r->suspended = true;
    MHD_suspend_connection(r->connection);
    pthread_mutex_unlock(&r->lock);
    trit_request_later(r, run_held, r);
}

static void handler_ends(struct trit_request *r)
{
    atomic_fetch_sub(&r->http->working, 1);
    trit_request_release(r);
}

void trit_reply_header(struct trit_request *r, const char *name, const char *value)
{
    if (r->nheaders == sizeof r->headers / sizeof r->headers[0])
        return;
    r->headers[r->nheaders].name = name;
    snprintf(r->headers[r->nheaders].value, sizeof r->headers[0].value, "%s", value);
    r->nheaders++;
}

void trit_reply(struct trit_request *r, unsigned status, const char *type, char *body, size_t bytes)
{
    pthread_mutex_lock(&r->lock);
    if (r->answered) { /* the second error of a refused request */
        pthread_mutex_unlock(&r->lock);
        free(body);
        return;
    }
    r->status = status;
    r->type = type;
    r->out = body;
    r->tail = bytes;
    r->answered = r->ended = true;
    r->watch = NULL;
    wake(r);
    pthread_mutex_unlock(&r->lock);
    if (r->handled)
        handler_ends(r);
}

void trit_reply_json(struct trit_request *r, unsigned status, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    if (!text && (text = strdup("{\"error\":\"out of memory\"}")))
        status = 500;
    trit_reply(r, status, "application/json", text, text ? strlen(text) : 0);
}

static const char *kind_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *kind;
    } kinds[] = {
        { 401, "authentication_error" }, { 403, "permission_error" },
        { 404, "not_found_error" },      { 429, "rate_limit_error" },
        { 500, "server_error" },         { 501, "not_supported_error" },
        { 503, "unavailable_error" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].status == status)
            return kinds[i].kind;
    return "invalid_request_error";
}

static const char *code_of(unsigned status)
{
    return status == 401 ? "invalid_api_key" : status == 404 ? "not_found" : NULL;
}

json_t *trit_error_json(enum trit_api api, unsigned status, const char *param, const char *message)
{
    if (api == TRIT_API_OLLAMA)
        return json_pack("{s:s}", "error", message);
    return json_pack("{s:{s:s,s:s,s:s?,s:s?}}", "error", "message", message, "type",
                     kind_of(status), "param", param, "code", code_of(status));
}

static enum trit_api api_of(const struct trit_request *r)
{
    if (r->route)
        return r->route->api;
    return strncmp(r->path, "/api/", 5) != 0 ? TRIT_API_OPENAI : TRIT_API_OLLAMA;
}

void trit_reply_error(struct trit_request *r, unsigned status, const char *param,
                      const char *format, ...)
{
    struct trit_error line;
    va_list args;
    va_start(args, format);
    vsnprintf(line.text, sizeof line.text, format, args);
    va_end(args);
    json_t *json = trit_error_json(api_of(r), status, param, line.text);
    if (!json) /* what it names is not UTF-8 */
        json = trit_error_json(api_of(r), status, NULL, "the request is not UTF-8");
    trit_reply_json(r, status, json);
}

void trit_stream_begin(struct trit_request *r, const char *type)
{
    pthread_mutex_lock(&r->lock);
    r->status = 200;
    r->type = type;
    r->answered = r->streams = true;
    wake(r);
    pthread_mutex_unlock(&r->lock);
}

static bool make_room(struct trit_request *r, size_t bytes)
{
    if (r->head) {
        memmove(r->out, r->out + r->head, r->tail - r->head);
        r->tail -= r->head;
        r->head = 0;
    }
    return trit_grow(&r->out, &r->out_room, r->tail + bytes, 1);
}

/* True: it is left to trit_http_flush. Under the request's lock. */
static bool wake_seldom(struct trit_request *r)
{
    const double now = trit_now();
    const bool early = now - r->woken < 1e-3 * TRIT_STREAM_MILLISECONDS;
    if (!early) {
        r->woken = now;
        wake(r);
    }
    r->held_back = early;
    return early;
}

void trit_request_flush(struct trit_request *r)
{
    pthread_mutex_lock(&r->lock);
    if (r->held_back) {
        r->held_back = false;
        r->woken = trit_now();
        wake(r);
    }
    pthread_mutex_unlock(&r->lock);
}

void trit_stream_write(struct trit_request *r, const char *data, size_t bytes)
{
    bool late = false;
    pthread_mutex_lock(&r->lock);
    if (!r->gone && (r->tail + bytes <= r->out_room || make_room(r, bytes))) {
        memcpy(r->out + r->tail, data, bytes);
        r->tail += bytes;
        late = wake_seldom(r);
    } else if (!r->gone) {
        r->gone = true; /* no memory: the answer is cut, and told so by its end */
    }
    pthread_mutex_unlock(&r->lock);
    if (late)
        trit_flush_ask(r->http->flush);
}

void trit_stream_end(struct trit_request *r)
{
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    r->watch = NULL;
    wake(r);
    const uint64_t left = r->tail - r->head;
    pthread_mutex_unlock(&r->lock);
    trit_link_phase(r, TRIT_LINK_SEND, left);
    handler_ends(r);
}

static ssize_t read_stream(void *arg, uint64_t position, char *out, size_t room)
{
    struct trit_request *r = arg;
    (void)position;
    pthread_mutex_lock(&r->lock);
    const size_t there = r->tail - r->head, n = there < room ? there : room;
    ssize_t said = (ssize_t)n;
    if (n) {
        memcpy(out, r->out + r->head, n);
        r->head += n;
    } else if (r->gone) {
        said = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (r->ended) {
        said = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        r->suspended = true;
        MHD_suspend_connection(r->connection);
    }
    pthread_mutex_unlock(&r->lock);
    return said;
}

static void let_go(void *arg)
{
    trit_request_release(arg);
}

static struct MHD_Response *make_response(struct trit_request *r)
{
    if (r->streams) {
        atomic_fetch_add(&r->references, 1);
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, r,
                                                 let_go);
    }
    char *body = r->out;
    r->out = NULL;
    return MHD_create_response_from_buffer(body ? r->tail : 0, body, MHD_RESPMEM_MUST_FREE);
}

static void add_headers(const struct trit_request *r, struct MHD_Response *response)
{
    if (r->type)
        MHD_add_response_header(response, "Content-Type", r->type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (r->streams)
        MHD_add_response_header(response, "Cache-Control", "no-cache");
    if (*r->origin) {
        MHD_add_response_header(response, "Access-Control-Allow-Origin", r->origin);
        MHD_add_response_header(response, "Vary", "Origin");
    }
    if (*r->origin && !strcmp(r->method, "OPTIONS")) {
        const char *asked = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
                                                        "Access-Control-Request-Headers");
        MHD_add_response_header(response, "Access-Control-Allow-Methods",
                                "GET, HEAD, POST, DELETE, OPTIONS");
        if (asked && strlen(asked) < 1024)
            MHD_add_response_header(response, "Access-Control-Allow-Headers", asked);
        MHD_add_response_header(response, "Access-Control-Max-Age", "600");
    }
    for (size_t i = 0; i < r->nheaders; i++)
        MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
}

enum MHD_Result trit_reply_queue(struct trit_request *r)
{
    pthread_mutex_lock(&r->lock);
    struct MHD_Response *response = r->answered ? make_response(r) : NULL;
    const bool ended = r->ended, closes = r->status == 413 || atomic_load(&r->http->draining);
    const uint64_t bytes = r->tail;
    enum MHD_Result result = MHD_NO;
    pthread_mutex_unlock(&r->lock);
    if (!response)
        return MHD_NO;
    add_headers(r, response);
    if (closes)
        MHD_add_response_header(response, "Connection", "close");
    result = MHD_queue_response(r->connection, r->status, response);
    MHD_destroy_response(response);
    if (ended)
        trit_link_phase(r, TRIT_LINK_SEND, bytes);
    return result;
}

void trit_request_watch(struct trit_request *r, void (*gone)(void *arg), void *arg)
{
    pthread_mutex_lock(&r->lock);
    r->watch = gone;
    r->watch_arg = arg;
    if (r->gone && gone) {
        r->watch = NULL;
        gone(arg);
    }
    pthread_mutex_unlock(&r->lock);
}

bool trit_request_gone(const struct trit_request *request)
{
    struct trit_request *r = (struct trit_request *)(uintptr_t)request;
    pthread_mutex_lock(&r->lock);
    const bool gone = r->gone;
    pthread_mutex_unlock(&r->lock);
    return gone;
}

/* Under the lock. */
static void tell_watch(struct trit_request *r)
{
    void (*watch)(void *) = r->watch;
    r->watch = NULL;
    if (watch)
        watch(r->watch_arg);
}

void trit_request_gone_now(struct trit_request *r)
{
    pthread_mutex_lock(&r->lock);
    r->gone = true;
    tell_watch(r);
    pthread_mutex_unlock(&r->lock);
}

void trit_request_cut(struct trit_request *r)
{
    pthread_mutex_lock(&r->lock);
    tell_watch(r);
    pthread_mutex_unlock(&r->lock);
}

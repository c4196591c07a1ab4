/* Requests over HTTP, on libmicrohttpd: a table of routes, and limits on the size, number and time
   of all that arrives. One thread moves bytes and runs quick handlers; the others run on a few
   threads, and may answer from any thread, at once or in pieces. */
#ifndef TRIT_HTTP_H
#define TRIT_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

struct trit_http;
struct trit_request;

/* How errors look to the clients of a route. */
enum trit_api { TRIT_API_PLAIN, TRIT_API_OPENAI, TRIT_API_OLLAMA };

enum {
    TRIT_ROUTE_OPEN = 1,     /* without a key */
    TRIT_ROUTE_QUICK = 2,    /* runs where bytes are moved: it takes no more than 1 ms */
    TRIT_ROUTE_DRAINING = 4, /* also when the server is about to end */
};

struct trit_route {
    const char *method; /* that of HEAD is GET's, where it has none of its own */
    const char *path;   /* "/v1/models"; one that ends with "/" takes any path below it */
    enum trit_api api;
    unsigned flags;
    size_t most; /* bytes of the body; SIZE_MAX: no limit, and `take` is there */
    /* Answers, now or later, exactly once. */
    void (*handle)(struct trit_request *request, void *server);
    /* Bytes of the body as they come, where bytes are moved; false: it has answered with an error.
       NULL: the body is collected. */
    bool (*take)(struct trit_request *request, void *server, const void *data, size_t bytes);
};

struct trit_http_options {
    const char *host;             /* a name or address */
    int port;                     /* 0: any that is free */
    int connections, per_address; /* at most; per_address 0: as many */
    double timeout; /* seconds that headers may take; bodies and answers more, by their size */
    const char *const *hosts; /* further names that requests may call this server by */
    size_t nhosts;
    const char *const *origins; /* whose pages may ask, "*": all */
    size_t norigins;
    const char *key_file; /* one key a line; NULL: none is needed */
    bool log;             /* a line on stderr for each request */
    int threads;          /* for handlers that are not quick, >= 1 */
    const struct trit_route *routes;
    size_t nroutes;
    void *server; /* for the handlers */
    /* Told of each answer when it was sent or cut; on the thread that moves bytes. */
    void (*answered)(void *server, const struct trit_route *route, unsigned status, double seconds);
};
/* Listens and answers. What options point to must outlive it, but host. TRIT_EIO: the address is
   taken or not ours. */
enum trit_code trit_http_start(struct trit_http **http, const struct trit_http_options *options,
                               struct trit_error *error);
int trit_http_port(const struct trit_http *http);
bool trit_http_local(const struct trit_http *http); /* only this machine can reach it */
/* Closes connections that take too long, and notices clients that have gone. Call it some times a
   second. */
void trit_http_sweep(struct trit_http *http);
/* From now on requests are answered with 503, but for routes that are for draining. */
void trit_http_drain(struct trit_http *http);
bool trit_http_draining(const struct trit_http *http);
size_t trit_http_open(struct trit_http *http);    /* connections */
size_t trit_http_working(struct trit_http *http); /* requests whose answer is not complete */
/* Handlers that watch their clients are told that these have gone; they answer all the same. */
void trit_http_cut(struct trit_http *http);
/* Reads the file of keys again; after an error the old ones hold. */
enum trit_code trit_http_reload(struct trit_http *http, struct trit_error *error);
/* All handlers must have answered by then, or do so now. NULL allowed. */
void trit_http_stop(struct trit_http *http);

/* What a handler asks, until it has answered. */
const struct trit_route *trit_request_route(const struct trit_request *request);
const char *trit_request_rest(const struct trit_request *request); /* path behind the route's */
const char *trit_request_header(const struct trit_request *request, const char *name); /* or NULL */
const char *trit_request_body(const struct trit_request *request, size_t *bytes);
uint64_t trit_request_client(const struct trit_request *request); /* of the address and key */
/* What `take` keeps with the request; `drop` is called with it when the request ends. */
void trit_request_keep(struct trit_request *request, void *kept, void (*drop)(void *kept));
void *trit_request_kept(const struct trit_request *request);
/* From `take`, as the last thing: no more of the body comes until `run` has returned, which one of
   the threads for handlers calls. */
void trit_request_hold(struct trit_request *request, void (*run)(void *arg), void *arg);
/* The body as JSON: of bounded depth, no key twice. NULL: it has answered with an error. */
json_t *trit_request_json(struct trit_request *request);
/* Called at most once, on any thread, when the client goes before it has all of the answer: quick,
   and it calls nothing of this request. NULL: no longer; none is running when it returns. */
void trit_request_watch(struct trit_request *request, void (*gone)(void *arg), void *arg);
bool trit_request_gone(const struct trit_request *request);
/* Runs on one of the threads for handlers. */
void trit_request_later(struct trit_request *request, void (*run)(void *arg), void *arg);

/* A whole answer, from any thread; ends the handler's part. body is freed, NULL: none. */
void trit_reply(struct trit_request *request, unsigned status, const char *type, char *body,
                size_t bytes);
/* Takes json over; NULL: no memory. */
void trit_reply_json(struct trit_request *request, unsigned status, json_t *json);
/* An error in the form of the route's API. param: the name of what is wrong, or NULL. */
void trit_reply_error(struct trit_request *request, unsigned status, const char *param,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A header of the answer to come; the name is a constant. */
void trit_reply_header(struct trit_request *request, const char *name, const char *value);

/* An answer in pieces, from any thread, one at a time. */
void trit_stream_begin(struct trit_request *request, const char *type);
/* Never waits: what the client has not read yet is kept. */
void trit_stream_write(struct trit_request *request, const char *data, size_t bytes);
void trit_stream_end(struct trit_request *request); /* ends the handler's part */

/* The object of an error: {"error": {message, type, param, code}}, or {"error": message}. NULL: no
   memory. */
json_t *trit_error_json(enum trit_api api, unsigned status, const char *param, const char *message);
/* Bytes as JSON, as trit_request_json. */
enum { TRIT_JSON_DEPTH = 64 };
json_t *trit_json_read(const char *bytes, size_t n, struct trit_error *error);

#endif

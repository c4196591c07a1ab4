/* Private to runtime/serve: what the files of HTTP share. */
#ifndef TRIT_SERVE_INTERNAL_H
#define TRIT_SERVE_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "runtime/serve/http.h"

/* Threads that run what is put to them, in order. */
struct trit_tasks;
enum trit_code trit_tasks_start(struct trit_tasks **tasks, int threads, struct trit_error *error);
/* A task is part of what it is about, and stays where it is until it runs. */
struct trit_task {
    struct trit_task *next;
    void (*run)(void *arg);
    void *arg;
};
void trit_tasks_put(struct trit_tasks *tasks, struct trit_task *task);
void trit_tasks_stop(struct trit_tasks *tasks); /* after all that were put. NULL allowed */

/* Streams that are written to seldom enough. */
enum { TRIT_STREAM_MILLISECONDS = 10 };
struct trit_flush;
enum trit_code trit_flush_start(struct trit_flush **flush, struct trit_http *http,
                                struct trit_error *error);
void trit_flush_ask(struct trit_flush *flush);  /* what is held back goes that much later */
void trit_flush_stop(struct trit_flush *flush); /* NULL allowed */
void trit_http_flush(struct trit_http *http);
void trit_request_flush(struct trit_request *request);

/* Keys and names that requests must have. */
struct trit_guard;
enum trit_code trit_guard_create(struct trit_guard **guard, const struct trit_http_options *options,
                                 struct trit_error *error);
void trit_guard_free(struct trit_guard *guard);
enum trit_code trit_guard_reload(struct trit_guard *guard, struct trit_error *error);
/* Whether this server may be called that: "name:port". */
bool trit_guard_host(const struct trit_guard *guard, const char *host);
/* Whether a page of that origin may ask a server that was called `host`. *allow: it is told that it
   may (CORS), since it is another's. */
bool trit_guard_origin(const struct trit_guard *guard, const char *origin, const char *host,
                       bool *allow);
bool trit_guard_key(struct trit_guard *guard, const char *key); /* NULL: none came */

/* Where a connection is. */
enum trit_link_at {
    TRIT_LINK_HEADERS, /* none of a request has come, or a part of its headers */
    TRIT_LINK_BODY,
    TRIT_LINK_WORK, /* the answer is being made */
    TRIT_LINK_SEND, /* it is complete */
};

struct trit_link {
    struct trit_link *next, **place;
    int fd;
    bool served; /* a request was answered on it */
    enum trit_link_at phase;
    double since;   /* when that began */
    uint64_t bytes; /* of the phase: those that came; of SEND those to go */
    struct trit_request *request;
};

struct trit_request {
    struct trit_http *http;
    struct trit_link *link;
    const struct trit_route *route;
    atomic_int references; /* the connection's, the handler's */
    double begin;
    uint64_t client;
    char rest[256], path[256];
    char method[16];
    char *body; /* one NUL behind it */
    size_t bytes, room;
    void *kept;
    void (*drop)(void *kept);
    char origin[256]; /* that is told that it may ask; "": none */
    struct trit_task task, later;
    void (*held)(void *arg); /* what the body waits for */
    void *held_arg;
    bool handled, discard; /* discard: the answer stands already, the body is read and dropped */

    pthread_mutex_t lock;              /* of all below */
    struct MHD_Connection *connection; /* NULL: there is none any more */
    bool suspended, answered, streams, ended, gone;
    void (*watch)(void *arg);
    void *watch_arg;
    unsigned status;
    const char *type;
    struct {
        const char *name;
        char value[1024];
    } headers[4];
    size_t nheaders;
    double woken;   /* when its stream was last written to; */
    bool held_back; /* there is more since then */
    char *out;      /* the answer, or what of it has not gone yet: from head to tail */
    size_t head, tail, out_room;
    uint64_t sent;
};

struct trit_http {
    const struct trit_http_options *options;
    struct trit_http_options own;
    struct MHD_Daemon *daemon;
    struct trit_guard *guard;
    struct trit_tasks *tasks;
    struct trit_flush *flush;
    int port;
    bool local;
    atomic_bool draining;
    atomic_size_t working, body_bytes;
    pthread_mutex_t lock; /* of the links; taken before that of a request */
    struct trit_link *links;
    size_t nlinks;
};

/* MHD's callbacks. */
enum MHD_Result trit_http_access(void *http, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *bytes, void **context);
void trit_http_completed(void *http, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode why);

void trit_link_phase(struct trit_request *request, enum trit_link_at phase, uint64_t bytes);
/* What is refused before the body is there; false: it is answered. */
bool trit_request_check(struct trit_request *request, struct MHD_Connection *connection,
                        const char *method, const char *path);
void trit_request_take(struct trit_request *request, const char *data, size_t bytes);
/* It is answered now, or its connection waits. */
enum MHD_Result trit_request_whole(struct trit_request *request);
struct trit_request *trit_request_create(struct trit_http *http, struct MHD_Connection *connection);
void trit_request_release(struct trit_request *request);
/* Hands the answer to MHD, on its thread. */
enum MHD_Result trit_reply_queue(struct trit_request *request);
/* The handler is told that nobody waits: since the client has gone, or as if it had. */
void trit_request_gone_now(struct trit_request *request);
void trit_request_cut(struct trit_request *request);

#endif

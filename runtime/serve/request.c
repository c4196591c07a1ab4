/* A request as it comes in: what is refused at once, its body, and the handler that gets it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/serve/internal.h"

enum {
    BODIES_MOST = 512 << 20, /* bytes of all bodies that are there at a time */
    FIRST_ROOM = 4096,
};

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The route's path is the request's, or that of a folder above it. */
static bool on_path(const struct trit_route *route, const char *path)
{
    const size_t n = strlen(route->path);
    if (route->path[n - 1] == '/' && n > 1)
        return !strncmp(path, route->path, n) && path[n];
    return !strcmp(path, route->path);
}

static const struct trit_route *find_route(struct trit_request *r, const char *path,
                                           const char *method, char allow[128])
{
    const struct trit_http_options *o = r->http->options;
    const struct trit_route *same_path = NULL, *found = NULL;
    for (size_t i = 0; i < o->nroutes && !found; i++) {
        const struct trit_route *route = &o->routes[i];
        if (!on_path(route, path))
            continue;
        same_path = same_path ? same_path : route;
        if (!strcmp(method, route->method))
            found = route;
        const bool get = !strcmp(route->method, "GET");
        if (!found && get && !strcmp(method, "HEAD"))
            same_path = route;
        if (!strstr(allow, route->method))
            snprintf(allow + strlen(allow), 128 - strlen(allow), "%s%s%s", *allow ? ", " : "",
                     route->method, get ? ", HEAD" : "");
    }
    if (!found && same_path && !strcmp(method, "HEAD") && !strcmp(same_path->method, "GET"))
        found = same_path;
    r->route = found ? found : same_path;
    if (r->route)
        snprintf(r->rest, sizeof r->rest, "%s", path + strlen(r->route->path));
    return found;
}

/* Names of elsewhere and pages of elsewhere; false: answered. */
static bool check_names(struct trit_request *r, struct MHD_Connection *connection)
{
    const char *host = header(connection, "Host"), *origin = header(connection, "Origin");
    bool allow = false;
    if (host && !trit_guard_host(r->http->guard, host)) {
        trit_reply_error(r, 403, NULL,
                         "this server is not called %.200s here (--allowed-host names more)", host);
        return false;
    }
    if (!origin)
        return true;
    if (!trit_guard_origin(r->http->guard, origin, host, &allow)) {
        trit_reply_error(r, 403, NULL, "pages of %.200s may not ask here (--cors-origin lets them)",
                         origin);
        return false;
    }
    if (allow)
        snprintf(r->origin, sizeof r->origin, "%s", origin);
    return true;
}

static bool check_key(struct trit_request *r, struct MHD_Connection *connection)
{
    const char *bearer = header(connection, "Authorization"),
               *key = header(connection, "x-api-key");
    if (bearer && !strncasecmp(bearer, "Bearer ", 7))
        key = bearer + 7 + strspn(bearer + 7, " ");
    for (const char *p = key ? key : ""; *p && r->http->options->key_file; p++)
        r->client = r->client * 1099511628211U + (unsigned char)*p;
    if ((r->route->flags & TRIT_ROUTE_OPEN) || trit_guard_key(r->http->guard, key))
        return true;
    trit_reply_header(r, "WWW-Authenticate", "Bearer");
    trit_reply_error(r, 401, NULL, "%s API key",
                     key ? "this is not an" : "the request has no Authorization: Bearer with an");
    return false;
}

/* A program, whose user did not come upon a page: browsers tell one of these of what pages send. */
static bool is_program(struct MHD_Connection *connection)
{
    return !header(connection, "Origin") && !header(connection, "Referer") &&
           !header(connection, "Sec-Fetch-Site");
}

/* What a page's form could send without being asked is no JSON. Ollama's users send it as curl -d
   does, which calls it a form. */
static bool check_type(struct trit_request *r, struct MHD_Connection *connection)
{
    static const char *const forms[] = { "text/plain", "multipart/form-data",
                                         "application/x-www-form-urlencoded" };
    const char *type = header(connection, "Content-Type");
    if (!type || !strcmp(r->route->method, "GET") || r->route->take ||
        (r->route->api == TRIT_API_OLLAMA && is_program(connection)))
        return true;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strncasecmp(type, forms[i], strlen(forms[i]))) {
            trit_reply_error(r, 415, NULL, "Content-Type is %.60s: it must be application/json",
                             type);
            return false;
        }
    return true;
}

static bool check_size(struct trit_request *r, struct MHD_Connection *connection)
{
    const char *length = header(connection, "Content-Length");
    const bool digits = length && *length && !length[strspn(length, "0123456789")];
    if (length && !digits) {
        trit_reply_error(r, 400, NULL, "Content-Length is no number");
        return false;
    }
    if (!length || (strlen(length) < 19 && (size_t)atoll(length) <= r->route->most))
        return true;
    trit_reply_error(r, 413, NULL, "the body has %.24s bytes, and may have %zu", length,
                     r->route->most);
    return false;
}

/* The server is shutting down. */
static bool refuse_late(struct trit_request *r)
{
    if (!atomic_load(&r->http->draining) || (r->route->flags & TRIT_ROUTE_DRAINING))
        return false;
    trit_reply_header(r, "Retry-After", "5");
    trit_reply_error(r, 503, NULL, "the server is shutting down");
    return true;
}

bool trit_request_check(struct trit_request *r, struct MHD_Connection *connection,
                        const char *method, const char *path)
{
    char allow[128] = "";
    const struct trit_route *found = find_route(r, path, method, allow);
    if (!check_names(r, connection))
        return false;
    if (!r->route) {
        trit_reply_error(r, 404, NULL, "there is no %.100s here", r->path);
        return false;
    }
    if (!found) {
        trit_reply_header(r, "Allow", allow);
        if (!strcmp(method, "OPTIONS"))
            trit_reply(r, 204, NULL, NULL, 0);
        else
            trit_reply_error(r, 405, NULL, "%.16s is not for %.100s: it takes %s", method, r->path,
                             allow);
        return false;
    }
    if (!check_key(r, connection))
        return false;
    if (refuse_late(r))
        return false;
    return check_type(r, connection) && check_size(r, connection);
}

static bool keep_body(struct trit_request *r, const char *data, size_t bytes)
{
    if (bytes > r->route->most - r->bytes) {
        trit_reply_error(r, 413, NULL, "the body has more than %zu bytes", r->route->most);
        return false;
    }
    if (r->bytes + bytes >= r->room) {
        const size_t room = 2 * r->room + bytes + FIRST_ROOM, more = room - r->room;
        char *grown = NULL;
        if (atomic_fetch_add(&r->http->body_bytes, more) + more <= BODIES_MOST)
            grown = realloc(r->body, room);
        if (!grown) {
            atomic_fetch_sub(&r->http->body_bytes, more);
            trit_reply_header(r, "Retry-After", "1");
            trit_reply_error(r, 503, NULL, "too many large requests at a time");
            return false;
        }
        r->body = grown;
        r->room = room;
    }
    memcpy(r->body + r->bytes, data, bytes);
    r->body[r->bytes += bytes] = 0;
    return true;
}

void trit_request_take(struct trit_request *r, const char *data, size_t bytes)
{
    if (r->discard) {
        r->bytes += bytes;
        return;
    }
    if (r->route->take) {
        r->bytes += bytes;
        r->discard = !r->route->take(r, r->http->options->server, data, bytes);
    } else {
        r->discard = !keep_body(r, data, bytes);
    }
    pthread_mutex_lock(&r->http->lock);
    if (r->link)
        r->link->bytes += bytes;
    pthread_mutex_unlock(&r->http->lock);
}

static void run_handler(void *arg)
{
    struct trit_request *r = arg;
    r->route->handle(r, r->http->options->server);
}

/* The request is whole: it is answered now, or its connection waits. */
enum MHD_Result trit_request_whole(struct trit_request *r)
{
    r->handled = true;
    trit_link_phase(r, TRIT_LINK_WORK, 0);
    if (!r->discard) {
        atomic_fetch_add(&r->references, 1);
        atomic_fetch_add(&r->http->working, 1);
        if (r->route->flags & TRIT_ROUTE_QUICK) {
            run_handler(r);
        } else if (!refuse_late(r)) { /* it is at work, so that the threads stay */
            pthread_mutex_lock(&r->lock);
            r->suspended = true;
            MHD_suspend_connection(r->connection);
            pthread_mutex_unlock(&r->lock);
            r->task = (struct trit_task){ .run = run_handler, .arg = r };
            trit_tasks_put(r->http->tasks, &r->task);
            return MHD_YES;
        }
    }
    return trit_reply_queue(r);
}

struct trit_request *trit_request_create(struct trit_http *http, struct MHD_Connection *connection)
{
    struct trit_request *r = trit_alloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->http = http;
    r->connection = connection;
    r->begin = trit_now();
    r->link = *(struct trit_link **)MHD_get_connection_info(connection,
                                                            MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    atomic_init(&r->references, 1);
    pthread_mutex_init(&r->lock, NULL);
    const struct sockaddr *from =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    const unsigned char *bytes = (const unsigned char *)from->sa_data;
    r->client = 14695981039346656037U;
    for (size_t i = 2; i < (from->sa_family == AF_INET6 ? 22 : 6); i++) /* behind the port */
        r->client = (r->client ^ bytes[i]) * 1099511628211U;
    return r;
}

void trit_request_release(struct trit_request *r)
{
    if (atomic_fetch_sub(&r->references, 1) != 1)
        return;
    if (r->drop)
        r->drop(r->kept);
    atomic_fetch_sub(&r->http->body_bytes, r->room);
    pthread_mutex_destroy(&r->lock);
    free(r->body);
    free(r->out);
    free(r);
}

const struct trit_route *trit_request_route(const struct trit_request *request)
{
    return request->route;
}

const char *trit_request_rest(const struct trit_request *request)
{
    return request->rest;
}

const char *trit_request_header(const struct trit_request *request, const char *name)
{
    return header(request->connection, name);
}

const char *trit_request_body(const struct trit_request *request, size_t *bytes)
{
    *bytes = request->bytes;
    return request->body ? request->body : "";
}

uint64_t trit_request_client(const struct trit_request *request)
{
    return request->client;
}

void trit_request_keep(struct trit_request *request, void *kept, void (*drop)(void *kept))
{
    request->kept = kept;
    request->drop = drop;
}

void *trit_request_kept(const struct trit_request *request)
{
    return request->kept;
}

void trit_request_later(struct trit_request *request, void (*run)(void *arg), void *arg)
{
    request->later = (struct trit_task){ .run = run, .arg = arg };
    trit_tasks_put(request->http->tasks, &request->later);
}

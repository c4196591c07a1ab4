/* The server's socket, its connections, and how long each may take for what it is at. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/serve/internal.h"

enum {
    BACKLOG = 511,
    POOL_BYTES = 32 << 10, /* of a connection: its headers, and what is read and written at once */
    STALL_SECONDS = 60,    /* a client that takes no byte that is there for it */
    IDLE_SECONDS = 75,     /* between requests; where connections are scarce CROWDED_SECONDS */
    CROWDED_SECONDS = 3,
    LEFT_SECONDS = 1,
    SLOWEST = 16 << 10, /* bytes a second, of bodies and of answers that are complete */
};

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct trit_http *http = arg;
    struct trit_link *link = *context;
    pthread_mutex_lock(&http->lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED && (link = trit_alloc(1, sizeof *link))) {
        link->fd =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        link->since = trit_now();
        link->place = &http->links;
        if ((link->next = http->links))
            link->next->place = &link->next;
        http->links = link;
        http->nlinks++;
        *context = link;
    } else if (what == MHD_CONNECTION_NOTIFY_CLOSED && link) {
        if ((*link->place = link->next))
            link->next->place = link->place;
        http->nlinks--;
        free(link);
        *context = NULL;
    }
    pthread_mutex_unlock(&http->lock);
}

void trit_link_phase(struct trit_request *request, enum trit_link_at phase, uint64_t bytes)
{
    struct trit_http *http = request->http;
    pthread_mutex_lock(&http->lock);
    if (request->link) {
        struct trit_link *link = request->link;
        link->phase = phase;
        link->since = trit_now();
        link->bytes = bytes;
        link->request = request;
        if (phase == TRIT_LINK_HEADERS) {
            link->served = true;
            link->request = NULL;
            request->link = NULL;
        }
    }
    pthread_mutex_unlock(&http->lock);
}

static bool has_gone(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLRDHUP };
    return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL);
}

static bool too_slow(const struct trit_http *http, const struct trit_link *link, double now)
{
    const double timeout = http->options->timeout,
                 by_size = timeout + (double)link->bytes / SLOWEST;
    const bool crowded = 4 * http->nlinks > 3 * (size_t)http->options->connections;
    const double limits[] = {
        [TRIT_LINK_HEADERS] = crowded        ? CROWDED_SECONDS
                              : link->served ? IDLE_SECONDS
                                             : timeout,
        [TRIT_LINK_BODY] = by_size,
        [TRIT_LINK_SEND] = by_size + STALL_SECONDS,
    };
    return link->phase != TRIT_LINK_WORK && now - link->since > limits[link->phase];
}

/* Its client ended in the midst of a request: MHD does not see an end that comes with data. */
static bool was_left(const struct trit_link *link, double now)
{
    const bool comes = link->phase == TRIT_LINK_HEADERS || link->phase == TRIT_LINK_BODY;
    char next;
    return comes && now - link->since > LEFT_SECONDS &&
           recv(link->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void trit_http_sweep(struct trit_http *http)
{
    const double now = trit_now();
    pthread_mutex_lock(&http->lock);
    for (struct trit_link *link = http->links; link; link = link->next) {
        if (too_slow(http, link, now) || was_left(link, now))
            shutdown(link->fd, SHUT_RDWR); /* MHD sees it, and closes */
        else if (link->phase == TRIT_LINK_WORK && has_gone(link->fd))
            trit_request_gone_now(link->request);
    }
    pthread_mutex_unlock(&http->lock);
}

void trit_http_flush(struct trit_http *http)
{
    pthread_mutex_lock(&http->lock);
    for (struct trit_link *link = http->links; link; link = link->next)
        if (link->phase == TRIT_LINK_WORK)
            trit_request_flush(link->request);
    pthread_mutex_unlock(&http->lock);
}

void trit_http_cut(struct trit_http *http)
{
    pthread_mutex_lock(&http->lock);
    for (struct trit_link *link = http->links; link; link = link->next)
        if (link->phase == TRIT_LINK_WORK)
            trit_request_cut(link->request);
    pthread_mutex_unlock(&http->lock);
}

static bool is_local(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 ==
               127;
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static enum trit_code listen_at(struct trit_http *http, const struct addrinfo *at, int *out,
                                struct trit_error *error)
{
    const struct trit_http_options *o = http->options;
    const int one = 1;
    struct sockaddr_storage bound;
    socklen_t bytes = sizeof bound;
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)&bound, &bytes)) {
        const int number = errno;
        if (fd >= 0)
            close(fd);
        return trit_fail(error, TRIT_EIO, "cannot listen at %s, port %d: %s%s", o->host, o->port,
                         strerror(number),
                         number == EADDRINUSE ? " (another server runs there: take --port)" : "");
    }
    http->local = is_local((const struct sockaddr *)&bound);
    http->port = ntohs(bound.ss_family == AF_INET6
                           ? ((const struct sockaddr_in6 *)(const void *)&bound)->sin6_port
                           : ((const struct sockaddr_in *)(const void *)&bound)->sin_port);
    *out = fd;
    return TRIT_OK;
}

static enum trit_code open_socket(struct trit_http *http, int *fd, struct trit_error *error)
{
    const struct trit_http_options *o = http->options;
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    char port[16];
    snprintf(port, sizeof port, "%d", o->port);
    const int failed = getaddrinfo(o->host, port, &hints, &found);
    if (failed)
        return trit_fail(error, TRIT_EARGUMENT, "--host %s: %s", o->host, gai_strerror(failed));
    const struct addrinfo *best = found; /* of localhost that which everybody tries */
    for (const struct addrinfo *at = found; at; at = at->ai_next)
        if (at->ai_family == AF_INET && best->ai_family != AF_INET)
            best = at;
    enum trit_code code = listen_at(http, best, fd, error);
    freeaddrinfo(found);
    return code;
}

/* Files for so many connections, as far as they may be had. */
static int raise_files(int connections)
{
    enum { OTHERS = 256 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return connections;
    const rlim_t want = (rlim_t)connections + OTHERS;
    if (limit.rlim_cur < want) {
        limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur >= want ? connections : (int)(limit.rlim_cur / 2);
}

static void quiet(void *arg, const char *format, va_list args)
{
    (void)arg, (void)format, (void)args;
}

static enum trit_code start_daemon(struct trit_http *http, int fd, struct trit_error *error)
{
    struct trit_http_options *o = &http->own;
    o->connections = raise_files(o->connections);
    const struct MHD_OptionItem more[] = {
        { MHD_OPTION_CONNECTION_LIMIT, o->connections, NULL },
        { MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->per_address, NULL },
        { MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, NULL },
        { MHD_OPTION_CONNECTION_TIMEOUT, STALL_SECONDS, NULL },
        { MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
        { MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        trit_http_access, http, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_NOTIFY_COMPLETED, trit_http_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (http->daemon)
        return TRIT_OK;
    close(fd);
    return trit_fail(error, TRIT_EIO, "cannot start the server at port %d", http->port);
}

enum trit_code trit_http_start(struct trit_http **out, const struct trit_http_options *options,
                               struct trit_error *error)
{
    struct trit_http *http = *out = trit_alloc(1, sizeof *http);
    int fd = -1;
    if (!http)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    http->own = *options;
    http->options = &http->own;
    pthread_mutex_init(&http->lock, NULL);
    enum trit_code code = trit_guard_create(&http->guard, http->options, error);
    if (!code)
        code = trit_tasks_start(&http->tasks, options->threads, error);
    if (!code)
        code = trit_flush_start(&http->flush, http, error);
    if (!code)
        code = open_socket(http, &fd, error);
    if (!code)
        code = start_daemon(http, fd, error);
    if (code) {
        trit_http_stop(http);
        *out = NULL;
    }
    return code;
}

int trit_http_port(const struct trit_http *http)
{
    return http->port;
}

bool trit_http_local(const struct trit_http *http)
{
    return http->local;
}

void trit_http_drain(struct trit_http *http)
{
    atomic_store(&http->draining, true);
}

bool trit_http_draining(const struct trit_http *http)
{
    return atomic_load(&http->draining);
}

size_t trit_http_open(struct trit_http *http)
{
    pthread_mutex_lock(&http->lock);
    const size_t n = http->nlinks;
    pthread_mutex_unlock(&http->lock);
    return n;
}

size_t trit_http_working(struct trit_http *http)
{
    return atomic_load(&http->working);
}

enum trit_code trit_http_reload(struct trit_http *http, struct trit_error *error)
{
    return trit_guard_reload(http->guard, error);
}

/* Answers that are complete are sent first, for a moment. */
static void let_go(struct trit_http *http)
{
    enum { TRIES = 50, MILLISECONDS = 10 };
    for (int i = 0; i < TRIES; i++) {
        bool sending = false;
        pthread_mutex_lock(&http->lock);
        for (struct trit_link *link = http->links; link; link = link->next)
            sending |= link->phase == TRIT_LINK_SEND || link->phase == TRIT_LINK_WORK;
        pthread_mutex_unlock(&http->lock);
        if (!sending)
            return;
        poll(NULL, 0, MILLISECONDS);
    }
}

void trit_http_stop(struct trit_http *http)
{
    if (!http)
        return;
    trit_http_drain(http);
    trit_tasks_stop(http->tasks);
    if (http->daemon) {
        let_go(http);
        MHD_stop_daemon(http->daemon);
    }
    trit_flush_stop(http->flush);
    trit_guard_free(http->guard);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

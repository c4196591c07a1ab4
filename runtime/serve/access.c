/* The callbacks of libmicrohttpd that a request passes through, with the parameters that it has. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/serve/internal.h"

enum { DISCARD_MOST = 1 << 20 }; /* of a body that is read though its answer stands */

static struct trit_request *begin_request(struct trit_http *http, struct MHD_Connection *connection,
                                          const char *url, const char *method)
{
    struct trit_request *r = trit_request_create(http, connection);
    if (!r)
        return NULL;
    for (size_t i = 0; url[i] && i + 1 < sizeof r->path; i++) /* for messages */
        r->path[i] = (char)(url[i] > ' ' && url[i] < 127 && url[i] != '"' ? url[i] : '?');
    snprintf(r->method, sizeof r->method, "%s", method);
    trit_link_phase(r, TRIT_LINK_BODY, 0);
    r->discard = !trit_request_check(r, connection, method, url);
    return r;
}

enum MHD_Result trit_http_access(void *arg, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *bytes, void **context)
{
    struct trit_http *http = arg;
    struct trit_request *r = *context;
    (void)version;
    if (!r) {
        r = *context = begin_request(http, connection, url, method);
        return r ? MHD_YES : MHD_NO;
    }
    if (*bytes) {
        trit_request_take(r, data, *bytes);
        *bytes = 0;
        /* A refused body that goes on is cut: the client may not see why, but it ends. */
        return !r->discard || r->bytes <= DISCARD_MOST ? MHD_YES : MHD_NO;
    }
    return r->handled ? trit_reply_queue(r) : trit_request_whole(r);
}

static bool log_line(const struct trit_request *r, double seconds)
{
    return fprintf(stderr, "tritmill: %s %s %u %.1f ms\n", r->method, r->path, r->status,
                   1e3 * seconds) > 0;
}

void trit_http_completed(void *arg, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct trit_http *http = arg;
    struct trit_request *r = *context;
    (void)connection;
    if (!r)
        return;
    *context = NULL;
    const double seconds = trit_now() - r->begin;
    if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        trit_request_gone_now(r);
    trit_link_phase(r, TRIT_LINK_HEADERS, 0);
    pthread_mutex_lock(&r->lock);
    r->connection = NULL;
    pthread_mutex_unlock(&r->lock);
    if (http->options->answered)
        http->options->answered(http->options->server, r->route, r->status, seconds);
    if (http->options->log)
        log_line(r, seconds);
    trit_request_release(r);
}

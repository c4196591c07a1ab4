/* Health, metrics and the page. */
#include <stdlib.h>
#include <string.h>

#include "runtime/serve/page.h"
#include "runtime/serve/serve.h"

static void health(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    if (trit_http_draining(server->http)) {
        trit_reply_error(r, 503, NULL, "the server is shutting down");
        return;
    }
    trit_reply_json(r, 200, json_pack("{s:s}", "status", "ok"));
}

static void metrics(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    struct trit_buffer out = { 0 };
    trit_metrics_text(server->metrics, server->models, trit_http_open(server->http), &out);
    if (out.failed) {
        free(out.s);
        trit_reply_error(r, 503, NULL, "out of memory");
        return;
    }
    trit_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", out.s, out.n);
}

/* Programs that look whether somebody is there get the line that they know, browsers the page. */
static void page(struct trit_request *r, void *arg)
{
    static const char line[] = "Ollama is running";
    const char *accept = trit_request_header(r, "Accept"),
               *same = trit_request_header(r, "If-None-Match");
    (void)arg;
    if (!trit_page_bytes || !accept || !strstr(accept, "text/html")) {
        trit_reply(r, 200, "text/plain; charset=utf-8", strdup(line), sizeof line - 1);
        return;
    }
    trit_reply_header(r, "ETag", trit_page_tag());
    trit_reply_header(r, "Cache-Control", "no-cache");
    trit_reply_header(r, "Content-Security-Policy", trit_page_policy());
    trit_reply_header(r, "Referrer-Policy", "no-referrer");
    if (same && !strcmp(same, trit_page_tag())) {
        trit_reply(r, 304, NULL, NULL, 0);
        return;
    }
    char *copy = malloc(trit_page_bytes);
    if (!copy) {
        trit_reply_error(r, 503, NULL, "out of memory");
        return;
    }
    memcpy(copy, trit_page, trit_page_bytes);
    trit_reply(r, 200, "text/html; charset=utf-8", copy, trit_page_bytes);
}

enum { ANY_TIME = TRIT_ROUTE_OPEN | TRIT_ROUTE_QUICK | TRIT_ROUTE_DRAINING };
static const struct trit_route routes[] = {
    { "GET", "/", TRIT_API_PLAIN, TRIT_ROUTE_OPEN | TRIT_ROUTE_QUICK, 0, page, NULL },
    { "GET", "/health", TRIT_API_PLAIN, ANY_TIME, 0, health, NULL },
    { "GET", "/v1/health", TRIT_API_PLAIN, ANY_TIME, 0, health, NULL },
    { "GET", "/metrics", TRIT_API_PLAIN, TRIT_ROUTE_DRAINING, 0, metrics, NULL },
};
const struct trit_routes trit_routes_plain = { routes, sizeof routes / sizeof *routes };

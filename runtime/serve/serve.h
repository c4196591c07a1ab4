/* `tritmill serve`: models behind OpenAI's and Ollama's interfaces, metrics and a page. */
#ifndef TRIT_SERVE_H
#define TRIT_SERVE_H

#include "runtime/serve/generate.h"
#include "runtime/serve/http.h"
#include "runtime/serve/metrics.h"
#include "runtime/serve/models.h"

struct trit_serve_options {
    struct trit_http_options http; /* routes, server and answered are filled in */
    struct trit_models_options models;
    double drain;      /* seconds that answers under way have after SIGTERM */
    double read_limit; /* bytes a second that the machine reads at most, for metrics; 0: unknown */
    bool log_prompts;
    const char *version;
};

struct trit_server {
    const struct trit_serve_options *options;
    struct trit_http *http;
    struct trit_models *models;
    struct trit_metrics *metrics;
    struct trit_digests *digests;
    double started;
    atomic_size_t generations; /* under way, or not quite gone */
};

/* Serves until SIGINT or SIGTERM; SIGHUP reads the folder and the keys again. Ready is told in one
   line on stdout. */
enum trit_code trit_serve(const struct trit_serve_options *options, struct trit_error *error);

/* What can be asked for; free() it. False: it could not be had, and the request is answered. */
bool trit_server_models(struct trit_server *server, struct trit_request *request,
                        struct trit_store_model **list, size_t *n);

/* Makes digests of the store's models that have none, when told to look. NULL, here and below:
   there is nobody who does. */
struct trit_digests;
struct trit_digests *trit_digests_start(struct trit_store *store);
void trit_digests_look(struct trit_digests *digests);
void trit_digests_stop(struct trit_digests *digests);

/* The routes, in tables: one for each API, which its file has. */
struct trit_routes {
    const struct trit_route *v;
    size_t n;
};
extern const struct trit_routes trit_routes_openai, trit_routes_ollama, trit_routes_plain;
#define TRIT_ROUTE_TABLES                                            \
    {                                                                \
        &trit_routes_openai, &trit_routes_ollama, &trit_routes_plain \
    }

#endif

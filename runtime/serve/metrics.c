/* Counters and histograms of a server. */
#include "runtime/serve/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"

enum { ROUTES = 64, STATUSES = 16, BOUNDS = 14 };

struct histogram {
    atomic_ullong counts[BOUNDS + 1];
    _Atomic double sum;
};
struct trit_metrics {
    double started, read_limit;
    /* By place: filled from the first one on. */
    _Atomic(const struct trit_route *) routes[ROUTES];
    atomic_ullong requests[ROUTES][STATUSES];
    struct histogram histograms[TRIT_NHISTOGRAMS];
};

static const double bounds[BOUNDS] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                       1,     2.5,  5,     10,   30,  60,   300 };
static const unsigned short statuses[STATUSES] = { 0,   200, 204, 400, 401, 403, 404, 405,
                                                   409, 413, 415, 429, 500, 501, 503, 507 };
static const struct {
    const char *name, *help;
} histograms[TRIT_NHISTOGRAMS] = {
    [TRIT_TIME_TO_FIRST] = { "time_to_first_token_seconds", "From an answer's beginning" },
    [TRIT_TIME_BETWEEN] = { "time_between_tokens_seconds", "Of an answer" },
    [TRIT_TIME_REQUEST] = { "request_seconds", "From a request's headers to its answer's end" },
};

struct trit_metrics *trit_metrics_create(double read_limit)
{
    struct trit_metrics *m = trit_alloc(1, sizeof *m);
    if (m) {
        m->started = trit_now();
        m->read_limit = read_limit;
    }
    return m;
}

void trit_metrics_free(struct trit_metrics *metrics)
{
    free(metrics);
}

static size_t place_of(struct trit_metrics *m, const struct trit_route *route)
{
    for (size_t i = 0; i < ROUTES; i++) {
        const struct trit_route *there = NULL;
        if (atomic_compare_exchange_strong(&m->routes[i], &there, route) || there == route)
            return i;
    }
    return ROUTES - 1;
}

void trit_metrics_request(struct trit_metrics *m, const struct trit_route *route, unsigned status,
                          double seconds)
{
    static const struct trit_route none = { .method = "", .path = "none" };
    size_t i = 0;
    for (size_t k = 1; k < STATUSES; k++)
        if (statuses[k] == status)
            i = k;
    atomic_fetch_add(&m->requests[place_of(m, route ? route : &none)][i], 1);
    trit_metrics_time(m, TRIT_TIME_REQUEST, seconds);
}

void trit_metrics_time(struct trit_metrics *m, enum trit_histogram which, double seconds)
{
    struct histogram *h = &m->histograms[which];
    size_t i = 0;
    while (i < BOUNDS && seconds > bounds[i])
        i++;
    atomic_fetch_add(&h->counts[i], 1);
    double sum = atomic_load(&h->sum);
    while (!atomic_compare_exchange_weak(&h->sum, &sum, sum + seconds))
        continue;
}

static void put_histogram(const struct trit_metrics *m, enum trit_histogram which,
                          struct trit_buffer *out)
{
    const struct histogram *h = &m->histograms[which];
    const char *name = histograms[which].name;
    unsigned long long all = 0;
    trit_buffer_print(out, "# HELP tritmill_%s %s.\n# TYPE tritmill_%s histogram\n", name,
                      histograms[which].help, name);
    for (size_t i = 0; i < BOUNDS; i++) {
        all += atomic_load(&h->counts[i]);
        trit_buffer_print(out, "tritmill_%s_bucket{le=\"%g\"} %llu\n", name, bounds[i], all);
    }
    all += atomic_load(&h->counts[BOUNDS]);
    trit_buffer_print(out,
                      "tritmill_%s_bucket{le=\"+Inf\"} %llu\ntritmill_%s_sum %.9g\n"
                      "tritmill_%s_count %llu\n",
                      name, all, name, atomic_load(&h->sum), name, all);
}

static void put_requests(const struct trit_metrics *m, struct trit_buffer *out)
{
    trit_buffer_print(out, "# HELP tritmill_requests_total By route and status (0: cut).\n"
                           "# TYPE tritmill_requests_total counter\n");
    for (size_t i = 0; i < ROUTES && atomic_load(&m->routes[i]); i++)
        for (size_t k = 0; k < STATUSES; k++) {
            const struct trit_route *route = atomic_load(&m->routes[i]);
            const unsigned long long n = atomic_load(&m->requests[i][k]);
            if (n)
                trit_buffer_print(
                    out, "tritmill_requests_total{method=\"%s\",route=\"%s\",code=\"%u\"} %llu\n",
                    route->method, route->path, statuses[k], n);
        }
}

/* A figure of a scheduler. */
struct figure {
    const char *name, *type, *help;
    size_t offset;
    enum { SIZE, U64, DOUBLE } kind;
};
#define AT(member) offsetof(struct trit_scheduler_stats, member)
static const struct figure figures[] = {
    { "running", "gauge", "Answers that are made now", AT(running), SIZE },
    { "waiting", "gauge", "Answers that wait for a slot", AT(waiting), SIZE },
    { "slots", "gauge", "Answers that can be made at once", AT(slots), SIZE },
    { "jobs_total", "counter", "Answers begun or waiting", AT(jobs), U64 },
    { "refused_total", "counter", "Answers refused since the queue was full", AT(refused), U64 },
    { "failed_total", "counter", "Answers that failed", AT(failed), U64 },
    { "cancelled_total", "counter", "Answers that were cancelled", AT(cancelled), U64 },
    { "prompt_tokens_total", "counter", "Tokens of prompts", AT(prompt_tokens), U64 },
    { "reused_tokens_total", "counter", "Of those, not evaluated anew", AT(reused_tokens), U64 },
    { "made_tokens_total", "counter", "Tokens of answers", AT(made_tokens), U64 },
    { "drafted_tokens_total", "counter", "Tokens tried ahead", AT(drafted), U64 },
    { "right_tokens_total", "counter", "Of those, right", AT(right), U64 },
    { "passes_total", "counter", "Passes through the model", AT(passes), U64 },
    { "pass_tokens_total", "counter", "Tokens in them: by passes, the batch", AT(pass_tokens),
      U64 },
    { "read_bytes_total", "counter", "Bytes of weights and caches read by passes", AT(bytes), U64 },
    { "busy_seconds_total", "counter", "Time in passes", AT(busy), DOUBLE },
    { "kv_bytes", "gauge", "Memory of KV caches", AT(kv_bytes), U64 },
    { "state_bytes", "gauge", "Memory of recurrent states", AT(state_bytes), U64 },
    { "kept_bytes", "gauge", "Of both, of sequences that ended", AT(kept_bytes), U64 },
    { "kept_sequences", "gauge", "Sequences that ended and are kept", AT(kept), SIZE },
};
#undef AT

enum { MODELS = 64 };
struct gathered {
    size_t n;
    struct {
        char name[TRIT_STORE_NAME];
        struct trit_scheduler_stats stats;
    } models[MODELS];
};

static void gather(void *arg, struct trit_served *served)
{
    struct gathered *g = arg;
    if (g->n == MODELS)
        return;
    strcpy(g->models[g->n].name, served->key);
    trit_scheduler_stats(served->scheduler, &g->models[g->n++].stats);
}

static void put_figure(const struct figure *f, const struct gathered *g, struct trit_buffer *out)
{
    trit_buffer_print(out, "# HELP tritmill_%s %s.\n# TYPE tritmill_%s %s\n", f->name, f->help,
                      f->name, f->type);
    for (size_t i = 0; i < g->n; i++) {
        const char *at = (const char *)&g->models[i].stats + f->offset;
        trit_buffer_print(out, "tritmill_%s{model=", f->name);
        trit_buffer_json(out, g->models[i].name, strlen(g->models[i].name));
        if (f->kind == SIZE)
            trit_buffer_print(out, "} %zu\n", *(const size_t *)(const void *)at);
        else if (f->kind == U64)
            trit_buffer_print(out, "} %ju\n", (uintmax_t) * (const uint64_t *)(const void *)at);
        else
            trit_buffer_print(out, "} %.9g\n", *(const double *)(const void *)at);
    }
}

/* Of the time in passes: what was read by what could have been. */
static void put_share(const struct trit_metrics *m, const struct gathered *g,
                      struct trit_buffer *out)
{
    if (!(m->read_limit > 0)) {
        trit_buffer_print(out, "# tritmill_read_share is not there: the limit was not measured "
                               "(serve --measure)\n");
        return;
    }
    trit_buffer_print(out,
                      "# HELP tritmill_read_limit Bytes a second that the machine can read.\n"
                      "# TYPE tritmill_read_limit gauge\ntritmill_read_limit %.6g\n"
                      "# HELP tritmill_read_share Read rate of passes by the limit.\n"
                      "# TYPE tritmill_read_share gauge\n",
                      m->read_limit);
    for (size_t i = 0; i < g->n; i++) {
        const struct trit_scheduler_stats *s = &g->models[i].stats;
        const double most = s->busy * m->read_limit;
        trit_buffer_print(out, "tritmill_read_share{model=");
        trit_buffer_json(out, g->models[i].name, strlen(g->models[i].name));
        trit_buffer_print(out, "} %.4f\n", most > 0 ? (double)s->bytes / most : 0);
    }
}

void trit_metrics_text(struct trit_metrics *m, struct trit_models *models, size_t connections,
                       struct trit_buffer *out)
{
    struct gathered *g = trit_alloc(1, sizeof *g);
    out->failed |= !g;
    if (!g)
        return;
    trit_models_each(models, gather, g);
    trit_buffer_print(out,
                      "# HELP tritmill_up_seconds Since the start.\n"
                      "# TYPE tritmill_up_seconds gauge\ntritmill_up_seconds %.3f\n"
                      "# HELP tritmill_connections Open ones.\n"
                      "# TYPE tritmill_connections gauge\ntritmill_connections %zu\n"
                      "# HELP tritmill_models_loaded Models in memory.\n"
                      "# TYPE tritmill_models_loaded gauge\ntritmill_models_loaded %zu\n"
                      "# HELP tritmill_resident_bytes Of the process.\n"
                      "# TYPE tritmill_resident_bytes gauge\ntritmill_resident_bytes %zu\n",
                      trit_now() - m->started, connections, g->n, trit_resident_now());
    put_requests(m, out);
    for (int i = 0; i < TRIT_NHISTOGRAMS; i++)
        put_histogram(m, (enum trit_histogram)i, out);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        put_figure(&figures[i], g, out);
    put_share(m, g, out);
    free(g);
}

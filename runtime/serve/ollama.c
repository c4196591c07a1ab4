/* Ollama's endpoints: which there are, and those of a few lines. */
#include "runtime/serve/ollama.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/serve/fields.h"

enum { BODY_MOST = 32 << 20, SMALL_BODY = 1 << 20 };

static const double for_ever = 100 * 365.25 * 86400; /* seconds */

void trit_ollama_time(struct timespec t, char out[TRIT_OLLAMA_TIME])
{
    struct tm tm;
    size_t n = gmtime_r(&t.tv_sec, &tm) ? strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm) : 0;
    snprintf(out + n, TRIT_OLLAMA_TIME - n, ".%09ldZ", t.tv_nsec);
}

void trit_ollama_name(const struct trit_store_model *model, char name[TRIT_STORE_NAME + 8])
{
    const char *slash = strrchr(model->name, '/');
    const bool tagged = strchr(slash ? slash : model->name, ':');
    snprintf(name, TRIT_STORE_NAME + 8, "%s%s", model->name, tagged || slash ? "" : ":latest");
}

json_t *trit_ollama_details(const struct trit_store_model *m)
{
    return json_pack("{s:s,s:s,s:s,s:[s],s:s,s:s}", "parent_model", "", "format", "gguf", "family",
                     m->family, "families", m->family, "parameter_size", m->parameters,
                     "quantization_level", m->type);
}

json_t *trit_ollama_body(struct trit_request *r, const char **name)
{
    json_t *body = trit_request_json(r);
    if (!body)
        return NULL;
    *name = json_string_value(json_object_get(body, "model"));
    if (!*name)
        *name = json_string_value(json_object_get(body, "name"));
    if (*name && **name && strlen(*name) < TRIT_STORE_NAME)
        return body;
    json_decref(body);
    trit_reply_error(r, 400, NULL, "model is required");
    return NULL;
}

struct trit_store *trit_ollama_store(struct trit_request *r, struct trit_server *server)
{
    struct trit_store *store = trit_models_store(server->models);
    if (!store)
        trit_reply_error(r, 400, NULL,
                         "this server has one model (-m): start it with --models DIR to keep more");
    return store;
}

unsigned trit_ollama_status(enum trit_code code)
{
    static const unsigned short statuses[] = {
        [TRIT_EIO] = 404,          [TRIT_EARGUMENT] = 400, [TRIT_EFORMAT] = 400,
        [TRIT_EUNSUPPORTED] = 400, [TRIT_EBUSY] = 409,     [TRIT_EMEMORY] = 503,
    };
    const size_t n = sizeof statuses / sizeof *statuses;
    return (size_t)code < n && statuses[code] ? statuses[code] : 500;
}

/* A model that is asked for without a prompt. */
struct load {
    struct trit_want want;
    struct trit_server *server;
    struct trit_request *request;
    struct trit_ollama_own *own;
};

static void loaded(void *arg, struct trit_served *served, unsigned status,
                   const struct trit_error *error)
{
    struct load *load = arg;
    if (served) /* first: who was told finds it as it was asked for */
        trit_models_leave(load->server->models, served, load->want.keep_alive);
    if (served)
        trit_reply_json(load->request, 200, trit_ollama_nothing(load->own, "load"));
    else
        trit_reply_error(load->request, status, NULL, "%s", error->text);
    free(load->own);
    free(load);
}

/* keep_alive 0: it goes, else it comes. */
static void load_or_unload(struct trit_request *r, struct trit_server *server, struct trit_ask *ask,
                           struct trit_ollama_own *own)
{
    struct load *load = trit_alloc(1, sizeof *load);
    struct trit_store_model *model = trit_alloc(1, sizeof *model);
    const double keep_alive = ask->keep_alive;
    struct trit_error error;
    enum trit_code code = load && model
                              ? trit_models_find(server->models, own->model, model, &error)
                              : trit_fail(&error, TRIT_EMEMORY, "out of memory");
    free(model);
    trit_ask_free(ask);
    if (!code && keep_alive != 0) {
        *load = (struct load){ .server = server, .request = r, .own = own };
        load->want = (struct trit_want){ .keep_alive = keep_alive, .arg = load, .ready = loaded };
        snprintf(load->want.name, sizeof load->want.name, "%s", own->model);
        trit_models_want(server->models, &load->want);
        return;
    }
    if (code) {
        trit_reply_error(r, trit_ollama_status(code), NULL, "%s", error.text);
    } else {
        trit_models_unload(server->models, own->model);
        trit_reply_json(r, 200, trit_ollama_nothing(own, "unload"));
    }
    free(own);
    free(load);
}

typedef enum trit_code read_fn(json_t *body, struct trit_ask **ask, struct trit_error *error);

static void answer(struct trit_request *r, struct trit_server *server, read_fn *read, bool chat)
{
    struct trit_error error;
    struct trit_ask *ask;
    const char *name;
    json_t *body = trit_ollama_body(r, &name);
    if (!body)
        return;
    enum trit_code code = read(body, &ask, &error);
    struct trit_ollama_own *own = code ? NULL : trit_alloc(1, sizeof *own);
    if (own) {
        own->chat = chat;
        snprintf(own->model, sizeof own->model, "%s", name);
        snprintf(ask->model, sizeof ask->model, "%s", name);
    } else if (!code) {
        code = trit_fail(&error, TRIT_EMEMORY, "out of memory");
    }
    json_decref(body); /* the ask has its own reference */
    if (code) {
        trit_reply_error(r, trit_ollama_status(code), NULL, "%s", error.text);
        trit_ask_free(ask);
    } else if (ask->messages || ask->prompts) {
        trit_generation_begin(server, r, ask,
                              ask->stream ? &trit_ollama_stream : &trit_ollama_whole, own);
    } else {
        load_or_unload(r, server, ask, own);
    }
}

static void generate(struct trit_request *r, void *server)
{
    answer(r, server, trit_ollama_read_generate, false);
}

static void chat(struct trit_request *r, void *server)
{
    answer(r, server, trit_ollama_read_chat, true);
}

/* Until a file's digest is made it is zeros, which clients that show a part of it can show. */
static void put_digest(json_t *json, const struct trit_store_model *m)
{
    static const char unknown[TRIT_STORE_DIGEST] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    json_object_set_new(json, "digest", json_string(*m->digest ? m->digest : unknown));
}

static json_t *listed(const struct trit_store_model *m)
{
    char name[TRIT_STORE_NAME + 8], modified[TRIT_OLLAMA_TIME];
    trit_ollama_name(m, name);
    trit_ollama_time((struct timespec){ .tv_sec = (time_t)m->modified }, modified);
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:I,s:o}", "name", name, "model", name, "modified_at", modified,
                  "size", (json_int_t)m->bytes, "details", trit_ollama_details(m));
    put_digest(json, m);
    return json;
}

static void tags(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    struct trit_store_model *list;
    size_t n;
    if (!trit_server_models(server, r, &list, &n))
        return;
    json_t *models = json_array();
    bool unknown = false;
    for (size_t i = 0; i < n; i++)
        if (!list[i].missing) {
            json_array_append_new(models, listed(&list[i]));
            unknown |= !*list[i].digest;
        }
    free(list);
    if (unknown)
        trit_digests_look(server->digests);
    trit_reply_json(r, 200, json_pack("{s:o}", "models", models));
}

struct listing {
    json_t *models;
    double now, keep_alive;
};

/* Until then it stays, if nobody asks for it again; of one in use, counted from now. */
static void put_expiry(json_t *json, const struct trit_served *s, const struct listing *l)
{
    double left = s->expires - l->now;
    if (s->users && isinf(left))
        left = l->keep_alive;
    if (left < 0 || left > for_ever)
        left = s->users || left > 0 ? for_ever : 0;
    struct timespec t;
    char expires[TRIT_OLLAMA_TIME];
    clock_gettime(CLOCK_REALTIME, &t);
    left += 1e-9 * (double)t.tv_nsec;
    t.tv_sec += (time_t)left;
    t.tv_nsec = (long)(1e9 * (left - floor(left)));
    trit_ollama_time(t, expires);
    json_object_set_new(json, "expires_at", json_string(expires));
}

static void add_loaded(void *arg, struct trit_served *s)
{
    struct listing *l = arg;
    char name[TRIT_STORE_NAME + 8];
    trit_ollama_name(&s->model, name);
    json_t *json = json_pack("{s:s,s:s,s:I,s:o,s:i,s:I}", "name", name, "model", name, "size",
                             (json_int_t)s->bytes, "details", trit_ollama_details(&s->model),
                             "size_vram", 0, "context_length", (json_int_t)s->context);
    put_digest(json, &s->model);
    put_expiry(json, s, l);
    json_array_append_new(l->models, json);
}

static void ps(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    struct listing l = { json_array(), trit_now(), server->options->models.keep_alive };
    trit_models_each(server->models, add_loaded, &l);
    trit_reply_json(r, 200, json_pack("{s:o}", "models", l.models));
}

static void version(struct trit_request *r, void *arg)
{
    const struct trit_server *server = arg;
    trit_reply_json(r, 200,
                    json_pack("{s:s,s:s}", "version", TRIT_OLLAMA_VERSION, "tritmill",
                              server->options->version));
}

static void embed(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    struct trit_store_model *model = trit_alloc(1, sizeof *model);
    struct trit_error error;
    const char *name;
    json_t *body = trit_ollama_body(r, &name);
    if (body) {
        const enum trit_code code = model ? trit_models_find(server->models, name, model, &error)
                                          : trit_fail(&error, TRIT_EMEMORY, "out of memory");
        if (code)
            trit_reply_error(r, trit_ollama_status(code), NULL, "%s", error.text);
        else
            trit_reply_error(r, 400, NULL, "\"%s\" does not support embeddings", name);
    }
    json_decref(body);
    free(model);
}

static void pull(struct trit_request *r, void *server)
{
    const char *name;
    json_t *body = trit_ollama_body(r, &name);
    (void)server;
    if (body)
        trit_reply_error(r, 501, NULL,
                         "this server downloads nothing: run `tritmill pull %s` on its machine",
                         name);
    json_decref(body);
}

static void push(struct trit_request *r, void *server)
{
    const char *name;
    json_t *body = trit_ollama_body(r, &name);
    (void)server;
    if (body)
        trit_reply_error(r, 501, NULL,
                         "this server uploads nothing: copy %s out of its models folder by hand",
                         name);
    json_decref(body);
}

static const struct trit_route routes[] = {
    { "POST", "/api/generate", TRIT_API_OLLAMA, 0, BODY_MOST, generate, NULL },
    { "POST", "/api/chat", TRIT_API_OLLAMA, 0, BODY_MOST, chat, NULL },
    { "GET", "/api/tags", TRIT_API_OLLAMA, 0, 0, tags, NULL },
    { "POST", "/api/show", TRIT_API_OLLAMA, 0, SMALL_BODY, trit_ollama_show, NULL },
    { "GET", "/api/ps", TRIT_API_OLLAMA, TRIT_ROUTE_QUICK, 0, ps, NULL },
    { "GET", "/api/version", TRIT_API_OLLAMA, TRIT_ROUTE_QUICK, 0, version, NULL },
    { "POST", "/api/embed", TRIT_API_OLLAMA, 0, BODY_MOST, embed, NULL },
    { "POST", "/api/embeddings", TRIT_API_OLLAMA, 0, BODY_MOST, embed, NULL },
    { "POST", "/api/create", TRIT_API_OLLAMA, 0, 4 * SMALL_BODY, trit_ollama_create, NULL },
    { "POST", "/api/copy", TRIT_API_OLLAMA, 0, SMALL_BODY, trit_ollama_copy, NULL },
    { "DELETE", "/api/delete", TRIT_API_OLLAMA, 0, SMALL_BODY, trit_ollama_delete, NULL },
    { "HEAD", "/api/blobs/", TRIT_API_OLLAMA, 0, 0, trit_ollama_blob_look, NULL },
    { "POST", "/api/blobs/", TRIT_API_OLLAMA, 0, SIZE_MAX, trit_ollama_blob_end,
      trit_ollama_blob_take },
    { "POST", "/api/pull", TRIT_API_OLLAMA, 0, SMALL_BODY, pull, NULL },
    { "POST", "/api/push", TRIT_API_OLLAMA, 0, SMALL_BODY, push, NULL },
};
const struct trit_routes trit_routes_ollama = { routes, sizeof routes / sizeof *routes };

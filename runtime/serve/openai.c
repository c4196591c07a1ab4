/* OpenAI's endpoints. */
#include <stdlib.h>
#include <string.h>

#include "runtime/serve/openai.h"
#include "runtime/serve/serve.h"

enum { BODY_MOST = 32 << 20 };

typedef enum trit_code read_fn(json_t *body, struct trit_ask **ask, const char **param,
                               struct trit_error *error);

static void complete(struct trit_request *r, struct trit_server *server, read_fn *read,
                     const struct trit_writer *const writers[2])
{
    json_t *body = trit_request_json(r);
    struct trit_ask *ask;
    struct trit_error error;
    const char *param;
    if (!body)
        return;
    const enum trit_code code = read(body, &ask, &param, &error);
    json_decref(body); /* the ask has its own reference */
    if (code) {
        trit_reply_error(r, code == TRIT_EMEMORY ? 503 : 400, param, "%s", error.text);
        trit_ask_free(ask);
        return;
    }
    trit_generation_begin(server, r, ask, writers[ask->stream], NULL);
}

static void chat(struct trit_request *r, void *server)
{
    static const struct trit_writer *const writers[] = { &trit_openai_chat_whole,
                                                         &trit_openai_chat_stream };
    complete(r, server, trit_openai_chat, writers);
}

static void completion(struct trit_request *r, void *server)
{
    static const struct trit_writer *const writers[] = { &trit_openai_completion_whole,
                                                         &trit_openai_completion_stream };
    complete(r, server, trit_openai_completion, writers);
}

static json_t *model_json(const struct trit_store_model *m)
{
    return json_pack("{s:s,s:s,s:I,s:s,s:{s:I,s:s,s:s,s:s}}", "id", m->name, "object", "model",
                     "created", (json_int_t)m->modified, "owned_by", "tritmill", "meta", "size",
                     (json_int_t)m->bytes, "family", m->family, "parameters", m->parameters,
                     "ftype", m->type);
}

/* What is known of a model once it is loaded. */
static void add_facts(void *data, struct trit_served *s)
{
    const struct trit_config *c = &s->engine.config;
    json_t *model;
    size_t i;
    json_array_foreach(data, i, model)
    {
        json_t *meta = json_object_get(model, "meta");
        if (strcmp(json_string_value(json_object_get(model, "id")), s->model.name))
            continue;
        json_object_set_new(meta, "n_vocab", json_integer((json_int_t)c->vocab));
        json_object_set_new(meta, "n_ctx", json_integer((json_int_t)s->context));
        json_object_set_new(meta, "n_ctx_train", json_integer((json_int_t)c->context));
        json_object_set_new(meta, "n_embd", json_integer((json_int_t)c->hidden));
        json_object_set_new(meta, "n_params",
                            json_integer((json_int_t)trit_model_cost(s->engine.model)->params));
    }
}

static void models(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    struct trit_store_model *list;
    size_t n;
    if (!trit_server_models(server, r, &list, &n))
        return;
    json_t *data = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(data, model_json(&list[i]));
    free(list);
    trit_models_each(server->models, add_facts, data);
    trit_reply_json(r, 200, json_pack("{s:s,s:o}", "object", "list", "data", data));
}

static void model(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    struct trit_store_model *m = malloc(sizeof *m);
    struct trit_error error;
    if (!m)
        trit_reply_error(r, 503, NULL, "out of memory");
    else if (trit_models_find(server->models, trit_request_rest(r), m, &error))
        trit_reply_error(r, 404, "model", "%s", error.text);
    else
        trit_reply_json(r, 200, model_json(m));
    free(m);
}

static void embeddings(struct trit_request *r, void *server)
{
    (void)server;
    trit_reply_error(r, 400, "model", "no model of this server makes embeddings");
}

static const struct trit_route routes[] = {
    { "POST", "/v1/chat/completions", TRIT_API_OPENAI, 0, BODY_MOST, chat, NULL },
    { "POST", "/v1/completions", TRIT_API_OPENAI, 0, BODY_MOST, completion, NULL },
    { "POST", "/v1/embeddings", TRIT_API_OPENAI, 0, BODY_MOST, embeddings, NULL },
    { "GET", "/v1/models", TRIT_API_OPENAI, 0, 0, models, NULL },
    { "GET", "/v1/models/", TRIT_API_OPENAI, 0, 0, model, NULL },
};
const struct trit_routes trit_routes_openai = { routes, sizeof routes / sizeof *routes };

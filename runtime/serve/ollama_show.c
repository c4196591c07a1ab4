/* What Ollama's clients are shown of a model: its Modelfile, its template, what its file says. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/serve/ollama.h"

enum { FEW = 5, PARAMETER_COLUMN = 30 };

static json_t *text_json(const char *s, size_t n)
{
    struct trit_buffer clean = { 0 };
    trit_buffer_utf8(&clean, s, n);
    json_t *json = json_stringn(clean.s ? clean.s : "", clean.n);
    free(clean.s);
    return json ? json : json_string("");
}

static const unsigned char sizes[] = {
    [TRIT_GGUF_U8] = 1,  [TRIT_GGUF_I8] = 1,  [TRIT_GGUF_U16] = 2, [TRIT_GGUF_I16] = 2,
    [TRIT_GGUF_U32] = 4, [TRIT_GGUF_I32] = 4, [TRIT_GGUF_F32] = 4, [TRIT_GGUF_BOOL] = 1,
    [TRIT_GGUF_U64] = 8, [TRIT_GGUF_I64] = 8, [TRIT_GGUF_F64] = 8,
};

/* With the digits that it takes, and no more. */
static json_t *float_json(float f)
{
    char text[32];
    int digits = 6;
    do
        snprintf(text, sizeof text, "%.*g", digits, (double)f);
    while (strtof(text, NULL) != f && digits++ < FLT_DECIMAL_DIG);
    return isfinite(f) ? json_real(strtod(text, NULL)) : json_null();
}

/* One value at *data, which goes on behind it. The file was checked when it was opened. */
static json_t *value_json(uint32_t type, const uint8_t **data)
{
    uint64_t u = 0;
    float f;
    double d;
    if (type == TRIT_GGUF_STRING) {
        memcpy(&u, *data, 8);
        *data += 8 + u;
        return text_json((const char *)*data - u, u);
    }
    const size_t n = type < sizeof sizes ? sizes[type] : 0;
    memcpy(&u, *data, n);
    *data += n;
    switch (type) {
    case TRIT_GGUF_F32:
        memcpy(&f, &u, sizeof f);
        return float_json(f);
    case TRIT_GGUF_F64:
        memcpy(&d, &u, sizeof d);
        return isfinite(d) ? json_real(d) : json_null();
    case TRIT_GGUF_BOOL:
        return json_boolean(u);
    case TRIT_GGUF_I8:
        return json_integer((int8_t)u);
    case TRIT_GGUF_I16:
        return json_integer((int16_t)u);
    case TRIT_GGUF_I32:
        return json_integer((int32_t)u);
    default:
        return json_integer((json_int_t)u);
    }
}

/* Long arrays are null, unless all is wanted. */
static json_t *kv_json(const struct trit_gguf_kv *kv, bool verbose)
{
    const uint8_t *data = kv->data;
    if (kv->type != TRIT_GGUF_ARRAY)
        return value_json(kv->type, &data);
    if (kv->item == TRIT_GGUF_ARRAY || (!verbose && kv->count > FEW))
        return json_null();
    json_t *array = json_array();
    for (uint64_t i = 0; i < kv->count; i++)
        json_array_append_new(array, value_json(kv->item, &data));
    return array;
}

static json_t *info_json(const struct trit_gguf *gguf, bool verbose)
{
    json_t *info = json_object();
    double elements = 0;
    for (size_t i = 0; i < gguf->nkv; i++) {
        const struct trit_text key = gguf->kv[i].key;
        if (!trit_text_is(key, "general.name") && !trit_text_is(key, "tokenizer.chat_template"))
            json_object_setn_new(info, key.s, key.n, kv_json(&gguf->kv[i], verbose));
    }
    for (size_t i = 0; i < gguf->ntensors; i++) {
        const uint64_t *ne = gguf->tensors[i].ne;
        elements += (double)ne[0] * (double)ne[1] * (double)ne[2] * (double)ne[3];
    }
    json_object_set_new(info, "general.parameter_count",
                        json_integer((json_int_t)fmin(elements, 0x1p62)));
    return info;
}

static json_t *tensors_json(const struct trit_gguf *gguf)
{
    json_t *tensors = json_array();
    for (size_t i = 0; i < gguf->ntensors; i++) {
        const struct trit_gguf_tensor *t = &gguf->tensors[i];
        const struct trit_type_info *type = trit_type_find(t->type);
        json_t *shape = json_array();
        for (uint32_t k = 0; k < t->ndims; k++)
            json_array_append_new(shape, json_integer((json_int_t)t->ne[k]));
        json_array_append_new(tensors,
                              json_pack("{s:o,s:s,s:o}", "name", text_json(t->name.s, t->name.n),
                                        "type", type ? type->name : "", "shape", shape));
    }
    return tensors;
}

/* A line for each, texts in quotes. */
static json_t *parameters_json(const struct trit_modelfile *m)
{
    struct trit_buffer lines = { 0 };
    for (size_t i = 0; i < m->parameters.n; i++) {
        const struct trit_modelfile_pair *p = &m->parameters.v[i];
        char *end;
        strtod(p->value, &end);
        trit_buffer_print(&lines, "%s%-*s ", i ? "\n" : "", PARAMETER_COLUMN, p->name);
        if (*p->value && !*end)
            trit_buffer_print(&lines, "%s", p->value);
        else
            trit_buffer_json(&lines, p->value, strlen(p->value));
    }
    json_t *json = json_stringn(lines.s ? lines.s : "", lines.n);
    free(lines.s);
    return json;
}

static json_t *messages_json(const struct trit_modelfile *m)
{
    json_t *messages = json_array();
    for (size_t i = 0; i < m->messages.n; i++)
        json_array_append_new(messages, json_pack("{s:s,s:s}", "role", m->messages.v[i].name,
                                                  "content", m->messages.v[i].value));
    return messages;
}

static json_t *capabilities_json(const struct trit_chat_traits *traits)
{
    json_t *list = json_pack("[s]", "completion");
    if (traits && traits->tools && traits->calls != TRIT_CALLS_NONE)
        json_array_append_new(list, json_string("tools"));
    if (traits && traits->thinks)
        json_array_append_new(list, json_string("thinking"));
    return list;
}

/* A model, looked at without being loaded. */
struct look {
    struct trit_store_model model;
    struct trit_modelfile made_of;
    struct trit_gguf *gguf;
    struct trit_chat *chat; /* NULL: it has no template that can be used */
};

static enum trit_code open_look(struct look *look, const struct trit_server *server,
                                const char *name, struct trit_error *error)
{
    struct trit_store *store = trit_models_store(server->models);
    struct trit_modelfile *m = &look->made_of;
    enum trit_code code = trit_models_find(server->models, name, &look->model, error);
    if (!code)
        code = store ? trit_store_modelfile(store, &look->model, m, error)
                     : trit_modelfile_set(m, "FROM", look->model.path, error);
    if (!code)
        code = trit_gguf_open(&look->gguf, look->model.path, error);
    if (code)
        return code;
    const char *wanted = server->options->models.chat_template;
    if (!wanted && trit_modelfile_template_serves(m))
        wanted = m->chat_template;
    if (trit_chat_open(&look->chat, look->gguf, wanted, NULL))
        look->chat = NULL;
    return TRIT_OK;
}

static void close_look(struct look *look)
{
    trit_chat_free(look->chat);
    trit_gguf_close(look->gguf);
    trit_modelfile_free(&look->made_of);
    free(look);
}

static void put_text(json_t *json, const char *name, const char *text)
{
    if (text && *text)
        json_object_set_new(json, name, text_json(text, strlen(text)));
}

static json_t *show_json(const struct look *look, bool verbose)
{
    const struct trit_modelfile *m = &look->made_of;
    const struct trit_chat_traits *traits = look->chat ? trit_chat_traits(look->chat) : NULL;
    json_t *json = json_object();
    char *text = trit_modelfile_text(m), modified[TRIT_OLLAMA_TIME];
    trit_ollama_time((struct timespec){ .tv_sec = (time_t)look->model.modified }, modified);
    put_text(json, "license", m->license);
    put_text(json, "modelfile", text);
    free(text);
    if (m->parameters.n)
        json_object_set_new(json, "parameters", parameters_json(m));
    put_text(json, "template", m->chat_template ? m->chat_template : traits ? traits->source : "");
    put_text(json, "system", m->system);
    json_object_set_new(json, "details", trit_ollama_details(&look->model));
    if (m->messages.n)
        json_object_set_new(json, "messages", messages_json(m));
    json_object_set_new(json, "model_info", info_json(look->gguf, verbose));
    if (verbose)
        json_object_set_new(json, "tensors", tensors_json(look->gguf));
    json_object_set_new(json, "capabilities", capabilities_json(traits));
    json_object_set_new(json, "modified_at", json_string(modified));
    return json;
}

void trit_ollama_show(struct trit_request *r, void *arg)
{
    const struct trit_server *server = arg;
    struct look *look = trit_alloc(1, sizeof *look);
    struct trit_error error;
    const char *name;
    json_t *body = trit_ollama_body(r, &name);
    if (!body || !look) {
        if (body)
            trit_reply_error(r, 503, NULL, "out of memory");
        json_decref(body);
        free(look);
        return;
    }
    const enum trit_code code = open_look(look, server, name, &error);
    if (code)
        trit_reply_error(r, code == TRIT_EFORMAT ? 500 : trit_ollama_status(code), NULL, "%s",
                         error.text);
    else
        trit_reply_json(r, 200, show_json(look, json_is_true(json_object_get(body, "verbose"))));
    json_decref(body);
    close_look(look);
}

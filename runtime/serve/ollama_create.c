/* Models that Ollama's clients make, copy and delete. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/serve/ollama.h"

static enum trit_code is_not(const char *name, const char *what, struct trit_error *error)
{
    return trit_fail(error, TRIT_EARGUMENT, "%s must be %s", name, what);
}

static bool absent(const json_t *json)
{
    return !json || json_is_null(json);
}

/* Where what the body has goes: each takes the value of its field, which is there. */
typedef enum trit_code put_fn(struct trit_modelfile *m, json_t *json, struct trit_error *error);

static enum trit_code put_modelfile(struct trit_modelfile *m, json_t *json,
                                    struct trit_error *error)
{
    if (!json_is_string(json))
        return is_not("modelfile", "a string", error);
    return trit_modelfile_parse(m, json_string_value(json), json_string_length(json), "modelfile",
                                error);
}

static enum trit_code put_from(struct trit_modelfile *m, json_t *json, struct trit_error *error)
{
    if (!json_is_string(json))
        return is_not("from", "a string", error);
    return trit_modelfile_set(m, "FROM", json_string_value(json), error);
}

static enum trit_code put_system(struct trit_modelfile *m, json_t *json, struct trit_error *error)
{
    if (!json_is_string(json))
        return is_not("system", "a string", error);
    return trit_modelfile_set(m, "SYSTEM", json_string_value(json), error);
}

static enum trit_code put_template(struct trit_modelfile *m, json_t *json, struct trit_error *error)
{
    if (!json_is_string(json))
        return is_not("template", "a string", error);
    return trit_modelfile_set(m, "TEMPLATE", json_string_value(json), error);
}

static enum trit_code put_license(struct trit_modelfile *m, json_t *json, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    if (json_is_string(json))
        return trit_modelfile_set(m, "LICENSE", json_string_value(json), error);
    if (!json_is_array(json))
        return is_not("license", "a string, or an array of such", error);
    for (size_t i = 0; i < json_array_size(json) && !code; i++) {
        json_t *one = json_array_get(json, i);
        code = json_is_string(one) ? put_license(m, one, error)
                                   : is_not("license", "a string, or an array of such", error);
    }
    return code;
}

/* The file, which was uploaded before. */
static enum trit_code put_files(struct trit_modelfile *m, json_t *json, struct trit_error *error)
{
    const char *name;
    json_t *digest;
    enum trit_code code = TRIT_OK;
    if (!json_is_object(json))
        code = is_not("files", "an object of names and digests", error);
    else if (json_object_size(json) > 1)
        code = trit_fail(error, TRIT_EUNSUPPORTED, "files: a model is one GGUF file here");
    json_object_foreach(json, name, digest)
    {
        const char *text = json_string_value(digest);
        if (!code)
            code = text && !strncmp(text, "sha256", 6)
                       ? trit_modelfile_set(m, "FROM", text, error)
                       : is_not("files", "an object of names and digests", error);
    }
    return code;
}

/* A parameter's value as a Modelfile has it: free() it; NULL: it can have none. */
static char *parameter_text(const json_t *json)
{
    if (json_is_string(json))
        return strdup(json_string_value(json));
    if (json_is_number(json) || json_is_boolean(json))
        return json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    return NULL;
}

static enum trit_code put_parameter(struct trit_modelfile *m, const char *name, json_t *json,
                                    struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json) && !code; i++) {
            json_t *one = json_array_get(json, i);
            code = json_is_array(one) ? is_not("parameters", "texts and numbers", error)
                                      : put_parameter(m, name, one, error);
        }
        return code;
    }
    char *text = parameter_text(json);
    code = text ? trit_modelfile_parameter(m, name, text, error)
                : trit_fail(error, TRIT_EARGUMENT, "parameters: %.64s must be a text or a number",
                            name);
    free(text);
    return code;
}

static enum trit_code put_parameters(struct trit_modelfile *m, json_t *json,
                                     struct trit_error *error)
{
    const char *name;
    json_t *value;
    enum trit_code code = json_is_object(json) ? TRIT_OK : is_not("parameters", "an object", error);
    json_object_foreach(json, name, value) if (!code && !json_is_null(value)) code =
        put_parameter(m, name, value, error);
    return code;
}

static enum trit_code put_messages(struct trit_modelfile *m, json_t *json, struct trit_error *error)
{
    enum trit_code code = json_is_array(json) ? TRIT_OK : is_not("messages", "an array", error);
    for (size_t i = 0; i < json_array_size(json) && !code; i++) {
        const json_t *message = json_array_get(json, i);
        const char *role = json_string_value(json_object_get(message, "role")),
                   *text = json_string_value(json_object_get(message, "content"));
        code = role && text ? trit_modelfile_message(m, role, text, error)
                            : is_not("messages", "an array of {role, content}", error);
    }
    return code;
}

static enum trit_code refuse(struct trit_modelfile *m, json_t *json, struct trit_error *error)
{
    const bool empty = (json_is_string(json) && !json_string_length(json)) ||
                       (json_is_object(json) && !json_object_size(json));
    (void)m;
    return empty ? TRIT_OK
                 : trit_fail(error, TRIT_EUNSUPPORTED,
                             "quantize, adapters and path are not supported: FROM is a GGUF file, "
                             "or a model of here");
}

/* In this order: what stands for itself takes the place of what the Modelfile's text says. */
static const struct part {
    const char *name;
    put_fn *put;
} parts[] = {
    { "modelfile", put_modelfile },   { "files", put_files },       { "from", put_from },
    { "template", put_template },     { "license", put_license },   { "system", put_system },
    { "parameters", put_parameters }, { "messages", put_messages }, { "quantize", refuse },
    { "quantization", refuse },       { "adapters", refuse },       { "path", refuse },
};

static enum trit_code read_create(const json_t *body, struct trit_modelfile *m,
                                  struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !code; i++) {
        json_t *json = json_object_get(body, parts[i].name);
        if (!absent(json))
            code = parts[i].put(m, json, error);
    }
    if (!code && !m->from)
        code = trit_fail(error, TRIT_EARGUMENT, "neither 'from' or 'files' was specified");
    return code;
}

/* Whether what it is made from is there: then it was the disk that failed. */
static bool is_there(struct trit_store *store, const char *from)
{
    struct trit_buffer path = { 0 };
    struct trit_store_model *model = malloc(sizeof *model);
    char blob[TRIT_STORE_PATH];
    trit_buffer_print(&path, "%s/%s", trit_store_folder(store), from);
    const bool there = (model && !trit_store_find(store, from, model, NULL)) ||
                       !trit_store_blob_find(store, from, blob, sizeof blob, NULL) ||
                       (path.s && !access(path.s, F_OK));
    free(path.s);
    free(model);
    return there;
}

static void reply_statuses(struct trit_request *r, const struct trit_modelfile *m,
                           const char *digest, bool stream)
{
    struct trit_buffer lines = { 0 };
    char notes[1024];
    trit_modelfile_notes(m, notes, sizeof notes);
    if (!stream) {
        trit_reply_json(r, 200, json_pack("{s:s}", "status", "success"));
        return;
    }
    trit_buffer_print(&lines, "{\"status\":\"using existing layer sha256:%s\"}\n", digest);
    for (char *line = notes, *end; *line; line = end + (*end != 0)) {
        end = line + strcspn(line, "\n");
        trit_buffer_print(&lines, "{\"status\":");
        trit_buffer_json(&lines, line, (size_t)(end - line));
        trit_buffer_print(&lines, "}\n");
    }
    trit_buffer_print(&lines, "{\"status\":\"writing manifest\"}\n{\"status\":\"success\"}\n");
    trit_reply(r, 200, "application/x-ndjson", lines.s, lines.s ? lines.n : 0);
}

/* It takes as long as reading the model's file, the first time. */
void trit_ollama_create(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    struct trit_modelfile m = { 0 };
    struct trit_store_model made;
    struct trit_error error;
    const char *name;
    json_t *body = trit_ollama_body(r, &name);
    struct trit_store *store = body ? trit_ollama_store(r, server) : NULL;
    if (store) {
        enum trit_code code = read_create(body, &m, &error);
        unsigned status = trit_ollama_status(code);
        if (!code) {
            code = trit_store_create(store, name, &m, NULL, &error);
            status = code == TRIT_EIO && is_there(store, m.from) ? 507 : trit_ollama_status(code);
        }
        if (code) {
            trit_reply_error(r, status, NULL, "%s", error.text);
        } else {
            trit_models_forget(server->models, name);
            if (trit_store_find(store, name, &made, NULL))
                *made.digest = 0;
            reply_statuses(r, &m, made.digest, !json_is_false(json_object_get(body, "stream")));
        }
        trit_modelfile_free(&m);
    }
    json_decref(body);
}

void trit_ollama_copy(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    struct trit_error error;
    json_t *body = trit_request_json(r);
    const char *from = json_string_value(json_object_get(body, "source")),
               *to = json_string_value(json_object_get(body, "destination"));
    struct trit_store *store = body && from && to ? trit_ollama_store(r, server) : NULL;
    if (body && !(from && to))
        trit_reply_error(r, 400, NULL, "source and destination must be names of models");
    if (store) {
        const enum trit_code code = trit_store_copy(store, from, to, &error);
        if (code) {
            trit_reply_error(r, trit_ollama_status(code), NULL, "%s", error.text);
        } else {
            trit_models_forget(server->models, to);
            trit_reply(r, 200, NULL, NULL, 0);
        }
    }
    json_decref(body);
}

void trit_ollama_delete(struct trit_request *r, void *arg)
{
    struct trit_server *server = arg;
    struct trit_error error;
    char said[2 * TRIT_STORE_PATH];
    const char *name;
    json_t *body = trit_ollama_body(r, &name);
    struct trit_store *store = body ? trit_ollama_store(r, server) : NULL;
    if (store) {
        trit_models_forget(server->models, name);
        const enum trit_code code = trit_store_delete(store, name, said, sizeof said, &error);
        if (code)
            trit_reply_error(r, trit_ollama_status(code), NULL, "%s", error.text);
        else
            trit_reply(r, 200, NULL, NULL, 0);
    }
    json_decref(body);
}

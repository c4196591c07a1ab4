/* Names that are created, copied and deleted. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "runtime/format/gguf.h"
#include "runtime/store/internal.h"

/* What a FROM means. */
struct origin {
    char path[TRIT_STORE_PATH];  /* of the GGUF file, inside of the folder */
    struct trit_modelfile below; /* of a created name */
};

static bool is_path(const char *from)
{
    const size_t n = strlen(from), suffix = strlen(TRIT_STORE_SUFFIX);
    return *from == '/' || *from == '.' || *from == '~' ||
           (n > suffix && !strchr(from, ':') && !strcasecmp(from + n - suffix, TRIT_STORE_SUFFIX));
}

static bool climbs(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
            return true;
    return false;
}

static enum trit_code from_path(struct trit_store *s, const char *from, const char *beside,
                                struct origin *o, struct trit_error *error)
{
    char path[TRIT_STORE_PATH];
    const char *base = beside ? beside : s->folder;
    const bool absolute = *from == '/';
    if (snprintf(path, sizeof path, "%s%s%s", absolute ? "" : base, absolute ? "" : "/", from) >=
        (int)sizeof path)
        return trit_fail(error, TRIT_EARGUMENT, "FROM %.40s...: the path is too long", from);
    if (trit_store_holds(s, path, o->path))
        return TRIT_OK;
    char *real = realpath(path, NULL);
    enum trit_code code;
    if (!beside && (absolute || climbs(from) || real))
        code = trit_fail(error, TRIT_EARGUMENT,
                         "FROM %.256s: leads out of the models folder, or is no file", from);
    else if (!real)
        code = trit_fail(error, TRIT_EIO, "FROM %.256s: %s: %s", from, path, strerror(errno));
    else
        code = trit_store_take_in(s, real, o->path, error);
    free(real);
    return code;
}

static enum trit_code from_name(struct trit_store *s, const char *from, struct origin *o,
                                struct trit_error *error)
{
    struct trit_store_model model;
    enum trit_code code = trit_store_find(s, from, &model, error);
    if (code)
        return code;
    memcpy(o->path, model.path, sizeof o->path);
    return model.created ? trit_store_modelfile(s, &model, &o->below, error) : TRIT_OK;
}

static enum trit_code find_origin(struct trit_store *s, const char *from, const char *beside,
                                  struct origin *o, struct trit_error *error)
{
    char path[TRIT_STORE_PATH];
    if (*from == '@')
        from++;
    if (!strncmp(from, "sha256:", 7) || !strncmp(from, "sha256-", 7)) {
        const enum trit_code code = trit_store_blob_find(s, from, path, sizeof path, error);
        if (!code && !trit_store_holds(s, path, o->path))
            return trit_fail(error, TRIT_EIO, "blob %.80s not found", from);
        return code;
    }
    const int n = snprintf(path, sizeof path, "%s/%s", beside ? beside : s->folder, from);
    const bool there = n >= 0 && (size_t)n < sizeof path && !access(path, F_OK);
    if (is_path(from) && (there || strchr("/.~", *from)))
        return from_path(s, from, beside, o, error);
    return from_name(s, from, o, error);
}

static enum trit_code check_model(const char *path, struct trit_error *error)
{
    struct trit_gguf *g;
    const enum trit_code code = trit_gguf_open(&g, path, error);
    if (!code)
        trit_gguf_close(g);
    return code;
}

static enum trit_code add_pairs(struct trit_modelfile *to, const struct trit_modelfile_pairs *pairs,
                                bool messages, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < pairs->n && !code; i++)
        code = (messages ? trit_modelfile_message : trit_modelfile_parameter)(
            to, pairs->v[i].name, pairs->v[i].value, error);
    return code;
}

/* What the model below has under what m has. Messages, and stops, are those of m where it has any.
 */
static enum trit_code merge(struct trit_modelfile *all, const struct trit_modelfile *below,
                            const struct trit_modelfile *m, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    const bool stops = trit_modelfile_value(m, "stop") != NULL;
    const struct {
        const char *keyword, *text;
    } texts[] = {
        { "SYSTEM", m->system ? m->system : below->system },
        { "TEMPLATE", m->chat_template ? m->chat_template : below->chat_template },
        { "LICENSE", m->license ? m->license : below->license },
    };
    *all = (struct trit_modelfile){ 0 };
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !code; i++)
        if (texts[i].text)
            code = trit_modelfile_set(all, texts[i].keyword, texts[i].text, error);
    for (size_t i = 0; i < below->parameters.n && !code; i++) {
        const struct trit_modelfile_pair *p = &below->parameters.v[i];
        const bool stop = !strcmp(p->name, "stop");
        if (stop ? !stops : !trit_modelfile_value(m, p->name))
            code = trit_modelfile_parameter(all, p->name, p->value, error);
    }
    if (!code)
        code = add_pairs(all, &m->parameters, false, error);
    return code ? code
                : add_pairs(all, m->messages.n ? &m->messages : &below->messages, true, error);
}

static enum trit_code record(struct trit_store *s, const char *place, const char *path,
                             const struct trit_modelfile *m, struct trit_error *error)
{
    char folder[PATH_MAX];
    struct trit_store_model model = { .created = true };
    memcpy(model.path, path, strlen(path) + 1);
    const enum trit_code code = trit_store_digest(s, &model, NULL, NULL, error);
    if (code)
        return code;
    if (!realpath(s->folder, folder) || strlen(path) <= strlen(folder))
        return trit_fail(error, TRIT_EIO, "%s: %s", s->folder, strerror(errno));
    return trit_store_record_write(s, place, path + strlen(folder) + 1, model.digest, m, error);
}

/* A record of the name in another case is the one that is replaced. */
static void same_place(struct trit_store *s, char *place, size_t room)
{
    struct trit_store_entries entries;
    if (!trit_store_scan(s, &entries, NULL))
        for (size_t i = 0; i < entries.n; i++)
            if (entries.v[i].model.created && !strcasecmp(entries.v[i].place, place))
                snprintf(place, room, "%s", entries.v[i].place);
    free(entries.v);
}

enum trit_code trit_store_create(struct trit_store *s, const char *name,
                                 const struct trit_modelfile *m, const char *beside,
                                 struct trit_error *error)
{
    char place[TRIT_STORE_PATH];
    struct origin *o = calloc(1, sizeof *o);
    struct trit_modelfile all = { 0 };
    enum trit_code code = trit_store_record_place(name, place, sizeof place, error);
    if (!o)
        code = trit_fail(error, TRIT_EMEMORY, "no memory for a model");
    if (!code && !m->from)
        code = trit_fail(error, TRIT_EARGUMENT, "a Modelfile needs a line FROM");
    if (!code)
        code = find_origin(s, m->from, beside, o, error);
    if (!code)
        code = check_model(o->path, error);
    if (!code)
        code = merge(&all, &o->below, m, error);
    if (!code) {
        same_place(s, place, sizeof place);
        code = record(s, place, o->path, &all, error);
    }
    trit_modelfile_free(&all);
    if (o)
        trit_modelfile_free(&o->below);
    free(o);
    return code;
}

enum trit_code trit_store_copy(struct trit_store *s, const char *from, const char *to,
                               struct trit_error *error)
{
    struct trit_store_model model;
    struct trit_modelfile m = { 0 };
    enum trit_code code = trit_store_find(s, from, &model, error);
    if (!code)
        code = trit_store_modelfile(s, &model, &m, error);
    if (!code)
        code = trit_store_create(s, to, &m, NULL, error);
    trit_modelfile_free(&m);
    return code;
}

static const struct trit_store_entry *user_of(const struct trit_store_entries *entries,
                                              const struct trit_store_entry *but)
{
    for (size_t i = 0; i < entries->n; i++)
        if (&entries->v[i] != but && entries->v[i].model.created &&
            !strcmp(entries->v[i].model.path, but->model.path))
            return &entries->v[i];
    return NULL;
}

static enum trit_code remove_at(const struct trit_store *s, const char *path,
                                struct trit_error *error)
{
    if (unlink(path))
        return trit_fail(error, TRIT_EIO, "%s: cannot remove: %s", path, strerror(errno));
    char folder[TRIT_STORE_PATH];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash; (slash = strrchr(folder, '/')) && slash > folder;) {
        *slash = 0;
        if (strlen(folder) <= strlen(s->folder) || rmdir(folder))
            break; /* it is the models folder, or is not empty */
    }
    return TRIT_OK;
}

/* The files behind the first of a model's several. */
static void remove_behind(const char *path)
{
    char part[TRIT_STORE_PATH];
    uint32_t first, count = 1;
    snprintf(part, sizeof part, "%s", path);
    if (!trit_gguf_split_name(path, &first, &count) || first != 0)
        return;
    for (uint32_t i = 1; i < count; i++) {
        trit_gguf_name_part(part, i, count);
        unlink(part);
    }
}

static enum trit_code remove_created(struct trit_store *s, const struct trit_store_entries *all,
                                     const struct trit_store_entry *e, char *said, size_t room,
                                     struct trit_error *error)
{
    char path[TRIT_STORE_PATH], blobs[TRIT_STORE_PATH];
    if (!trit_store_join(s, TRIT_STORE_NAMES, e->place, path, sizeof path) ||
        !trit_store_join(s, TRIT_STORE_BLOBS "/", NULL, blobs, sizeof blobs))
        return trit_fail(error, TRIT_EARGUMENT, "%.60s...: the path is too long", e->place);
    const bool blob = !strncmp(e->model.path, blobs, strlen(blobs)) && !e->model.missing;
    enum trit_code code = remove_at(s, path, error);
    if (!code && blob && !user_of(all, e)) {
        code = remove_at(s, e->model.path, error);
        snprintf(said, room, "removed %s and its file %s", e->model.name, e->model.path);
    } else {
        snprintf(said, room, "removed %s; its file %s stays", e->model.name, e->model.path);
    }
    return code;
}

enum trit_code trit_store_delete(struct trit_store *s, const char *name, char *said, size_t room,
                                 struct trit_error *error)
{
    struct trit_store_entries all;
    const struct trit_store_entry *e, *user;
    enum trit_code code = trit_store_scan(s, &all, error);
    if (!code)
        code = trit_store_pick(&all, name, &e, error);
    if (!code && e->model.created) {
        code = remove_created(s, &all, e, said, room, error);
    } else if (!code && (user = user_of(&all, e))) {
        code = trit_fail(error, TRIT_EBUSY, "%s: %s was created from it: remove that first",
                         e->model.path, user->model.name);
    } else if (!code) {
        char path[TRIT_STORE_PATH];
        if (!trit_store_join(s, e->place, NULL, path, sizeof path))
            code = trit_fail(error, TRIT_EARGUMENT, "%.60s...: the path is too long", e->place);
        if (!code)
            remove_behind(path);
        if (!code)
            code = remove_at(s, path, error);
        snprintf(said, room, "removed %s", e->model.path);
    }
    free(all.v);
    return code;
}

/* What lies in the models folder. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/format/gguf.h"
#include "runtime/store/internal.h"

enum { DEEPEST = 5, MOST = 4096, HUB_DEPTH = 2 };

struct scan {
    struct trit_store *store;
    struct trit_store_entries *entries;
    char *digests; /* that are known */
    bool names;    /* of .names, not of files */
    struct trit_error *error;
};

static struct trit_store_entry *add(struct scan *s, const char *place)
{
    struct trit_store_entries *e = s->entries;
    if (!(e->n & (e->n - 1))) { /* a power of two: it is full */
        struct trit_store_entry *v = realloc(e->v, (e->n ? 2 * e->n : 1) * sizeof *v);
        if (!v)
            return NULL;
        e->v = v;
    }
    struct trit_store_entry *entry = &e->v[e->n++];
    memset(entry, 0, sizeof *entry);
    snprintf(entry->place, sizeof entry->place, "%s", place);
    return entry;
}

/* Size, digest and details of the file at model->path. */
static void look_at(const struct scan *s, struct trit_store_model *model)
{
    const int fd = open(model->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const struct trit_file_id id = trit_file_identify(fd);
    model->missing = fd < 0 || !id.changed;
    model->bytes = id.bytes;
    if (!model->modified)
        model->modified = id.modified / 1000000000;
    if (!model->missing) {
        char digest[TRIT_STORE_DIGEST];
        trit_store_recall(s->digests, &id, digest);
        if (*digest || !model->created)
            memcpy(model->digest, digest, sizeof digest);
        trit_store_describe(s->store, model, fd);
    }
    if (fd >= 0)
        close(fd);
}

static size_t slashes(const char *place)
{
    size_t n = 0;
    for (; *place; place++)
        n += *place == '/';
    return n;
}

/* OWNER/REPO:FILE, or the file's name. */
static void name_file(struct trit_store_entry *e)
{
    const char *slash = strrchr(e->place, '/');
    const size_t n = strlen(e->place) - strlen(TRIT_STORE_SUFFIX);
    char *name = e->model.name;
    const size_t room = sizeof e->model.name;
    if (slashes(e->place) == HUB_DEPTH)
        snprintf(name, room, "%.*s:%.*s", (int)(slash - e->place), e->place,
                 (int)(e->place + n - slash - 1), slash + 1);
    else
        snprintf(name, room, "%.*s", (int)(slash ? e->place + n - slash - 1 : (ptrdiff_t)n),
                 slash ? slash + 1 : e->place);
}

/* The files behind the first of a model's several. */
static uint64_t bytes_behind(const char *path, uint32_t count)
{
    char part[TRIT_STORE_PATH];
    uint64_t bytes = 0;
    struct stat st;
    snprintf(part, sizeof part, "%s", path);
    for (uint32_t i = 1; i < count; i++) {
        trit_gguf_name_part(part, i, count);
        bytes += stat(part, &st) ? 0 : (uint64_t)st.st_size;
    }
    return bytes;
}

static enum trit_code add_file(struct scan *s, const char *path, const char *place)
{
    char real[TRIT_STORE_PATH];
    uint32_t part = 0, count = 1;
    const char *slash = strrchr(place, '/'), *file = slash ? slash + 1 : place;
    for (const char *c = place; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return TRIT_OK;
    if (!trit_ends_with(file, TRIT_STORE_SUFFIX) || !strncasecmp(file, "mmproj", 6) ||
        strlen(place) >= TRIT_STORE_NAME || !trit_store_holds(s->store, path, real) ||
        (trit_gguf_split_name(real, &part, &count) && part > 0))
        return TRIT_OK;
    struct trit_store_entry *e = add(s, place);
    if (!e)
        return trit_fail(s->error, TRIT_EMEMORY, "%s: no memory", path);
    memcpy(e->model.path, real, sizeof real);
    name_file(e);
    look_at(s, &e->model);
    e->model.bytes += bytes_behind(real, count);
    return TRIT_OK;
}

/* A record that cannot be read is a name whose file is missing. */
static enum trit_code add_name(struct scan *s, const char *path, const char *place)
{
    char target[TRIT_STORE_PATH], below[TRIT_STORE_PATH], real[TRIT_STORE_PATH];
    const char *slash = strrchr(place, '/');
    struct stat st;
    if (!slash || trit_ends_with(place, ".tmp") || lstat(path, &st) || !S_ISREG(st.st_mode))
        return TRIT_OK;
    struct trit_store_entry *e = add(s, place);
    if (!e)
        return trit_fail(s->error, TRIT_EMEMORY, "%s: no memory", path);
    struct trit_store_model *model = &e->model;
    const bool latest = !strcasecmp(slash + 1, "latest");
    snprintf(model->name, sizeof model->name, "%.*s%s%s", (int)(slash - place), place,
             latest ? "" : ":", latest ? "" : slash + 1);
    model->created = true;
    model->modified = st.st_mtime;
    model->missing = true;
    if (trit_store_record_read(path, target, model->digest, NULL, NULL) ||
        !trit_store_join(s->store, target, NULL, below, sizeof below))
        return TRIT_OK;
    if (trit_store_holds(s->store, below, real)) {
        memcpy(model->path, real, sizeof real);
        look_at(s, model);
    } else {
        memcpy(model->path, below, sizeof below);
    }
    return TRIT_OK;
}

static enum trit_code walk(struct scan *s, const char *place, int depth);

static enum trit_code visit(struct scan *s, const char *place, int depth)
{
    char path[TRIT_STORE_PATH];
    struct stat st;
    if (!trit_store_join(s->store, s->names ? TRIT_STORE_NAMES : place, s->names ? place : NULL,
                         path, sizeof path) ||
        lstat(path, &st))
        return TRIT_OK;
    if (S_ISDIR(st.st_mode))
        return depth < DEEPEST ? walk(s, place, depth + 1) : TRIT_OK;
    return s->names ? add_name(s, path, place) : add_file(s, path, place);
}

static enum trit_code walk(struct scan *s, const char *place, int depth)
{
    char path[TRIT_STORE_PATH], below[TRIT_STORE_PATH];
    if (!trit_store_join(s->store, s->names ? TRIT_STORE_NAMES : place, s->names ? place : NULL,
                         path, sizeof path))
        return TRIT_OK;
    DIR *folder = opendir(path);
    if (!folder)
        return errno == ENOENT || depth
                   ? TRIT_OK
                   : trit_fail(s->error, TRIT_EIO, "%s: %s", path, strerror(errno));
    enum trit_code code = TRIT_OK;
    const struct dirent *entry;
    while (!code && s->entries->n < MOST && (entry = readdir(folder)))
        if (*entry->d_name != '.' && snprintf(below, sizeof below, "%s%s%s", place,
                                              *place ? "/" : "", entry->d_name) < (int)sizeof below)
            code = visit(s, below, depth);
    closedir(folder);
    return code;
}

static int by_name(const void *a, const void *b)
{
    const struct trit_store_entry *x = a, *y = b;
    const int folded = strcasecmp(x->model.name, y->model.name);
    return folded ? folded : strcmp(x->place, y->place);
}

/* Names that several files have become their paths. */
static void part(struct trit_store_entries *e)
{
    for (size_t i = 0, end; i < e->n; i = end) {
        for (end = i + 1; end < e->n && !strcasecmp(e->v[i].model.name, e->v[end].model.name);)
            end++;
        for (size_t j = i; j < end && end - i > 1; j++)
            if (!e->v[j].model.created)
                snprintf(e->v[j].model.name, sizeof e->v[j].model.name, "%.*s",
                         (int)(strlen(e->v[j].place) - strlen(TRIT_STORE_SUFFIX)), e->v[j].place);
    }
}

enum trit_code trit_store_scan(struct trit_store *store, struct trit_store_entries *entries,
                               struct trit_error *error)
{
    struct scan s = { .store = store, .entries = entries, .error = error };
    *entries = (struct trit_store_entries){ 0 };
    s.digests = trit_store_digests(store);
    enum trit_code code = walk(&s, "", 0);
    s.names = true;
    if (!code)
        code = walk(&s, "", 0);
    free(s.digests);
    for (int i = 0; i < 2 && !code && entries->n; i++) {
        qsort(entries->v, entries->n, sizeof *entries->v, by_name);
        if (!i)
            part(entries);
    }
    return code;
}

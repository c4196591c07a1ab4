/* The models folder as its users see it: opening, listing, finding. */
#define _GNU_SOURCE
#include "runtime/store/store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/store/internal.h"

static enum trit_code choose_folder(const char *given, char *path, size_t room,
                                    struct trit_error *error)
{
    const char *variable = getenv("TRITMILL_MODELS");
    if (!given && variable && *variable)
        given = variable;
    if (!given)
        return trit_file_user_path(TRIT_USER_DATA, "models", path, room, error);
    char here[PATH_MAX] = "";
    if (*given != '/' && !getcwd(here, sizeof here))
        return trit_fail(error, TRIT_EIO, "%s: %s", given, strerror(errno));
    const int n = snprintf(path, room, "%s%s%s", here, *here ? "/" : "", given);
    if (n < 0 || (size_t)n >= room)
        return trit_fail(error, TRIT_EARGUMENT, "%.60s...: the name is too long", given);
    return TRIT_OK;
}

/* Without slashes at its end; links are followed where it is there. */
static enum trit_code settle_folder(char *path, size_t room, struct trit_error *error)
{
    struct stat st;
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = 0;
    if (stat(path, &st))
        return errno == ENOENT ? TRIT_OK
                               : trit_fail(error, TRIT_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return trit_fail(error, TRIT_EIO, "%s: is no folder", path);
    char *real = realpath(path, NULL);
    if (real && strlen(real) < room)
        snprintf(path, room, "%s", real);
    free(real);
    return TRIT_OK;
}

enum trit_code trit_store_open(struct trit_store **store, const char *folder,
                               struct trit_error *error)
{
    struct trit_store *s = calloc(1, sizeof *s);
    *store = NULL;
    if (!s)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the models folder");
    enum trit_code code = choose_folder(folder, s->folder, sizeof s->folder, error);
    if (!code)
        code = settle_folder(s->folder, sizeof s->folder, error);
    if (!code && pthread_mutex_init(&s->lock, NULL))
        code = trit_fail(error, TRIT_EMEMORY, "no memory for the models folder");
    if (code)
        free(s);
    else
        *store = s;
    return code;
}

void trit_store_close(struct trit_store *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->known);
    free(s);
}

const char *trit_store_folder(const struct trit_store *s)
{
    return s->folder;
}

bool trit_store_join(const struct trit_store *s, const char *a, const char *b, char *path,
                     size_t room)
{
    const int n = snprintf(path, room, "%s%s%s%s%s", s->folder, *a ? "/" : "", a,
                           b && *b ? "/" : "", b ? b : "");
    return n >= 0 && (size_t)n < room;
}

bool trit_store_holds(const struct trit_store *s, const char *path, char *real)
{
    struct stat st;
    char folder[PATH_MAX], place[PATH_MAX];
    if (!realpath(s->folder, folder) || !realpath(path, place))
        return false;
    const size_t n = strlen(folder);
    if (strncmp(place, folder, n) != 0 || place[n] != '/' || stat(place, &st) ||
        !S_ISREG(st.st_mode))
        return false;
    return snprintf(real, TRIT_STORE_PATH, "%s", place) < TRIT_STORE_PATH;
}

enum trit_code trit_store_list(struct trit_store *s, struct trit_store_model **models,
                               size_t *count, struct trit_error *error)
{
    struct trit_store_entries entries;
    *models = NULL;
    *count = 0;
    enum trit_code code = trit_store_scan(s, &entries, error);
    if (!code && !(*models = malloc((entries.n + 1) * sizeof **models)))
        code = trit_fail(error, TRIT_EMEMORY, "%s: no memory for its models", s->folder);
    for (size_t i = 0; !code && i < entries.n; i++)
        (*models)[i] = entries.v[i].model;
    if (!code)
        *count = entries.n;
    free(entries.v);
    return code;
}

enum trit_code trit_store_find(struct trit_store *s, const char *name,
                               struct trit_store_model *model, struct trit_error *error)
{
    struct trit_store_entries entries;
    const struct trit_store_entry *entry;
    enum trit_code code = trit_store_scan(s, &entries, error);
    if (!code)
        code = trit_store_pick(&entries, name, &entry, error);
    if (!code)
        *model = entry->model;
    free(entries.v);
    if (!code && model->missing)
        return trit_fail(error, TRIT_EIO, "model '%.256s': its file %s is gone", name, model->path);
    return code;
}

enum trit_code trit_store_modelfile(struct trit_store *s, const struct trit_store_model *model,
                                    struct trit_modelfile *m, struct trit_error *error)
{
    char place[TRIT_STORE_PATH], digest[TRIT_STORE_DIGEST], record[TRIT_STORE_PATH];
    *m = (struct trit_modelfile){ 0 };
    if (!model->created)
        return trit_modelfile_set(m, "FROM", model->path, error);
    enum trit_code code = trit_store_record_place(model->name, place, sizeof place, error);
    if (!code && !trit_store_join(s, TRIT_STORE_NAMES, place, record, sizeof record))
        code = trit_fail(error, TRIT_EARGUMENT, "%.40s...: the path is too long", record);
    if (!code)
        code = trit_store_record_read(record, place, digest, m, error);
    return code ? code : trit_modelfile_set(m, "FROM", model->path, error);
}

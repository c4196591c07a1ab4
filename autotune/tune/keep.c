/* What tuning leaves behind: the profile, the library of the kernels that its rows name, the list
   of what was tried; and what it finds of that when it comes again. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autotune/build/build.h"
#include "autotune/tune/internal.h"
#include "runtime/base/file.h"

enum { TRIED_LIMIT = 16 << 20, LIBRARY_LIMIT = 64 << 20 };

static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (slash == path)
        strcpy(folder, "/");
}

/* Whatever was tried for the profile, a newline before each line. */
static void recall_tried(struct trit_tune *tune)
{
    char path[PATH_MAX], *text;
    size_t bytes;
    if (snprintf(path, sizeof path, "%s.tried", tune->profile->path) >= (int)sizeof path ||
        trit_file_read(path, TRIED_LIMIT, &text, &bytes, NULL))
        return;
    tune->tried = malloc(bytes + 2);
    if (tune->tried) {
        tune->tried[0] = '\n';
        memcpy(tune->tried + 1, text, bytes + 1);
    }
    free(text);
}

/* The profile at the path, if it can be used here; why not goes to stderr where it is to be told.
 */
static struct trit_profile *usable(const char *path, bool tell)
{
    struct trit_profile *profile;
    struct trit_error error;
    char why[256];
    if (access(path, F_OK))
        return NULL;
    if (trit_profile_read(&profile, path, &error)) {
        if (tell)
            fprintf(stderr,
                    "tritmill: a new profile takes its place, and it is kept as a copy: %s\n",
                    error.text);
        return NULL;
    }
    if (trit_profile_judge(profile, why, sizeof why) != TRIT_PROFILE_FOREIGN)
        return profile;
    if (tell)
        fprintf(stderr,
                "tritmill: a new profile takes the place of %s, which is kept as a copy: %s\n",
                path, why);
    trit_profile_free(profile);
    return NULL;
}

/* Lines "HASH NAME". */
static bool is_tried(const char *head, size_t bytes)
{
    return bytes > 16 && trit_head_is(head + 16, bytes - 16, " trit_") &&
           strspn(head, "0123456789abcdef") == 16;
}

static const struct trit_file_kind tried_list = { "a list of what was tried", is_tried, 0666 };

/* A place that cannot be written is found out before the time is spent. */
static enum trit_code try_places(const struct trit_tune *tune, struct trit_error *error)
{
    char tried[sizeof tune->path + 8];
    struct stat s;
    snprintf(tried, sizeof tried, "%s.tried", tune->path);
    const char *const others[] = { tune->file, tune->json, tried };
    enum trit_code code = trit_output_check(tune->path, &trit_output_profile, others, 3, error);
    if (!code && !stat(tune->path, &s) && !S_ISREG(s.st_mode))
        code = trit_fail(error, TRIT_EIO, "%s: is not a regular file", tune->path);
    if (!code)
        code = trit_output_check(tried, &tried_list, others, 2, error);
    if (!code && tune->json)
        code = trit_output_check(tune->json, &trit_output_gbench,
                                 (const char *const[]){ tune->file }, 1, error);
    return code;
}

enum trit_code trit_tune_recall(struct trit_tune *tune, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    if (tune->output &&
        snprintf(tune->path, sizeof tune->path, "%s", tune->output) >= (int)sizeof tune->path - 16)
        return trit_fail(error, TRIT_EARGUMENT, "%.64s...: the path is too long", tune->output);
    if (!tune->output &&
        !(code = trit_profile_user_path(tune->path, sizeof tune->path - 16, error)))
        code = trit_file_make_folders(tune->path, error);
    if (!code)
        code = try_places(tune, error);
    if (code)
        return code;
    tune->profile = usable(tune->path, true);
    char log[512];
    if (!tune->profile)
        code = trit_profile_find(&tune->profile, NULL, log, sizeof log, error);
    if (tune->profile)
        recall_tried(tune);
    return code;
}

/* Rows of profiles, and where their kernels come from. */

static bool is_built_in(const struct trit_tune *tune, const char *name)
{
    for (size_t i = 0; i < tune->built_in; i++)
        if (!strcmp(trit_kernel_at(i)->name, name))
            return true;
    return false;
}

static struct trit_profile_row row_of(const struct trit_tune *tune,
                                      const struct trit_tune_cell *cell, int which, int phase)
{
    const struct trit_contender *c = &cell->plan[which][phase];
    struct trit_profile_row row = {
        .phase = (enum trit_phase)phase,
        .n = cell->matrix->n,
        .k = cell->matrix->k,
        .threads = cell->threads,
        .tokens = phase == TRIT_DECODE ? 1 : (size_t)tune->tokens.v[tune->tokens.n - 1],
        .hash = c->kernel->hash,
        .mc = c->mc,
        .nc = c->nc,
        .median_ns = c->timing.median_ns,
        .spread_ns = c->timing.spread_ns,
    };
    snprintf(row.packing, sizeof row.packing, "%s", c->kernel->packing);
    snprintf(row.act, sizeof row.act, "%s", c->kernel->act);
    snprintf(row.kernel, sizeof row.kernel, "%s", c->kernel->name);
    return row;
}

/* The new plan. The old one stays where it serves other forms as well, with its time of today: of
   plans that serve a matrix the fastest is taken. */
static enum trit_code put_cell(const struct trit_tune *tune, struct trit_profile *p,
                               const struct trit_tune_cell *cell, struct trit_error *error)
{
    const bool both = cell->changed && cell->from_profile && cell->plan[0][0].timing.samples > 0;
    enum trit_code code = TRIT_OK;
    for (int i = both ? 0 : TRIT_NPHASES; i < 2 * TRIT_NPHASES && !code; i++) {
        const bool is_new = i >= TRIT_NPHASES;
        const struct trit_profile_row row = row_of(tune, cell, is_new, i % TRIT_NPHASES);
        if (is_new || trit_profile_row(p, &row))
            code = trit_profile_put(p, &row, error);
    }
    return code;
}

static void put_limit(struct trit_profile *p, const struct trit_profile_limit *limit)
{
    size_t i = 0;
    while (i < p->nlimits && p->limits[i].threads < limit->threads)
        i++;
    if (i == p->nlimits || p->limits[i].threads != limit->threads) {
        if (p->nlimits == TRIT_PROFILE_LIMITS)
            return;
        memmove(&p->limits[i + 1], &p->limits[i], (p->nlimits - i) * sizeof *p->limits);
        p->nlimits++;
    }
    p->limits[i] = *limit;
}

static void put_limits(const struct trit_tune *tune, struct trit_profile *p)
{
    for (int i = 0; i < tune->threads.n; i++) {
        const struct trit_profile_limit limit = {
            tune->threads.v[i],
            tune->limits[i] ? trit_limits_read_gbs(tune->limits[i]) : 0,
            tune->limits[i] ? trit_limits_peak_gmacs(tune->limits[i]) : 0,
        };
        if (limit.read_gbs > 0 && limit.int8_gmacs > 0)
            put_limit(p, &limit);
    }
}

static void note_conditions(const struct trit_tune *tune, struct trit_profile *p)
{
    size_t n = (size_t)snprintf(p->conditions, sizeof p->conditions,
                                "weights cold, medians of interleaved samples, budget %.0f s, M",
                                tune->budget);
    for (int i = 0; i < tune->tokens.n && n < sizeof p->conditions; i++)
        n += (size_t)snprintf(p->conditions + n, sizeof p->conditions - n, "%s%d", i ? "," : " ",
                              tune->tokens.v[i]);
    for (int i = 0; i < tune->compilers.n && n < sizeof p->conditions; i++)
        n += (size_t)snprintf(p->conditions + n, sizeof p->conditions - n, "%s%s",
                              i ? " and " : "; kernels made by ", tune->compilers.version[i]);
}

/* Rows and limits of the profile that there was. Also rows that cannot be used now, for want of
   their library or under these limits: a profile is never lost. */
static enum trit_code take_over(struct trit_profile *to, const struct trit_profile *from,
                                struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < from->nrows && !code; i++)
        code = trit_profile_put(to, &from->rows[i], error);
    for (size_t i = 0; i < from->nlimits; i++)
        put_limit(to, &from->limits[i]);
    return code;
}

/* Rows of old whose place is empty: they were not tuned anew, or to no avail. */
static enum trit_code take_back(struct trit_profile *p, const struct trit_profile *old,
                                struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; old && i < old->nrows && !code; i++) {
        const struct trit_profile_row *row = &old->rows[i];
        if (!trit_profile_row(p, row))
            code = trit_profile_put(p, row, error);
    }
    return code;
}

/* The library */

/* Shapes and names of the rows' kernels that are not the program's own; those for one shape, or
   the general ones. */
struct needed {
    struct trit_tune_names names;
    struct trit_shape_nk *shapes;
    size_t nshapes;
};

static bool collect(const struct trit_tune *tune, const struct trit_profile *p, bool special,
                    struct needed *needed)
{
    needed->shapes = calloc(p->nrows + 1, sizeof *needed->shapes);
    if (!needed->shapes)
        return false;
    for (size_t i = 0; i < p->nrows; i++) {
        const struct trit_profile_row *row = &p->rows[i];
        const struct trit_kernel *kernel = trit_kernel_find(row->kernel);
        if (!kernel || is_built_in(tune, row->kernel) || (kernel->n != 0) != special)
            continue;
        if (!trit_names_want(&needed->names, row->kernel) &&
            !trit_names_add(&needed->names, row->kernel))
            return false;
        const struct trit_shape_nk *last = &needed->shapes[needed->nshapes - (needed->nshapes > 0)];
        if (special && (!needed->nshapes || last->n != row->n || last->k != row->k))
            needed->shapes[needed->nshapes++] = (struct trit_shape_nk){ row->n, row->k };
    }
    return true;
}

static enum trit_code build_needed(const struct trit_tune *tune, struct trit_profile *p,
                                   struct needed *needed, const char *folder,
                                   struct trit_error *error)
{
    struct trit_built built;
    const struct trit_build what = {
        .generate = { .user_templates = tune->templates,
                      .shapes = needed->nshapes ? needed->shapes : NULL,
                      .nshapes = needed->nshapes },
        .compilers = &tune->compilers,
        .want = trit_names_want,
        .want_arg = &needed->names,
        .folder = folder,
    };
    if (needed->names.n == 0)
        return TRIT_OK;
    enum trit_code code = trit_build(&what, &built, error);
    if (code == TRIT_EUNSUPPORTED) /* none can be made any more */
        return TRIT_OK;
    if (!code) {
        struct trit_profile_library *library = &p->libraries[p->nlibraries++];
        snprintf(library->file, sizeof library->file, "%s", built.file);
        snprintf(library->sha256, sizeof library->sha256, "%s", built.sha256);
    }
    return code;
}

/* Whether it is built in or was made just now: kernels from `before` on. */
static bool has_kernel(const struct trit_tune *tune, const struct trit_profile_row *row,
                       size_t before)
{
    bool has = is_built_in(tune, row->kernel);
    for (size_t i = before; i < trit_kernel_count() && !has; i++)
        has = trit_kernel_at(i)->hash == row->hash && !strcmp(trit_kernel_at(i)->name, row->kernel);
    return has;
}

/* An old library stays for the orphans that it has: rows whose kernels can not be made today,
   without a compiler or without the user's templates. They are orphans no more then. */
static void keep_library(struct trit_profile *p, const struct trit_profile_library *library,
                         const char *folder, bool *orphan)
{
    char path[PATH_MAX], sha256[TRIT_SHA256_TEXT], *data;
    size_t bytes;
    bool needed = false;
    if (p->nlibraries == TRIT_PROFILE_LIBRARIES ||
        snprintf(path, sizeof path, "%s/%s", folder, library->file) >= (int)sizeof path ||
        trit_file_sha256(path, sha256, NULL) || strcmp(sha256, library->sha256) != 0 ||
        trit_file_read(path, LIBRARY_LIMIT, &data, &bytes, NULL))
        return;
    for (size_t i = 0; i < p->nrows; i++) {
        const char *name = p->rows[i].kernel;
        if (orphan[i] && memmem(data, bytes, name, strlen(name) + 1)) {
            orphan[i] = false;
            needed = true;
        }
    }
    free(data);
    if (needed)
        p->libraries[p->nlibraries++] = *library;
}

/* Removes orphans, and their partners in a plan, which are neighbours. */
static void drop_orphans(struct trit_profile *p, const bool *orphan)
{
    size_t kept = 0;
    for (size_t i = 0, end; i < p->nrows; i = end) {
        bool stays = true;
        for (end = i; end < p->nrows && trit_profile_same(&p->rows[i], &p->rows[end]); end++)
            stays = stays && !orphan[end];
        if (!stays)
            continue;
        memmove(&p->rows[kept], &p->rows[i], (end - i) * sizeof *p->rows);
        kept += end - i;
    }
    p->nrows = kept;
}

static enum trit_code make_libraries(const struct trit_tune *tune, struct trit_profile *p,
                                     const struct trit_profile *old, const char *folder,
                                     struct trit_error *error)
{
    const size_t before = trit_kernel_count();
    bool *orphan = calloc(p->nrows + 1, sizeof *orphan);
    if (!orphan)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a profile");
    enum trit_code code = TRIT_OK;
    for (int special = 0; special < 2 && !code && tune->compilers.n > 0; special++) {
        struct needed needed = { 0 };
        code = collect(tune, p, special, &needed)
                   ? build_needed(tune, p, &needed, folder, error)
                   : trit_fail(error, TRIT_EMEMORY, "no memory for a profile");
        free(needed.names.name);
        free(needed.shapes);
    }
    for (size_t i = 0; i < p->nrows && !code; i++)
        orphan[i] = !has_kernel(tune, &p->rows[i], before);
    for (size_t i = 0; old && i < old->nlibraries && !code; i++)
        keep_library(p, &old->libraries[i], folder, orphan);
    if (!code)
        drop_orphans(p, orphan);
    free(orphan);
    return code;
}

static bool is_library(const char *name)
{
    return !strncmp(name, "tritmill-", 9) && strspn(name + 9, "0123456789abcdef") == 16 &&
           !strcmp(name + 25, ".so");
}

/* Whether a file of the folder, which could be a profile, names the library. */
static bool is_named(const char *folder, const char *library)
{
    struct dirent *entry;
    DIR *dir = opendir(folder);
    bool named = !dir;
    while (!named && (entry = readdir(dir))) {
        char path[PATH_MAX + 260], *text;
        struct stat s;
        size_t bytes;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (is_library(entry->d_name) || lstat(path, &s) || !S_ISREG(s.st_mode) ||
            s.st_size > TRIT_PROFILE_BYTES ||
            trit_file_read(path, TRIT_PROFILE_BYTES, &text, &bytes, NULL))
            continue;
        named = strstr(text, library) != NULL;
        free(text);
    }
    if (dir)
        closedir(dir);
    return named;
}

/* Libraries of ours that no profile in the folder names any more. */
static void remove_old(const char *folder)
{
    struct dirent *entry;
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir))) {
        char path[PATH_MAX + 260];
        struct stat s;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (is_library(entry->d_name) && !lstat(path, &s) && S_ISREG(s.st_mode) &&
            s.st_uid == geteuid() && !is_named(folder, entry->d_name))
            unlink(path);
    }
    if (dir)
        closedir(dir);
}

static bool is_untried(const struct trit_tune *tune, const struct trit_kernel *kernel)
{
    for (size_t i = 0; i < tune->nuntried; i++)
        if (tune->untried[i] == kernel)
            return true;
    return false;
}

static bool could_compete(const struct trit_tune *tune, const struct trit_kernel *kernel)
{
    for (size_t i = 0; i < tune->nmatrices; i++)
        if (trit_tune_takes(&tune->matrices[i], kernel))
            return !tune->isa || !strcmp(tune->isa, trit_isa_name(kernel->isa));
    return false;
}

/* Everyone who could have competed, whatever came of it. */
static void write_tried(const struct trit_tune *tune)
{
    char path[PATH_MAX];
    struct trit_file *file;
    if (snprintf(path, sizeof path, "%s.tried", tune->path) >= (int)sizeof path ||
        trit_file_create_as(&file, path, &tried_list, NULL))
        return;
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *k = trit_kernel_at(i);
        char line[192];
        if (trit_kernel_find(k->name) == k && !is_untried(tune, k) &&
            (could_compete(tune, k) || trit_tune_was_tried(tune, k))) {
            snprintf(line, sizeof line, "%016llx %s\n", (unsigned long long)k->hash, k->name);
            trit_file_write(file, line, strlen(line));
        }
    }
    trit_file_commit(file, NULL);
}

static enum trit_code fill(const struct trit_tune *tune, struct trit_profile *p,
                           struct trit_profile *old, const char *folder, struct trit_error *error)
{
    enum trit_code code = old ? take_over(p, old, error) : TRIT_OK;
    for (size_t i = 0; i < tune->ncells && !code; i++)
        if (tune->cells[i].done)
            code = put_cell(tune, p, &tune->cells[i], error);
    put_limits(tune, p);
    note_conditions(tune, p);
    if (!code)
        code = make_libraries(tune, p, old, folder, error);
    return code ? code : take_back(p, old, error);
}

/* The library is in its place before the profile that names it; old libraries go last. */
static enum trit_code write_all(struct trit_tune *tune, const char *folder,
                                struct trit_error *error)
{
    struct trit_profile *p, *fresh = usable(tune->path, false);
    enum trit_code code = trit_profile_create(&p, error);
    if (!code && !fresh)
        code = trit_tune_set_aside(tune->path, error);
    if (!code)
        code = fill(tune, p, fresh ? fresh : tune->profile, folder, error);
    if (!code)
        code = trit_profile_write(p, tune->path, error);
    if (!code) {
        write_tried(tune);
        remove_old(folder);
    }
    trit_profile_free(p);
    trit_profile_free(fresh);
    return code;
}

enum trit_code trit_tune_keep(struct trit_tune *tune, struct trit_error *error)
{
    char folder[PATH_MAX];
    folder_of(tune->path, folder);
    const int lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0)
        return trit_fail(error, TRIT_EIO, "%s: %s", folder, strerror(errno));
    while (flock(lock, LOCK_EX) && errno == EINTR)
        ;
    const enum trit_code code = write_all(tune, folder, error);
    close(lock);
    return code;
}

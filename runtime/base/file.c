/* Files as a whole: written beside their place and renamed into it, read, looked for. */
#define _GNU_SOURCE
#include "runtime/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/litter.h"

enum { BUFFER = 1 << 18, DIRECT = 1 << 20, NAME_TRIES = 100 };

struct trit_file {
    char *path; /* what the caller called it */
    char *real; /* where it goes: path with links followed */
    char *temp; /* NULL: written in place, because a device or a pipe cannot be renamed over */
    const struct trit_file_kind *kind; /* NULL: whatever is there is replaced */
    int litter;                        /* of temp */
    FILE *out;
    uint64_t size;
    int failed; /* errno of the first failure, 0: none */
};

static void file_free(struct trit_file *f)
{
    trit_litter_forget(f->litter);
    free(f->path);
    free(f->real);
    free(f->temp);
    free(f);
}

/* What path leads to when it is there, else path itself. */
static char *follow(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : strdup(path);
}

/* Opens a new file beside f->real; two writers of one file never meet in it. Its mode is that of
   the file that it will replace, as far as the kind allows it. */
static int open_temp(struct trit_file *f, const struct stat *old)
{
    const mode_t mode = f->kind ? f->kind->mode : 0666;
    int fd = -1;
    for (int i = 0; i < NAME_TRIES && fd < 0; i++) {
        free(f->temp);
        if (asprintf(&f->temp, "%s.%ld-%d.tmp", f->real, (long)getpid(), i) < 0) {
            f->temp = NULL;
            errno = ENOMEM;
            return -1;
        }
        fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0 && errno != EEXIST)
            return -1;
    }
    if (fd >= 0)
        f->litter = trit_litter_add(f->temp);
    if (fd >= 0 && old)
        (void)!fchmod(fd, old->st_mode & (07111 | mode)); /* refused: the default mode serves */
    return fd;
}

static int open_target(struct trit_file *f)
{
    struct stat old;
    bool exists = stat(f->real, &old) == 0;
    if (exists && !S_ISREG(old.st_mode))
        return open(f->real, O_WRONLY | O_CLOEXEC);
    return open_temp(f, exists ? &old : NULL);
}

static enum trit_code create(struct trit_file **file, const char *path,
                             const struct trit_file_kind *kind, struct trit_error *error)
{
    struct trit_file *f = calloc(1, sizeof *f);
    if (!f)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    f->kind = kind;
    f->litter = -1;
    f->path = strdup(path);
    f->real = follow(path);
    int fd = f->path && f->real ? open_target(f) : -1;
    f->out = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f->out) {
        trit_fail(error, TRIT_EIO, "%s: cannot write: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
            if (f->temp)
                unlink(f->temp);
        }
        file_free(f);
        return TRIT_EIO;
    }
    setvbuf(f->out, NULL, _IOFBF, BUFFER);
    *file = f;
    return TRIT_OK;
}

enum trit_code trit_file_create(struct trit_file **file, const char *path, struct trit_error *error)
{
    *file = NULL;
    return create(file, path, NULL, error);
}

enum trit_code trit_file_create_as(struct trit_file **file, const char *path,
                                   const struct trit_file_kind *kind, struct trit_error *error)
{
    *file = NULL;
    const enum trit_code code = trit_output_check(path, kind, NULL, 0, error);
    return code ? code : create(file, path, kind, error);
}

static void note_failure(struct trit_file *f, bool ok)
{
    if (!ok && !f->failed)
        f->failed = errno ? errno : EIO;
}

static bool write_all(int fd, const char *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t n = write(fd, data + at, bytes - at);
        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

void trit_file_write(struct trit_file *file, const void *data, size_t bytes)
{
    if (file->failed || bytes == 0)
        return;
    errno = 0;
    if (bytes < DIRECT)
        note_failure(file, fwrite(data, 1, bytes, file->out) == bytes);
    else /* in one call: what is written at once the system can keep in huge pages */
        note_failure(file, fflush(file->out) == 0 && write_all(fileno(file->out), data, bytes));
    file->size += bytes;
}

bool trit_file_failed(const struct trit_file *file)
{
    return file->failed != 0;
}

uint64_t trit_file_size(const struct trit_file *file)
{
    return file->size;
}

/* Makes the rename durable. A system that cannot sync a folder has nothing better to offer. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)!fsync(fd);
        close(fd);
    }
    free(folder);
}

/* What came to lie there since the file was begun is looked at like what lay there before. A system
   that cannot rename without replacing says so, and is asked the old way. */
static enum trit_code take_place(struct trit_file *f, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    if (f->kind && !renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->real, RENAME_NOREPLACE))
        return TRIT_OK;
    if (f->kind)
        code = trit_output_check(f->real, f->kind, NULL, 0, error);
    if (!code && rename(f->temp, f->real))
        code = trit_fail(error, TRIT_EIO, "%s: cannot write: %s", f->path, strerror(errno));
    return code;
}

enum trit_code trit_file_commit(struct trit_file *file, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    errno = 0;
    note_failure(file, fflush(file->out) == 0);
    if (file->temp)
        note_failure(file, fsync(fileno(file->out)) == 0);
    note_failure(file, fclose(file->out) == 0);
    if (file->failed)
        code =
            trit_fail(error, TRIT_EIO, "%s: cannot write: %s", file->path, strerror(file->failed));
    else if (file->temp)
        code = take_place(file, error);
    if (file->temp && code)
        unlink(file->temp);
    else if (file->temp)
        sync_folder(file->real);
    file_free(file);
    return code;
}

void trit_file_abandon(struct trit_file *file)
{
    if (!file)
        return;
    fclose(file->out);
    if (file->temp)
        unlink(file->temp);
    file_free(file);
}

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct trit_file_id trit_file_identify(int fd)
{
    struct stat st;
    if (fstat(fd, &st))
        return (struct trit_file_id){ 0 };
    return (struct trit_file_id){ st.st_dev, st.st_ino, (uint64_t)st.st_size,
                                  nanoseconds(st.st_mtim), nanoseconds(st.st_ctim) };
}

/* Checksums keep damage away, not people. */
static const char *refusal(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "is not a regular file";
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return "belongs to another user";
    return st->st_mode & (S_IWGRP | S_IWOTH)
               ? "can be written by others than its owner (chmod go-w)"
               : NULL;
}

enum trit_code trit_file_open_own(const char *path, int flags, int *fd, size_t *bytes,
                                  struct trit_error *error)
{
    struct stat st;
    enum trit_code code = TRIT_OK;
    /* O_NONBLOCK: a named pipe must not make us wait before it can be refused */
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
    if (*fd < 0 && errno == ELOOP && flags & O_NOFOLLOW)
        return trit_fail(error, TRIT_EUNSUPPORTED, "%s: is a symbolic link", path);
    if (*fd < 0)
        return trit_fail(error, TRIT_EIO, "%s: cannot open: %s", path, strerror(errno));
    const char *why = NULL;
    if (fstat(*fd, &st))
        code = trit_fail(error, TRIT_EIO, "%s: cannot read: %s", path, strerror(errno));
    else if ((why = refusal(&st)))
        code = trit_fail(error, TRIT_EUNSUPPORTED, "%s: %s", path, why);
    if (code) {
        close(*fd);
        *fd = -1;
        return code;
    }
    *bytes = (size_t)st.st_size;
    return TRIT_OK;
}

/* Makes room for at least one more byte beside the closing NUL. */
static bool grow(char **data, size_t *room)
{
    if (*room > SIZE_MAX / 2)
        return false;
    char *more = realloc(*data, *room * 2);
    if (!more)
        return false;
    *data = more;
    *room *= 2;
    return true;
}

/* Reads fd to its end, or to limit + 1 bytes. 0 or an errno. */
static int read_all(int fd, size_t limit, char **data, size_t *bytes)
{
    size_t room = 1 << 16, n = 0;
    *data = malloc(room);
    while (*data && n <= limit) {
        if (n + 1 == room && !grow(data, &room))
            return ENOMEM;
        ssize_t got = read(fd, *data + n, room - 1 - n);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return errno;
        n += got > 0 ? (size_t)got : 0;
    }
    if (!*data)
        return ENOMEM;
    (*data)[n] = 0;
    *bytes = n;
    return 0;
}

enum trit_code trit_file_read(const char *path, size_t limit, char **data, size_t *bytes,
                              struct trit_error *error)
{
    bool standard = !strcmp(path, "-");
    const char *name = standard ? "standard input" : path;
    *data = NULL;
    *bytes = 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return trit_fail(error, TRIT_EIO, "%s: %s", name, strerror(errno));
    int failed = read_all(fd, limit, data, bytes);
    if (!standard)
        close(fd);
    enum trit_code code = TRIT_OK;
    if (failed)
        code = trit_fail(error, failed == ENOMEM ? TRIT_EMEMORY : TRIT_EIO, "%s: %s", name,
                         strerror(failed));
    else if (*bytes > limit)
        code = trit_fail(error, TRIT_EUNSUPPORTED, "%s: is larger than %zu bytes", name, limit);
    if (code != TRIT_OK) {
        free(*data);
        *data = NULL;
        *bytes = 0;
    }
    return code;
}

/* The path is in `path` and there is something there. */
static bool found(int printed, const char *path, size_t room)
{
    return printed >= 0 && (size_t)printed < room && access(path, F_OK) == 0;
}

bool trit_file_locate(const char *env, const char *name, const char *source_path, char *path,
                      size_t room)
{
    const char *given = env ? getenv(env) : NULL;
    if (given && *given)
        return found(snprintf(path, room, "%s", given), path, room);
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        char *slash = strrchr(self, '/');
        int folder = slash ? (int)(slash - self) : 0;
        if (found(snprintf(path, room, "%.*s/../share/tritmill/%s", folder, self, name), path,
                  room))
            return true;
    }
    return source_path && found(snprintf(path, room, "%s", source_path), path, room);
}

/* Why a variable names no folder. */
static const char *what_is(const char *value)
{
    return value && *value ? "=" : "";
}

static const char *why_not(const char *value)
{
    return !value ? "not set" : !*value ? "empty" : "not an absolute path";
}

static const struct {
    const char *variable, *in_home;
} user_folders[] = {
    [TRIT_USER_CACHE] = { "XDG_CACHE_HOME", ".cache" },
    [TRIT_USER_STATE] = { "XDG_STATE_HOME", ".local/state" },
    [TRIT_USER_DATA] = { "XDG_DATA_HOME", ".local/share" },
};

enum trit_code trit_file_user_path(enum trit_user_folder folder, const char *name, char *path,
                                   size_t room, struct trit_error *error)
{
    const char *variable = user_folders[folder].variable, *given = getenv(variable),
               *home = getenv("HOME");
    int n = -1;
    if (given && *given == '/') /* the XDG specification: relative ones are not heeded */
        n = snprintf(path, room, "%s/tritmill/%s", given, name);
    else if (home && *home == '/')
        n = snprintf(path, room, "%s/%s/tritmill/%s", home, user_folders[folder].in_home, name);
    else
        return trit_fail(error, TRIT_EIO,
                         "no place for %s: %s%s%s is %s, and HOME%s%s is %s: set one to an "
                         "absolute path, or name a file",
                         name, variable, what_is(given), given ? given : "", why_not(given),
                         what_is(home), home ? home : "", why_not(home));
    if (n < 0 || (size_t)n >= room)
        return trit_fail(error, TRIT_EARGUMENT, "%.60s...: the name is too long", path);
    return TRIT_OK;
}

enum trit_code trit_file_make_folders(const char *path, struct trit_error *error)
{
    char folder[PATH_MAX];
    if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder)
        return trit_fail(error, TRIT_EARGUMENT, "%.60s...: the name is too long", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(folder, 0700) && errno != EEXIST)
            return trit_fail(error, TRIT_EIO, "%s: cannot make the folder: %s", folder,
                             strerror(errno));
        *slash = '/';
    }
    return TRIT_OK;
}

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
    int litter; /* of temp */
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
   the file that it will replace. */
static int open_temp(struct trit_file *f, const struct stat *old)
{
    int fd = -1;
    for (int i = 0; i < NAME_TRIES && fd < 0; i++) {
        free(f->temp);
        if (asprintf(&f->temp, "%s.%ld-%d.tmp", f->real, (long)getpid(), i) < 0) {
            f->temp = NULL;
            errno = ENOMEM;
            return -1;
        }
        fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            return -1;
    }
    if (fd >= 0)
        f->litter = trit_litter_add(f->temp);
    if (fd >= 0 && old)
        (void)!fchmod(fd, old->st_mode & 07777); /* refused: the default mode serves */
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

enum trit_code trit_file_create(struct trit_file **file, const char *path, struct trit_error *error)
{
    *file = NULL;
    struct trit_file *f = calloc(1, sizeof *f);
    if (!f)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
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

enum trit_code trit_file_commit(struct trit_file *file, struct trit_error *error)
{
    errno = 0;
    note_failure(file, fflush(file->out) == 0);
    if (file->temp)
        note_failure(file, fsync(fileno(file->out)) == 0);
    note_failure(file, fclose(file->out) == 0);
    if (file->temp && !file->failed)
        note_failure(file, rename(file->temp, file->real) == 0);
    if (file->temp && !file->failed)
        sync_folder(file->real);
    enum trit_code code = TRIT_OK;
    if (file->failed) {
        code =
            trit_fail(error, TRIT_EIO, "%s: cannot write: %s", file->path, strerror(file->failed));
        if (file->temp)
            unlink(file->temp);
    }
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

enum trit_code trit_file_cache_path(const char *name, char *path, size_t room,
                                    struct trit_error *error)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = -1;
    if (cache && *cache == '/') /* the XDG specification: relative ones are not heeded */
        n = snprintf(path, room, "%s/tritmill/%s", cache, name);
    else if (home && *home == '/')
        n = snprintf(path, room, "%s/.cache/tritmill/%s", home, name);
    else
        return trit_fail(
            error, TRIT_EIO,
            "no place for %s: XDG_CACHE_HOME%s%s is %s, and HOME%s%s is %s: set one to an "
            "absolute path, or name a file",
            name, what_is(cache), cache ? cache : "", why_not(cache), what_is(home),
            home ? home : "", why_not(home));
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

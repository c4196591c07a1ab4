/* Where a file may be written. */
#include "runtime/base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool trit_head_is(const char *head, size_t bytes, const char *text)
{
    const size_t n = strlen(text);
    return bytes >= n && !memcmp(head, text, n);
}

/* Returns the last part of the path. */
static const char *split(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, PATH_MAX, ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", slash > path ? (int)(slash - path) : 1, path);
    return slash ? slash + 1 : path;
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether both paths lead to one regular file, or would, once it is made. */
static bool same_file(const char *a, const char *b)
{
    char folder_a[PATH_MAX], folder_b[PATH_MAX];
    struct stat x, y;
    const bool is_a = !stat(a, &x), is_b = !stat(b, &y);
    if (is_a && is_b)
        return S_ISREG(x.st_mode) && same_inode(&x, &y);
    if (is_a != is_b || strcmp(split(a, folder_a), split(b, folder_b)) != 0)
        return false;
    return !stat(folder_a, &x) && !stat(folder_b, &y) && same_inode(&x, &y);
}

static enum trit_code check_folder(const char *path, struct trit_error *error)
{
    char folder[PATH_MAX];
    struct stat st;
    if (!*split(path, folder))
        return trit_fail(error, TRIT_EIO, "%s: cannot write: is a folder, not a regular file",
                         path);
    if (stat(folder, &st))
        return trit_fail(error, TRIT_EIO, "%s: cannot write: the folder %s: %s", path, folder,
                         strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return trit_fail(error, TRIT_EIO, "%s: cannot write: %s is not a folder", path, folder);
    if (access(folder, W_OK | X_OK))
        return trit_fail(error, TRIT_EIO, "%s: cannot write in the folder %s: %s", path, folder,
                         strerror(errno));
    return TRIT_OK;
}

/* 0 or an errno. */
static int read_head(const char *path, char head[TRIT_FILE_HEAD], size_t *bytes)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int failed = fd < 0 ? errno : 0;
    *bytes = 0;
    while (!failed && *bytes < TRIT_FILE_HEAD) {
        const ssize_t n = read(fd, head + *bytes, TRIT_FILE_HEAD - *bytes);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            failed = errno;
        *bytes += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    return failed;
}

static enum trit_code check_file(const char *path, const struct trit_file_kind *kind,
                                 struct trit_error *error)
{
    char head[TRIT_FILE_HEAD];
    size_t bytes;
    const int failed = read_head(path, head, &bytes);
    if (failed)
        return trit_fail(error, TRIT_EIO, "%s: cannot tell what would be replaced: %s", path,
                         strerror(failed));
    if (bytes > 0 && !kind->is(head, bytes))
        return trit_fail(error, TRIT_EIO,
                         "%s: is there and is not %s: it is not replaced (remove it, or choose "
                         "another name)",
                         path, kind->name);
    return TRIT_OK;
}

static enum trit_code check_place(const char *path, const struct trit_file_kind *kind,
                                  struct trit_error *error)
{
    struct stat st;
    if (stat(path, &st)) {
        if (errno != ENOENT)
            return trit_fail(error, TRIT_EIO, "%s: cannot write: %s", path, strerror(errno));
        if (!lstat(path, &st))
            return trit_fail(error, TRIT_EIO, "%s: is a symbolic link that leads nowhere", path);
        return check_folder(path, error);
    }
    if (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
        return trit_fail(error, TRIT_EIO, "%s: is a %s, not a regular file", path,
                         S_ISDIR(st.st_mode) ? "folder" : "disk");
    if (access(path, W_OK))
        return trit_fail(error, TRIT_EIO, "%s: cannot write: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return TRIT_OK;
    char real[PATH_MAX]; /* the new file is made beside what a link leads to */
    const enum trit_code code = check_file(path, kind, error);
    return code ? code : check_folder(realpath(path, real) ? real : path, error);
}

enum trit_code trit_output_check(const char *path, const struct trit_file_kind *kind,
                                 const char *const *others, size_t n, struct trit_error *error)
{
    for (size_t i = 0; i < n; i++)
        if (others[i] && same_file(path, others[i]))
            return trit_fail(error, TRIT_EARGUMENT,
                             "%s: cannot be written: this command uses the same file as %s", path,
                             others[i]);
    return check_place(path, kind, error);
}

/* Copies of profiles that make room for others. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotune/tune/internal.h"
#include "runtime/base/file.h"

enum { COPIES = 1000, COPY_LIMIT = 1 << 30 };

/* Where the file system knows no links. */
static enum trit_code copy(const char *path, const char *to, struct trit_error *error)
{
    struct trit_file *file;
    char *data;
    size_t bytes;
    enum trit_code code = trit_file_read(path, COPY_LIMIT, &data, &bytes, error);
    if (code)
        return code;
    code = trit_file_create(&file, to, error);
    if (!code) {
        trit_file_write(file, data, bytes);
        code = trit_file_commit(file, error);
    }
    free(data);
    return code;
}

enum trit_code trit_tune_set_aside(const char *path, struct trit_error *error)
{
    char to[PATH_MAX + 16];
    if (access(path, F_OK))
        return TRIT_OK;
    for (int i = 1; i <= COPIES; i++) {
        snprintf(to, sizeof to, i > 1 ? "%s.old%d" : "%s.old", path, i);
        if (!link(path, to))
            return TRIT_OK;
        if (errno != EEXIST && access(to, F_OK))
            return copy(path, to, error);
    }
    return trit_fail(error, TRIT_EIO, "%s.old: there are %d of them: remove some", path, COPIES);
}

/* Blobs: files by their SHA-256, uploaded or taken in. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/room.h"
#include "runtime/store/internal.h"

enum { BUFFER = 1 << 20 };

struct trit_store_blob {
    struct trit_store *store;
    struct trit_file *file;
    struct trit_digest *digest;
    char path[TRIT_STORE_PATH], hex[TRIT_STORE_DIGEST];
};

static enum trit_code blob_path(const struct trit_store *s, const char *digest, char *hex,
                                char *path, size_t room, struct trit_error *error)
{
    char name[TRIT_STORE_DIGEST + 8];
    if (strncmp(digest, "sha256", 6) != 0 || !trit_digest_parse(digest, hex))
        return trit_fail(error, TRIT_EARGUMENT, "'%.80s': is no digest: sha256: and 64 digits",
                         digest);
    snprintf(name, sizeof name, "sha256-%s", hex);
    if (!trit_store_join(s, TRIT_STORE_BLOBS, name, path, room))
        return trit_fail(error, TRIT_EARGUMENT, "%.40s...: the path is too long", path);
    return TRIT_OK;
}

enum trit_code trit_store_blob_find(const struct trit_store *s, const char *digest, char *path,
                                    size_t room, struct trit_error *error)
{
    char hex[TRIT_STORE_DIGEST], real[TRIT_STORE_PATH];
    const enum trit_code code = blob_path(s, digest, hex, path, room, error);
    if (!code && !trit_store_holds(s, path, real))
        return trit_fail(error, TRIT_EIO, "blob %.80s not found", digest);
    return code;
}

enum trit_code trit_store_blob_begin(struct trit_store *s, struct trit_store_blob **blob,
                                     const char *digest, struct trit_error *error)
{
    struct trit_store_blob *b = calloc(1, sizeof *b);
    *blob = NULL;
    if (!b)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a blob");
    b->store = s;
    enum trit_code code = blob_path(s, digest, b->hex, b->path, sizeof b->path, error);
    if (!code && !(b->digest = trit_digest_begin()))
        code = trit_fail(error, TRIT_EMEMORY, "no memory for a blob");
    if (!code)
        code = trit_file_make_folders(b->path, error);
    if (!code)
        code = trit_file_create(&b->file, b->path, error);
    if (code)
        trit_store_blob_abandon(b);
    else
        *blob = b;
    return code;
}

void trit_store_blob_write(struct trit_store_blob *b, const void *data, size_t bytes)
{
    trit_digest_add(b->digest, data, bytes);
    trit_file_write(b->file, data, bytes);
}

enum trit_code trit_store_blob_end(struct trit_store_blob *b, struct trit_error *error)
{
    char hex[TRIT_STORE_DIGEST];
    enum trit_code code = TRIT_OK;
    trit_digest_end(b->digest, hex);
    b->digest = NULL;
    if (!trit_file_failed(b->file) && strcmp(hex, b->hex) != 0)
        code = trit_fail(error, TRIT_EFORMAT, "blob sha256:%s: what came has the digest %s", b->hex,
                         hex);
    if (!code) {
        code = trit_file_commit(b->file, error);
        b->file = NULL;
    }
    if (!code)
        trit_store_digest_known(b->store, b->path, b->hex);
    trit_store_blob_abandon(b);
    return code;
}

void trit_store_blob_abandon(struct trit_store_blob *b)
{
    if (!b)
        return;
    trit_file_abandon(b->file);
    trit_digest_abandon(b->digest);
    free(b);
}

static enum trit_code copy(struct trit_store *s, int fd, const char *path, const char *digest,
                           struct trit_error *error)
{
    struct trit_store_blob *blob;
    const uint64_t bytes = trit_file_identify(fd).bytes;
    enum trit_code code = trit_store_blob_begin(s, &blob, digest, error);
    if (code)
        return code;
    char *buffer = malloc(BUFFER);
    if (!buffer)
        code = trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    if (!code)
        code = trit_need_disk(blob->path, bytes, error);
    for (ssize_t n = 1; !code && n && !trit_file_failed(blob->file);) {
        n = read(fd, buffer, BUFFER);
        if (n < 0 && errno != EINTR)
            code = trit_fail(error, TRIT_EIO, "%s: cannot read: %s", path, strerror(errno));
        if (n > 0)
            trit_store_blob_write(blob, buffer, (size_t)n);
    }
    free(buffer);
    if (!code)
        return trit_store_blob_end(blob, error);
    trit_store_blob_abandon(blob);
    return code;
}

/* Its digest, as "sha256:HEX". */
static enum trit_code digest_of(int fd, const char *path, char *digest, struct trit_error *error)
{
    struct trit_digest *d = trit_digest_begin();
    if (!d)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    const enum trit_code code = trit_digest_file(d, fd, path, NULL, NULL, error);
    if (code) {
        trit_digest_abandon(d);
        return code;
    }
    memcpy(digest, "sha256:", 7);
    trit_digest_end(d, digest + 7);
    return lseek(fd, 0, SEEK_SET) ? trit_fail(error, TRIT_EIO, "%s: cannot read", path) : TRIT_OK;
}

enum trit_code trit_store_take_in(struct trit_store *s, const char *path, char *blob,
                                  struct trit_error *error)
{
    char digest[TRIT_STORE_DIGEST + 8], hex[TRIT_STORE_DIGEST];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return trit_fail(error, TRIT_EIO, "%s: %s", path, strerror(errno));
    enum trit_code code = digest_of(fd, path, digest, error);
    if (!code)
        code = blob_path(s, digest, hex, blob, TRIT_STORE_PATH, error);
    if (!code && trit_store_blob_find(s, digest, blob, TRIT_STORE_PATH, NULL)) {
        code = trit_file_make_folders(blob, error);
        if (!code && link(path, blob)) /* another disk, or a system without links */
            code = copy(s, fd, path, digest, error);
        if (!code)
            trit_store_digest_known(s, blob, hex);
    }
    close(fd);
    return code;
}

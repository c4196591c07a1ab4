/* Loads kernel libraries. dlopen believes what it reads: a file that is cut off ends the process
   with SIGBUS, one with flipped bits loads silently, and constructors run before any symbol can be
   asked for. So the bytes are read once, hashed and looked through, and what is loaded is a sealed
   copy of just these bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/internal.h"
#include "runtime/kernel/probe.h"

enum { MAX_BYTES = 1 << 28, MAX_ROWS = 1 << 14 };

/* A library's bytes. */
struct image {
    const char *path;
    uint8_t *data;
    size_t bytes;
    struct trit_error *error;
};

static enum trit_code system_error(const struct image *m, const char *what)
{
    return trit_fail(m->error, TRIT_EIO, "%s: %s: %s", m->path, what, strerror(errno));
}

static enum trit_code sha256(const char *path, const void *data, size_t bytes,
                             char text[TRIT_SHA256_TEXT], struct trit_error *error)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!EVP_Digest(data, bytes, digest, &n, EVP_sha256(), NULL) || n != TRIT_SHA256_TEXT / 2)
        return trit_fail(error, TRIT_EUNSUPPORTED, "%s: libcrypto has no SHA-256", path);
    for (unsigned i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return TRIT_OK;
}

enum trit_code trit_file_sha256(const char *path, char text[TRIT_SHA256_TEXT],
                                struct trit_error *error)
{
    char *data;
    size_t bytes;
    enum trit_code code = trit_file_read(path, MAX_BYTES, &data, &bytes, error);
    if (code)
        return code;
    code = sha256(path, data, bytes, text, error);
    free(data);
    return code;
}

/* All bytes of fd; a file that changes its size meanwhile gives fewer. */
static enum trit_code read_bytes(struct image *m, int fd, size_t size)
{
    m->data = malloc(size + 1);
    if (!m->data)
        return trit_fail(m->error, TRIT_EMEMORY, "%s: no memory for %zu bytes", m->path, size);
    while (m->bytes < size) {
        const ssize_t n = read(fd, m->data + m->bytes, size - m->bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_error(m, "cannot read");
        if (n == 0)
            break;
        m->bytes += (size_t)n;
    }
    return TRIT_OK;
}

static enum trit_code read_image(struct image *m)
{
    int fd;
    size_t bytes;
    enum trit_code code = trit_file_open_own(m->path, O_NOFOLLOW, &fd, &bytes, m->error);
    if (code)
        return code;
    code = bytes > MAX_BYTES ? trit_fail(m->error, TRIT_EUNSUPPORTED,
                                         "%s: is too large for a kernel library", m->path)
                             : read_bytes(m, fd, bytes);
    close(fd);
    return code;
}

static enum trit_code check_hash(const struct image *m, const char *wanted)
{
    char text[TRIT_SHA256_TEXT];
    enum trit_code code = sha256(m->path, m->data, m->bytes, text, m->error);
    if (!code && strcmp(text, wanted) != 0)
        code = trit_fail(m->error, TRIT_EFORMAT,
                         "%s: its SHA-256 is %.12s..., the profile says %.12s...", m->path, text,
                         wanted);
    return code;
}

/* A file in memory with the image's bytes, which nobody can change any more. */
static int sealed_copy(const struct image *m)
{
    enum { SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };
    const int fd = memfd_create("tritmill-kernels", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    for (size_t at = 0; fd >= 0 && at < m->bytes;) {
        const ssize_t n = write(fd, m->data + at, m->bytes - at);
        if (n < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0 && fcntl(fd, F_ADD_SEALS, SEALS)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* What was loaded stays open as *fd: dlopen takes an object that was loaded from a path of the same
   name for the same object, and /proc/self/fd/N is such a name. */
static enum trit_code open_image(const struct image *m, void **handle, int *fd)
{
    char name[32];
    *fd = sealed_copy(m);
    if (*fd < 0)
        return system_error(m, "cannot be copied to memory");
    snprintf(name, sizeof name, "/proc/self/fd/%d", *fd);
    *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (*handle)
        return TRIT_OK;
    const char *why = dlerror();
    trit_fail(m->error, TRIT_EFORMAT, "%s: cannot be loaded: %.300s", m->path, why ? why : "?");
    return TRIT_EFORMAT;
}

static enum trit_code find_table(const struct image *m, void *handle,
                                 const struct trit_library_table **table)
{
    const struct trit_library_table *t = *table = dlsym(handle, "trit_kernel_library");
    if (!t)
        return trit_fail(m->error, TRIT_EFORMAT, "%s: has no table of kernels", m->path);
    if (t->abi != TRIT_LIBRARY_ABI || t->row_bytes != sizeof *t->rows)
        return trit_fail(m->error, TRIT_EUNSUPPORTED,
                         "%s: has ABI %u with rows of %u bytes, this program knows %d with %zu: "
                         "tune again",
                         m->path, t->abi, t->row_bytes, TRIT_LIBRARY_ABI, sizeof *t->rows);
    if (t->max_k != TRIT_MAX_K || t->n > MAX_ROWS || (t->n && !t->rows))
        return trit_fail(m->error, TRIT_EFORMAT, "%s: has a damaged table of kernels", m->path);
    return TRIT_OK;
}

/* Rows on their way to the registry. */
struct intake {
    const struct image *image;
    struct trit_kernel *kernels;
    const char **ends;
    size_t n, refused;
};

static void refuse(struct intake *in, const char *row, const char *why)
{
    struct trit_error *error = in->image->error;
    if (!in->refused++ && error)
        snprintf(error->text, sizeof error->text, "%s: kernel %.127s is refused: %s",
                 in->image->path, row ? row : "without a name", why);
}

static void take_rows(struct intake *in, const struct trit_library_table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        struct trit_kernel *kernel = &in->kernels[in->n];
        const char *why = trit_library_row_kernel(&table->rows[i], kernel);
        if (why)
            refuse(in, table->rows[i].name, why);
        else if (trit_isa_usable(kernel->isa, NULL))
            in->n++;
    }
    trit_kernels_probe(in->kernels, in->n, in->ends);
    size_t kept = 0;
    for (size_t i = 0; i < in->n; i++) {
        if (in->ends[i])
            refuse(in, in->kernels[i].name, in->ends[i]);
        else
            in->kernels[kept++] = in->kernels[i];
    }
    in->n = kept;
}

static enum trit_code add_rows(const struct image *m, const struct trit_library_table *table,
                               size_t *added, size_t *refused)
{
    const size_t n = table->n ? (size_t)table->n : 1;
    struct intake in = { .image = m };
    in.kernels = trit_alloc(n, sizeof *in.kernels);
    in.ends = trit_alloc(n, sizeof *in.ends);
    enum trit_code code = TRIT_OK;
    if (!in.kernels || !in.ends)
        code = trit_fail(m->error, TRIT_EMEMORY, "%s: no memory for %zu kernels", m->path, n);
    else
        take_rows(&in, table);
    if (!code)
        code = trit_kernels_add(in.kernels, in.n, m->error);
    free(in.ends);
    if (code || !in.n)
        free(in.kernels); /* else the registry points there */
    if (!code && added)
        *added = in.n;
    if (!code && refused)
        *refused = in.refused;
    return code;
}

enum trit_code trit_library_load(const char *path, const char *sha, size_t *added, size_t *refused,
                                 struct trit_error *error)
{
    struct image m = { .path = path, .error = error };
    const struct trit_library_table *table;
    void *handle = NULL;
    int fd = -1;
    if (added)
        *added = 0;
    if (refused)
        *refused = 0;
    enum trit_code code = read_image(&m);
    if (!code && sha)
        code = check_hash(&m, sha);
    if (!code)
        code = trit_elf_check(path, m.data, m.bytes, error);
    if (!code)
        code = open_image(&m, &handle, &fd);
    free(m.data);
    m.data = NULL;
    if (!code)
        code = find_table(&m, handle, &table);
    if (!code)
        code = add_rows(&m, table, added, refused);
    if (code && handle)
        dlclose(handle);
    if (code && fd >= 0)
        close(fd);
    return code;
}

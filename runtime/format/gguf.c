/* Opening a GGUF: the mapping, the header, and the order in which its parts are checked. */
#define _GNU_SOURCE
#include "runtime/format/gguf.h"

#include "runtime/format/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 4 + 4 + 8 + 8, COUNT_MAX = 1 << 30 };

/* Version 2 brought 64-bit counts, version 3 big-endian files. */
static enum trit_code check_version(const struct trit_gguf *g, struct trit_error *error)
{
    uint32_t v = g->version;
    if (v == 2 || v == 3)
        return TRIT_OK;
    if ((v & 0xffff) == 0 && v != 0)
        return trit_fail(
            error, TRIT_EUNSUPPORTED,
            "%s: header (offset 4): a big-endian file, only little-endian files are read", g->path);
    return trit_fail(error, TRIT_EUNSUPPORTED,
                     "%s: header (offset 4): GGUF version %u, only versions 2 and 3 are read",
                     g->path, v);
}

/* A count is believed only as far as the rest of the file could hold that many records. */
static enum trit_code check_count(struct trit_gguf_reader *r, uint64_t n, const char *what,
                                  size_t offset, size_t smallest)
{
    size_t most = (r->size - r->at) / smallest;
    if (most > COUNT_MAX)
        most = COUNT_MAX;
    if (n <= most)
        return TRIT_OK;
    return trit_fail(r->error, TRIT_EFORMAT,
                     "%s: header (offset %zu): %llu %s, the file has room for at most %zu",
                     r->gguf->path, offset, (unsigned long long)n, what, most);
}

static enum trit_code read_header(struct trit_gguf_reader *r)
{
    struct trit_gguf *g = r->gguf;
    if (r->size < 4 || memcmp(r->base, "GGUF", 4) != 0)
        return trit_fail(r->error, TRIT_EFORMAT, "%s: header (offset 0): not a GGUF file%s",
                         g->path, r->size == 0 ? ", it is empty" : "");
    if (r->size < HEADER)
        return trit_fail(r->error, TRIT_EFORMAT,
                         "%s: header (offset 0): %zu bytes, a GGUF file has at least %d", g->path,
                         r->size, HEADER);
    uint64_t ntensors = 0, nkv = 0;
    trit_gguf_take(r, 4);
    trit_gguf_take_u32(r, &g->version);
    trit_gguf_take_u64(r, &ntensors);
    trit_gguf_take_u64(r, &nkv);
    enum trit_code code = check_version(g, r->error);
    if (code == TRIT_OK)
        code = check_count(r, ntensors, "tensors", 8, TRIT_GGUF_TENSOR_MIN);
    if (code == TRIT_OK)
        code = check_count(r, nkv, "keys", 16, TRIT_GGUF_KV_MIN);
    if (code != TRIT_OK)
        return code;
    g->ntensors = (size_t)ntensors;
    g->nkv = (size_t)nkv;
    return TRIT_OK;
}

/* Not trit_alloc: the pages of a table that a bad header made large are never touched. */
static enum trit_code allocate(struct trit_gguf *g, struct trit_error *error)
{
    g->kv = calloc(g->nkv + 1, sizeof *g->kv);
    g->tensors = calloc(g->ntensors + 1, sizeof *g->tensors);
    g->index = calloc(1, sizeof(struct trit_gguf_index));
    if (!g->kv || !g->tensors || !g->index)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory for its tables", g->path);
    return TRIT_OK;
}

static enum trit_code read_alignment(struct trit_gguf *g, struct trit_error *error)
{
    g->alignment = TRIT_GGUF_ALIGNMENT;
    const struct trit_gguf_kv *kv = trit_gguf_find(g, "general.alignment");
    if (!kv)
        return TRIT_OK;
    if (kv->type != TRIT_GGUF_U32)
        return trit_fail(error, TRIT_EFORMAT, "%s: key 'general.alignment': is %s, must be u32",
                         g->path, trit_gguf_type_name(kv->type));
    memcpy(&g->alignment, kv->data, sizeof g->alignment);
    uint32_t a = g->alignment;
    if (a >= TRIT_GGUF_ALIGNMENT_MIN && a <= TRIT_GGUF_ALIGNMENT_MAX && (a & (a - 1)) == 0)
        return TRIT_OK;
    return trit_fail(error, TRIT_EFORMAT,
                     "%s: key 'general.alignment': is %u, must be a power of two from %d to %d",
                     g->path, a, TRIT_GGUF_ALIGNMENT_MIN, TRIT_GGUF_ALIGNMENT_MAX);
}

static enum trit_code parse(struct trit_gguf *g, struct trit_error *error)
{
    struct trit_gguf_reader r = { .gguf = g, .base = g->base, .size = g->size, .error = error };
    enum trit_code code = read_header(&r);
    if (code == TRIT_OK)
        code = allocate(g, error);
    if (code == TRIT_OK)
        code = trit_gguf_read_keys(&r);
    if (code == TRIT_OK)
        code = trit_gguf_index_keys(g, error);
    if (code == TRIT_OK)
        code = read_alignment(g, error);
    if (code == TRIT_OK)
        code = trit_gguf_read_tensors(&r);
    if (code == TRIT_OK)
        code = trit_gguf_index_tensors(g, error);
    return code;
}

enum trit_code trit_gguf_parse(struct trit_gguf **gguf, const void *data, size_t size,
                               const char *path, struct trit_error *error)
{
    *gguf = NULL;
    struct trit_gguf *g = calloc(1, sizeof *g);
    if (g)
        g->path = strdup(path);
    if (!g || !g->path) {
        free(g);
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    }
    g->base = data;
    g->size = size;
    enum trit_code code = parse(g, error);
    if (code == TRIT_OK)
        *gguf = g;
    else
        trit_gguf_close(g);
    return code;
}

/* The regular file at path, open; -1 after an error. A pipe that nobody writes to does not block.
 */
static int open_regular(const char *path, struct stat *st, struct trit_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, st) != 0) {
        trit_fail(error, TRIT_EIO, "%s: cannot read: %s", path, strerror(errno));
    } else if (!S_ISREG(st->st_mode)) {
        trit_fail(error, TRIT_EIO, "%s: is %s, must be a regular file", path,
                  S_ISDIR(st->st_mode) ? "a folder" : "a device or a pipe");
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

enum trit_code trit_gguf_open_one(struct trit_gguf **gguf, const char *path,
                                  struct trit_error *error)
{
    *gguf = NULL;
    struct stat st;
    int fd = open_regular(path, &st, error);
    if (fd < 0)
        return TRIT_EIO;
    const struct trit_file_id file = trit_file_identify(fd);
    const size_t size = (size_t)st.st_size;
    struct trit_mapping mapping; /* of an empty file none; parse says what is wrong with it */
    enum trit_code code = trit_mapping_open(&mapping, fd, size, false, path, error);
    if (!code)
        code = trit_gguf_parse(gguf, mapping.base, size, path, error);
    if (code) {
        trit_mapping_close(&mapping);
        close(fd);
        return code;
    }
    (*gguf)->mapping = mapping;
    (*gguf)->file = file;
    (*gguf)->fd = fd;
    return TRIT_OK;
}

void trit_gguf_close(struct trit_gguf *gguf)
{
    if (!gguf)
        return;
    if (gguf->mapping.base) {
        trit_mapping_close(&gguf->mapping);
        close(gguf->fd);
    }
    for (size_t i = 0; i < gguf->nothers; i++)
        trit_gguf_close(gguf->others[i]);
    free(gguf->others);
    trit_gguf_index_free(gguf);
    free(gguf->kv);
    free(gguf->tensors);
    free(gguf->path);
    free(gguf);
}

/* The mapped file that the bytes are in; NULL: none. */
static const struct trit_gguf *part_of(const struct trit_gguf *gguf, const uint8_t *data)
{
    const struct trit_gguf *part;
    size_t i = 0;
    while ((part = trit_gguf_part(gguf, i)) &&
           !(part->mapping.base && data >= part->base && data < part->base + part->size))
        i++;
    return part;
}

void trit_gguf_drop(const struct trit_gguf *gguf, const uint8_t *data, size_t bytes)
{
    const struct trit_gguf *part = part_of(gguf, data);
    if (!part)
        return;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), first = (size_t)(data - part->base);
    size_t last = bytes > part->size - first ? part->size : first + bytes;
    first = (first + page - 1) / page * page;
    last = last / page * page;
    if (first < last)
        madvise((void *)(uintptr_t)(part->base + first), last - first, MADV_DONTNEED);
}

/* A read that fails or is short leaves it to the mapping to say so. */
const uint8_t *trit_gguf_fetch(const struct trit_gguf *gguf, const uint8_t *data, size_t bytes,
                               void *buffer)
{
    const struct trit_gguf *part = part_of(gguf, data);
    if (!part)
        return data;
    const size_t begin = (size_t)(data - part->base);
    for (size_t at = 0; at < bytes;) {
        ssize_t got = pread(part->fd, (uint8_t *)buffer + at, bytes - at, (off_t)(begin + at));
        if (got == 0 || (got < 0 && errno != EINTR))
            return data;
        at += got > 0 ? (size_t)got : 0;
    }
    return buffer;
}

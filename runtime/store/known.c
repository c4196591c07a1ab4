/* What is known of files without reading them again: their digests, on disk, and what their headers
   say, in memory. A file is told by trit_file_identify. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/room.h"
#include "runtime/format/gguf.h"
#include "runtime/store/internal.h"

enum { LINE = 256, DIGESTS_MOST = 4 << 20, KNOWN_MOST = 4096 };

static void write_line(char line[LINE], const char *digest, const struct trit_file_id *id)
{
    snprintf(line, LINE, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 "\n", digest,
             id->device, id->inode, id->bytes, id->modified, id->changed);
}

char *trit_store_digests(const struct trit_store *s)
{
    char path[TRIT_STORE_PATH], *text;
    size_t bytes;
    if (!trit_store_join(s, TRIT_STORE_DIGESTS, NULL, path, sizeof path) ||
        trit_file_read(path, DIGESTS_MOST, &text, &bytes, NULL))
        return NULL;
    return text;
}

void trit_store_recall(const char *digests, const struct trit_file_id *id,
                       char digest[TRIT_STORE_DIGEST])
{
    char line[LINE], hex[LINE];
    *digest = 0;
    write_line(line, "", id);
    const char *found = digests ? strstr(digests, line) : NULL;
    if (!found || found - digests < TRIT_DIGEST_HEX)
        return;
    snprintf(hex, sizeof hex, "%.*s", TRIT_DIGEST_HEX, found - TRIT_DIGEST_HEX);
    if (!trit_digest_parse(hex, digest))
        *digest = 0;
}

/* All lines but those of the same inode, and the new one. A failure leaves it to be read again. */
void trit_store_digest_known(struct trit_store *s, const char *file, const char *digest)
{
    char path[TRIT_STORE_PATH], line[LINE], inode[64];
    struct trit_file *out;
    const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const struct trit_file_id id = trit_file_identify(fd);
    if (fd >= 0)
        close(fd);
    if (fd < 0 || !id.changed)
        return;
    pthread_mutex_lock(&s->lock);
    char *text = trit_store_digests(s);
    snprintf(inode, sizeof inode, " %" PRIu64 " %" PRIu64 " ", id.device, id.inode);
    if (trit_store_join(s, TRIT_STORE_DIGESTS, NULL, path, sizeof path) &&
        !trit_file_create(&out, path, NULL)) {
        for (const char *at = text; at && *at;) {
            const size_t n = (size_t)(strchrnul(at, '\n') - at) + 1;
            if (strlen(at) >= n && n > TRIT_DIGEST_HEX &&
                strncmp(at + TRIT_DIGEST_HEX, inode, strlen(inode)) != 0)
                trit_file_write(out, at, n);
            at += strlen(at) < n ? strlen(at) : n;
        }
        write_line(line, digest, &id);
        trit_file_write(out, line, strlen(line));
        trit_file_commit(out, NULL);
    }
    free(text);
    pthread_mutex_unlock(&s->lock);
}

enum trit_code trit_store_digest(struct trit_store *s, struct trit_store_model *model,
                                 trit_progress_fn *progress, void *arg, struct trit_error *error)
{
    const int fd = open(model->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return trit_fail(error, TRIT_EIO, "%s: %s", model->path, strerror(errno));
    const struct trit_file_id id = trit_file_identify(fd);
    enum trit_code code = TRIT_OK;
    char *digests = trit_store_digests(s);
    trit_store_recall(digests, &id, model->digest);
    free(digests);
    if (!*model->digest) {
        struct trit_digest *d = trit_digest_begin();
        code = d ? trit_digest_file(d, fd, model->path, progress, arg, error)
                 : trit_fail(error, TRIT_EMEMORY, "%s: no memory", model->path);
        if (code)
            trit_digest_abandon(d);
        else
            trit_digest_end(d, model->digest);
        if (!code && !*model->digest)
            code = trit_fail(error, TRIT_EIO, "%s: no SHA-256 of it", model->path);
        if (!code)
            trit_store_digest_known(s, model->path, model->digest);
    }
    close(fd);
    return code;
}

/* 2412820480 -> "2.4B". */
static void write_count(uint64_t n, char *out, size_t room)
{
    static const struct {
        double unit;
        char letter;
    } units[] = { { 1e12, 'T' }, { 1e9, 'B' }, { 1e6, 'M' }, { 1e3, 'K' } };
    snprintf(out, room, "%" PRIu64, n);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if ((double)n >= units[i].unit) {
            const double x = (double)n / units[i].unit;
            snprintf(out, room, "%.*f%c", x < 99.95, x, units[i].letter);
            return;
        }
}

/* The type that most of the file's bytes have. */
static const char *main_type(const struct trit_gguf *g)
{
    uint64_t most = 0;
    uint32_t type = UINT32_MAX;
    for (size_t i = 0; i < g->ntensors; i++) {
        uint64_t bytes = 0;
        if (g->tensors[i].type == type)
            continue;
        for (size_t j = i; j < g->ntensors; j++)
            if (g->tensors[j].type == g->tensors[i].type)
                bytes = trit_bytes_sum(bytes, g->tensors[j].bytes);
        if (bytes > most) {
            most = bytes;
            type = g->tensors[i].type;
        }
    }
    const struct trit_type_info *info = trit_type_find(type);
    return info ? info->name : "";
}

void trit_store_header(struct trit_store_model *m)
{
    struct trit_gguf *g;
    struct trit_text arch;
    uint64_t elements = 0;
    if (trit_gguf_open(&g, m->path, NULL))
        return;
    if (!trit_gguf_text(g, "general.architecture", &arch, NULL))
        for (size_t i = 0; i < arch.n && i < sizeof m->family - 1; i++)
            m->family[i] = arch.s[i] < ' ' || arch.s[i] == 127 ? '?' : arch.s[i];
    for (size_t i = 0; i < g->ntensors; i++) {
        uint64_t n = 1;
        for (size_t d = 0; d < 4; d++)
            n = trit_bytes_product(n, g->tensors[i].ne[d]);
        elements = trit_bytes_sum(elements, n);
    }
    write_count(elements, m->parameters, sizeof m->parameters);
    snprintf(m->type, sizeof m->type, "%s", main_type(g));
    trit_gguf_close(g);
}

static void remember(struct trit_store *s, const struct trit_store_known *k)
{
    if (s->nknown >= KNOWN_MOST)
        s->nknown = 0;
    struct trit_store_known *v = realloc(s->known, (s->nknown + 1) * sizeof *v);
    if (!v)
        return;
    s->known = v;
    v[s->nknown++] = *k;
}

void trit_store_describe(struct trit_store *s, struct trit_store_model *model, int fd)
{
    struct trit_store_known k = { .id = trit_file_identify(fd) };
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->nknown && !k.read; i++)
        if (trit_file_same(&s->known[i].id, &k.id))
            k = s->known[i];
    pthread_mutex_unlock(&s->lock);
    if (!k.read) {
        trit_store_header(model);
        k.read = true;
        memcpy(k.family, model->family, sizeof k.family);
        memcpy(k.parameters, model->parameters, sizeof k.parameters);
        memcpy(k.type, model->type, sizeof k.type);
        pthread_mutex_lock(&s->lock);
        remember(s, &k);
        pthread_mutex_unlock(&s->lock);
    }
    memcpy(model->family, k.family, sizeof k.family);
    memcpy(model->parameters, k.parameters, sizeof k.parameters);
    memcpy(model->type, k.type, sizeof k.type);
}

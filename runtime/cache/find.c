/* Which packed cache belongs to a model file, and whether it still does. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/cache/internal.h"

enum {
    SAMPLES = 16, /* places in the tensors, evenly spread */
    SAMPLE_BYTES = 64,
    SLICE = 4 << 20, /* of the file, hashed at once */
};

/* The coarsest clock of a file system, in nanoseconds: two writes within it may leave one time. */
static const int64_t tick = 2000000000;

static void put_hash(XXH128_hash_t hash, uint8_t out[TRIT_CACHE_HASH])
{
    XXH128_canonical_t canonical;
    static_assert(sizeof canonical == TRIT_CACHE_HASH, "128 bits");
    XXH128_canonicalFromHash(&canonical, hash);
    memcpy(out, &canonical, sizeof canonical);
}

/* Of one file. The size is part of it; header and metadata as a whole. */
static XXH128_hash_t sample(const struct trit_gguf *gguf)
{
    uint8_t gathered[sizeof(XXH128_canonical_t) + 8 + SAMPLES * SAMPLE_BYTES] = { 0 };
    const size_t head = gguf->data_offset < gguf->size ? (size_t)gguf->data_offset : gguf->size;
    const size_t room = gguf->size - head, step = room / SAMPLES;
    const uint64_t size = gguf->size;
    uint8_t *out = gathered;
    put_hash(XXH3_128bits(gguf->base, head), out);
    out += sizeof(XXH128_canonical_t);
    memcpy(out, &size, sizeof size);
    out += sizeof size;
    for (size_t i = 0; i < SAMPLES; i++, out += SAMPLE_BYTES) {
        const size_t n = step < SAMPLE_BYTES ? step : SAMPLE_BYTES;
        memcpy(out, gguf->base + head + i * step, n);
    }
    trit_gguf_drop(gguf, gguf->base + head, room);
    return XXH3_128bits(gathered, sizeof gathered);
}

/* Of several files the first's place, and everything that tells a write to one of them. */
static struct trit_file_id identity(const struct trit_gguf *gguf)
{
    struct trit_file_id all = gguf->file;
    const struct trit_gguf *part;
    for (size_t i = 1; (part = trit_gguf_part(gguf, i)); i++) {
        const struct trit_file_id both[] = { all, part->file };
        all.bytes += part->file.bytes;
        all.modified = (int64_t)XXH3_64bits(both, sizeof both);
        all.changed = all.changed > part->file.changed ? all.changed : part->file.changed;
    }
    return all;
}

void trit_cache_identify(const struct trit_gguf *gguf, struct trit_cache_source *source)
{
    const struct trit_gguf *part;
    *source = (struct trit_cache_source){ .bytes = trit_gguf_bytes(gguf), .file = identity(gguf) };
    put_hash(sample(gguf), source->sample);
    for (size_t i = 1; (part = trit_gguf_part(gguf, i)); i++) {
        uint8_t both[2][TRIT_CACHE_HASH];
        memcpy(both[0], source->sample, sizeof *both);
        put_hash(sample(part), both[1]);
        put_hash(XXH3_128bits(both, sizeof both), source->sample);
    }
    if (gguf->i2s != TRIT_I2S_128) /* other weights are read from the same bytes */
        put_hash(XXH3_128bits_withSeed(source->sample, TRIT_CACHE_HASH, (XXH64_hash_t)gguf->i2s),
                 source->sample);
}

/* Of one file. */
struct slices {
    const struct trit_gguf *gguf;
    uint64_t *hashes;
};

static size_t slices_of(const struct trit_gguf *part)
{
    return (part->size + SLICE - 1) / SLICE;
}

static void hash_some(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct slices *s = arg;
    for (size_t i = begin; i < end; i++) {
        const size_t at = i * SLICE, rest = s->gguf->size - at;
        const size_t n = rest < SLICE ? rest : SLICE;
        s->hashes[i] = XXH3_64bits(s->gguf->base + at, n);
        trit_gguf_drop(s->gguf, s->gguf->base + at, n);
    }
}

int64_t trit_cache_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* FAT keeps no time of the last change: touch sets it back. */
static bool tells_changes(int fd)
{
    struct statfs fs;
    return !fstatfs(fd, &fs) && fs.f_type != MSDOS_SUPER_MAGIC && fs.f_type != EXFAT_SUPER_MAGIC;
}

bool trit_cache_lasts(const struct trit_file_id *file, int fd, int64_t read)
{
    return file->changed <= read - tick && tells_changes(fd);
}

/* After the file was read, from `began` on: nobody may have written to it since it was opened. */
static enum trit_code settle(const struct trit_gguf *gguf, struct trit_cache_source *source,
                             int64_t began, struct trit_error *error)
{
    const struct trit_gguf *part;
    for (size_t i = 0; (part = trit_gguf_part(gguf, i)); i++) {
        if (!part->mapping.base)
            return TRIT_OK;
        const struct trit_file_id after = trit_file_identify(part->fd);
        if (!trit_file_same(&after, &part->file))
            return trit_fail(error, TRIT_EIO, "%s: was changed while it was in use", part->path);
        if (!trit_cache_lasts(&after, part->fd, began))
            source->file = (struct trit_file_id){ 0 };
    }
    return TRIT_OK;
}

enum trit_code trit_cache_identify_whole(const struct trit_gguf *gguf, struct trit_pool *pool,
                                         struct trit_cache_source *source, struct trit_error *error)
{
    const int64_t began = trit_cache_now();
    const struct trit_gguf *part;
    size_t count = 0;
    for (size_t i = 0; (part = trit_gguf_part(gguf, i)); i++)
        count += slices_of(part);
    uint64_t *hashes = trit_alloc(count, sizeof *hashes);
    struct slices s = { .hashes = hashes };
    if (!hashes)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for its checksums", gguf->path);
    trit_cache_identify(gguf, source);
    for (size_t i = 0; (s.gguf = trit_gguf_part(gguf, i)); i++) {
        const size_t n = slices_of(s.gguf);
        if (pool)
            trit_pool_for(pool, n, 1, hash_some, &s);
        else
            hash_some(&s, 0, n, 0);
        s.hashes += n;
    }
    put_hash(XXH3_128bits(hashes, count * sizeof *hashes), source->whole);
    free(hashes);
    return settle(gguf, source, began, error);
}

static enum trit_code user_path(const struct trit_cache_source *source, const char *end, char *path,
                                size_t room, struct trit_error *error)
{
    char name[2 * TRIT_CACHE_HASH + 16];
    for (size_t i = 0; i < TRIT_CACHE_HASH; i++)
        snprintf(name + 2 * i, 3, "%02x", source->sample[i]);
    strcat(name, end);
    return trit_file_user_path(TRIT_USER_CACHE, name, path, room, error);
}

enum trit_code trit_cache_user_path(const struct trit_cache_source *source, char *path, size_t room,
                                    struct trit_error *error)
{
    return user_path(source, ".pack", path, room, error);
}

enum trit_code trit_cache_known_path(const struct trit_cache_source *source, char *path,
                                     size_t room, struct trit_error *error)
{
    return user_path(source, ".known", path, room, error);
}

enum trit_code trit_cache_remove(const struct trit_cache_source *source, struct trit_error *error)
{
    char path[PATH_MAX];
    enum trit_code code = trit_cache_user_path(source, path, sizeof path, error);
    if (!code && access(path, F_OK) == 0)
        code = trit_output_check(path, &trit_output_cache, NULL, 0, error);
    if (!code && unlink(path))
        code = trit_fail(error, TRIT_EIO, "%s: %s", path, strerror(errno));
    if (!code && !trit_cache_known_path(source, path, sizeof path, NULL))
        unlink(path);
    return code;
}

/* A model file that a cache is looked for. */
struct search {
    const struct trit_gguf *gguf;
    struct trit_pool *pool;
    struct trit_cache_source source; /* of the file; whole: once it had to be read */
    char *log;
    size_t room;
};

static enum trit_code read_whole(struct search *s, struct trit_error *error)
{
    struct trit_error why;
    const enum trit_code code = trit_cache_identify_whole(s->gguf, s->pool, &s->source, error);
    if (!code && trit_cache_remember(&s->source, &why))
        snprintf(s->log, s->room, "%s: is read as a whole each time, to know it: %s", s->gguf->path,
                 why.text);
    return code;
}

/* Whether the cache was made of this file. */
static enum trit_code judge(struct trit_cache *cache, struct search *s, struct trit_error *error)
{
    const struct trit_cache_source *made = trit_cache_source(cache);
    if (made->bytes != s->source.bytes ||
        memcmp(made->sample, s->source.sample, sizeof made->sample) != 0)
        return trit_fail(error, TRIT_EFORMAT, "%s: packed of another model file than %s",
                         trit_cache_path(cache), s->gguf->path);
    if (trit_file_same(&made->file, &s->source.file))
        return TRIT_OK;
    enum trit_code code = TRIT_OK;
    if (!trit_cache_recall(&s->source))
        code = read_whole(s, error);
    if (!code && memcmp(made->whole, s->source.whole, sizeof made->whole) != 0)
        code = trit_fail(error, TRIT_EFORMAT, "%s: %s has changed since it was packed",
                         trit_cache_path(cache), s->gguf->path);
    return code;
}

/* A cache whose checksums were verified is remembered as model files are, by the checksum of its
   table. */
static struct trit_cache_source as_source(const struct trit_cache *cache, const struct search *s)
{
    struct trit_cache_source source = s->source;
    source.file = *trit_cache_file(cache);
    memset(source.whole, 0, sizeof source.whole);
    const uint64_t hash = trit_cache_table_hash(cache);
    memcpy(source.whole, &hash, sizeof hash);
    return source;
}

/* Its bytes, unless they were verified before and nobody wrote to the file since. */
static enum trit_code check_bytes(struct trit_cache *cache, const struct search *s,
                                  struct trit_error *error)
{
    const struct trit_cache_source now = as_source(cache, s);
    struct trit_cache_source before = now;
    struct trit_error why;
    if (trit_cache_recall(&before) && !memcmp(before.whole, now.whole, sizeof now.whole)) {
        trit_cache_trust(cache, s->pool);
        return TRIT_OK;
    }
    const enum trit_code code = trit_cache_verify(cache, s->pool, error);
    if (!code)
        trit_cache_remember(&now, &why); /* or it is verified each time */
    return code;
}

static enum trit_code try(struct trit_cache **cache, const char *path, struct search *s,
                          struct trit_error *error)
{
    enum trit_code code = trit_cache_open(cache, path, error);
    if (!code)
        code = judge(*cache, s, error);
    if (!code)
        code = check_bytes(*cache, s, error);
    if (code) {
        trit_cache_close(*cache);
        *cache = NULL;
    }
    return code;
}

struct trit_cache *trit_cache_find(const struct trit_gguf *gguf, const char *given,
                                   struct trit_pool *pool, char *log, size_t room)
{
    char path[PATH_MAX];
    const char *named = given ? given : getenv("TRITMILL_CACHE");
    struct search s = { .gguf = gguf, .pool = pool, .log = log, .room = room };
    struct trit_cache *cache = NULL;
    struct trit_error error;
    *log = 0;
    if (named && !strcmp(named, "none"))
        return NULL;
    trit_cache_identify(gguf, &s.source);
    if (named && *named)
        snprintf(path, sizeof path, "%s", named);
    else if (trit_cache_user_path(&s.source, path, sizeof path, &error) || access(path, F_OK))
        return NULL; /* the usual case: nobody packed this model */
    if (try(&cache, path, &s, &error))
        snprintf(log, room, "%s: the packed cache is ignored", error.text);
    return cache;
}

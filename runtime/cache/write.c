/* Writing a packed cache. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/cache/internal.h"

/* What is written at once. From multiples of it on the system can keep the file in huge pages. */
enum { STAGE = 4 << 20 };

static bool is_cache(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, TRIT_CACHE_MAGIC);
}

/* Others may read it; what they could write would not be used. */
const struct trit_file_kind trit_output_cache = { "a packed cache", is_cache, 0644 };

/* The head of the file being made: header, records and checksums, one after another. */
struct table {
    const struct trit_section *sections;
    size_t count, pieces, bytes;
    uint8_t *head;
    struct trit_cache_record *records;
    uint64_t *hashes;
    struct piece {
        const uint8_t *data;
        size_t bytes;
    } * list;
};

static void hash_some(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct table *t = arg;
    for (size_t i = begin; i < end; i++)
        t->hashes[i] = XXH3_64bits(t->list[i].data, t->list[i].bytes);
}

static enum trit_code check_section(const struct trit_section *s, const char *path,
                                    struct trit_error *error)
{
    if (memchr(s->name, 0, sizeof s->name) && memchr(s->form, 0, sizeof s->form) && s->lazy <= 1)
        return TRIT_OK;
    return trit_fail(error, TRIT_EARGUMENT, "%s: section name not NUL-terminated", path);
}

static enum trit_code allocate(struct table *t, const char *path, struct trit_error *error)
{
    for (size_t i = 0; i < t->count; i++) {
        enum trit_code code = check_section(&t->sections[i], path, error);
        if (code)
            return code;
        t->pieces += trit_cache_pieces(t->sections[i].bytes);
    }
    t->bytes = sizeof(struct trit_cache_header) + t->count * sizeof *t->records +
               t->pieces * sizeof *t->hashes;
    t->head = trit_alloc(trit_round_up(t->bytes, TRIT_ALIGN), 1);
    t->list = trit_alloc(t->pieces, sizeof *t->list);
    if (!t->head || !t->list)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for its table", path);
    t->records = (void *)(t->head + sizeof(struct trit_cache_header));
    t->hashes = (void *)(t->records + t->count);
    return TRIT_OK;
}

static void list_pieces(struct table *t)
{
    struct piece *p = t->list;
    for (size_t i = 0; i < t->count; i++) {
        const uint8_t *data = t->sections[i].data;
        const size_t bytes = (size_t)t->sections[i].bytes;
        for (size_t at = 0; at < bytes; at += TRIT_CACHE_PIECE)
            *p++ = (struct piece){ data + at,
                                   bytes - at < TRIT_CACHE_PIECE ? bytes - at : TRIT_CACHE_PIECE };
    }
}

/* Returns the bytes of the whole file. */
static uint64_t place(struct table *t)
{
    uint64_t at = trit_round_up(t->bytes, TRIT_ALIGN);
    for (size_t i = 0; i < t->count; i++) {
        const struct trit_section *s = &t->sections[i];
        struct trit_cache_record *r = &t->records[i];
        *r = (struct trit_cache_record){ .n = s->n,
                                         .k = s->k,
                                         .nr = s->nr,
                                         .kr = s->kr,
                                         .layout = s->layout,
                                         .lazy = s->lazy,
                                         .offset = at,
                                         .bytes = s->bytes };
        memcpy(r->name, s->name, strlen(s->name)); /* zeros behind: same bytes for the same names */
        memcpy(r->form, s->form, strlen(s->form));
        at += trit_round_up((size_t)s->bytes, TRIT_ALIGN);
    }
    return at;
}

static void fill(struct table *t, const struct trit_cache_source *source, struct trit_pool *pool)
{
    struct trit_cache_header h = { .magic = "", .order = TRIT_CACHE_ORDER };
    memcpy(h.magic, TRIT_CACHE_MAGIC, sizeof h.magic);
    h.format = TRIT_CACHE_FORMAT;
    h.bytes = place(t);
    h.sections = t->count;
    h.pieces = t->pieces;
    h.source = *source;
    list_pieces(t);
    if (pool)
        trit_pool_for(pool, t->pieces, 1, hash_some, t);
    else
        hash_some(t, 0, t->pieces, 0);
    memcpy(t->head, &h, sizeof h);
    h.hash = XXH3_64bits(t->head, t->bytes);
    memcpy(t->head, &h, sizeof h);
}

/* Gathers what is written. */
struct stage {
    struct trit_file *file;
    uint8_t *bytes;
    size_t used;
};

static void put(struct stage *s, const void *data, size_t bytes)
{
    for (size_t at = 0, part; at < bytes; at += part) {
        part = STAGE - s->used < bytes - at ? STAGE - s->used : bytes - at;
        memcpy(s->bytes + s->used, (const uint8_t *)data + at, part);
        s->used += part;
        if (s->used == STAGE) {
            trit_file_write(s->file, s->bytes, s->used);
            s->used = 0;
        }
    }
}

static void put_padded(struct stage *s, const void *data, size_t bytes)
{
    static const uint8_t zeros[TRIT_ALIGN];
    put(s, data, bytes);
    put(s, zeros, trit_round_up(bytes, TRIT_ALIGN) - bytes);
}

static enum trit_code write_file(const struct table *t, const char *path, struct trit_error *error)
{
    struct stage s = { .bytes = trit_alloc(STAGE, 1) };
    if (!s.bytes)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory to write it", path);
    enum trit_code code = trit_file_create_as(&s.file, path, &trit_output_cache, error);
    if (!code) {
        put_padded(&s, t->head, t->bytes);
        for (size_t i = 0; i < t->count && !trit_file_failed(s.file); i++)
            put_padded(&s, t->sections[i].data, (size_t)t->sections[i].bytes);
        trit_file_write(s.file, s.bytes, s.used);
        code = trit_file_commit(s.file, error);
    }
    free(s.bytes);
    return code;
}

enum trit_code trit_cache_write(const char *path, const struct trit_cache_source *source,
                                const struct trit_section *sections, size_t count,
                                struct trit_pool *pool, struct trit_error *error)
{
    struct table t = { .sections = sections, .count = count };
    enum trit_code code = count > TRIT_CACHE_SECTIONS
                              ? trit_fail(error, TRIT_EARGUMENT, "%s: %zu sections", path, count)
                              : allocate(&t, path, error);
    if (!code) {
        fill(&t, source, pool);
        code = write_file(&t, path, error);
    }
    free(t.head);
    free(t.list);
    return code;
}

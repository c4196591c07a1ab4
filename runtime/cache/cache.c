/* Reading a packed cache: nothing is believed before it is checked. */
#define _GNU_SOURCE
#include "runtime/cache/cache.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/base/file.h"
#include "runtime/base/mapping.h"
#include "runtime/base/mem.h"
#include "runtime/cache/internal.h"

/* What one checksum is about. */
struct piece {
    const uint8_t *data;
    size_t bytes, section;
    uint64_t hash;
};

struct trit_cache {
    char *path;
    const uint8_t *base;
    size_t size;
    struct trit_mapping mapping; /* base is NULL for bytes in memory */
    struct trit_file_id file;
    struct trit_cache_header header;
    struct trit_section *sections;
    bool *verified; /* per section */
    struct piece *pieces;
    uint8_t *copy; /* of the file, where the mapping is on small pages; else NULL */
};

static enum trit_code damaged(const struct trit_cache *c, const char *what,
                              struct trit_error *error)
{
    return trit_fail(error, TRIT_EFORMAT, "%s: a damaged packed cache: %s", c->path, what);
}

/* Bytes of header, table and checksums; 0 where they would be longer than the file. */
static size_t table_end(const struct trit_cache *c)
{
    const size_t room = c->size - sizeof c->header;
    const uint64_t sections = c->header.sections, pieces = c->header.pieces;
    if (sections > TRIT_CACHE_SECTIONS || pieces > room / sizeof(uint64_t))
        return 0;
    const size_t table = (size_t)sections * sizeof(struct trit_cache_record);
    const size_t hashes = (size_t)pieces * sizeof(uint64_t);
    return table > room - hashes ? 0 : sizeof c->header + table + hashes;
}

static bool hash_agrees(const struct trit_cache *c, size_t end)
{
    struct trit_cache_header h = c->header;
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return false;
    h.hash = 0;
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, &h, sizeof h);
    XXH3_64bits_update(state, c->base + sizeof h, end - sizeof h);
    const bool agrees = XXH3_64bits_digest(state) == c->header.hash;
    XXH3_freeState(state);
    return agrees;
}

static enum trit_code check_header(struct trit_cache *c, size_t *end, struct trit_error *error)
{
    const struct trit_cache_header *h = &c->header;
    if (c->size < sizeof *h)
        return trit_fail(error, TRIT_EFORMAT, "%s: not a packed cache", c->path);
    memcpy(&c->header, c->base, sizeof *h);
    if (memcmp(h->magic, TRIT_CACHE_MAGIC, sizeof h->magic) != 0)
        return trit_fail(error, TRIT_EFORMAT, "%s: not a packed cache", c->path);
    if (h->order != TRIT_CACHE_ORDER)
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "%s: a packed cache of a machine with another byte order", c->path);
    if (h->format != TRIT_CACHE_FORMAT)
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "%s: packed cache format %u, this program reads format %d", c->path,
                         h->format, TRIT_CACHE_FORMAT);
    if (h->bytes != c->size)
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: a damaged packed cache: it has %zu bytes, and says %llu", c->path,
                         c->size, (unsigned long long)h->bytes);
    *end = table_end(c);
    if (!*end)
        return damaged(c, "its table is longer than the file", error);
    return hash_agrees(c, *end) ? TRIT_OK : damaged(c, "its table's checksum differs", error);
}

static const char *record_fault(const struct trit_cache *c, const struct trit_cache_record *r,
                                size_t end)
{
    if (!memchr(r->name, 0, sizeof r->name) || !memchr(r->form, 0, sizeof r->form))
        return "a section's name has no end";
    if (r->offset % TRIT_ALIGN || r->offset < end || r->offset > c->size ||
        r->bytes > c->size - r->offset)
        return "a section lies outside the file";
    return r->lazy > 1 ? "a section is neither lazy nor not" : NULL;
}

static void take_section(struct trit_cache *c, size_t i, const struct trit_cache_record *r)
{
    struct trit_section *s = &c->sections[i];
    *s = (struct trit_section){ .n = r->n,
                                .k = r->k,
                                .nr = r->nr,
                                .kr = r->kr,
                                .layout = r->layout,
                                .lazy = r->lazy,
                                .bytes = r->bytes,
                                .data = c->base + r->offset };
    memcpy(s->name, r->name, sizeof s->name);
    memcpy(s->form, r->form, sizeof s->form);
}

/* The section's pieces, the first of which is number `first`. */
static void take_pieces(struct trit_cache *c, size_t section, size_t first, const uint8_t *hashes)
{
    const struct trit_section *s = &c->sections[section];
    for (size_t at = 0; at < s->bytes; at += TRIT_CACHE_PIECE, first++) {
        struct piece *p = &c->pieces[first];
        p->section = section;
        p->data = (const uint8_t *)s->data + at;
        p->bytes = s->bytes - at < TRIT_CACHE_PIECE ? (size_t)s->bytes - at : TRIT_CACHE_PIECE;
        memcpy(&p->hash, hashes + first * sizeof p->hash, sizeof p->hash);
    }
}

static enum trit_code read_table(struct trit_cache *c, size_t end, struct trit_error *error)
{
    const size_t sections = (size_t)c->header.sections, pieces = (size_t)c->header.pieces;
    const uint8_t *records = c->base + sizeof c->header;
    const uint8_t *hashes = records + sections * sizeof(struct trit_cache_record);
    size_t taken = 0;
    c->sections = trit_alloc(sections, sizeof *c->sections);
    c->verified = trit_alloc(sections, sizeof *c->verified);
    c->pieces = trit_alloc(pieces, sizeof *c->pieces);
    if (!c->sections || !c->verified || !c->pieces)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for its table", c->path);
    for (size_t i = 0; i < sections; i++) {
        struct trit_cache_record r;
        memcpy(&r, records + i * sizeof r, sizeof r);
        const char *fault = record_fault(c, &r, end);
        if (!fault && trit_cache_pieces(r.bytes) > pieces - taken)
            fault = "it has too few checksums";
        if (fault)
            return damaged(c, fault, error);
        take_section(c, i, &r);
        take_pieces(c, i, taken, hashes);
        taken += trit_cache_pieces(r.bytes);
    }
    return taken == pieces ? TRIT_OK : damaged(c, "it has too many checksums", error);
}

enum trit_code trit_cache_parse(struct trit_cache **cache, const void *data, size_t size,
                                const char *path, struct trit_error *error)
{
    *cache = NULL;
    struct trit_cache *c = trit_alloc(1, sizeof *c);
    if (c)
        c->path = strdup(path);
    if (!c || !c->path) {
        free(c);
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    }
    c->base = data;
    c->size = size;
    size_t end = 0;
    enum trit_code code = check_header(c, &end, error);
    if (!code)
        code = read_table(c, end, error);
    if (code)
        trit_cache_close(c);
    else
        *cache = c;
    return code;
}

enum trit_code trit_cache_open(struct trit_cache **cache, const char *path,
                               struct trit_error *error)
{
    struct trit_mapping mapping;
    size_t size = 0;
    int fd;
    *cache = NULL;
    enum trit_code code = trit_file_open_own(path, 0, &fd, &size, error);
    if (code)
        return code;
    struct trit_file_id file = trit_file_identify(fd);
    if (!trit_cache_lasts(&file, fd, trit_cache_now()))
        file = (struct trit_file_id){ 0 };
    code = trit_mapping_open(&mapping, fd, size, true, path, error);
    close(fd);
    if (!code)
        code = trit_cache_parse(cache, mapping.base, size, path, error);
    if (code) {
        trit_mapping_close(&mapping);
        return code;
    }
    (*cache)->mapping = mapping;
    (*cache)->file = file;
    return TRIT_OK;
}

void trit_cache_close(struct trit_cache *cache)
{
    if (!cache)
        return;
    trit_mapping_close(&cache->mapping);
    trit_unmap(cache->copy, cache->size);
    free(cache->sections);
    free(cache->verified);
    free(cache->pieces);
    free(cache->path);
    free(cache);
}

/* Pieces under verification: of one section, or of all that are not lazy. */
struct verifying {
    const struct trit_cache *cache;
    size_t section;    /* SIZE_MAX: all */
    atomic_size_t bad; /* the lowest piece that is damaged */
};

static void verify_some(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct verifying *v = arg;
    for (size_t i = begin; i < end; i++) {
        const struct piece *p = &v->cache->pieces[i];
        const bool wanted = v->section == SIZE_MAX ? !v->cache->sections[p->section].lazy
                                                   : p->section == v->section;
        if (!wanted || XXH3_64bits(p->data, p->bytes) == p->hash)
            continue;
        size_t bad = atomic_load(&v->bad);
        while (i < bad && !atomic_compare_exchange_weak(&v->bad, &bad, i))
            ;
    }
}

static void note_verified(struct trit_cache *c, size_t section)
{
    for (size_t i = 0; i < c->header.sections; i++)
        c->verified[i] |= section == SIZE_MAX ? !c->sections[i].lazy : i == section;
}

static void each_piece(const struct trit_cache *c, struct trit_pool *pool, trit_job_fn *fn,
                       void *arg)
{
    const size_t pieces = (size_t)c->header.pieces;
    if (pool)
        trit_pool_for(pool, pieces, 1, fn, arg);
    else
        fn(arg, 0, pieces, 0);
}

/* The lowest damaged piece, SIZE_MAX where there is none. */
static size_t verify(struct trit_cache *c, size_t section, struct trit_pool *pool)
{
    struct verifying v = { .cache = c, .section = section };
    atomic_init(&v.bad, SIZE_MAX);
    each_piece(c, pool, verify_some, &v);
    if (v.bad == SIZE_MAX)
        note_verified(c, section);
    return v.bad;
}

static void copy_some(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct trit_cache *c = arg;
    for (size_t i = begin; i < end; i++) {
        struct piece *p = &c->pieces[i];
        if (c->sections[p->section].lazy)
            continue;
        memcpy(c->copy + (p->data - c->base), p->data, p->bytes);
        trit_map_drop(p->data, p->bytes);
        p->data = c->copy + (p->data - c->base);
    }
}

/* Reading from small pages is some 6 % slower, for as long as the model lives. Where the system has
   not got the file in huge pages but gives them to memory, what was verified moves there. */
static void leave_small_pages(struct trit_cache *c, struct trit_pool *pool)
{
    size_t resident, huge;
    trit_cache_resident(c, &resident, &huge);
    c->copy = huge < resident / 2 ? trit_map(c->size) : NULL;
    if (!c->copy)
        return;
    *c->copy = 0;
    trit_resident_at(c->copy, c->size, &resident, &huge);
    if (!huge) {
        trit_unmap(c->copy, c->size);
        c->copy = NULL;
        return;
    }
    each_piece(c, pool, copy_some, c);
    trit_map_drop(c->base, c->size); /* what pieces share */
    for (size_t i = 0; i < c->header.sections; i++)
        if (!c->sections[i].lazy)
            c->sections[i].data = c->copy + ((const uint8_t *)c->sections[i].data - c->base);
}

enum trit_code trit_cache_verify(struct trit_cache *cache, struct trit_pool *pool,
                                 struct trit_error *error)
{
    const size_t bad = verify(cache, SIZE_MAX, pool);
    if (bad == SIZE_MAX && cache->mapping.base && !cache->copy)
        leave_small_pages(cache, pool);
    if (bad == SIZE_MAX)
        return TRIT_OK;
    return trit_fail(error, TRIT_EFORMAT,
                     "%s: a damaged packed cache: section '%s': a checksum differs", cache->path,
                     cache->sections[cache->pieces[bad].section].name);
}

static void read_some(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct trit_cache *c = arg;
    for (size_t i = begin; i < end; i++)
        if (!c->sections[c->pieces[i].section].lazy)
            trit_map_read(c->pieces[i].data, c->pieces[i].bytes);
}

void trit_cache_trust(struct trit_cache *cache, struct trit_pool *pool)
{
    each_piece(cache, pool, read_some, cache);
    note_verified(cache, SIZE_MAX);
    leave_small_pages(cache, pool);
}

const struct trit_file_id *trit_cache_file(const struct trit_cache *cache)
{
    return &cache->file;
}

uint64_t trit_cache_table_hash(const struct trit_cache *cache)
{
    return cache->header.hash;
}

static bool alike(const struct trit_section *a, const struct trit_section *b)
{
    return !strcmp(a->name, b->name) && !strcmp(a->form, b->form) && a->n == b->n && a->k == b->k &&
           a->nr == b->nr && a->kr == b->kr && a->layout == b->layout && a->lazy == b->lazy &&
           a->bytes == b->bytes;
}

const void *trit_cache_get(struct trit_cache *cache, const struct trit_section *wanted,
                           struct trit_pool *pool)
{
    size_t i = 0;
    while (i < cache->header.sections && !alike(&cache->sections[i], wanted))
        i++;
    if (i == cache->header.sections)
        return NULL;
    if (!cache->verified[i] && verify(cache, i, pool) != SIZE_MAX)
        return NULL;
    return cache->sections[i].data;
}

const struct trit_cache_source *trit_cache_source(const struct trit_cache *cache)
{
    return &cache->header.source;
}

const char *trit_cache_path(const struct trit_cache *cache)
{
    return cache->path;
}

bool trit_cache_broken(const struct trit_cache *cache)
{
    return trit_mapping_broken(&cache->mapping);
}

const struct trit_section *trit_cache_section(const struct trit_cache *cache, size_t i)
{
    return i < cache->header.sections ? &cache->sections[i] : NULL;
}

void trit_cache_resident(const struct trit_cache *cache, size_t *resident, size_t *huge)
{
    size_t more, more_huge;
    trit_resident_at(cache->base, cache->size, resident, huge);
    if (!cache->copy)
        return;
    trit_resident_at(cache->copy, cache->size, &more, &more_huge);
    *resident += more;
    *huge += more_huge;
}

/* Finding keys and tensors by name, and finding names that stand there twice. */
#define _GNU_SOURCE
#include "runtime/format/internal.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

/* n records, `stride` bytes apart, each of which starts with its name. */
struct records {
    const void *at;
    size_t stride, n;
};

static const void *record_at(const struct records *r, size_t i)
{
    return (const char *)r->at + i * r->stride;
}

static struct trit_text name_at(const struct records *r, size_t i)
{
    struct trit_text name;
    memcpy(&name, record_at(r, i), sizeof name);
    return name;
}

static struct records keys_of(const struct trit_gguf *g)
{
    return (struct records){ g->kv, sizeof *g->kv, g->nkv };
}

static struct records tensors_of(const struct trit_gguf *g)
{
    return (struct records){ g->tensors, sizeof *g->tensors, g->ntensors };
}

_Static_assert(offsetof(struct trit_gguf_kv, key) == 0, "name_at");
_Static_assert(offsetof(struct trit_gguf_tensor, name) == 0, "name_at");

/* At most half full, so that a search always ends. */
static bool names_create(struct trit_gguf_names *names, size_t n)
{
    size_t size = 16;
    while (size / 2 < n)
        size *= 2;
    names->slot = calloc(size, sizeof *names->slot);
    names->mask = size - 1;
    if (getrandom(&names->seed, sizeof names->seed, GRND_NONBLOCK) < 0)
        names->seed = (uintptr_t)names->slot; /* early in a boot; addresses are random too */
    return names->slot != NULL;
}

/* The slot where the name is, or the free one where it belongs. */
static uint32_t *probe(const struct trit_gguf_names *names, const struct records *records,
                       struct trit_text name)
{
    size_t i = (size_t)XXH3_64bits_withSeed(name.s, name.n, names->seed) & names->mask;
    for (; names->slot[i]; i = (i + 1) & names->mask) {
        struct trit_text other = name_at(records, names->slot[i] - 1);
        if (other.n == name.n && !memcmp(other.s, name.s, name.n))
            break;
    }
    return &names->slot[i];
}

/* Enters all names. n where each is there once, else the position of the second of two; n + 1
 * without memory. */
static size_t fill(struct trit_gguf_names *names, const struct records *records)
{
    const size_t n = records->n;
    if (!names_create(names, n))
        return n + 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t *slot = probe(names, records, name_at(records, i));
        if (*slot)
            return i;
        *slot = (uint32_t)i + 1;
    }
    return n;
}

static enum trit_code build(const struct trit_gguf *g, struct trit_gguf_names *names,
                            const struct records *records, const char *what,
                            struct trit_error *error)
{
    size_t end = fill(names, records);
    if (end > records->n)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory for its tables", g->path);
    if (end < records->n)
        return trit_fail(error, TRIT_EFORMAT, "%s: %s %s: duplicate name", g->path, what,
                         trit_gguf_quoted(name_at(records, end)).s);
    return TRIT_OK;
}

enum trit_code trit_gguf_index_keys(struct trit_gguf *gguf, struct trit_error *error)
{
    struct trit_gguf_index *index = gguf->index;
    const struct records keys = keys_of(gguf);
    return build(gguf, &index->keys, &keys, "key", error);
}

enum trit_code trit_gguf_index_tensors(struct trit_gguf *gguf, struct trit_error *error)
{
    struct trit_gguf_index *index = gguf->index;
    const struct records tensors = tensors_of(gguf);
    free(index->tensors.slot); /* of the first of several files alone */
    return build(gguf, &index->tensors, &tensors, "tensor", error);
}

void trit_gguf_index_free(struct trit_gguf *gguf)
{
    struct trit_gguf_index *index = gguf->index;
    if (!index)
        return;
    free(index->keys.slot);
    free(index->tensors.slot);
    free(index);
}

static const void *find(const struct trit_gguf_names *names, struct records records,
                        const char *name)
{
    uint32_t at = *probe(names, &records, (struct trit_text){ name, strlen(name) });
    return at ? record_at(&records, at - 1) : NULL;
}

const struct trit_gguf_kv *trit_gguf_find(const struct trit_gguf *gguf, const char *key)
{
    const struct trit_gguf_index *index = gguf->index;
    return find(&index->keys, keys_of(gguf), key);
}

const struct trit_gguf_tensor *trit_gguf_tensor(const struct trit_gguf *gguf, const char *name)
{
    const struct trit_gguf_index *index = gguf->index;
    return find(&index->tensors, tensors_of(gguf), name);
}

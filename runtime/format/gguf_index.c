/* Finding keys and tensors by name, and finding names that stand there twice. */
#define _GNU_SOURCE
#include "runtime/format/internal.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

/* The name at position i of a table whose records are `stride` bytes apart and start with it. */
static struct trit_text name_at(const void *records, size_t stride, size_t i)
{
    struct trit_text name;
    memcpy(&name, (const char *)records + i * stride, sizeof name);
    return name;
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
static uint32_t *probe(const struct trit_gguf_names *names, const void *records, size_t stride,
                       struct trit_text name)
{
    size_t i = (size_t)XXH3_64bits_withSeed(name.s, name.n, names->seed) & names->mask;
    for (; names->slot[i]; i = (i + 1) & names->mask) {
        struct trit_text other = name_at(records, stride, names->slot[i] - 1);
        if (other.n == name.n && !memcmp(other.s, name.s, name.n))
            break;
    }
    return &names->slot[i];
}

/* Enters all n names. n where each is there once, else the position of the second of two; n + 1
 * without memory. */
static size_t fill(struct trit_gguf_names *names, const void *records, size_t stride, size_t n)
{
    if (!names_create(names, n))
        return n + 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t *slot = probe(names, records, stride, name_at(records, stride, i));
        if (*slot)
            return i;
        *slot = (uint32_t)i + 1;
    }
    return n;
}

static enum trit_code build(const struct trit_gguf *g, struct trit_gguf_names *names,
                            const void *records, size_t stride, size_t n, const char *what,
                            struct trit_error *error)
{
    size_t end = fill(names, records, stride, n);
    if (end > n)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory for its tables", g->path);
    if (end < n)
        return trit_fail(error, TRIT_EFORMAT, "%s: %s %s: duplicate name", g->path, what,
                         trit_gguf_quoted(name_at(records, stride, end)).s);
    return TRIT_OK;
}

enum trit_code trit_gguf_index_keys(struct trit_gguf *gguf, struct trit_error *error)
{
    struct trit_gguf_index *index = gguf->index;
    return build(gguf, &index->keys, gguf->kv, sizeof *gguf->kv, gguf->nkv, "key", error);
}

enum trit_code trit_gguf_index_tensors(struct trit_gguf *gguf, struct trit_error *error)
{
    struct trit_gguf_index *index = gguf->index;
    return build(gguf, &index->tensors, gguf->tensors, sizeof *gguf->tensors, gguf->ntensors,
                 "tensor", error);
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

static const void *find(const struct trit_gguf_names *names, const void *records, size_t stride,
                        const char *name)
{
    uint32_t at = *probe(names, records, stride, (struct trit_text){ name, strlen(name) });
    return at ? (const char *)records + (at - 1) * stride : NULL;
}

const struct trit_gguf_kv *trit_gguf_find(const struct trit_gguf *gguf, const char *key)
{
    const struct trit_gguf_index *index = gguf->index;
    return find(&index->keys, gguf->kv, sizeof *gguf->kv, key);
}

const struct trit_gguf_tensor *trit_gguf_tensor(const struct trit_gguf *gguf, const char *name)
{
    const struct trit_gguf_index *index = gguf->index;
    return find(&index->tensors, gguf->tensors, sizeof *gguf->tensors, name);
}

/* Models in several files, as llama.cpp's gguf-split writes them: the first has the metadata, each
   has tensors of its own. Which files belong together is told by their names and three keys alone.
 */
#include "runtime/format/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PARTS = 9999,
    NAME_END = sizeof "-00001-of-00003.gguf" - 1, /* of the file of a part */
};

/* What a file says of itself. */
struct place {
    uint32_t part, count, tensors; /* tensors: of all parts */
};

/* False: it is a whole model. A count of 1 is one, too. */
static bool is_split(const struct trit_gguf *g)
{
    uint32_t count = 0;
    return trit_gguf_find(g, "split.count") &&
           (trit_gguf_u32(g, "split.count", &count, NULL) || count != 1);
}

static enum trit_code read_place(const struct trit_gguf *g, struct place *p,
                                 struct trit_error *error)
{
    enum trit_code code = trit_gguf_u32(g, "split.no", &p->part, error);
    if (!code)
        code = trit_gguf_u32(g, "split.count", &p->count, error);
    if (!code)
        code = trit_gguf_u32(g, "split.tensors.count", &p->tensors, error);
    if (code)
        return code;
    if (p->count < 1 || p->count > PARTS || p->part >= p->count)
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: keys 'split.no' and 'split.count' are %u and %u: must be a part of 1 "
                         "to %d",
                         g->path, p->part, p->count, PARTS);
    return TRIT_OK;
}

void trit_gguf_name_part(char *path, uint32_t part, uint32_t count)
{
    snprintf(path + strlen(path) - NAME_END, NAME_END + 1, "-%05u-of-%05u.gguf",
             (part + 1) % 100000, count % 100000);
}

bool trit_gguf_split_name(const char *path, uint32_t *part, uint32_t *count)
{
    char again[] = "-00000-of-00000.gguf";
    const size_t n = strlen(path);
    unsigned number, of;
    if (n <= NAME_END || sscanf(path + n - NAME_END, "-%5u-of-%5u.gguf", &number, &of) != 2 ||
        number < 1 || number > of)
        return false;
    *part = number - 1;
    *count = of;
    trit_gguf_name_part(again, *part, of);
    return !strcmp(path + n - NAME_END, again);
}

static bool has_name(const char *path, const struct place *p)
{
    uint32_t part, count;
    return trit_gguf_split_name(path, &part, &count) && part == p->part && count == p->count;
}

/* The file that was named is the first part, by its keys and its name. */
static enum trit_code check_first(const struct trit_gguf *g, const struct place *p,
                                  struct trit_error *error)
{
    if (p->part != 0)
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: is part %u of %u of a model: name the first, which ends with "
                         "-00001-of-%05u.gguf",
                         g->path, p->part + 1, p->count, p->count);
    if (!has_name(g->path, p))
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: is the first of %u parts of a model: its name must end with "
                         "-00001-of-%05u.gguf, by which the others are found",
                         g->path, p->count, p->count);
    return TRIT_OK;
}

/* A later part has no keys of its own; where it has some they are the first's. */
static enum trit_code check_part(const struct trit_gguf *first, const struct trit_gguf *g,
                                 uint32_t part, struct trit_error *error)
{
    struct place own, wanted;
    struct trit_text arch, other;
    if (!trit_gguf_find(g, "split.count"))
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: has no key 'split.count': it is no part of the model %s", g->path,
                         first->path);
    enum trit_code code = read_place(g, &own, error);
    if (code || (code = read_place(first, &wanted, error)))
        return code;
    if (own.part != part || own.count != wanted.count || own.tensors != wanted.tensors)
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: is part %u of %u with %u tensors in all: part %u of %u with %u "
                         "belongs to %s",
                         g->path, own.part + 1, own.count, own.tensors, part + 1, wanted.count,
                         wanted.tensors, first->path);
    if (!trit_gguf_text(g, "general.architecture", &arch, NULL) &&
        !trit_gguf_text(first, "general.architecture", &other, NULL) &&
        (arch.n != other.n || memcmp(arch.s, other.s, arch.n)))
        return trit_fail(error, TRIT_EFORMAT, "%s: is of another model than %s", g->path,
                         first->path);
    return TRIT_OK;
}

/* Lists the tensors of all parts in the first. */
static enum trit_code list_all(struct trit_gguf *first, struct trit_error *error)
{
    const struct trit_gguf *g;
    size_t n = 0, at = 0;
    uint32_t wanted;
    for (size_t i = 0; (g = trit_gguf_part(first, i)); i++)
        n += g->ntensors;
    const enum trit_code code = trit_gguf_u32(first, "split.tensors.count", &wanted, error);
    if (code || n != wanted)
        return code ? code
                    : trit_fail(error, TRIT_EFORMAT,
                                "%s: its %zu parts have %zu tensors, key 'split.tensors.count' is "
                                "%u",
                                first->path, first->nothers + 1, n, wanted);
    struct trit_gguf_tensor *all = calloc(n + 1, sizeof *all);
    if (!all)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory for its tables", first->path);
    for (size_t i = 0; (g = trit_gguf_part(first, i)); i++)
        for (size_t j = 0; j < g->ntensors; j++, at++) {
            all[at] = g->tensors[j];
            all[at].part = (uint32_t)i;
        }
    free(first->tensors);
    first->tensors = all;
    first->ntensors = n;
    return trit_gguf_index_tensors(first, error);
}

enum trit_code trit_gguf_join(struct trit_gguf *first, struct trit_gguf **others, size_t n,
                              struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    first->others = others;
    first->nothers = n;
    for (size_t i = 0; i < n && !code; i++)
        code = check_part(first, others[i], (uint32_t)i + 1, error);
    return code ? code : list_all(first, error);
}

static enum trit_code open_others(struct trit_gguf *first, const struct place *p,
                                  struct trit_error *error)
{
    struct trit_gguf **others = calloc(p->count, sizeof(*others));
    char *path = strdup(first->path);
    enum trit_code code = TRIT_OK;
    size_t n = 0;
    if (!others || !path)
        code = trit_fail(error, TRIT_EMEMORY, "%s: out of memory", first->path);
    for (; !code && n + 1 < p->count; n += !code) {
        struct trit_error why;
        trit_gguf_name_part(path, (uint32_t)n + 1, p->count);
        code = trit_gguf_open_one(&others[n], path, &why);
        if (code)
            trit_fail(error, code, "%s (part %zu of %u of a model)", why.text, n + 2, p->count);
    }
    free(path);
    if (!code)
        return trit_gguf_join(first, others, n, error);
    for (size_t i = 0; i < n; i++)
        trit_gguf_close(others[i]);
    free(others);
    return code;
}

enum trit_code trit_gguf_open(struct trit_gguf **gguf, const char *path, struct trit_error *error)
{
    struct place p;
    enum trit_code code = trit_gguf_open_one(gguf, path, error);
    if (code || !is_split(*gguf))
        return code;
    if ((code = read_place(*gguf, &p, error)) || (code = check_first(*gguf, &p, error)) ||
        (code = open_others(*gguf, &p, error))) {
        trit_gguf_close(*gguf);
        *gguf = NULL;
    }
    return code;
}

const struct trit_gguf *trit_gguf_part(const struct trit_gguf *gguf, size_t i)
{
    if (i == 0)
        return gguf;
    return i <= gguf->nothers ? gguf->others[i - 1] : NULL;
}

uint64_t trit_gguf_bytes(const struct trit_gguf *gguf)
{
    const struct trit_gguf *part;
    uint64_t bytes = 0;
    for (size_t i = 0; (part = trit_gguf_part(gguf, i)); i++)
        bytes += part->size;
    return bytes;
}

bool trit_gguf_broken(const struct trit_gguf *gguf)
{
    const struct trit_gguf *part;
    bool broken = false;
    for (size_t i = 0; (part = trit_gguf_part(gguf, i)); i++)
        broken |= trit_mapping_broken(&part->mapping);
    return broken;
}

void trit_gguf_drop_all(const struct trit_gguf *gguf)
{
    const struct trit_gguf *part;
    for (size_t i = 0; (part = trit_gguf_part(gguf, i)); i++)
        trit_gguf_drop(gguf, part->base, part->size);
}

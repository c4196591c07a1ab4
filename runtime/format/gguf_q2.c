/* Which layout the tensors of type 42 have: Q2_0, groups of 64, or the older one, groups of 128,
   whose blocks are PQ2_0's. A file stores no sizes: its tensors follow each other without gaps in
   just one of the two. Source: FORMATS-2, section 1. */
#include "runtime/format/internal.h"

#include <stdio.h>

typedef unsigned long long ull; /* for printf */

/* A walk through all tensors as if type 42 was `type`. */
struct attempt {
    uint32_t type;
    const struct trit_gguf_tensor *at; /* the first that does not fit; NULL: all do */
    bool rows;                         /* what does not fit are its rows; else its place */
    uint64_t end;                      /* where `at`, or else the end of the file, should be */
    bool fits;                         /* all places and the end of the file */
};

/* The tensor's bytes; false where its shape cannot be of the type. */
static bool bytes_of(const struct attempt *a, const struct trit_gguf_tensor *t, uint64_t *bytes)
{
    *bytes = t->bytes;
    return t->type != TRIT_Q2_0 || !trit_type_bytes(a->type, t->ne, bytes);
}

/* The file ends with the last tensor, or with its padding. A tensor without a known size ends
   anywhere. */
static void walk(struct attempt *a, const struct trit_gguf *g, struct trit_gguf_tensor **order)
{
    uint64_t padded = 0, bytes = 1, at = 0; /* at: the end, without padding */
    for (size_t i = 0; i < g->ntensors; i++) {
        a->at = order[i];
        a->end = padded;
        if (bytes ? a->at->offset != padded : a->at->offset < padded)
            return;
        a->rows = !bytes_of(a, a->at, &bytes);
        if (a->rows || __builtin_add_overflow(a->at->offset, bytes, &at) ||
            !trit_gguf_align(at, g->alignment, &padded))
            return;
    }
    a->at = NULL;
    if (__builtin_add_overflow(g->data_offset, at, &a->end))
        a->end = UINT64_MAX;
    const uint64_t room = g->size < g->data_offset ? 0 : g->size - g->data_offset;
    a->fits = bytes ? room == at || room == padded : room >= at;
}

/* What is wrong with it, as the end of a message. */
static const char *fault(const struct attempt *a, const struct trit_gguf *g, char *out, size_t room)
{
    if (a->rows)
        snprintf(out, room, "tensor %s cannot have rows of %llu columns",
                 trit_gguf_quoted(a->at->name).s, (ull)a->at->ne[0]);
    else if (a->at)
        snprintf(out, room, "tensor %s would start at %llu of the tensor data, not at %llu",
                 trit_gguf_quoted(a->at->name).s, (ull)a->end, (ull)a->at->offset);
    else
        snprintf(out, room, "the file would have %llu bytes, not %zu", (ull)a->end, g->size);
    return out;
}

/* The one that fits. Where none does, the one that only lacks the end of the file: place() then
   tells which tensor is cut. NULL where there is not just one. */
static const struct attempt *choose(const struct attempt a[2], const struct trit_gguf *g)
{
    if (a[0].fits != a[1].fits)
        return &a[a[1].fits];
    const bool cut[2] = { !a[0].at && a[0].end > g->size, !a[1].at && a[1].end > g->size };
    return a[0].fits || cut[0] == cut[1] ? NULL : &a[cut[1]];
}

static enum trit_code refuse(const struct trit_gguf_reader *r, const struct attempt a[2])
{
    char faults[2][192];
    if (a[0].fits)
        return trit_fail(r->error, TRIT_EUNSUPPORTED,
                         "%s: tensors of type Q2_0 (42): groups of 64 and of 128 columns fit the "
                         "file alike: write them as PQ2_0 (142) if they have groups of 128",
                         r->gguf->path);
    return trit_fail(r->error, TRIT_EFORMAT,
                     "%s: tensors of type Q2_0 (42) fit the file neither with groups of 64 columns "
                     "(%s) nor with groups of 128 (%s)",
                     r->gguf->path, fault(&a[0], r->gguf, faults[0], sizeof faults[0]),
                     fault(&a[1], r->gguf, faults[1], sizeof faults[1]));
}

enum trit_code trit_gguf_settle_q2(struct trit_gguf_reader *r, struct trit_gguf_tensor **order)
{
    struct attempt a[2] = { { .type = TRIT_Q2_0 }, { .type = TRIT_PQ2_0 } };
    const struct trit_gguf *g = r->gguf;
    size_t first = 0;
    while (first < g->ntensors && order[first]->type != TRIT_Q2_0)
        first++;
    if (first == g->ntensors)
        return TRIT_OK;
    walk(&a[0], g, order);
    walk(&a[1], g, order);
    const struct attempt *right = choose(a, g);
    if (!right)
        return refuse(r, a);
    for (size_t i = first; i < g->ntensors; i++)
        if (order[i]->type == TRIT_Q2_0) {
            bytes_of(right, order[i], &order[i]->bytes);
            order[i]->type = right->type;
        }
    return TRIT_OK;
}

/* The head's planes as sections of a packed cache. */
#include <stdio.h>

#include "runtime/cache/cache.h"
#include "runtime/head/internal.h"

/* A plane's codes, or its bounds. The second plane is read when a state needs it. */
static void describe(const struct trit_head *h, int plane, bool bounds, struct trit_section *s)
{
    const struct trit_head_plane *p = &h->plane[plane];
    *s = (struct trit_section){ .n = h->n,
                                .k = h->k,
                                .nr = (uint64_t)p->gemv->nr,
                                .kr = (uint64_t)p->gemv->kr,
                                .layout = trit_head_layout(h, plane),
                                .lazy = (uint64_t)plane,
                                .bytes = bounds ? p->bounds_bytes : p->bytes,
                                .data = bounds ? (const void *)p->r : p->w };
    snprintf(s->name, sizeof s->name, "head.%s%d", bounds ? "bounds" : "plane", plane + 1);
    snprintf(s->form, sizeof s->form, "%s", bounds ? "f32" : p->packing->name);
}

/* False where the cache does not have it. */
static bool take_cached(struct trit_head *h, int plane)
{
    struct trit_section codes, bounds;
    if (!h->cache)
        return false;
    describe(h, plane, false, &codes);
    describe(h, plane, true, &bounds);
    const uint8_t *w = codes.layout ? trit_cache_get(h->cache, &codes, h->pool) : NULL;
    const float *r = w ? trit_cache_get(h->cache, &bounds, h->pool) : NULL;
    if (r)
        trit_head_put(h, plane, w, r, true);
    return r;
}

size_t trit_head_need(struct trit_head *h, int plane)
{
    return take_cached(h, plane) ? SIZE_MAX : trit_head_make(h, plane);
}

bool trit_head_from_cache(const struct trit_head *h)
{
    return h->plane[0].w && h->plane[0].cached;
}

size_t trit_head_sections(struct trit_head *h, struct trit_section *sections)
{
    size_t n = 0;
    if (h->plane[0].w && !h->plane[1].w)
        trit_head_need(h, 1);
    for (int plane = 0; plane < 2 && h->plane[plane].w; plane++)
        for (int bounds = 0; bounds < 2; bounds++)
            describe(h, plane, bounds, &sections[n++]);
    return n;
}

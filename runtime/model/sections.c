/* A model's matrices as sections of a packed cache: described, found there, and given away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/mem.h"
#include "runtime/model/internal.h"

static uint16_t draw(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return (uint16_t)(*random >> 16);
}

/* A hash of what the packing makes of one block of codes, and scales where it has groups. Bytes
   that another version of the code laid out are not taken for this one's. */
uint64_t trit_packing_layout(const struct trit_packing *packing, size_t nr)
{
    const size_t group = packing->group, k = 2 * packing->kr + (group ? group : 1),
                 groups = group ? k / group : 0, block = trit_packed_bytes(packing, nr, k, nr);
    const int levels = packing->high - packing->low + 1, step = packing->step;
    uint8_t *codes = trit_alloc(nr, k), *packed = trit_alloc(block, 1);
    uint16_t *scales = trit_alloc(nr * groups + 1, sizeof *scales);
    uint64_t hash = 0;
    uint32_t random = 1;
    for (size_t i = 0; codes && i < nr * k; i++)
        codes[i] = (uint8_t)(draw(&random) % levels / step * step);
    for (size_t i = 0; scales && i < nr * groups; i++)
        scales[i] = draw(&random);
    if (codes && packed && scales) {
        trit_pack_block(packing, &(struct trit_codes){ codes, k, nr, k, scales, groups }, nr,
                        packed);
        hash = XXH3_64bits(packed, block) | 1;
    }
    free(codes);
    free(scales);
    free(packed);
    return hash;
}

static void describe(const struct trit_matrix *x, struct trit_section *s)
{
    *s = (struct trit_section){ .n = x->experts * x->n,
                                .k = x->k,
                                .nr = (uint64_t)x->pair.decode->nr,
                                .kr = (uint64_t)x->pair.decode->kr,
                                .layout = x->layout,
                                .bytes = x->bytes,
                                .data = x->w };
    snprintf(s->name, sizeof s->name, "%s", x->name);
    snprintf(s->form, sizeof s->form, "%s", x->packing->name);
}

const struct trit_section *trit_matrix_section(const struct trit_cache *cache, const char *name)
{
    const struct trit_section *s = NULL;
    for (size_t i = 0; cache && (s = trit_cache_section(cache, i)); i++)
        if (!strcmp(s->name, name))
            break;
    return s;
}

bool trit_cache_skips(const struct trit_cache *cache)
{
    char up[sizeof((struct trit_section *)0)->name];
    snprintf(up, sizeof up, "blk.0.%s", trit_role_name(TRIT_UP, true));
    return trit_matrix_section(cache, up);
}

void trit_cost_section(struct trit_model_cost *cost, const struct trit_cache *cache, bool cached)
{
    cost->cached += cached;
    cost->uncached += cache && !cached;
}

const void *trit_matrix_cached(const struct trit_matrix *matrix, struct trit_cache *cache,
                               struct trit_pool *pool)
{
    struct trit_section wanted;
    describe(matrix, &wanted);
    return cache && matrix->layout ? trit_cache_get(cache, &wanted, pool) : NULL;
}

static size_t own_sections(struct trit_model *model, struct trit_section *sections, size_t room)
{
    struct trit_section head[TRIT_HEAD_SECTIONS];
    const size_t heads = model->borrows ? 0 : trit_head_sections(model->head, head);
    const struct trit_matrix *x;
    size_t matrices = 0; /* that are packed */
    for (size_t i = 0; (x = trit_model_matrix(model, i)); i++) {
        if (trit_matrix_is_dense(x))
            continue;
        if (matrices < room)
            describe(x, &sections[matrices]);
        matrices++;
    }
    for (size_t i = 0; i < heads && matrices + i < room; i++)
        sections[matrices + i] = head[i];
    return matrices + heads;
}

size_t trit_model_sections(struct trit_model *model, struct trit_section *sections, size_t room)
{
    const size_t n = own_sections(model, sections, room), own = n < room ? n : room;
    struct trit_section *more = own < room ? sections + own : NULL;
    return model->block ? n + own_sections(model->block, more, room - own) : n;
}

/* A model's matrices as sections of a packed cache: described, found there, and given away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/mem.h"
#include "runtime/model/internal.h"

/* A hash of what the packing makes of one block of codes; 0 without memory. Bytes that another
   version of the code laid out are not taken for this one's. */
static uint64_t layout_of(const struct trit_packing *packing, size_t nr)
{
    const size_t k = 2 * packing->kr + 1, block = trit_packed_bytes(packing, nr, k, nr);
    const unsigned levels = (unsigned)(packing->high - packing->low + 1);
    uint8_t *codes = trit_alloc(nr, k), *packed = trit_alloc(block, 1);
    uint64_t hash = 0;
    uint32_t random = 1;
    for (size_t i = 0; codes && i < nr * k; i++) {
        random = random * 1664525 + 1013904223;
        codes[i] = (uint8_t)((random >> 16) % levels);
    }
    if (codes && packed) {
        trit_pack_block(packing, &(struct trit_codes){ codes, k, nr, k, NULL, 0 }, nr, packed);
        hash = XXH3_64bits(packed, block) | 1;
    }
    free(codes);
    free(packed);
    return hash;
}

uint64_t trit_matrix_layout(const struct trit_matrix *matrix, const struct trit_layer *first)
{
    const int nr = matrix->pair.decode->nr;
    for (int role = 0; role < TRIT_NROLES && &first->m[role] < matrix; role++)
        if (first->m[role].packing == matrix->packing && first->m[role].pair.decode->nr == nr)
            return first->m[role].layout;
    return layout_of(matrix->packing, (size_t)nr);
}

static void describe(const struct trit_matrix *x, struct trit_section *s)
{
    *s = (struct trit_section){ .n = x->n,
                                .k = x->k,
                                .nr = (uint64_t)x->pair.decode->nr,
                                .kr = (uint64_t)x->pair.decode->kr,
                                .layout = x->layout,
                                .bytes = x->bytes,
                                .data = x->w };
    snprintf(s->name, sizeof s->name, "%s", x->name);
    snprintf(s->form, sizeof s->form, "%s", x->packing->name);
}

bool trit_cache_skips(const struct trit_cache *cache)
{
    const struct trit_section *s;
    char up[sizeof s->name];
    snprintf(up, sizeof up, "blk.0.%s", trit_role_name(TRIT_UP, true));
    for (size_t i = 0; cache && (s = trit_cache_section(cache, i)); i++)
        if (!strcmp(s->name, up))
            return true;
    return false;
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

size_t trit_model_sections(struct trit_model *model, struct trit_section *sections, size_t room)
{
    struct trit_section head[TRIT_HEAD_SECTIONS];
    const size_t roles = (size_t)model->nroles, matrices = model->config.layers * roles;
    const size_t count = matrices + trit_head_sections(model->head, head);
    for (size_t i = 0; i < matrices && i < room; i++)
        describe(&model->layers[i / roles].m[i % roles], &sections[i]);
    for (size_t i = matrices; i < count && i < room; i++)
        sections[i] = head[i - matrices];
    return count;
}

/* A digest of a model file: its tables, and samples of its weights. */
#include "runtime/format/gguf_digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

enum { SAMPLE = 256 }; /* bytes, from the middle of a tensor */

void trit_gguf_digest(const struct trit_gguf *g, uint64_t out[2])
{
    const struct trit_gguf *part;
    const uint32_t layout = g->i2s; /* how it is read */
    XXH3_state_t *state = XXH3_createState();
    out[0] = out[1] = 0;
    if (!state)
        return;
    XXH3_128bits_reset(state);
    for (size_t i = 0; (part = trit_gguf_part(g, i)); i++)
        XXH3_128bits_update(state, part->base, (size_t)part->data_offset);
    XXH3_128bits_update(state, &layout, sizeof layout);
    for (size_t i = 0; i < g->ntensors; i++) {
        const struct trit_gguf_tensor *t = &g->tensors[i];
        const size_t n = t->bytes < SAMPLE ? (size_t)t->bytes : SAMPLE;
        XXH3_128bits_update(state, t->data + (t->bytes - n) / 2, n);
    }
    const XXH128_hash_t h = XXH3_128bits_digest(state);
    out[0] = h.low64 | 1;
    out[1] = h.high64;
    XXH3_freeState(state);
}

void trit_gguf_digest_text(const struct trit_gguf *gguf, char out[TRIT_DIGEST_TEXT])
{
    uint64_t h[2];
    trit_gguf_digest(gguf, h);
    snprintf(out, TRIT_DIGEST_TEXT, "%016" PRIx64 "%016" PRIx64, h[1], h[0]);
}

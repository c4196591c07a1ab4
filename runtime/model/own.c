/* The keys tritmill.* of a file: each read, checked and accounted for. */
#include "runtime/model/own.h"

#include <string.h>

#define PREFIX          "tritmill."
#define ACTIVATION_BITS PREFIX "activation_bits"

static enum trit_code read_activation_bits(struct trit_config *c, const struct trit_gguf *g,
                                           struct trit_error *e)
{
    uint32_t bits = 8;
    const enum trit_code code =
        trit_gguf_find(g, ACTIVATION_BITS) ? trit_gguf_u32(g, ACTIVATION_BITS, &bits, e) : TRIT_OK;
    c->int4 = bits == 4;
    if (code || bits == 8 || bits == 4)
        return code;
    return trit_fail(e, TRIT_EUNSUPPORTED,
                     "%s: key '" ACTIVATION_BITS "' is %u: supported are 8 and 4", g->path, bits);
}

enum trit_code trit_own_read(struct trit_config *c, const struct trit_gguf *g, struct trit_error *e)
{
    for (size_t i = 0; i < g->nkv; i++) {
        const struct trit_text key = g->kv[i].key;
        if (key.n >= strlen(PREFIX) && !memcmp(key.s, PREFIX, strlen(PREFIX)) &&
            !trit_text_is(key, ACTIVATION_BITS))
            return trit_fail(e, TRIT_EUNSUPPORTED,
                             "%s: key '%.*s' is not known: the model would be computed wrongly; "
                             "use the version of tritmill that it is from",
                             g->path, (int)(key.n < 96 ? key.n : 96), key.s);
    }
    return read_activation_bits(c, g, e);
}

/* Can any bytes make the GGUF reader, its getters or the listing of values step outside them? */
#include <stddef.h>
#include <stdint.h>

#include "runtime/program/internal.h"
#include "tests/lib_gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* what is read must not be optimised away */

static uint64_t walk_values(const struct trit_gguf *g)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < g->nkv; i++) {
        struct trit_inspect_walk walk = { g->kv[i].data, 0 };
        struct trit_inspect_item item;
        while (trit_inspect_next(&g->kv[i], &walk, &item))
            sum += item.bits;
        sum += (uint64_t)(walk.next - g->base);
    }
    return sum;
}

/* Bad input must also leave an error behind: one line, not empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_gguf *g;
    struct trit_error error = { 0 };
    if (trit_gguf_parse(&g, data, size, "fuzz", &error) == TRIT_OK)
        sink = trit_gguf_walk(g) + walk_values(g) + trit_inspect_trailing(g);
    else if (error.text[0] == 0)
        __builtin_trap();
    trit_gguf_close(g);
    return 0;
}

/* Can any bytes make the reader of packed caches step outside them? */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/cache/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink; /* keeps the compiler from leaving the reading out */

/* The table's checksum made good, so that what lies behind it is reached. */
static void sign(uint8_t *bytes, size_t size)
{
    struct trit_cache_header h;
    memcpy(&h, bytes, sizeof h);
    h.bytes = size;
    const size_t room = (size - sizeof h) / 8;
    if (h.sections > room / 16 || h.pieces > room - 16 * h.sections)
        return;
    h.hash = 0;
    memcpy(bytes, &h, sizeof h);
    h.hash = XXH3_64bits(bytes, sizeof h + (size_t)(128 * h.sections + 8 * h.pieces));
    memcpy(bytes, &h, sizeof h);
}

static unsigned touch(struct trit_cache *cache)
{
    unsigned sum = 0;
    for (size_t i = 0; trit_cache_section(cache, i); i++) {
        const struct trit_section *s = trit_cache_section(cache, i);
        const uint8_t *bytes = trit_cache_get(cache, s, NULL);
        for (size_t at = 0; bytes && at < s->bytes; at++)
            sum += bytes[at];
    }
    return sum + (unsigned)trit_cache_verify(cache, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_cache *cache;
    struct trit_error error = { 0 };
    uint8_t *bytes = malloc(size ? size : 1);
    memcpy(bytes, data, size);
    if (size > sizeof(struct trit_cache_header) && size % 2)
        sign(bytes, size);
    if (trit_cache_parse(&cache, bytes, size, "fuzz", &error) == TRIT_OK)
        sink += touch(cache);
    else if (!*error.text || cache)
        __builtin_trap();
    trit_cache_close(cache);
    free(bytes);
    return 0;
}

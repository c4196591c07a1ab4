/* Can any bytes, as a model in several files, make joining them step outside of them, or list a
   tensor that is in none? The input is the files one after the other, each but the last with its
   length before it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/format/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 5 };

/* That every tensor lies in the file that it names. */
static void check(const struct trit_gguf *g)
{
    for (size_t i = 0; i < g->ntensors; i++) {
        const struct trit_gguf_tensor *t = &g->tensors[i];
        const struct trit_gguf *part = trit_gguf_part(g, t->part);
        if (!part || t->data < part->base || t->bytes > part->size ||
            (size_t)(t->data - part->base) > part->size - t->bytes)
            abort();
    }
}

static void join(struct trit_gguf *const *parts, size_t n)
{
    struct trit_gguf **others = calloc(MOST, sizeof(*others));
    struct trit_error error = { .text = "" };
    if (!others)
        abort();
    memcpy(others, parts + 1, (n - 1) * sizeof(*others));
    if (!trit_gguf_join(parts[0], others, n - 1, &error))
        check(parts[0]);
    else if (error.text[0] == 0)
        abort();
    trit_gguf_close(parts[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_gguf *parts[MOST];
    size_t n = 0;
    bool good = true;
    for (uint32_t bytes; good && size > 0 && n < MOST; data += bytes, size -= bytes) {
        bytes = (uint32_t)size;
        if (size > sizeof bytes && memcmp(data, "GGUF", 4) != 0) {
            memcpy(&bytes, data, sizeof bytes);
            data += sizeof bytes;
            size -= sizeof bytes;
            bytes = bytes < size ? bytes : (uint32_t)size;
        }
        good = !trit_gguf_parse(&parts[n], data, bytes, "fuzz-00001-of-00003.gguf", NULL);
        n += good;
    }
    if (n)
        join(parts, n);
    return 0;
}

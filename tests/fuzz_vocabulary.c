/* A GGUF of any bytes as a vocabulary: it is refused, or it tokenizes and gives the text back. */
#include <stdlib.h>
#include <string.h>

#include "runtime/text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct trit_tokenizer *t)
{
    static const char text[] = "abcd aaaa <c>c \xc3\xa9! \xff 123\n\n";
    int32_t *ids;
    size_t count, at = 0;
    if (trit_tokenizer_encode(t, (struct trit_text){ text, sizeof text - 1 }, true, &ids, &count,
                              NULL))
        abort();
    for (size_t i = 0; i < count; i++) {
        struct trit_text piece = trit_tokenizer_decode(t, ids[i], true);
        if (piece.n == 0 || piece.n > sizeof text - 1 - at || memcmp(piece.s, text + at, piece.n))
            abort();
        at += piece.n;
    }
    if (at != sizeof text - 1)
        abort();
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_gguf *gguf = NULL;
    struct trit_tokenizer *t = NULL;
    struct trit_error error;
    if (!trit_gguf_parse(&gguf, data, size, "fuzz", &error) &&
        !trit_tokenizer_load(&t, gguf, &error))
        check(t);
    trit_tokenizer_free(t);
    trit_gguf_close(gguf);
    return 0;
}

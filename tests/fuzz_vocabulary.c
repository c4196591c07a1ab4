/* A GGUF of any bytes as a vocabulary: it is refused, or it tokenizes and gives the text back, less
   what it has no tokens for. */
#include <stdlib.h>
#include <string.h>

#include "runtime/text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes of piece, in their order, among those of text from *at on. */
static bool among(struct trit_text piece, const char *text, size_t n, size_t *at)
{
    for (size_t i = 0; i < piece.n; i++) {
        while (*at < n && text[*at] != piece.s[i])
            ++*at;
        if ((*at)++ >= n)
            return false;
    }
    return true;
}

static void check(const struct trit_tokenizer *t, bool sentence)
{
    static const char text[] = "abcd aaaa <c>c \xc3\xa9! \xff 123\n\n";
    const size_t n = sizeof text - 1;
    int32_t *ids;
    size_t count, at = 0;
    if (trit_tokenizer_encode(t, (struct trit_text){ text, n }, true, &ids, &count, NULL))
        abort();
    if (count > (sentence ? 2 * n : n))
        abort();
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= trit_tokenizer_size(t))
            abort();
        if (!sentence && !among(trit_tokenizer_decode(t, ids[i], true), text, n, &at))
            abort();
    }
    free(ids);
}

static bool is_sentence(const struct trit_gguf *gguf)
{
    struct trit_text model;
    return !trit_gguf_text(gguf, "tokenizer.ggml.model", &model, NULL) &&
           trit_text_is(model, "llama");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_gguf *gguf = NULL;
    struct trit_tokenizer *t = NULL;
    struct trit_error error;
    if (!trit_gguf_parse(&gguf, data, size, "fuzz", &error) &&
        !trit_tokenizer_load(&t, gguf, &error))
        check(t, is_sentence(gguf));
    trit_tokenizer_free(t);
    trit_gguf_close(gguf);
    return 0;
}

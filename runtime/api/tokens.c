/* Texts and tokens of the C interface. */
#include "runtime/api/internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

_Static_assert(sizeof(struct trit_lm_utf8) == sizeof(struct trit_utf8_stream), "the same struct");

static enum trit_code encode(const struct trit_tokenizer *t, struct trit_text text, unsigned flags,
                             struct trit_lm_tokens *tokens, struct trit_error *error)
{
    int32_t *plain, *all;
    size_t n;
    if (flags & ~(unsigned)(TRIT_LM_BOS | TRIT_LM_CONTROL))
        return trit_fail(error, TRIT_EARGUMENT, "unknown flags 0x%x", flags);
    const enum trit_code code =
        trit_tokenizer_encode(t, text, flags & TRIT_LM_CONTROL, &plain, &n, error);
    if (code)
        return code;
    *tokens = (struct trit_lm_tokens){ plain, n };
    if (!(flags & TRIT_LM_BOS) || !trit_tokenizer_lacks_bos(t, plain, n))
        return TRIT_OK;
    all = realloc(plain, (n + 1) * sizeof *all);
    if (!all)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", n);
    memmove(all + 1, all, n * sizeof *all);
    all[0] = trit_tokenizer_bos(t);
    *tokens = (struct trit_lm_tokens){ all, n + 1 };
    return TRIT_OK;
}

enum trit_lm_code trit_lm_tokenize(const struct trit_lm *lm, const char *text, size_t bytes,
                                   unsigned flags, struct trit_lm_tokens *tokens,
                                   struct trit_lm_error *error)
{
    struct trit_error e;
    *tokens = (struct trit_lm_tokens){ NULL, 0 };
    enum trit_code code =
        encode(lm->engine.tokenizer, (struct trit_text){ text, bytes }, flags, tokens, &e);
    if (code) {
        free(tokens->ids);
        *tokens = (struct trit_lm_tokens){ NULL, 0 };
    }
    return trit_api_result(code, &e, error);
}

void trit_lm_free(void *memory)
{
    free(memory);
}

const char *trit_lm_token_text(const struct trit_lm *lm, int32_t token, bool control, size_t *bytes)
{
    const struct trit_text text = trit_tokenizer_decode(lm->engine.tokenizer, token, control);
    *bytes = text.n;
    return text.n ? text.s : "";
}

bool trit_lm_token_ends(const struct trit_lm *lm, int32_t token)
{
    return trit_tokenizer_is_end(lm->engine.tokenizer, token);
}

size_t trit_lm_utf8_feed(struct trit_lm_utf8 *utf8, const char *piece, size_t bytes, char *out)
{
    struct trit_utf8_stream stream;
    memcpy(&stream, utf8, sizeof stream);
    const size_t n = trit_utf8_feed(&stream, (struct trit_text){ piece, bytes }, out);
    memcpy(utf8, &stream, sizeof stream);
    return n;
}

size_t trit_lm_utf8_flush(struct trit_lm_utf8 *utf8, char *out)
{
    struct trit_utf8_stream stream;
    memcpy(&stream, utf8, sizeof stream);
    const size_t n = trit_utf8_flush(&stream, out);
    memcpy(utf8, &stream, sizeof stream);
    return n;
}

/* Streaming text that never shows half a character. */
#include <string.h>

#include "runtime/base/utf8.h"
#include "runtime/text/tokenizer.h"

/* Moves the first k held bytes to out. */
static size_t release(struct trit_utf8_stream *s, int k, char *out)
{
    memcpy(out, s->held, (size_t)k);
    s->n -= k;
    memmove(s->held, s->held + k, (size_t)s->n);
    return (size_t)k;
}

size_t trit_utf8_feed(struct trit_utf8_stream *s, struct trit_text piece, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < piece.n; i++) {
        s->held[s->n++] = (unsigned char)piece.s[i];
        while (s->n > 0) { /* at most three bytes stay held, so held never overflows */
            int length = trit_utf8_at((const char *)s->held, (size_t)s->n);
            if (length < 0)
                break;
            written += release(s, length ? length : 1, out + written);
        }
    }
    return written;
}

size_t trit_utf8_flush(struct trit_utf8_stream *s, char *out)
{
    return release(s, s->n, out);
}

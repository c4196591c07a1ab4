/* Names in a GGUF: comparing them, what they may be, and how messages quote them. */
#include "runtime/base/utf8.h"
#include "runtime/format/internal.h"

bool trit_text_is(struct trit_text t, const char *s)
{
    size_t n = strlen(s);
    return t.n == n && !memcmp(t.s, s, n);
}

struct trit_gguf_quote trit_gguf_quoted(struct trit_text name)
{
    struct trit_gguf_quote q;
    size_t n = name.n, most = sizeof q.s - 6; /* quotes, dots, NUL */
    if (n > most)
        for (n = most; n > 0 && ((unsigned char)name.s[n] & 0xc0) == 0x80;)
            n--; /* no cut inside a character */
    char *end = q.s;
    *end++ = '\'';
    memcpy(end, name.s, n);
    end += n;
    strcpy(end, n < name.n ? "...'" : "'");
    return q;
}

bool trit_gguf_name_valid(struct trit_text name)
{
    return !memchr(name.s, 0, name.n) && trit_utf8_valid(name.s, name.n) == name.n;
}

/* What is UTF-8 and what is not. */
#include "runtime/base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Lead bytes, the character's length, what its second byte may be; further ones are 80 .. BF. */
static const struct lead {
    unsigned char first, last, length, low, high;
} leads[] = {
    { 0x00, 0x7f, 1, 0, 0 },       { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
    { 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
    { 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static const struct lead *lead_of(unsigned char byte)
{
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
        if (byte >= leads[i].first && byte <= leads[i].last)
            return &leads[i];
    return NULL;
}

int trit_utf8_at(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    const struct lead *lead = lead_of(u[0]);
    if (!lead)
        return 0;
    for (size_t i = 1; i < lead->length; i++) {
        if (i == n)
            return -1;
        unsigned low = i == 1 ? lead->low : 0x80, high = i == 1 ? lead->high : 0xbf;
        if (u[i] < low || u[i] > high)
            return 0;
    }
    return lead->length;
}

size_t trit_utf8_valid(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint64_t eight;
        while (n - i >= sizeof eight) { /* eight ASCII bytes at a time */
            memcpy(&eight, s + i, sizeof eight);
            if (eight & 0x8080808080808080u)
                break;
            i += sizeof eight;
        }
        if (i == n)
            break;
        int length = trit_utf8_at(s + i, n - i);
        if (length <= 0)
            break;
        i += (size_t)length;
    }
    return i;
}

size_t trit_utf8_mend(const char *s, size_t n, char *out)
{
    size_t made = 0;
    for (size_t i = 0; i < n;) {
        const int length = trit_utf8_at(s + i, n - i);
        const size_t step = length > 0 ? (size_t)length : 1, bytes = length > 0 ? step : 3;
        memcpy(out + made, length > 0 ? s + i : "\xef\xbf\xbd", bytes);
        made += bytes;
        i += step;
    }
    return made;
}

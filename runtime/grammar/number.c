/* Whole numbers within bounds, digit by digit, and numbers whose bounds are whole. */
#include <stdio.h>
#include <string.h>

#include "runtime/grammar/internal.h"

static const uint64_t most = TRIT_WHOLE_MOST;

/* Digits of numbers from low to high, without leading zeros. */
static void digits(struct trit_build *b, uint32_t from, uint64_t low, uint64_t high, uint32_t to)
{
    char a[24], z[24];
    uint64_t first = 0, past = 10; /* numbers of n digits: from first to past - 1 */
    for (size_t n = 1; n <= 18; n++, first = past, past *= 10) {
        const uint64_t l = low > first ? low : first, h = high < past - 1 ? high : past - 1;
        if (l > h)
            continue;
        snprintf(a, sizeof a, "%llu", (unsigned long long)l);
        snprintf(z, sizeof z, "%llu", (unsigned long long)h);
        const struct trit_span span = { (const uint8_t *)a, (const uint8_t *)z, n, '0', '9' };
        trit_build_span(b, from, span, to);
    }
}

/* Behind a sign or none: from low to high. */
static void magnitude(struct trit_build *b, uint32_t from, const uint64_t range[2], bool fraction,
                      uint32_t to)
{
    if (!fraction) {
        digits(b, from, range[0], range[1], to);
        return;
    }
    const uint32_t inner = trit_build_state(b), last = trit_build_state(b);
    const bool open = range[1] == most; /* no fraction leads past it */
    if (open || range[1] > range[0])
        digits(b, from, range[0], open ? most : range[1] - 1, inner);
    digits(b, from, range[1], range[1], last);
    trit_build_free(b, trit_build_known(b, inner, "(\\.[0-9]{1,18})?", TRIT_WRITING_PLAIN), to);
    trit_build_free(b, trit_build_known(b, last, "(\\.0{1,18})?", TRIT_WRITING_PLAIN), to);
}

void trit_build_whole(struct trit_build *b, uint32_t from, const int64_t range[2], bool fraction,
                      uint32_t to)
{
    const int64_t low = range[0], high = range[1];
    if (low < 0) {
        const uint64_t least = high < 0 ? (uint64_t)-high : fraction ? 0 : 1;
        const uint32_t minus = trit_build_literal(b, from, "-", 1);
        magnitude(b, minus, (const uint64_t[]){ least, (uint64_t)-low }, fraction, to);
    }
    if (high >= 0)
        magnitude(b, from, (const uint64_t[]){ low > 0 ? (uint64_t)low : 0, (uint64_t)high },
                  fraction, to);
}

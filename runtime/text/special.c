/* Finds special tokens in raw text: the first place, the longest there. As HuggingFace does with
   tokens that are not normalized and take no white space with them: GGUF knows no others, and
   Llama 3 has no others. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/text/internal.h"

static int by_bytes(const void *a, const void *b, void *context)
{
    struct trit_text x = trit_string(context, *(const uint32_t *)a),
                     y = trit_string(context, *(const uint32_t *)b);
    int order = memcmp(x.s, y.s, x.n < y.n ? x.n : y.n);
    return order ? order : (x.n > y.n) - (x.n < y.n);
}

static bool is_control(uint8_t type)
{
    return type == TRIT_TOKEN_CONTROL || type == TRIT_TOKEN_UNKNOWN;
}

bool trit_specials_create(struct trit_specials *sp, const struct trit_strings *strings,
                          const uint8_t *types, bool control)
{
    size_t n = 0;
    *sp = (struct trit_specials){ .types = types };
    for (size_t i = 0; i < strings->n; i++)
        n += types[i] == TRIT_TOKEN_USER || (control && is_control(types[i]));
    if (!(sp->ids = trit_alloc(n, sizeof *sp->ids)))
        return false;
    for (size_t i = 0; i < strings->n; i++)
        if (types[i] == TRIT_TOKEN_USER || (control && is_control(types[i]))) {
            sp->ids[sp->n++] = (uint32_t)i;
            sp->first[(unsigned char)*trit_string(strings, i).s] = true;
        }
    qsort_r(sp->ids, sp->n, sizeof *sp->ids, by_bytes, (void *)(uintptr_t)strings);
    return true;
}

void trit_specials_free(struct trit_specials *sp)
{
    free(sp->ids);
}

/* Of specials lo .. hi, equal in depth bytes and all longer, the first with [depth] >= byte. */
static size_t bound(const struct trit_specials *sp, const struct trit_strings *strings, size_t lo,
                    size_t hi, size_t depth, unsigned byte)
{
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if ((unsigned char)trit_string(strings, sp->ids[middle]).s[depth] < byte)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

/* Whether it steers: a control token (the unknown one is), or a user-defined one such as <think>.
 */
static bool steers(const struct trit_specials *sp, const struct trit_strings *strings, uint32_t id)
{
    struct trit_text t = trit_string(strings, id);
    return is_control(sp->types[id]) || (t.n > 2 && *t.s == '<' && t.s[t.n - 1] == '>');
}

/* The longest special that text begins with and that may stand there, or -1. */
static int32_t longest(const struct trit_specials *sp, const struct trit_strings *strings,
                       struct trit_text text, const uint8_t *given)
{
    int32_t best = -1;
    bool plain = false; /* a byte so far was given */
    size_t lo = 0, hi = sp->n;
    for (size_t depth = 0; lo < hi; depth++) {
        uint32_t id = sp->ids[lo];
        if (trit_string(strings, id).n == depth) {
            if (!plain || !steers(sp, strings, id))
                best = (int32_t)id;
            lo++;
        }
        if (depth == text.n)
            break;
        plain |= given && given[depth];
        unsigned byte = (unsigned char)text.s[depth];
        lo = bound(sp, strings, lo, hi, depth, byte);
        hi = bound(sp, strings, lo, hi, depth, byte + 1);
    }
    return best;
}

int32_t trit_specials_find(const struct trit_specials *sp, const struct trit_strings *strings,
                           struct trit_text text, const uint8_t *given, size_t *at)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!sp->first[(unsigned char)text.s[i]])
            continue;
        int32_t id = longest(sp, strings, (struct trit_text){ text.s + i, text.n - i },
                             given ? given + i : NULL);
        if (id >= 0) {
            *at = i;
            return id;
        }
    }
    *at = text.n;
    return -1;
}

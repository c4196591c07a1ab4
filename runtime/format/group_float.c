/* Float weights that are codes times one f16 scale for each group of columns: found by their
   magnitudes, which are bit patterns without a sign. */
#include "runtime/base/half.h"
#include "runtime/format/internal.h"

/* What the magnitudes of some columns are: lo and hi besides 0, both 0 where there are only zeros.
   hi is lo, or 2 * lo and never negative; else they are bad. */
struct magnitudes {
    uint32_t lo, hi;
    bool zeros;    /* there are some */
    bool negative; /* a weight -hi */
    bool bad;
};

static bool is_double(uint32_t lo, uint32_t hi)
{
    return trit_f32_bits(2 * trit_bits_f32(lo)) == hi;
}

/* Of a half: finite, and of two magnitudes at most. Signed, since the plainest vector units compare
   nothing else; a zero less one is above all others. */
static struct magnitudes measure(const uint32_t *restrict w)
{
    int32_t below = INT32_MAX, top = 0;
    uint32_t zeros = 0, bad = 0, negative = 0;
    for (size_t i = 0; i < TRIT_HALF_SPAN; i++) {
        const int32_t m = (int32_t)(w[i] & 0x7fffffff);
        const int32_t less = (int32_t)((w[i] - 1) & 0x7fffffff);
        below = less < below ? less : below;
        top = m > top ? m : top;
        zeros |= (uint32_t)(m == 0);
    }
    const uint32_t lo = ((uint32_t)below + 1) & 0x7fffffff, hi = (uint32_t)top;
    for (size_t i = 0; i < TRIT_HALF_SPAN; i++) {
        const uint32_t m = w[i] & 0x7fffffff;
        bad |= (uint32_t)(m != 0) & (uint32_t)(m != lo) & (uint32_t)(m != hi);
        negative |= (uint32_t)(w[i] == (0x80000000 | hi));
    }
    struct magnitudes x = { lo, hi, zeros, negative && hi, bad };
    x.bad |= hi >= 0x7f800000 || (hi != lo && (!is_double(lo, hi) || negative));
    return x;
}

/* Of two halves as one group. */
static struct magnitudes join(const struct magnitudes *a, const struct magnitudes *b)
{
    struct magnitudes x = { .hi = a->hi > b->hi ? a->hi : b->hi, .zeros = a->zeros | b->zeros };
    x.lo = !a->lo || (b->lo && b->lo < a->lo) ? b->lo : a->lo;
    const struct magnitudes *const both[] = { a, b };
    for (size_t i = 0; i < 2; i++) {
        x.bad |= both[i]->bad || (both[i]->lo != x.lo && both[i]->lo != x.hi && both[i]->lo);
        x.bad |= both[i]->hi != x.lo && both[i]->hi != x.hi && both[i]->hi;
        x.negative |= both[i]->negative && both[i]->hi == x.hi;
    }
    x.bad |= x.hi != x.lo && (!is_double(x.lo, x.hi) || x.negative);
    return x;
}

/* Whether f16 has the magnitude, and it is finite. */
static bool is_f16(uint32_t mag)
{
    const float d = trit_bits_f32(mag);
    return mag < 0x7f800000 && trit_f16_f32(trit_f32_f16(d)) == d;
}

/* Whether it is a group: its scale is lo. */
static bool has_scale(const struct magnitudes *x)
{
    return !x->bad && is_f16(x->lo);
}

static unsigned scan(const uint32_t *restrict w)
{
    const struct magnitudes a = measure(w), b = measure(w + TRIT_HALF_SPAN), all = join(&a, &b);
    unsigned found = all.zeros ? TRIT_SPAN_ZERO : 0;
    found |= all.hi != all.lo ? TRIT_SPAN_TWO : 0;
    found |= a.hi != a.lo || b.hi != b.lo ? TRIT_SPAN_TWO_HALF : 0;
    found |= has_scale(&all) ? 0 : TRIT_SPAN_SPLIT;
    return found | (has_scale(&a) && has_scale(&b) ? 0 : TRIT_SPAN_BAD);
}

static void codes_of(const uint32_t *restrict w, size_t n, uint32_t lo, uint8_t *restrict codes)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t m = w[i] & 0x7fffffff;
        codes[i] = (uint8_t)(1 + (m != 0) + (m > lo) - 2 * (w[i] > 0x80000000));
    }
}

/* A half without a scale of its own: 2d alone, above f16's range, beside a half that has d. */
static bool decode(const uint32_t *restrict w, size_t group, uint8_t *codes, uint16_t *scales)
{
    const struct magnitudes half[] = { measure(w), measure(w + TRIT_HALF_SPAN) };
    const struct magnitudes all = join(&half[0], &half[1]);
    for (size_t i = 0; i < TRIT_SPAN / group; i++) {
        const struct magnitudes *x = group == TRIT_SPAN || !has_scale(&half[i]) ? &all : &half[i];
        if (!has_scale(x))
            return false;
        codes_of(w + i * group, group, x->lo, codes + i * group);
        scales[i] = trit_f32_f16(trit_bits_f32(x->lo));
    }
    return true;
}

/* Spans as bits of f32. */

static void load_f32(const uint8_t *restrict in, uint32_t *restrict w)
{
    memcpy(w, in, TRIT_SPAN * sizeof *w);
}

static void load_bf16(const uint8_t *restrict in, uint32_t *restrict w)
{
    uint16_t h[TRIT_SPAN];
    memcpy(h, in, sizeof h);
    for (size_t i = 0; i < TRIT_SPAN; i++)
        w[i] = (uint32_t)h[i] << 16;
}

static void load_f16(const uint8_t *restrict in, uint32_t *restrict w)
{
    uint16_t h[TRIT_SPAN];
    memcpy(h, in, sizeof h);
    for (size_t i = 0; i < TRIT_SPAN; i++)
        w[i] = trit_f32_bits(trit_f16_f32_plain(h[i]));
}

/* Most spans hold one magnitude and zeros. They are told, and decoded, in the bits of their type;
   false where there are others. mag: of f32. */

static bool plain16(const uint8_t *restrict in, uint16_t *mag, bool *zeros)
{
    uint16_t h[TRIT_SPAN], others = 0, none = 0;
    size_t first = 0;
    memcpy(h, in, sizeof h);
    while (first < TRIT_SPAN - 1 && !(h[first] & 0x7fff))
        first++;
    const uint16_t one = h[first] & 0x7fff;
    for (size_t i = 0; i < TRIT_SPAN; i++) {
        const uint16_t m = h[i] & 0x7fff;
        others |= m ? m ^ one : 0;
        none |= m == 0;
    }
    *mag = one;
    *zeros = none;
    return !others;
}

static bool plain_f16(const uint8_t *restrict in, uint32_t *mag, bool *zeros)
{
    uint16_t h;
    const bool plain = plain16(in, &h, zeros);
    *mag = trit_f32_bits(trit_f16_f32_plain(h));
    return plain;
}

static bool plain_bf16(const uint8_t *restrict in, uint32_t *mag, bool *zeros)
{
    uint16_t h;
    const bool plain = plain16(in, &h, zeros);
    *mag = (uint32_t)h << 16;
    return plain;
}

static bool plain_f32(const uint8_t *restrict in, uint32_t *mag, bool *zeros)
{
    uint32_t w[TRIT_SPAN], others = 0, none = 0;
    size_t first = 0;
    memcpy(w, in, sizeof w);
    while (first < TRIT_SPAN - 1 && !(w[first] & 0x7fffffff))
        first++;
    const uint32_t one = w[first] & 0x7fffffff;
    for (size_t i = 0; i < TRIT_SPAN; i++) {
        const uint32_t m = w[i] & 0x7fffffff;
        others |= m ? m ^ one : 0;
        none |= m == 0;
    }
    *mag = one;
    *zeros = none;
    return !others;
}

static void codes16(const uint8_t *restrict in, uint8_t *restrict codes)
{
    uint16_t h[TRIT_SPAN];
    memcpy(h, in, sizeof h);
    for (size_t i = 0; i < TRIT_SPAN; i++)
        codes[i] = (uint8_t)(1 + ((h[i] & 0x7fff) != 0) - 2 * (h[i] > 0x8000));
}

static void codes32(const uint8_t *restrict in, uint8_t *restrict codes)
{
    uint32_t w[TRIT_SPAN];
    memcpy(w, in, sizeof w);
    for (size_t i = 0; i < TRIT_SPAN; i++)
        codes[i] = (uint8_t)(1 + ((w[i] & 0x7fffffff) != 0) - 2 * (w[i] > 0x80000000));
}

struct kind {
    size_t bytes; /* of a span */
    void (*load)(const uint8_t *restrict in, uint32_t *restrict w);
    bool (*plain)(const uint8_t *restrict in, uint32_t *mag, bool *zeros);
    void (*codes)(const uint8_t *restrict in, uint8_t *restrict codes); /* of a plain span */
};
static const struct kind kind_f32 = { 4 * TRIT_SPAN, load_f32, plain_f32, codes32 };
static const struct kind kind_f16 = { 2 * TRIT_SPAN, load_f16, plain_f16, codes16 };
static const struct kind kind_bf16 = { 2 * TRIT_SPAN, load_bf16, plain_bf16, codes16 };

static unsigned scan_all(const struct kind *kind, const uint8_t *in, size_t spans)
{
    uint32_t w[TRIT_SPAN], mag;
    unsigned found = 0;
    bool zeros;
    for (size_t i = 0; i < spans; i++, in += kind->bytes)
        if (kind->plain(in, &mag, &zeros) && is_f16(mag)) {
            found |= zeros ? TRIT_SPAN_ZERO : 0;
        } else {
            kind->load(in, w);
            found |= scan(w);
        }
    return found;
}

static bool decode_any(const struct kind *kind, const uint8_t *in, size_t group, uint8_t *codes,
                       uint16_t *scales)
{
    uint32_t w[TRIT_SPAN], mag;
    bool zeros;
    if (kind->plain(in, &mag, &zeros) && is_f16(mag)) {
        kind->codes(in, codes);
        for (size_t i = 0; i < TRIT_SPAN / group; i++)
            scales[i] = trit_f32_f16(trit_bits_f32(mag));
        return true;
    }
    kind->load(in, w);
    return decode(w, group, codes, scales);
}

unsigned trit_scan_f32(const uint8_t *in, size_t spans)
{
    return scan_all(&kind_f32, in, spans);
}

unsigned trit_scan_f16(const uint8_t *in, size_t spans)
{
    return scan_all(&kind_f16, in, spans);
}

unsigned trit_scan_bf16(const uint8_t *in, size_t spans)
{
    return scan_all(&kind_bf16, in, spans);
}

bool trit_span_f32(const uint8_t *in, size_t group, uint8_t *codes, uint16_t *scales)
{
    return decode_any(&kind_f32, in, group, codes, scales);
}

bool trit_span_f16(const uint8_t *in, size_t group, uint8_t *codes, uint16_t *scales)
{
    return decode_any(&kind_f16, in, group, codes, scales);
}

bool trit_span_bf16(const uint8_t *in, size_t group, uint8_t *codes, uint16_t *scales)
{
    return decode_any(&kind_bf16, in, group, codes, scales);
}

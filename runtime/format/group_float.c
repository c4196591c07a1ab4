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

/* Whether it is a group: with a scale, lo, that is one of f16's. */
static bool has_scale(const struct magnitudes *x)
{
    const float d = trit_bits_f32(x->lo);
    return !x->bad && trit_f16_f32(trit_f32_f16(d)) == d;
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

/* A span as bits of f32. */
typedef void load_fn(const uint8_t *restrict in, uint32_t *restrict w);

static inline void load_f32(const uint8_t *restrict in, uint32_t *restrict w)
{
    memcpy(w, in, TRIT_SPAN * sizeof *w);
}

static inline void load_bf16(const uint8_t *restrict in, uint32_t *restrict w)
{
    uint16_t h[TRIT_SPAN];
    memcpy(h, in, sizeof h);
    for (size_t i = 0; i < TRIT_SPAN; i++)
        w[i] = (uint32_t)h[i] << 16;
}

/* Any f16, without a branch: a small one as the difference of normal numbers, an infinity or NaN
   with the exponent's bias added twice. */
static inline uint32_t from_f16(uint16_t h)
{
    const uint32_t mag = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t is_small = 0 - (uint32_t)(mag < 0x800000);
    const uint32_t is_last = 0 - (uint32_t)(mag >= 0x0f800000);
    const uint32_t large = mag + 0x38000000 + (is_last & 0x38000000);
    const uint32_t small = trit_f32_bits(trit_bits_f32(mag + 0x38800000) - 6.103515625e-05f);
    return (small & is_small) | (large & ~is_small) | sign;
}

static inline void load_f16(const uint8_t *restrict in, uint32_t *restrict w)
{
    uint16_t h[TRIT_SPAN];
    memcpy(h, in, sizeof h);
    for (size_t i = 0; i < TRIT_SPAN; i++)
        w[i] = from_f16(h[i]);
}

static inline __attribute__((always_inline)) unsigned scan_all(load_fn *load, size_t bytes,
                                                               const uint8_t *in, size_t spans)
{
    uint32_t w[TRIT_SPAN];
    unsigned found = 0;
    for (size_t i = 0; i < spans; i++) {
        load(in + i * bytes, w);
        found |= scan(w);
    }
    return found;
}

unsigned trit_scan_f32(const uint8_t *in, size_t spans)
{
    return scan_all(load_f32, 4 * TRIT_SPAN, in, spans);
}

unsigned trit_scan_f16(const uint8_t *in, size_t spans)
{
    return scan_all(load_f16, 2 * TRIT_SPAN, in, spans);
}

unsigned trit_scan_bf16(const uint8_t *in, size_t spans)
{
    return scan_all(load_bf16, 2 * TRIT_SPAN, in, spans);
}

bool trit_span_f32(const uint8_t *in, size_t group, uint8_t *codes, uint16_t *scales)
{
    uint32_t w[TRIT_SPAN];
    load_f32(in, w);
    return decode(w, group, codes, scales);
}

bool trit_span_f16(const uint8_t *in, size_t group, uint8_t *codes, uint16_t *scales)
{
    uint32_t w[TRIT_SPAN];
    load_f16(in, w);
    return decode(w, group, codes, scales);
}

bool trit_span_bf16(const uint8_t *in, size_t group, uint8_t *codes, uint16_t *scales)
{
    uint32_t w[TRIT_SPAN];
    load_bf16(in, w);
    return decode(w, group, codes, scales);
}

/* Packing of weights (runtime/kernel/pack.h), fast enough to vanish behind reading the file. */
#include "runtime/kernel/pack.h"

#include <assert.h>
#include <string.h>

#include "runtime/base/mem.h"

enum { STRIP = 8 }; /* slices done per row before the next row's turn: two cache lines of codes */

static inline uint32_t load_four(const uint8_t *codes)
{
    uint32_t four;
    memcpy(&four, codes, sizeof four);
    return four;
}

static inline void store_four(uint8_t *out, size_t word, uint32_t four)
{
    memcpy(out + 4 * word, &four, sizeof four);
}

/* Four columns at once, each in its byte: no code leaves it. */
static void trit_put_t2(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,
                        size_t stride)
{
    (void)nr;
    for (; slices > 0; slices--, codes += 16, out += stride) {
        uint32_t all = 0;
        for (int p = 0; p < 4; p++)
            all |= load_four(codes + 4 * p) << 2 * p;
        store_four(out, r, all);
    }
}

static void trit_put_t5(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,
                        size_t stride)
{
    (void)nr;
    for (; slices > 0; slices--, codes += 20, out += stride) {
        uint32_t number = 0;
        for (int p = 0; p < 5; p++)
            number = 3 * number + load_four(codes + 4 * p);
        for (int b = 0; b < 4; b++)
            out[4 * r + (size_t)b] = (uint8_t)(((number >> 8 * b & 255) * 256 + 242) / 243);
    }
}

/* Four bytes at once: none of the sums leaves its own. */
static void trit_put_v5(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,
                        size_t stride)
{
    (void)nr;
    for (; slices > 0; slices--, codes += 20, out += stride) {
        const uint32_t first = load_four(codes);
        uint32_t others = 0;
        for (int p = 1; p < 5; p++)
            others = 3 * others + load_four(codes + 4 * p);
        const uint32_t rare = (others >> 6 & 0x01010101) * 255; /* the bytes from 64 on */
        store_four(out, r, ((first << 6 | others) & ~rare) | ((3 * others + first) & rare));
    }
}

static void trit_put_b1(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,
                        size_t stride)
{
    (void)nr;
    for (; slices > 0; slices--, codes += 32, out += stride) {
        uint32_t all = 0;
        for (int p = 0; p < 8; p++)
            all |= (load_four(codes + 4 * p) >> 1 & 0x01010101) << p;
        store_four(out, r, all);
    }
}

static void trit_put_i4(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,
                        size_t stride)
{
    for (; slices > 0; slices--, codes += 16, out += stride)
        for (size_t word = 0; word < 2; word++)
            store_four(out, word * nr + r,
                       load_four(codes + 8 * word) | load_four(codes + 8 * word + 4) << 4);
}

static void trit_put_i8(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,
                        size_t stride)
{
    for (; slices > 0; slices--, codes += 16, out += stride)
        for (size_t word = 0; word < 4; word++)
            store_four(out, word * nr + r, load_four(codes + 4 * word));
}

static void trit_put_l2(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,
                        size_t stride)
{
    for (; slices > 0; slices--, codes += 16, out += stride)
        for (size_t group = 0; group < 4; group++) {
            uint32_t four = load_four(codes + 4 * group), pairs = 3 * four + (four >> 8);
            out[group * nr + r] = (uint8_t)((pairs & 15) | (pairs >> 16 & 15) << 4);
        }
}

/* Bits 0, 8, 16 and 24, side by side; their multiples never meet. */
static inline uint8_t gather(uint32_t bits)
{
    return (uint8_t)((bits & 0x01010101) * 0x10204080 >> 28);
}

/* Two rows share a byte: the even one comes first. */
static void trit_put_b2(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,
                        size_t stride)
{
    for (; slices > 0; slices--, codes += 16, out += stride)
        for (size_t p = 0; p < 4; p++) {
            uint32_t four = load_four(codes + 4 * p);
            uint8_t *plus = out + p * nr + r / 2, *minus = plus + nr / 2;
            *plus = (uint8_t)(gather(four >> 1) << r % 2 * 4 | (r % 2 ? *plus : 0));
            *minus = (uint8_t)(gather(~(four | four >> 1)) << r % 2 * 4 | (r % 2 ? *minus : 0));
        }
}

static void pack_strips(const struct trit_packing *p, const struct trit_codes *c, size_t nr,
                        uint8_t *out)
{
    const size_t kr = p->kr, whole = c->k / kr, ragged = c->k % kr, stride = nr * p->bytes;
    uint8_t zeros[STRIP * TRIT_MAX_KR], last[TRIT_MAX_KR];
    memset(zeros, -p->low, STRIP * kr);
    for (size_t first = 0; first < whole; first += STRIP) {
        const size_t slices = whole - first < STRIP ? whole - first : STRIP;
        for (size_t r = 0; r < nr; r++)
            p->put(r < c->rows ? c->codes + r * c->ld + first * kr : zeros, slices, nr, r,
                   out + first * stride, stride);
    }
    for (size_t r = 0; ragged && r < nr; r++) {
        memcpy(last, zeros, kr);
        if (r < c->rows)
            memcpy(last, c->codes + r * c->ld + whole * kr, ragged);
        p->put(last, 1, nr, r, out + whole * stride, stride);
    }
}

/* A row's part of slices with groups: cells, of which the last may need more columns than there
   are, then scales. */
static void pack_row(const struct trit_packing *p, const struct trit_codes *c, size_t nr, size_t r,
                     uint8_t *out)
{
    const size_t cells = trit_round_up(p->kr, p->cell) / p->cell, scales = p->kr / p->group;
    const size_t stride = nr * (p->bytes - scales * sizeof(uint16_t)) / cells;
    uint8_t slice[2 * TRIT_MAX_KR]; /* a cell is no longer than a slice */
    for (size_t x = 0; x < c->k; x += p->kr, out += nr * p->bytes) {
        const size_t left = r >= c->rows ? 0 : c->k - x < p->kr ? c->k - x : p->kr;
        memset(slice, -p->low, cells * p->cell);
        if (left)
            memcpy(slice, c->codes + r * c->ld + x, left);
        p->put(slice, cells, nr, r, out, stride);
        for (size_t g = 0; g < scales; g++) {
            uint8_t *to = out + stride * cells + (g * nr + r) * sizeof(uint16_t);
            const uint16_t none = 0, *from = c->scales + r * c->lds + x / p->group + g;
            memcpy(to, g * p->group < left ? from : &none, sizeof none);
        }
    }
}

static void pack_groups(const struct trit_packing *p, const struct trit_codes *c, size_t nr,
                        uint8_t *out)
{
    for (size_t r = 0; r < nr; r++)
        pack_row(p, c, nr, r, out);
}

static const struct trit_packing packings[TRIT_NPACKINGS] = {
#define TRIT_PACKING(name, layout, by, low, high, step, kr, bytes, group, cell, max_k, unit, \
                     skips, format, what)                                                    \
    [TRIT_PACKING_##                                                                         \
        name] = { #name, low,   high, step,  kr,     bytes, group,                           \
                  cell,  max_k, unit, skips, format, what,  .by = trit_##by##_##layout },
#include "packings.inc"
#undef TRIT_PACKING
};

void trit_pack_block(const struct trit_packing *packing, const struct trit_codes *codes, size_t nr,
                     uint8_t *out)
{
    assert(codes->rows >= 1 && codes->rows <= nr && codes->k >= 1 && nr % packing->unit == 0);
    assert(packing->group == 0 || (codes->scales && codes->k % packing->group == 0));
    (packing->group ? pack_groups
     : packing->put ? pack_strips
                    : packing->pack)(packing, codes, nr, out);
}

bool trit_packing_is_ternary(const struct trit_packing *packing)
{
    return packing->low == -1 && packing->high == 1 && !packing->group && !packing->skips;
}

bool trit_packing_takes(const struct trit_packing *p, struct trit_form form)
{
    const bool zero = p->step == 1 || form.values == TRIT_SIGNS;
    if (form.values == TRIT_FLOATS)
        return false;
    if (form.values >= TRIT_NIBBLES)
        return p->high == (form.values == TRIT_BYTES ? 127 : 7) && !p->group && !p->skips;
    if (form.group == 0)
        return form.values == TRIT_TRITS && trit_packing_is_ternary(p);
    return p->group == form.group && !p->skips && zero &&
           p->high >= (form.values == TRIT_TWOS ? 2 : 1);
}

struct trit_form trit_packing_form(const struct trit_packing *p)
{
    const enum trit_values values = p->step > 1 ? TRIT_SIGNS : p->high > 1 ? TRIT_TWOS : TRIT_TRITS;
    return (struct trit_form){ p->group, p->group ? values : TRIT_TRITS };
}

const struct trit_packing *trit_packing_at(size_t i)
{
    return i < TRIT_NPACKINGS ? &packings[i] : NULL;
}

const struct trit_packing *trit_packing_find(const char *name)
{
    for (size_t i = 0; i < TRIT_NPACKINGS; i++)
        if (!strcmp(packings[i].name, name))
            return &packings[i];
    return NULL;
}

size_t trit_packed_bytes(const struct trit_packing *p, size_t n, size_t k, size_t nr)
{
    size_t rows, columns, bytes;
    if (!trit_add(n, nr - 1, &rows) || !trit_add(k, p->kr - 1, &columns) ||
        !trit_mul(rows / nr * nr, columns / p->kr, &bytes) || !trit_mul(bytes, p->bytes, &bytes))
        return 0;
    return bytes;
}

size_t trit_padded_k(size_t k)
{
    return trit_round_up(k + TRIT_MAX_KR - 1, TRIT_ALIGN);
}

/* Packing of weights (runtime/kernel/pack.h), fast enough to vanish behind reading the file. */
#include "runtime/kernel/pack.h"

#include <assert.h>
#include <string.h>

#include "runtime/base/mem.h"

enum {
    STRIP = 4,   /* slices done per row before the next row's turn: one cache line of codes */
    MOST_KR = 20 /* of the packings below */
};

/* Writes row r's part of the slice at out; codes are the slice's columns. Rows come in order. */
typedef void put_fn(const uint8_t *codes, size_t nr, size_t r, uint8_t *out);

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
static inline void put_t2(const uint8_t *codes, size_t nr, size_t r, uint8_t *out)
{
    (void)nr;
    uint32_t all = 0;
    for (int p = 0; p < 4; p++)
        all |= load_four(codes + 4 * p) << 2 * p;
    store_four(out, r, all);
}

static inline void put_t5(const uint8_t *codes, size_t nr, size_t r, uint8_t *out)
{
    (void)nr;
    uint32_t number = 0;
    for (int p = 0; p < 5; p++)
        number = 3 * number + load_four(codes + 4 * p);
    for (int b = 0; b < 4; b++)
        out[4 * r + (size_t)b] = (uint8_t)(((number >> 8 * b & 255) * 256 + 242) / 243);
}

/* Four bytes at once: none of the sums leaves its own. */
static inline void put_v5(const uint8_t *codes, size_t nr, size_t r, uint8_t *out)
{
    (void)nr;
    const uint32_t first = load_four(codes);
    uint32_t others = 0;
    for (int p = 1; p < 5; p++)
        others = 3 * others + load_four(codes + 4 * p);
    const uint32_t rare = (others >> 6 & 0x01010101) * 255; /* the bytes from 64 on */
    store_four(out, r, ((first << 6 | others) & ~rare) | ((3 * others + first) & rare));
}

static inline void put_i4(const uint8_t *codes, size_t nr, size_t r, uint8_t *out)
{
    for (size_t word = 0; word < 2; word++)
        store_four(out, word * nr + r,
                   load_four(codes + 8 * word) | load_four(codes + 8 * word + 4) << 4);
}

static inline void put_i8(const uint8_t *codes, size_t nr, size_t r, uint8_t *out)
{
    for (size_t word = 0; word < 4; word++)
        store_four(out, word * nr + r, load_four(codes + 4 * word));
}

static inline void put_l2(const uint8_t *codes, size_t nr, size_t r, uint8_t *out)
{
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
static inline void put_b2(const uint8_t *codes, size_t nr, size_t r, uint8_t *out)
{
    for (size_t p = 0; p < 4; p++) {
        uint32_t four = load_four(codes + 4 * p);
        uint8_t *plus = out + p * nr + r / 2, *minus = plus + nr / 2;
        *plus = (uint8_t)(gather(four >> 1) << r % 2 * 4 | (r % 2 ? *plus : 0));
        *minus = (uint8_t)(gather(~(four | four >> 1)) << r % 2 * 4 | (r % 2 ? *minus : 0));
    }
}

/* What all packings share; inlined into each so that put is no call. */
static inline __attribute__((always_inline)) void pack_block(const struct trit_packing *p,
                                                             put_fn *put, size_t rows, size_t k,
                                                             const uint8_t *codes, size_t ld,
                                                             size_t nr, uint8_t *out)
{
    const size_t kr = p->kr, whole = k / kr, stride = nr * p->bytes;
    uint8_t zeros[MOST_KR];
    assert(kr <= MOST_KR && rows >= 1 && rows <= nr);
    memset(zeros, -p->low, sizeof zeros);
    for (size_t first = 0; first < whole; first += STRIP) {
        size_t end = first + STRIP < whole ? first + STRIP : whole;
        for (size_t r = 0; r < nr; r++)
            for (size_t slice = first; slice < end; slice++)
                put(r < rows ? codes + r * ld + slice * kr : zeros, nr, r, out + slice * stride);
    }
    for (size_t r = 0; k % kr && r < nr; r++) {
        uint8_t ragged[MOST_KR];
        memcpy(ragged, zeros, sizeof ragged);
        if (r < rows)
            memcpy(ragged, codes + r * ld + whole * kr, k % kr);
        put(ragged, nr, r, out + whole * stride);
    }
}

static trit_pack_fn pack_t2, pack_t5, pack_v5, pack_b2, pack_l2, pack_i2, pack_i4, pack_i8;

enum { T2, T5, V5, B2, L2, I2, I4, I8, R5, C5, NPACKINGS };

static const struct trit_packing packings[NPACKINGS] = {
    [T2] = { "t2", -1, 1, 16, 4, 1 << 22, 1, false, pack_t2 },
    [T5] = { "t5", -1, 1, 20, 4, 1 << 22, 1, false, pack_t5 },
    [V5] = { "v5", -1, 1, 20, 4, 1 << 22, 1, false, pack_v5 },
    [B2] = { "b2", -1, 1, 16, 4, 1 << 22, 2, false, pack_b2 },
    [L2] = { "l2", -1, 1, 16, 4, 1 << 22, 1, false, pack_l2 },
    [I2] = { "i2", -2, 1, 16, 4, 1 << 22, 1, false, pack_i2 },
    [I4] = { "i4", -8, 7, 16, 8, 1 << 20, 1, false, pack_i4 },
    [I8] = { "i8", -127, 127, 16, 16, 1 << 17, 1, false, pack_i8 },
    [R5] = { "r5", -1, 1, 320, 64, 1 << 22, 1, true, trit_pack_r5 },
    [C5] = { "c5", -1, 1, 20, 4, 1 << 18, 320, true, trit_pack_c5 },
};

static void pack_t2(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr, size_t kr,
                    uint8_t *out)
{
    assert(kr == packings[T2].kr);
    pack_block(&packings[T2], put_t2, rows, k, codes, ld, nr, out);
}

static void pack_t5(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr, size_t kr,
                    uint8_t *out)
{
    assert(kr == packings[T5].kr);
    pack_block(&packings[T5], put_t5, rows, k, codes, ld, nr, out);
}

static void pack_v5(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr, size_t kr,
                    uint8_t *out)
{
    assert(kr == packings[V5].kr);
    pack_block(&packings[V5], put_v5, rows, k, codes, ld, nr, out);
}

static void pack_b2(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr, size_t kr,
                    uint8_t *out)
{
    assert(kr == packings[B2].kr && nr % 2 == 0);
    pack_block(&packings[B2], put_b2, rows, k, codes, ld, nr, out);
}

static void pack_l2(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr, size_t kr,
                    uint8_t *out)
{
    assert(kr == packings[L2].kr);
    pack_block(&packings[L2], put_l2, rows, k, codes, ld, nr, out);
}

static void pack_i2(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr, size_t kr,
                    uint8_t *out)
{
    assert(kr == packings[I2].kr);
    pack_block(&packings[I2], put_t2, rows, k, codes, ld, nr, out);
}

static void pack_i4(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr, size_t kr,
                    uint8_t *out)
{
    assert(kr == packings[I4].kr);
    pack_block(&packings[I4], put_i4, rows, k, codes, ld, nr, out);
}

static void pack_i8(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr, size_t kr,
                    uint8_t *out)
{
    assert(kr == packings[I8].kr);
    pack_block(&packings[I8], put_i8, rows, k, codes, ld, nr, out);
}

const struct trit_packing *trit_packing_at(size_t i)
{
    return i < NPACKINGS ? &packings[i] : NULL;
}

const struct trit_packing *trit_packing_find(const char *name)
{
    for (size_t i = 0; i < NPACKINGS; i++)
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

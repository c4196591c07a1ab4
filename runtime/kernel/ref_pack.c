/* The layouts of runtime/kernel/pack.h, element by element as they are described there. */
#include <assert.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/kernel/pack.h"
#include "runtime/kernel/ref.h"

/* An element of a block of nr rows and k padded columns: row r, column x of it. */
struct place {
    size_t nr, k, r, x;
};

/* The code at a place, and putting one where all bytes of the block were 0. */
typedef unsigned get_fn(const uint8_t *block, struct place at);
typedef void set_fn(uint8_t *block, struct place at, unsigned code);

/* The byte of a packing of `words` words with `planes` columns a byte, and the plane. */
static size_t byte_of(struct place at, size_t words, size_t planes, size_t *plane)
{
    size_t kr = 4 * words * planes, slice = at.x / kr, group = at.x % kr / 4;
    *plane = group % planes;
    return slice * words * at.nr * 4 + (group / planes * at.nr + at.r) * 4 + at.x % 4;
}

static unsigned get_t2(const uint8_t *block, struct place at)
{
    size_t plane;
    const uint8_t *byte = block + byte_of(at, 1, 4, &plane);
    return *byte >> 2 * plane & 3;
}

static void set_t2(uint8_t *block, struct place at, unsigned code)
{
    size_t plane, byte = byte_of(at, 1, 4, &plane);
    block[byte] |= (uint8_t)(code << 2 * plane);
}

static const unsigned power[] = { 81, 27, 9, 3, 1 };

/* The number to the base 3 in a byte of t5, and back: the smallest byte not below v * 256 / 243. */
static unsigned number_of(uint8_t byte)
{
    return byte * 243u / 256;
}

static uint8_t byte_of_number(unsigned v)
{
    return (uint8_t)((v * 256 + 242) / 243);
}

static unsigned digit_of(uint8_t byte, size_t plane)
{
    return number_of(byte) / power[plane] % 3;
}

static void add_digit(uint8_t *byte, size_t plane, unsigned code)
{
    *byte = byte_of_number(number_of(*byte) + code * power[plane]);
}

static unsigned get_t5(const uint8_t *block, struct place at)
{
    size_t plane, byte = byte_of(at, 1, 5, &plane);
    return digit_of(block[byte], plane);
}

static void set_t5(uint8_t *block, struct place at, unsigned code)
{
    size_t plane, byte = byte_of(at, 1, 5, &plane);
    add_digit(block + byte, plane, code);
}

/* The same number in a byte of v5, and back. */
static unsigned number_of_v5(uint8_t byte)
{
    return byte < 192 ? byte / 64u * 81 + byte % 64 : byte % 3u * 81 + byte / 3;
}

static uint8_t byte_of_v5(unsigned v)
{
    return (uint8_t)(v % 81 < 64 ? v / 81 * 64 + v % 81 : v % 81 * 3 + v / 81);
}

static unsigned get_v5(const uint8_t *block, struct place at)
{
    size_t plane, byte = byte_of(at, 1, 5, &plane);
    return number_of_v5(block[byte]) / power[plane] % 3;
}

static void set_v5(uint8_t *block, struct place at, unsigned code)
{
    size_t plane, byte = byte_of(at, 1, 5, &plane);
    block[byte] = byte_of_v5(number_of_v5(block[byte]) + code * power[plane]);
}

static unsigned get_b1(const uint8_t *block, struct place at)
{
    size_t plane, byte = byte_of(at, 1, 8, &plane);
    return block[byte] >> plane & 1 ? 2 : 0;
}

static void set_b1(uint8_t *block, struct place at, unsigned code)
{
    size_t plane, byte = byte_of(at, 1, 8, &plane);
    block[byte] |= (uint8_t)(code >> 1 << plane);
}

static unsigned get_i4(const uint8_t *block, struct place at)
{
    size_t plane;
    const uint8_t *byte = block + byte_of(at, 2, 2, &plane);
    return *byte >> 4 * plane & 15;
}

static void set_i4(uint8_t *block, struct place at, unsigned code)
{
    size_t plane, byte = byte_of(at, 2, 2, &plane);
    block[byte] |= (uint8_t)(code << 4 * plane);
}

static unsigned get_i8(const uint8_t *block, struct place at)
{
    size_t plane;
    return block[byte_of(at, 4, 1, &plane)];
}

static void set_i8(uint8_t *block, struct place at, unsigned code)
{
    size_t plane;
    block[byte_of(at, 4, 1, &plane)] = (uint8_t)code;
}

/* The bit for +1; that for -1 is nr/2 bytes further. */
static size_t bit_of(struct place at, size_t *byte)
{
    size_t slice = at.x / 16, plane = at.x % 16 / 4, bit = at.r * 4 + at.x % 4;
    *byte = slice * at.nr * 4 + plane * at.nr + bit / 8;
    return bit % 8;
}

static unsigned get_b2(const uint8_t *block, struct place at)
{
    size_t byte, bit = bit_of(at, &byte);
    return 1u + (block[byte] >> bit & 1) - (block[byte + at.nr / 2] >> bit & 1);
}

static void set_b2(uint8_t *block, struct place at, unsigned code)
{
    size_t byte, bit = bit_of(at, &byte);
    if (code != 1)
        block[code == 2 ? byte : byte + at.nr / 2] |= (uint8_t)(1 << bit);
}

static size_t byte_of_group(struct place at)
{
    return (at.x / 4) * at.nr + at.r;
}

static unsigned get_l2(const uint8_t *block, struct place at)
{
    unsigned pair = block[byte_of_group(at)] >> at.x % 4 / 2 * 4 & 15;
    return at.x % 2 ? pair % 3 : pair / 3;
}

static void set_l2(uint8_t *block, struct place at, unsigned code)
{
    block[byte_of_group(at)] += (uint8_t)((at.x % 2 ? code : 3 * code) << at.x % 4 / 2 * 4);
}

/* r5: rows of columns, in groups of 320. */
static unsigned get_r5(const uint8_t *block, struct place at)
{
    return digit_of(block[at.r * (at.k / 5) + at.x / 320 * 64 + at.x % 64], at.x % 320 / 64);
}

static void set_r5(uint8_t *block, struct place at, unsigned code)
{
    add_digit(block + at.r * (at.k / 5) + at.x / 320 * 64 + at.x % 64, at.x % 320 / 64, code);
}

/* c5 is r5 of the transposed block. */
static struct place transposed(struct place at)
{
    return (struct place){ .r = at.x, .x = at.r, .nr = at.k, .k = at.nr };
}

static unsigned get_c5(const uint8_t *block, struct place at)
{
    return get_r5(block, transposed(at));
}

static void set_c5(uint8_t *block, struct place at, unsigned code)
{
    set_r5(block, transposed(at), code);
}

static const struct {
    get_fn *get;
    set_fn *set;
} references[TRIT_NPACKINGS] = {
#define TRIT_PACKING(name, layout, ...) [TRIT_PACKING_##name] = { get_##layout, set_##layout },
#include "packings.inc"
#undef TRIT_PACKING
};

/* Column c of a slice, c < trit_round_up(kr, cell): its place in what it is laid out in, the block
   or, of packings with groups, a cell; and where that begins in the block. */
static size_t place_of(const struct trit_packing *p, size_t k, size_t slice, size_t c,
                       struct place *at)
{
    if (p->group == 0) {
        at->k = trit_round_up(k, p->kr);
        at->x = slice * p->kr + c;
        return 0;
    }
    const size_t cells = trit_round_up(p->kr, p->cell) / p->cell,
                 bytes = (p->bytes - p->kr / p->group * sizeof(uint16_t)) / cells;
    at->k = p->cell;
    at->x = c % p->cell;
    return at->nr * (slice * p->bytes + c / p->cell * bytes);
}

bool trit_ref_pack(const char *packing, size_t n, size_t k, const int8_t *w, size_t nr,
                   uint8_t *packed)
{
    const struct trit_packing *p = trit_packing_find(packing);
    if (!p)
        return false;
    const size_t block = trit_packed_bytes(p, nr, k, nr), columns = trit_round_up(p->kr, p->cell);
    memset(packed, 0, trit_packed_bytes(p, n, k, nr));
    for (size_t j = 0; j < trit_round_up(n, nr); j++)
        for (size_t i = 0; i < trit_round_up(k, p->kr) / p->kr * columns; i++) {
            const size_t c = i % columns, x = i / columns * p->kr + c;
            const int weight = j < n && c < p->kr && x < k ? w[j * k + x] : 0;
            struct place at = { .nr = nr, .r = j % nr };
            uint8_t *to = packed + j / nr * block + place_of(p, k, i / columns, c, &at);
            assert(weight >= p->low && weight <= p->high);
            references[p - trit_packing_at(0)].set(to, at, (unsigned)(weight - p->low));
        }
    return true;
}

bool trit_ref_unpack(const char *packing, size_t n, size_t k, const uint8_t *packed, size_t nr,
                     int8_t *w)
{
    const struct trit_packing *p = trit_packing_find(packing);
    if (!p)
        return false;
    const size_t block = trit_packed_bytes(p, nr, k, nr);
    for (size_t j = 0; j < n; j++)
        for (size_t x = 0; x < k; x++) {
            struct place at = { .nr = nr, .r = j % nr };
            const uint8_t *from =
                packed + j / nr * block + place_of(p, k, x / p->kr, x % p->kr, &at);
            w[j * k + x] = (int8_t)((int)references[p - trit_packing_at(0)].get(from, at) + p->low);
        }
    return true;
}

bool trit_ref_pack_scales(const char *packing, size_t n, size_t k, const uint16_t *scales,
                          size_t nr, uint8_t *packed)
{
    const struct trit_packing *p = trit_packing_find(packing);
    if (!p || !p->group)
        return false;
    const size_t block = trit_packed_bytes(p, nr, k, nr), groups = k / p->group;
    for (size_t j = 0; j < n; j++)
        for (size_t g = 0; g < groups; g++) {
            const size_t slice = g * p->group / p->kr, in = g % (p->kr / p->group);
            uint8_t *end = packed + j / nr * block + (slice + 1) * nr * p->bytes;
            uint8_t *to = end - (p->kr / p->group - in) * nr * 2 + j % nr * 2;
            memcpy(to, scales + j * groups + g, 2);
        }
    return true;
}

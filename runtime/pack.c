/* Packing of weights (runtime/pack.h), fast enough to vanish behind reading the file. */
#include <assert.h>
#include <string.h>

#include "runtime/mem.h"
#include "runtime/pack.h"

enum {
    SLICE = 16, /* columns per slice, the KR of t2 */
    STRIP = 4,  /* slices done per row before the next row's turn: one cache line of codes */
};

static const struct trit_packing packings[] = {
    { "t2", -1, 1, 16, 4, trit_t2_pack_block },
};

const struct trit_packing *trit_packing_find(const char *name)
{
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++)
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

static const uint32_t zero_trits = 0x55555555; /* code 1, sixteen times */

/* Codes are below 4, so the four planes shifted by 0, 2, 4, 6 bits never leave their bytes. */
static uint32_t pack_slice(const uint8_t *codes)
{
    uint32_t plane[4];
    memcpy(plane, codes, sizeof plane);
    return plane[0] | plane[1] << 2 | plane[2] << 4 | plane[3] << 6;
}

static uint32_t pack_ragged(const uint8_t *codes, size_t columns)
{
    uint8_t padded[SLICE];
    memset(padded, 1, sizeof padded);
    memcpy(padded, codes, columns);
    return pack_slice(padded);
}

void trit_t2_pack_block(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr,
                        size_t kr, uint8_t *out)
{
    assert(kr == SLICE && rows >= 1 && rows <= nr);
    size_t whole = k / kr, stride = nr * sizeof(uint32_t);
    for (size_t first = 0; first < whole; first += STRIP) {
        size_t end = first + STRIP < whole ? first + STRIP : whole;
        for (size_t r = 0; r < nr; r++)
            for (size_t slice = first; slice < end; slice++) {
                uint32_t word = r < rows ? pack_slice(codes + r * ld + slice * SLICE) : zero_trits;
                memcpy(out + slice * stride + r * sizeof word, &word, sizeof word);
            }
    }
    for (size_t r = 0; k % kr && r < nr; r++) {
        uint32_t word = r < rows ? pack_ragged(codes + r * ld + whole * SLICE, k % kr) : zero_trits;
        memcpy(out + whole * stride + r * sizeof word, &word, sizeof word);
    }
}

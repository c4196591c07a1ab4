/* Layouts of weights in memory. A packing cuts a matrix into blocks of NR rows (NR is the
   kernel's), a block into slices of KR columns (KR is the packing's); rows past N and columns past
   K hold weight 0. Kernels share packed weights exactly if packing, NR and KR agree. code = weight
   - low of the packing.

   KR, the weights held and the largest K stand in generator/packings.lua, one row each, and so do
   `bytes`, what a row's part of a slice takes.

   Where a packing has a group, a scale for that many columns of a row lies beside them: a slice is
   as many cells as its columns need, each laid out as a slice of t2, t5, v5 or b1 (weight 0 fills
   the last), then for each of its groups NR f16 scales, row by row.

   t2, t5, v5, b1, i2, i4, i8: a slice is bytes/4 times NR words of 32 bits; byte b (0..3) of word w
   of row r is byte (w*NR + r)*4 + b, and holds KR/bytes columns of the row, its planes: plane p is
   column KR*slice + 4*(w*planes + p) + b. So lane r of a vector of 32-bit lanes is row r whatever
   the vector's width, and a plane meets the same four activations in every lane. A byte is

      t2  the sum of code << 2p
      t5  ceil(v * 256 / 243), v = the five codes as a number to the base 3, plane 0 first. So
          3 * byte / 256 is plane 0's code, 3 * byte % 256 holds the others the same way.
      v5  64 * plane 0's code + u, where u, the number of the other four to the base 3, is below 64;
          else 3 * u + plane 0's code, 192 .. 242. So the low six bits ask one table of 64, or two
          others where the top two are 3.
      b1  the sum of (code / 2) << p: codes 0 and 2 for -1 and +1
      i2  as t2
      i4  the sum of code << 4p
      i8  the code

   b2: for each of four planes as above NR/2 bytes of bits for +1, then NR/2 for -1; bit
   r*4 + b (bit 0 first) belongs to column 16*slice + 4*p + b of row r. NR is even.

   l2: byte g*NR + r of a slice holds columns 4g .. 4g+3 of row r: 3 * code + next code of
   the first two in its low four bits, of the last two in its high four.

   r5: row after row, a row's slice in 64 bytes: plane p of byte b, as in t5, is column
   320*slice + 64*p + b. Row r of a matrix begins at byte r * K/5, whatever the blocks.

   c5: column after column, NR/5 bytes each: plane p of byte b of
   their 64 bytes number g is row 320*g + 64*p + b of the block.
 */
#ifndef TRIT_PACK_H
#define TRIT_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row each, from the generator's packings.inc. */
enum trit_packing_id {
#define TRIT_PACKING(name, ...) TRIT_PACKING_##name,
#include "packings.inc"
#undef TRIT_PACKING
    TRIT_NPACKINGS
};

union trit_any_slice {
#define TRIT_PACKING(name, layout, by, low, high, step, kr, ...) uint8_t name[kr];
#include "packings.inc"
#undef TRIT_PACKING
};
/* The longest slice: activations are padded with zeros for that much (trit_padded_k). */
enum { TRIT_MAX_KR = sizeof(union trit_any_slice) };

/* Some rows of a matrix: row r's codes (0 .. high - low) at codes + r*ld. A code above its range
   would spoil its neighbours. scales: f16, row r's at scales + r*lds, one for each of its k
   columns' groups; of packings with a group alone. */
struct trit_codes {
    const uint8_t *codes;
    size_t ld, rows, k;
    const uint16_t *scales;
    size_t lds;
};

struct trit_packing;
/* A block of nr rows of a packing at out. */
typedef void trit_pack_fn(const struct trit_packing *packing, const struct trit_codes *codes,
                          size_t nr, uint8_t *out);
/* Row r's part of some neighbouring slices of a block of nr rows: the first at out, the next
   `stride` bytes further; codes are the columns of all. Rows come in order. */
typedef void trit_put_fn(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,
                         size_t stride);

struct trit_packing {
    const char *name;
    int low, high, step; /* the weights it holds: low, low + step, .. high */
    size_t kr, bytes;    /* columns of a slice, and what a row's part of it takes */
    size_t group;        /* columns that share a scale; 0: all of a row, the scale lies elsewhere */
    size_t cell;         /* columns of a cell; kr where there are no groups */
    size_t max_k;        /* up to which every sum fits int32 */
    size_t unit;         /* NR is a multiple of it */
    bool skips; /* for kernels that leave out rows or columns: else picked only when forced */
    const char *format, *what; /* where formats are compared; NULL: it is left out there */
    trit_put_fn *put;          /* packs strip by strip; or */
    trit_pack_fn *pack;        /* a block at a time */
};

/* Those of r5 and c5 (pack_skip.c). */
trit_pack_fn trit_pack_r5, trit_pack_c5;

/* NULL where there is none of that name. */
const struct trit_packing *trit_packing_find(const char *name);
/* All of them, by enum trit_packing_id; NULL from the count on. */
const struct trit_packing *trit_packing_at(size_t i);

/* What a matrix holds: so many columns of a row share a scale (0: all), and these values times it.
 */
enum trit_values {
    TRIT_TRITS,   /* -1, 0, 1 */
    TRIT_TWOS,    /* -1, 0, 1, 2 */
    TRIT_SIGNS,   /* -1, 1 */
    TRIT_NIBBLES, /* -8 .. 7, or */
    TRIT_BYTES,   /* -127 .. 127, what other values were rounded to; not in groups */
    TRIT_FLOATS,  /* any: a dense matrix, which no packing takes */
};
struct trit_form {
    size_t group;
    enum trit_values values;
};
/* Whether a matrix of this form may be given the packing unasked. */
bool trit_packing_takes(const struct trit_packing *packing, struct trit_form form);
/* The widest form that it takes. Of a packing that none is given unasked: as if it held trits. */
struct trit_form trit_packing_form(const struct trit_packing *packing);

/* Whether it holds trits and nothing else, in kernels that multiply with the whole of a matrix:
   what a ternary matrix may be given unasked. */
bool trit_packing_is_ternary(const struct trit_packing *packing);

/* Packs one block: 1 .. nr rows of k >= 1 columns. out is the block (trit_packed_bytes of n = nr),
   no alignment needed. */
void trit_pack_block(const struct trit_packing *packing, const struct trit_codes *codes, size_t nr,
                     uint8_t *out);

/* Bytes of an n x k matrix in blocks of nr rows; 0 where that wraps. A block is an n of nr. */
size_t trit_packed_bytes(const struct trit_packing *packing, size_t n, size_t k, size_t nr);
/* K as activations must be padded for kernels of any packing. */
size_t trit_padded_k(size_t k);

#endif

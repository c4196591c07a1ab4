/* Layouts of weights in memory. A packing cuts a matrix into blocks of NR rows (NR is the
   kernel's), a block into slices of KR columns (KR is the packing's); rows past N and columns past
   K hold weight 0. Kernels share packed weights exactly if packing, NR and KR agree.

   t2 with NR rows and KR = 16 columns: a block is NR rows; in it, slice after slice of 16 columns;
   a slice is NR*4 bytes, byte r*4 + b holds row r; its bits 2p+1..2p hold code = trit + 1 of column
   16*slice + 4*p + b (plane p = 0..3). Rows past N and columns past K hold code 1 (trit 0). So lane
   r of a vector of 32-bit lanes is row r whatever the vector's width, and each plane meets the same
   four activations in every lane. Kernels share packed weights exactly if packing, NR and KR agree.
 */
#ifndef TRIT_PACK_H
#define TRIT_PACK_H

#include <stddef.h>
#include <stdint.h>

enum { TRIT_MAX_KR = 256 }; /* activations are padded with zeros for that much: trit_padded_k */

/* Packs one block: `rows` valid rows (1..nr) of k >= 1 columns, row r's codes at codes + r*ld, a
 * code is weight - low. */
typedef void trit_pack_fn(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr,
                          size_t kr, uint8_t *out);

struct trit_packing {
    const char *name;
    int low, high;    /* the weights it holds */
    size_t kr, bytes; /* columns of a slice, and what a row's part of it takes */
    trit_pack_fn *pack;
};

/* NULL where there is none of that name. */
const struct trit_packing *trit_packing_find(const char *name);
/* Bytes of an n x k matrix in blocks of nr rows; 0 where that wraps. A block is an n of nr. */
size_t trit_packed_bytes(const struct trit_packing *packing, size_t n, size_t k, size_t nr);
/* K as activations must be padded for kernels of any packing. */
size_t trit_padded_k(size_t k);

/* Packs rows row0 .. row0+nr-1 of a block from codes (0, 1, 2), `rows` of them valid (1..nr), row r
   at codes + r*ld, k columns each, k >= 1; out is the block, nr * roundup(k, kr) / 4 bytes, no
   alignment needed. kr must be 16 (asserted). A code above 3 would spoil its neighbours. */
void trit_t2_pack_block(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr,
                        size_t kr, uint8_t *out);

#endif

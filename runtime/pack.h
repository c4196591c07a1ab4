/* Layouts of trits in memory.

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

/* Bytes of an n x k matrix packed as t2, 0 where that number wraps. */
size_t trit_t2_bytes(size_t n, size_t k, size_t nr, size_t kr);

/* Packs rows row0 .. row0+nr-1 of a block from codes (0, 1, 2), `rows` of them valid (1..nr), row r
   at codes + r*ld, k columns each, k >= 1; out is the block, nr * roundup(k, kr) / 4 bytes, no
   alignment needed. kr must be 16 (asserted). A code above 3 would spoil its neighbours. */
void trit_t2_pack_block(size_t rows, size_t k, const uint8_t *codes, size_t ld, size_t nr,
                        size_t kr, uint8_t *out);

#endif

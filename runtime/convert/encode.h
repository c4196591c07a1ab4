/* Rows of exact binary32 as a stored type. Source: FORMATS, sections 3 to 6, FORMATS-2, section 1.
 */
#ifndef TRIT_ENCODE_H
#define TRIT_ENCODE_H

#include "runtime/base/error.h"
#include "runtime/format/gguf.h"
#include "runtime/kernel/pack.h"

struct trit_encoder;

/* How values become the type's. Exact: what the type cannot hold is refused. */
typedef bool trit_encode_fn(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                            uint32_t *d);

struct trit_encoder {
    uint32_t type;   /* its blocks are trit_type_find's */
    const char *has; /* "0 and ±d, ...": what it holds, for messages */
    trit_encode_fn *encode;
    /* of codes, value + 1: */
    enum trit_values values;
    void (*pack)(const uint8_t *restrict codes, uint16_t d, uint8_t *restrict out);
    bool whole; /* one d for the whole tensor, which stands behind its blocks */
};

/* NULL: the type is not written. To the type by rounding: F16, Q8_0, Q6_K. */
const struct trit_encoder *trit_encoder_exact(uint32_t type);
const struct trit_encoder *trit_encoder_rounding(uint32_t type);

/* n values, whole blocks of the type, to their bytes at out. *d is of the part that they are in,
   where its scale is the tensor's: bits of the one that it has so far, 0 for none, which stays or
   becomes theirs. False where they are not the type's. */
static inline bool trit_encode(const struct trit_encoder *e, const float *x, size_t n, uint8_t *out,
                               uint32_t *d)
{
    return e->encode(e, x, n, out, d);
}

/* Of rows of k values that are not the type's, the first of them row `row` of the tensor: the error
   that names row, group and what it holds. d: as it was given before them. */
struct trit_encode_rows {
    const char *path, *name; /* of the file, of the tensor */
    const float *x;
    size_t row, n, k;
    uint32_t d;
};
enum trit_code trit_encode_fault(const struct trit_encoder *e, const struct trit_encode_rows *rows,
                                 struct trit_error *error);

/* The tensor's scale with what follows it behind the blocks, at most 32 bytes to out; how many. */
size_t trit_encode_tail(const struct trit_encoder *e, uint32_t d, uint8_t out[32]);

/* For the tables: codes to blocks (blocks_write.c), values by rounding (round.c). */
typedef void trit_pack_codes_fn(const uint8_t *restrict codes, uint16_t d, uint8_t *restrict out);
trit_pack_codes_fn trit_put_i2_s, trit_put_tq1_0, trit_put_tq2_0, trit_put_q1_0, trit_put_q2_0,
    trit_put_pq2_0, trit_put_ptq1_0;
trit_encode_fn trit_round_f16, trit_round_q8_0, trit_round_q6_k;

#endif

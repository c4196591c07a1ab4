/* What a tensor's rows hold, as far as stored types care. */
#ifndef TRIT_HOLD_H
#define TRIT_HOLD_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

/* What its rows are not, or not all of them. */
enum trit_lacks {
    TRIT_LACKS_WHOLE = 1, /* trits with one scale for all */
    TRIT_LACKS_ROWS = 2,  /* one for each row */
    TRIT_LACKS_256 = 4,   /* one for each so many columns */
    TRIT_LACKS_128 = 8,
    TRIT_LACKS_SIGNS = 16,    /* signs, or zeros alone, with one for each 128 */
    TRIT_LACKS_TWOS_128 = 32, /* -d, 0, d, 2d with one for each so many columns */
    TRIT_LACKS_TWOS_64 = 64,
    TRIT_LACKS_HALVES = 128, /* with scales that f16 has, where there are groups */
    TRIT_LACKS_F16 = 256,    /* values that f16 has, all finite */
    TRIT_LACKS_BF16 = 512,
    TRIT_LACKS_FINITE = 1024,
};

struct trit_held {
    unsigned lacks; /* enum trit_lacks */
    uint32_t d;     /* the one scale: bits of binary32, 0: there are only zeros */
};

/* Of n rows of k values; codes: room for k. Adds what they lack to *held, which begins with zeros.
 */
void trit_hold_rows(const float *x, size_t n, size_t k, uint8_t *codes, struct trit_held *held);
void trit_hold_join(struct trit_held *all, const struct trit_held *part);

/* Of a whole tensor of the source. */
struct trit_walk;
enum trit_code trit_hold_tensor(struct trit_walk *walk, size_t tensor, struct trit_held *held,
                                struct trit_error *error);

#endif

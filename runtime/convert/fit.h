/* What columns of exact binary32 hold: 0 and ±d, or besides 2d. */
#ifndef TRIT_FIT_H
#define TRIT_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trit_fit {
    uint32_t d; /* as bits of binary32; 0: there are only zeros */
    bool mixed; /* zeros among others */
};

/* Of n >= 1 columns that hold 0 and ±d alone, d finite: codes, value + 1, and d. False where they
   hold more; codes are undefined then. */
bool trit_fit_trits(const float *restrict x, size_t n, uint8_t *restrict codes,
                    struct trit_fit *fit);
/* The same of -d, 0, d and 2d, both magnitudes there. */
bool trit_fit_twos(const float *restrict x, size_t n, uint8_t *restrict codes,
                   struct trit_fit *fit);

/* Whether f16 has each of the n values, all finite; bf16. */
bool trit_fit_f16(const float *x, size_t n);
bool trit_fit_bf16(const float *x, size_t n);
/* Whether it has d. */
bool trit_fit_half(uint32_t d);

#endif

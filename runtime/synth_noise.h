/* Random numbers in the layouts of stored tensors, many per microsecond: every value is one look-up
 * by 16 random bits. */
#ifndef TRIT_SYNTH_NOISE_H
#define TRIT_SYNTH_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRIT_NOISE_UNIT = 1 << 16
}; /* elements with a seed of their own; whole blocks of every type */

struct trit_noise;

/* Tables, fixed by spread (standard deviation of the dense types other than f32). NULL: no memory.
 */
struct trit_noise *trit_noise_create(float spread);
void trit_noise_free(struct trit_noise *noise); /* NULL allowed */

/* The seed of unit `unit` of tensor `tensor`. */
uint64_t trit_noise_seed(uint64_t seed, uint64_t tensor, uint64_t unit);

/* What a unit is filled with. */
struct trit_noise_use {
    bool ternary; /* -d, 0, d with P = 0.289, 0.422, 0.289; else normal values */
    float mean,
        size; /* ternary: size = d (I2_S keeps it elsewhere); f32: mean and standard deviation */
    size_t lead, width; /* for trit_noise_lead: the first `lead` of every `width` elements */
    int lead_trit;      /* what trits become there: -1, 0 or 1 */
};

/* Writes the next `count` <= TRIT_NOISE_UNIT elements of a unit, whole blocks, to out. The same
   seed gives the same trits in I2_S and F16. Returns the bytes written, 0 where the type cannot be
   made: ternary I2_S and F16; normal F16, BF16, F32, Q8_0 and Q6_K. */
size_t trit_noise_fill(const struct trit_noise *noise, const struct trit_noise_use *use,
                       uint32_t type, uint64_t seed, size_t count, uint8_t *out);

/* Makes the leads, among elements first .. first+count-1 of a tensor, lead_trit (trits) or not
   negative (normal values). out begins with a whole block. */
void trit_noise_lead(const struct trit_noise_use *use, uint32_t type, size_t first, size_t count,
                     uint8_t *out);

#endif

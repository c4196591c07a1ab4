/* What the delta rule's decays are made of, so that they last from a few to a few hundred tokens:
   exp(slope * softplus(alpha + step)), alpha about normal. */
#include <string.h>

#include "runtime/base/math.h"
#include "runtime/base/random.h"
#include "runtime/synth/internal.h"

/* Logarithms are uniform between these. */
static const double LEAST_SLOPE = 0.3, MOST_SLOPE = 8, LEAST_STEP = 0.003, MOST_STEP = 0.3;

static double between(double least, double most, uint64_t *state)
{
    const double share = (double)(trit_random_next(state) >> 11) * 0x1p-53;
    return least * trit_exp(share * trit_log(most / least));
}

void trit_noise_slopes(const struct trit_noise *noise, const struct trit_noise_use *use,
                       uint64_t state, size_t count, uint8_t *out)
{
    (void)noise;
    (void)use;
    for (size_t i = 0; i < count; i++) {
        const float v = (float)-between(LEAST_SLOPE, MOST_SLOPE, &state);
        memcpy(out + sizeof v * i, &v, sizeof v);
    }
}

/* What softplus gives at alpha 0 is the step. */
void trit_noise_steps(const struct trit_noise *noise, const struct trit_noise_use *use,
                      uint64_t state, size_t count, uint8_t *out)
{
    (void)noise;
    (void)use;
    for (size_t i = 0; i < count; i++) {
        const float v = (float)trit_log(trit_exp(between(LEAST_STEP, MOST_STEP, &state)) - 1);
        memcpy(out + sizeof v * i, &v, sizeof v);
    }
}

/* The squared ReLU of imagined tokens, by which the shift of the gates is found. */
#include "runtime/synth/internal.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/format/gguf.h"

enum { TOKENS = 48, STEPS = 24 };

/* Of a trit's square; of the positive half of a normal distribution. */
static const double TRIT_POWER = 0.578, HALF_MEAN = 0.798, HALF_VARIANCE = 0.363;
static const double MOST_SHIFT = 3;

/* The variance of layer `layer`'s input to its gates, in units of an embedding row's: that layer's
 * attention has added its part. */
static double power_at(const struct trit_residual *s, size_t layer)
{
    return 1 + s->noise * (double)(2 * layer + 1) / (double)(2 * s->layers);
}

/* Inputs that shift by `shift`, not rounded. */
static double lead_at(const struct trit_residual *s, size_t layer, double shift)
{
    return shift * sqrt(TRIT_POWER * (double)s->hidden * power_at(s, layer)) / HALF_MEAN;
}

size_t trit_residual_lead(const struct trit_residual *s, size_t layer)
{
    return (size_t)(lead_at(s, layer, s->shift) + 0.5);
}

/* A token's gates as drawn become g = gate * size + offset. */
struct token {
    const float *gate, *up;
    double size, offset;
};

/* Of ffn gates, then ffn rows of up, then what the lead's noise does to all of the gates. */
static struct token imagine(const struct trit_residual *s, size_t layer, double shift,
                            const float *draws)
{
    double lead = lead_at(s, layer, shift), hidden = (double)s->hidden, power = power_at(s, layer);
    double common = sqrt(lead * HALF_VARIANCE / power / (TRIT_POWER * hidden));
    return (struct token){ draws, draws + s->ffn, sqrt(1 - lead / hidden),
                           (double)draws[2 * s->ffn] * common - shift };
}

static double squared(const struct token *t, size_t i)
{
    double g = (double)t->gate[i] * t->size + t->offset;
    return g > 0 ? g * g * fabs((double)t->up[i]) : 0;
}

/* How many of a token's values the int8 quantiser makes 0. */
static size_t count_zeros(const struct token *t, size_t ffn)
{
    double largest = 0;
    size_t n = 0;
    for (size_t i = 0; i < ffn; i++) {
        double f = squared(t, i);
        largest = f > largest ? f : largest;
    }
    for (size_t i = 0; i < ffn; i++)
        n += squared(t, i) * 254 <= largest;
    return n;
}

static double share_of_zeros(const struct trit_residual *s, double shift, const float *draws)
{
    size_t n = 0;
    for (size_t i = 0; i < TOKENS; i++) {
        struct token t = imagine(s, i * s->layers / TOKENS, shift, draws + i * (2 * s->ffn + 1));
        n += count_zeros(&t, s->ffn);
    }
    return (double)n / TOKENS / (double)s->ffn;
}

static enum trit_code find_shift(struct trit_residual *s, double zeros, const float *draws,
                                 struct trit_error *error)
{
    double low = 0, high = MOST_SHIFT;
    /* Far shifts would take more inputs than there are. */
    while (lead_at(s, s->layers - 1, high) > (double)s->hidden / 4)
        high /= 1.1;
    double least = share_of_zeros(s, low, draws), most = share_of_zeros(s, high, draws);
    if (zeros < least || zeros > most)
        return trit_fail(error, TRIT_EARGUMENT, "zeros %g: this shape and peak allow %.2f to %.2f",
                         zeros, least, most);
    for (int i = 0; i < STEPS; i++) {
        double middle = (low + high) / 2;
        *(share_of_zeros(s, middle, draws) < zeros ? &low : &high) = middle;
    }
    s->shift = low;
    return TRIT_OK;
}

enum trit_code trit_residual_plan(struct trit_residual *s, const struct trit_shape *shape,
                                  double peak, double zeros, const struct trit_noise *noise,
                                  struct trit_error *error)
{
    *s = (struct trit_residual){ .hidden = shape->hidden,
                                 .ffn = shape->ffn,
                                 .layers = shape->layers,
                                 .noise = 1 / (peak * peak) - 1 };
    if (!(zeros > 0))
        return TRIT_OK;
    const struct trit_noise_use normal = { .size = 1 };
    size_t n = TOKENS * (2 * shape->ffn + 1);
    float *draws = trit_alloc(n + TRIT_NOISE_UNIT, sizeof *draws);
    if (!draws)
        return trit_fail(error, TRIT_EMEMORY, "zeros: out of memory");
    for (size_t i = 0; i < n; i += TRIT_NOISE_UNIT)
        trit_noise_fill(noise, &normal, TRIT_F32, trit_noise_seed(0, 0, i), TRIT_NOISE_UNIT,
                        (uint8_t *)(draws + i));
    enum trit_code code = find_shift(s, zeros, draws, error);
    free(draws);
    return code;
}

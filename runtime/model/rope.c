/* The frequencies of rotations, also where YaRN has stretched them (CONVENTIONS.md). In binary64,
   with the library's own functions, so that they are the same on every CPU. */
#include <math.h>

#include "runtime/base/math.h"
#include "runtime/model/internal.h"

static const double PI = 3.14159265358979323846;

/* The pair, as a real number, that turns so many times within the original context. */
static double pair_of(const struct trit_config *c, double turns)
{
    const double half = (double)(c->rope_dims / 2),
                 ratio = (double)c->yarn.original / (2 * PI * turns);
    return half * trit_log(ratio) / trit_log((double)c->rope_base);
}

static double clamp(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

/* Pairs below `low` keep their frequency, those above `high` have it divided by the factor. */
static void stretch(const struct trit_config *c, double *frequencies)
{
    const struct trit_yarn *y = &c->yarn;
    const double low = fmax(0, floor(pair_of(c, (double)y->beta_fast))),
                 high = fmin((double)c->rope_dims - 1, ceil(pair_of(c, (double)y->beta_slow)));
    for (size_t i = 0; i < c->rope_dims / 2; i++) {
        const double f = frequencies[i];
        const double ramp = 1 - clamp(((double)i - low) / fmax(0.001, high - low), 0, 1);
        frequencies[i] = f / (double)y->factor * (1 - ramp) + f * ramp;
    }
}

static void powers(const struct trit_config *c, float base, double *frequencies)
{
    const double log = trit_log((double)base);
    for (size_t i = 0; i < c->rope_dims / 2; i++)
        frequencies[i] = trit_exp(-log * (double)(2 * i) / (double)c->rope_dims);
}

void trit_rope_frequencies(const struct trit_config *c, double *frequencies, double *size)
{
    powers(c, c->rope_base, frequencies);
    if (trit_config_ropes(c) > 1)
        powers(c, c->windows.rope_base, frequencies + c->rope_dims / 2);
    *size = 1;
    for (size_t i = 0; c->rope_linear > 0 && i < c->rope_dims / 2; i++)
        frequencies[i] = frequencies[i] / (double)c->rope_linear;
    if (!(c->yarn.factor > 0))
        return;
    stretch(c, frequencies);
    *size = (double)c->yarn.attn_factor * (1 + 0.1 * trit_log((double)c->yarn.factor));
}

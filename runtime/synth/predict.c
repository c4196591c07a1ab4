/* The block behind the layers that predicts the token after the next (FORMATS-2, section 3.6), so
   that a wanted share of its drafts is right.

   In a chain the next token follows from the last one alone: the head's row for it is the last
   one's embedding. nextn.eh_proj hands that embedding on, by its diagonal, and adds normal noise
   made of it and of the last state. The draft is right where the embedding's own row of the head
   scores above all others in spite of the noise, which is so for some tokens and states and not for
   others. What the block's layer adds is small beside both. */
#include <math.h>
#include <stdio.h>

#include "runtime/base/math.h"
#include "runtime/synth/internal.h"

/* Of what the layer's own matrices add. */
static const float RESIDUAL_GAIN = 0.25f;

enum { MOST_STEPS = 127 }; /* of Q8_0 */

/* --- how much noise --- */

enum { REACH = 8, GRID = 256, HALVINGS = 24 };
static const double LEAST_MARGIN = 0.0625, MOST_MARGIN = 16;

static double density(double x)
{
    return 0.3989422804014327 * trit_exp(-x * x / 2);
}

/* Of `others` standard normal values all are below margin + z, z such a one as well. */
static double probability_at(size_t others, double margin)
{
    const double step = 1.0 / GRID;
    double above = 0, sum = 0, next = density(margin + REACH + step);
    for (int i = REACH * GRID; i >= -REACH * GRID; i--) {
        const double z = i * step, here = density(margin + z);
        above += step * (here + next) / 2;
        next = here;
        const double all = above < 1 ? (double)others * trit_log(1 - above) : -INFINITY;
        sum += all > -700 ? step * density(z) * trit_exp(all) : 0;
    }
    return sum;
}

double trit_synth_margin(size_t rows, double probability)
{
    double low = LEAST_MARGIN, high = MOST_MARGIN;
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2;
        *(probability_at(rows - 1, middle) < probability ? &low : &high) = middle;
    }
    return low;
}

/* --- tensors --- */

static struct trit_synth_part sized(size_t n, size_t k, float size)
{
    return (struct trit_synth_part){ .type = TRIT_Q8_0,
                                     .ndims = 2,
                                     .ne = { k, n, 1, 1 },
                                     .use = { .values = TRIT_NOISE_SIZED,
                                              .size = size,
                                              .step = size / TRIT_SIZED_STEPS,
                                              .width = k } };
}

/* Of the noise, beside a diagonal of 1. The diagonal hands on `hidden` values of variance 1, so
   that the own row, of length 1, scores sqrt(hidden); other rows' scores have variance 1 by it, and
   2 * hidden * size^2 by the noise. */
static float noise_size(const struct trit_synth_plan *p)
{
    const double margin = trit_synth_margin(p->config.vocab, p->synth->accept),
                 square = (1 / (margin * margin) - 1 / (double)p->config.hidden) / 2;
    return p->synth->accept < 1 && square > 0 ? (float)sqrt(square) : 0;
}

/* The embedding and the last state, both normed, side by side. */
static struct trit_synth_part joined(const struct trit_synth_plan *p)
{
    const size_t hidden = p->config.hidden;
    struct trit_synth_part part = sized(hidden, 2 * hidden, sqrtf(0.5f / (float)hidden));
    if (!(p->synth->accept > 0))
        return part;
    const float size = noise_size(p);
    part.use.size = size;
    part.use.step = (4 * size > 1 ? 4 * size : 1) / MOST_STEPS;
    part.use.diagonal = true;
    return part;
}

static struct trit_synth_part of_layer(const struct trit_config *c,
                                       const struct trit_layer_tensor *t)
{
    const size_t n = trit_config_width(c, t->n), k = trit_config_width(c, t->k);
    const float gain = t->aim == TRIT_AIM_RESIDUAL ? RESIDUAL_GAIN : 1;
    return t->n == TRIT_ONE ? trit_synth_norm(k) : sized(n, k, gain / sqrtf((float)k));
}

size_t trit_synth_predictor(const struct trit_synth_plan *p,
                            struct trit_synth_part parts[TRIT_SYNTH_PREDICTOR])
{
    const struct trit_config *c = &p->config;
    const struct trit_layer_kind *kind = &c->family->kinds[0];
    const struct {
        const char *name;
        struct trit_synth_part part;
    } own[] = { { "eh_proj", joined(p) },
                { "enorm", trit_synth_norm(c->hidden) },
                { "hnorm", trit_synth_norm(c->hidden) },
                { "shared_head_norm", trit_synth_norm(c->hidden) } };
    size_t n = 0;
    for (size_t i = 0; i < kind->ntensors; i++, n++) {
        parts[n] = of_layer(c, &kind->tensors[i]);
        trit_tensor_name(&kind->tensors[i], c->layers, parts[n].name);
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++, n++) {
        parts[n] = own[i].part;
        snprintf(parts[n].name, sizeof parts[n].name, "blk.%zu.nextn.%s.weight", c->layers,
                 own[i].name);
    }
    return n;
}

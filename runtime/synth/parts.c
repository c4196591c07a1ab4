/* The tensors of a random model in file order, and how large their values are so that activations
   stay near 1. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/half.h"
#include "runtime/synth/internal.h"

/* Of a trit's square: 2 * 0.289; of a sign's. */
static const double TRIT_POWER = 0.578, SIGN_POWER = 1;
static const float TAPS_SPREAD = 0.5f;
static const struct trit_noise_use norm_use = { .mean = 1, .size = 0.1f };

/* n rows of k floats; n 1: a vector. */
static struct trit_synth_part floats_part(size_t n, size_t k, struct trit_noise_use use)
{
    return (struct trit_synth_part){
        .type = TRIT_F32, .ndims = n > 1 ? 2 : 1, .ne = { k, n, 1, 1 }, .use = use
    };
}

struct trit_synth_part trit_synth_norm(size_t k)
{
    return floats_part(1, k, norm_use);
}

/* What all residual matrices together add has variance 1, or as the peak wants it. */
static double residual_power(const struct trit_synth_plan *m)
{
    const struct trit_shape *shape = &m->synth->shape;
    double all = m->synth->peak > 0 ? m->stream.noise / (double)shape->hidden : 1.0;
    return 2.0 * (double)shape->layers / all;
}

bool trit_synth_dense(uint32_t type)
{
    return type == TRIT_BF16 || type == TRIT_Q8_0;
}

/* Normal values with `power` in k of them. */
static struct trit_noise_use normal(size_t k, double power)
{
    const float size = (float)sqrt(power / (double)k);
    return (struct trit_noise_use){ .values = TRIT_NOISE_SIZED,
                                    .size = size,
                                    .step = size / TRIT_SIZED_STEPS };
}

/* The scale with which k trits or signs of a row have `power` in all; rounded to f16, so that all
   types hold the same matrix. */
static struct trit_noise_use low_bit(const struct trit_synth_plan *m, size_t k, double power)
{
    const double one = m->synth->type == TRIT_Q1_0 ? SIGN_POWER : TRIT_POWER;
    const float d = (float)sqrt(power / (one * (double)k));
    return (struct trit_noise_use){ .values = trit_family_groups(m->config.family, m->synth->type)
                                                  ? TRIT_NOISE_GROUPS
                                                  : TRIT_NOISE_TRITS,
                                    .size = trit_f16_f32(trit_f32_f16(d)) };
}

/* A normalised row of k inputs comes out with variance 1, or its part of the residual's. */
static struct trit_synth_part matrix_part(const struct trit_synth_plan *m, size_t n, size_t k,
                                          bool residual)
{
    const double power = residual ? 1 / residual_power(m) : 1.0;
    const bool dense = trit_synth_dense(m->synth->type);
    return (struct trit_synth_part){ .type = m->synth->type,
                                     .ndims = 2,
                                     .ne = { k, n, 1, 1 },
                                     .use = dense ? normal(k, power) : low_bit(m, k, power) };
}

float trit_synth_spread(const struct trit_synth *s)
{
    return (float)(1 / sqrt((double)s->shape.hidden));
}

/* The inputs that the gates of the last layer, and some of them those of the others, subtract. */
static size_t whole_lead(const struct trit_synth_plan *m)
{
    const struct trit_synth *s = m->synth;
    return s->zeros > 0 ? trit_residual_lead(&m->stream, s->shape.layers - 1) : 0;
}

static struct trit_synth_part rows_part(const struct trit_synth_plan *m)
{
    const struct trit_synth *s = m->synth;
    struct trit_synth_part part = {
        .type = s->embd,
        .ndims = 2,
        .ne = { s->shape.hidden, s->shape.vocab, 1, 1 },
        .use = { .size = trit_synth_spread(s), .lead = whole_lead(m), .width = s->shape.hidden }
    };
    if (s->low_rows) {
        part.type = s->type;
        part.use = low_bit(m, s->shape.hidden, 1);
    }
    return part;
}

static struct trit_synth_part *add_named(struct trit_synth_plan *m, const char *name,
                                         struct trit_synth_part part)
{
    struct trit_synth_part *p = &m->parts[m->nparts];
    *p = part;
    p->draws = m->nparts++;
    snprintf(p->name, sizeof p->name, "%s", name);
    return p;
}

/* Gates subtract the lead of the stream; residual matrices add nothing to it. */
static void set_lead(const struct trit_synth_plan *m, struct trit_synth_part *p, enum trit_aim aim,
                     size_t layer)
{
    if (aim == TRIT_AIM_GATE) {
        p->use.lead = trit_residual_lead(&m->stream, layer);
        p->use.lead_trit = -1;
        p->use.width = p->ne[0];
    } else if (aim == TRIT_AIM_RESIDUAL) {
        p->use.lead = whole_lead(m) * p->ne[0];
        p->use.width = p->ne[0] * p->ne[1];
    }
}

/* A tensor of a layer. */
static struct trit_synth_part layer_part(const struct trit_synth_plan *m,
                                         const struct trit_layer_tensor *t)
{
    const struct trit_config *c = &m->config;
    const size_t n = trit_config_width(c, t->n), k = trit_config_width(c, t->k);
    const struct trit_noise_use uses[] = {
        [TRIT_AIM_PLAIN] = norm_use,
        [TRIT_AIM_TAPS] = { .size = TAPS_SPREAD },
        [TRIT_AIM_SLOPE] = { .values = TRIT_NOISE_SLOPES },
        [TRIT_AIM_STEP] = { .values = TRIT_NOISE_STEPS },
    };
    if (t->aim == TRIT_AIM_ROUTER)
        return floats_part(n, k, (struct trit_noise_use){ .size = trit_synth_spread(m->synth) });
    if (trit_config_rows(c, t))
        return (struct trit_synth_part){ .type = TRIT_BF16, .ndims = 2, .ne = { k, n, 1, 1 } };
    if (!trit_config_packs(c, t))
        return floats_part(n, k, uses[t->aim]);
    const bool residual = t->aim == TRIT_AIM_RESIDUAL || t->aim == TRIT_AIM_EXPERT_RESIDUAL;
    struct trit_synth_part part = matrix_part(m, n, k, residual);
    if (trit_tensor_experts(t)) {
        part.ndims = 3;
        part.ne[2] = c->experts.count;
    }
    part.turned = c->hadamard.block && (c->family->prism ? t->aim != TRIT_AIM_DELTA : residual);
    return part;
}

static void add_layer(struct trit_synth_plan *m, size_t layer)
{
    const struct trit_layer_kind *kind = trit_config_kind(&m->config, layer);
    for (size_t i = 0; i < kind->ntensors; i++) {
        const struct trit_layer_tensor *t = &kind->tensors[i];
        char name[TRIT_TENSOR_NAME];
        trit_tensor_name(t, layer, name);
        struct trit_synth_part *p = add_named(m, name, layer_part(m, t));
        if (m->synth->zeros > 0)
            set_lead(m, p, t->aim, layer);
    }
}

static void add_head(struct trit_synth_plan *m)
{
    struct trit_synth_part *head = add_named(m, "output.weight", rows_part(m));
    head->turned = m->config.hadamard.rows;
    if (m->synth->peak > 0) {
        head->draws = 0;
        head->chain = m->synth->chain;
    }
}

/* Last, so that the others have the same draws without it. */
static void add_predictor(struct trit_synth_plan *m)
{
    const size_t end = m->nparts + trit_synth_predictor(m, m->parts + m->nparts);
    for (; m->nparts < end; m->nparts++)
        m->parts[m->nparts].draws = m->nparts;
}

bool trit_synth_parts(struct trit_synth_plan *m)
{
    const struct trit_synth *s = m->synth;
    const size_t most = s->shape.layers * trit_family_tensors(m->config.family);
    m->parts = calloc(most + 3 + TRIT_SYNTH_PREDICTOR, sizeof *m->parts);
    if (!m->parts)
        return false;
    add_named(m, "token_embd.weight", rows_part(m));
    for (size_t i = 0; i < s->shape.layers; i++)
        add_layer(m, i);
    add_named(m, "output_norm.weight", trit_synth_norm(s->shape.hidden));
    if (s->shape.untied)
        add_head(m);
    if (s->mtp)
        add_predictor(m);
    return true;
}

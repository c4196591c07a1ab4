/* How far a model is from saved logits: llama.cpp's figures, in binary64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/math.h"
#include "runtime/base/mem.h"
#include "runtime/base/stats.h"
#include "runtime/judge/internal.h"

/* Below this a base's probability counts as 0. */
static const double DEEPEST = -16;

static struct trit_far measure(const float *logits, const uint16_t *base, size_t vocab,
                               int32_t next)
{
    float head[2];
    size_t best = 0, best_base = 0;
    double sum = 0;
    memcpy(head, base, sizeof head);
    base += 4;
    for (size_t i = 1; i < vocab; i++) {
        best = logits[i] > logits[best] ? i : best;
        best_base = base[i] > base[best_base] ? i : best_base;
    }
    for (size_t i = 0; i < vocab; i++)
        sum += trit_exp((double)logits[i] - logits[best]);
    const double all = (double)logits[best] + trit_log(sum), scale = head[0], least = head[1];
    struct trit_far far = { .nll = all - logits[next],
                            .base = -(scale * base[next] + least),
                            .same = best == best_base };
    for (size_t i = 0; i < vocab; i++) {
        const double log = scale * base[i] + least;
        if (log > DEEPEST)
            far.kl += trit_exp(log) * (log - logits[i] + all);
    }
    far.p = trit_exp(-far.nll) - trit_exp(-far.base);
    return far;
}

static void measure_some(void *arg, size_t begin, size_t end, int thread)
{
    const struct trit_compared *c = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        c->far[i] = measure(c->logits + i * c->vocab, c->base + i * trit_base_row(c->vocab),
                            c->vocab, c->next[i]);
}

void trit_divergence_rows(struct trit_pool *pool, const struct trit_compared *rows)
{
    trit_pool_for(pool, rows->n, 1, measure_some, (void *)(uintptr_t)rows);
}

bool trit_divergence_create(struct trit_divergence *d, size_t positions)
{
    *d = (struct trit_divergence){ .room = positions };
    d->kls = trit_alloc(positions, sizeof *d->kls);
    d->ps = trit_alloc(positions, sizeof *d->ps);
    return d->kls && d->ps;
}

void trit_divergence_free(struct trit_divergence *d)
{
    free(d->kls);
    free(d->ps);
}

void trit_divergence_add(struct trit_divergence *d, const struct trit_far *far, size_t n)
{
    for (size_t i = 0; i < n; i++, far++) {
        d->kls[d->kl.n] = far->kl;
        d->ps[d->kl.n] = far->p;
        d->same += far->same;
        trit_mean_add(&d->kl, far->kl);
        trit_mean_add(&d->nll, far->nll);
        trit_mean_add(&d->base, far->base);
        trit_mean_add(&d->log_ratio, far->nll - far->base);
        trit_mean_add(&d->p, far->p);
        trit_mean_add(&d->p_square, far->p * far->p);
    }
}

static const struct {
    const char *name;
    double share;
} shares[] = {
    { "min", 0 },   { "1%", 0.01 },  { "5%", 0.05 },  { "10%", 0.1 },     { "median", 0.5 },
    { "90%", 0.9 }, { "95%", 0.95 }, { "99%", 0.99 }, { "99.9%", 0.999 }, { "max", 1 },
};
enum { NSHARES = sizeof shares / sizeof *shares };

static void sort(struct trit_divergence *d)
{
    trit_sort(d->kls, d->kl.n);
    trit_sort(d->ps, d->kl.n);
}

/* Of a share of positions, which is a mean of zeros and ones. */
static double share_error(double share, size_t n)
{
    return n > 1 ? sqrt(share * (1 - share) / (double)(n - 1)) : 0;
}

/* The largest |p - pb|. */
static double most(const struct trit_divergence *d)
{
    return fmax(fabs(d->ps[0]), fabs(d->ps[d->kl.n - 1]));
}

void trit_divergence_print(struct trit_divergence *d)
{
    const size_t n = d->kl.n;
    const double ratio = trit_exp(trit_mean_of(&d->log_ratio)), same = (double)d->same / (double)n;
    const double ppl = trit_exp(trit_mean_of(&d->nll)), base = trit_exp(trit_mean_of(&d->base));
    sort(d);
    printf("PPL                %12.4f +/- %.4f\n", ppl, trit_mean_error(&d->nll) * ppl);
    printf("PPL of the base    %12.4f +/- %.4f\n", base, trit_mean_error(&d->base) * base);
    printf("PPL ratio          %12.6f +/- %.6f\n", ratio, trit_mean_error(&d->log_ratio) * ratio);
    printf("KL divergence      %12.6f +/- %.6f\n", trit_mean_of(&d->kl), trit_mean_error(&d->kl));
    for (size_t i = NSHARES; i-- > 0;)
        printf("  %-16s %12.6f\n", shares[i].name, trit_quantile(d->kls, n, shares[i].share));
    printf("same best token    %10.3f %% +/- %.3f %%\n", same * 100, share_error(same, n) * 100);
    printf("probability        %10.3f %% +/- %.3f %% (mean of p - base)\n",
           trit_mean_of(&d->p) * 100, trit_mean_error(&d->p) * 100);
    printf("  root mean square %10.3f %%\n", sqrt(trit_mean_of(&d->p_square)) * 100);
    printf("  largest          %10.3f %%\n", most(d) * 100);
}

static json_t *quantiles(const double *sorted, size_t n)
{
    json_t *json = json_object();
    for (size_t i = 0; i < NSHARES; i++)
        json_object_set_new(json, shares[i].name,
                            json_real(trit_quantile(sorted, n, shares[i].share)));
    return json;
}

json_t *trit_divergence_json(struct trit_divergence *d)
{
    const size_t n = d->kl.n;
    const double ratio = trit_exp(trit_mean_of(&d->log_ratio)), same = (double)d->same / (double)n;
    const double base = trit_exp(trit_mean_of(&d->base));
    sort(d);
    return json_pack("{sf sf sf sf sf sf sf sf so sf sf sf sf so}", "base_perplexity", base,
                     "base_error", trit_mean_error(&d->base) * base, "perplexity_ratio", ratio,
                     "ratio_error", trit_mean_error(&d->log_ratio) * ratio, "kl",
                     trit_mean_of(&d->kl), "kl_error", trit_mean_error(&d->kl), "same_best", same,
                     "same_best_error", share_error(same, n), "kl_quantiles", quantiles(d->kls, n),
                     "p", trit_mean_of(&d->p), "p_error", trit_mean_error(&d->p), "p_rms",
                     sqrt(trit_mean_of(&d->p_square)), "p_largest", most(d), "p_quantiles",
                     quantiles(d->ps, n));
}

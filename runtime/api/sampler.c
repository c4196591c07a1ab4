/* Samplers of the C interface. */
#include "runtime/api/internal.h"

#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/grammar/grammar.h"

struct trit_lm_sampler {
    struct trit_sampler *sampler;
    struct trit_matcher *matcher; /* NULL: any text */
};

static void give(struct trit_lm_sampling *sampling, size_t size, const struct trit_sampling *usual)
{
    const struct trit_lm_sampling all = { .temperature = usual->temperature,
                                          .top_k = usual->top_k,
                                          .top_p = usual->top_p,
                                          .min_p = usual->min_p,
                                          .repeat_penalty = usual->repeat_penalty,
                                          .repeat_last_n = usual->repeat_last_n,
                                          .presence_penalty = usual->presence_penalty,
                                          .frequency_penalty = usual->frequency_penalty,
                                          .seed = usual->seed };
    sampling->size = size;
    trit_api_give(sampling, &all, sizeof all);
}

void trit_lm_sampling_default(struct trit_lm_sampling *sampling, size_t size)
{
    give(sampling, size, &trit_sampling_default);
}

void trit_lm_sampling_of(const struct trit_lm *lm, struct trit_lm_sampling *sampling, size_t size)
{
    give(sampling, size, &lm->engine.sampling);
}

static enum trit_code copy_biases(struct trit_choosing *to, const struct trit_lm_sampling *from,
                                  struct trit_error *error)
{
    to->bias = trit_alloc(from->nbias + 1, sizeof *to->bias);
    if (!to->bias)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu biases", from->nbias);
    for (size_t i = 0; i < from->nbias; i++)
        to->bias[i] = (struct trit_bias){ from->bias[i].token, from->bias[i].add };
    to->sampling.bias = to->bias;
    to->sampling.nbias = from->nbias;
    return TRIT_OK;
}

enum trit_code trit_choosing_copy(struct trit_choosing *to, const struct trit_lm *lm,
                                  const struct trit_lm_sampling *from, struct trit_error *error)
{
    struct trit_lm_sampling s;
    *to = (struct trit_choosing){ .sampling = lm->engine.sampling };
    if (!from)
        return TRIT_OK;
    const enum trit_code code = trit_api_take(&s, sizeof s, from, "trit_lm_sampling", error);
    if (code)
        return code;
    to->sampling = (struct trit_sampling){ .temperature = s.temperature,
                                           .top_k = s.top_k,
                                           .top_p = s.top_p,
                                           .min_p = s.min_p,
                                           .repeat_penalty = s.repeat_penalty,
                                           .repeat_last_n = s.repeat_last_n,
                                           .presence_penalty = s.presence_penalty,
                                           .frequency_penalty = s.frequency_penalty,
                                           .seed = s.seed };
    return s.nbias ? copy_biases(to, &s, error) : TRIT_OK;
}

enum trit_lm_code trit_lm_sampler_create(struct trit_lm_sampler **sampler, struct trit_lm *lm,
                                         const struct trit_lm_sampling *sampling,
                                         struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_choosing choosing;
    struct trit_lm_sampler *s = calloc(1, sizeof *s);
    *sampler = NULL;
    if (!s)
        return trit_api_result(trit_fail(&e, TRIT_EMEMORY, "no memory for a sampler"), &e, error);
    enum trit_code code = trit_choosing_copy(&choosing, lm, sampling, &e);
    if (!code)
        code = trit_sampler_create(&s->sampler, &choosing.sampling, lm->engine.config.vocab, &e);
    free(choosing.bias);
    if (code)
        trit_lm_sampler_free(s);
    else
        *sampler = s;
    return trit_api_result(code, &e, error);
}

void trit_lm_sampler_free(struct trit_lm_sampler *s)
{
    if (!s)
        return;
    trit_matcher_free(s->matcher);
    trit_sampler_free(s->sampler);
    free(s);
}

void trit_lm_sampler_accept(struct trit_lm_sampler *s, int32_t token)
{
    trit_sampler_accept(s->sampler, token);
    if (s->matcher)
        trit_matcher_accept(s->matcher, token);
}

int32_t trit_lm_sampler_next(struct trit_lm_sampler *s, const float *logits)
{
    const uint32_t *mask = s->matcher ? trit_matcher_mask(s->matcher) : NULL;
    if (s->matcher && !mask)
        return -1;
    trit_sampler_mask(s->sampler, mask);
    return trit_sampler_next(s->sampler, logits);
}

enum trit_lm_code trit_lm_sampler_hold(struct trit_lm_sampler *s,
                                       const struct trit_lm_grammar *grammar,
                                       struct trit_lm_error *error)
{
    struct trit_error e;
    struct trit_matcher *matcher;
    const enum trit_code code = trit_hold_begin(&matcher, grammar, &e);
    if (!code) {
        trit_matcher_free(s->matcher);
        s->matcher = matcher;
    }
    return trit_api_result(code, &e, error);
}

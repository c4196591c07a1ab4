/* How likely the model finds tokens, whatever the sampler makes of it. */
#ifndef TRIT_LOGPROB_H
#define TRIT_LOGPROB_H

#include <stddef.h>
#include <stdint.h>

struct trit_logprob {
    int32_t id;
    float logprob; /* natural logarithm, of the model's own distribution; -infinity: never */
};

/* Of a row of the model's logits, as they are: what comes of id, to *chosen, and the k likeliest,
   equal ones by id, to best, which has room for k. Returns how many those are: k, or vocab where
   that is less. Sums in binary64 in the order of ids, so the same on every machine. A NaN counts as
   -infinity. */
size_t trit_logprobs(const float *logits, size_t vocab, int32_t id, float *chosen,
                     struct trit_logprob *best, size_t k);

#endif

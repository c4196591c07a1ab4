/* The logarithm of softmax. */
#include "runtime/decode/logprob.h"

#include <float.h>
#include <math.h>

#include "runtime/base/math.h"

static float known(float x)
{
    return x != x ? -INFINITY : x < FLT_MAX ? x : FLT_MAX;
}

/* The k best in order, as logits; ids ascend, so that of equal ones the first stays. */
static size_t find_best(const float *logits, size_t vocab, struct trit_logprob *best, size_t k)
{
    size_t n = 0;
    for (size_t i = 0; i < vocab && k; i++) {
        const float x = known(logits[i]);
        if (n == k && !(x > best[n - 1].logprob))
            continue;
        size_t at = n < k ? n++ : n - 1;
        for (; at > 0 && x > best[at - 1].logprob; at--)
            best[at] = best[at - 1];
        best[at] = (struct trit_logprob){ (int32_t)i, x };
    }
    return n;
}

size_t trit_logprobs(const float *logits, size_t vocab, int32_t id, float *chosen,
                     struct trit_logprob *best, size_t k)
{
    const size_t n = find_best(logits, vocab, best, k);
    float most = -INFINITY;
    double sum = 0.0;
    for (size_t i = 0; i < vocab; i++)
        most = known(logits[i]) > most ? known(logits[i]) : most;
    for (size_t i = 0; i < vocab && most > -INFINITY; i++)
        sum += trit_exp((double)known(logits[i]) - most);
    const double whole = trit_log(sum); /* of what is relative to the likeliest */
    const float x = known(logits[id]);
    *chosen = x > -INFINITY ? (float)((double)x - most - whole) : x;
    for (size_t i = 0; i < n; i++)
        if (best[i].logprob > -INFINITY)
            best[i].logprob = (float)((double)best[i].logprob - most - whole);
    return n;
}

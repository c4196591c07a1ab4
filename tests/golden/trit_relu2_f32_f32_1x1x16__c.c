/* trit_relu2_f32_f32_1x1x16__c: generated from templates/relu2.c.in (ISA c), do not edit. */

#include <assert.h>

#include "runtime/kernel.h"
#include "isa_c.h"

trit_relu2_fn trit_relu2_f32_f32_1x1x16__c;

static inline vf gated(vf g, vf u)
{
    const vf r = vf_max(g, vf_set1(0.0f));
    return vf_mul(vf_mul(r, r), u);
}

void trit_relu2_f32_f32_1x1x16__c(size_t k, const float *g, const float *u, float *f)
{
    assert(k >= 1);
    size_t i = 0;
    for (; i + 16 <= k; i += 16)
        vf_store(f + i, gated(vf_load(g + i), vf_load(u + i)));
    if (i < k)
        vf_store_n(f + i, gated(vf_load_n(g + i, k - i), vf_load_n(u + i, k - i)), k - i);
}

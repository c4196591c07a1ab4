/* What is done to logits before a choice is made: biases, penalties, tokens that must not come. For
   a row or for a few candidates, with the same bits. */
#ifndef TRIT_ADJUST_H
#define TRIT_ADJUST_H

#include "runtime/decode/sampler.h"

struct trit_adjust {
    struct trit_sampling params;
    size_t vocab;
    const uint32_t *mask; /* the caller's; NULL: none */
    struct trit_bias *bias;
    size_t nbias;     /* by id, each id once */
    uint32_t *counts; /* vocab: how often each token stands in the window of penalties; NULL: there
                         are none */
    int32_t *ids;     /* bans, biased, the window, a draft, one behind the other */
    int32_t *window; /* in ids: a ring of repeat_last_n tokens; where the window is everything, each
                        token once */
    int32_t *banned; /* in ids: `bans` of them, the last one first, up to where the biased begin */
    size_t window_used, window_next, bans;
};

/* Parameters must be in range. False: no memory; free it all the same. */
bool trit_adjust_init(struct trit_adjust *a, const struct trit_sampling *params, size_t vocab);
void trit_adjust_free(struct trit_adjust *a);

/* As trit_sampler_accept and trit_sampler_ban say. */
void trit_adjust_accept(struct trit_adjust *a, int32_t token);
bool trit_adjust_ban(struct trit_adjust *a, int32_t token);

/* The row as it is chosen from: in `room`, or the row itself where nothing changes it. */
const float *trit_adjust_row(const struct trit_adjust *a, const float *logits, float *room);
/* The same for one logit, the mask left out. */
float trit_adjust_one(const struct trit_adjust *a, int32_t id, float logit);
/* Sets also and nalso: the ids whose logits change now, or behind the tokens of a draft. */
void trit_adjust_also(struct trit_adjust *a, const int32_t *draft, size_t n, struct trit_top *top);

static inline bool trit_adjust_allows(const struct trit_adjust *a, size_t id)
{
    return !a->mask || (a->mask[id / 32] >> id % 32 & 1);
}

#endif

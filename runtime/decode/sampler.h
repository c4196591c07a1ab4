/* Choosing the next token from logits: reproducible by seed, the same on every machine. */
#ifndef TRIT_SAMPLER_H
#define TRIT_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/head/head.h"

enum {
    TRIT_SAMPLER_BANS = 64,  /* tokens that can be banned */
    TRIT_SAMPLER_DRAFT = 64, /* tokens that a draft can have */
};

/* What is added to a token's logit before anything else is done. */
struct trit_bias {
    int32_t id;
    float add; /* finite, or -infinity: never */
};

struct trit_sampling {
    float temperature;            /* <= 0: greedy (the lowest id among equals) */
    int top_k;                    /* <= 0: all */
    float top_p;                  /* >= 1: off */
    float min_p;                  /* <= 0: off */
    float repeat_penalty;         /* 1: off; over the last repeat_last_n tokens */
    int repeat_last_n;            /* 0: off; -1: all that the sampler was told */
    float presence_penalty;       /* 0: off; taken from the logit of each token among them */
    float frequency_penalty;      /* 0: off; taken from it as often as it stands there */
    const struct trit_bias *bias; /* copied */
    size_t nbias; /* those of one id add up; an id outside the vocabulary is out of range */
    uint64_t seed;
};

/* llama.cpp's defaults: 0.8, 40, 0.95, 0.05, 1.0, 64; seed 0. */
extern const struct trit_sampling trit_sampling_default;

struct trit_sampler;

/* vocab: length of the logit rows. A parameter out of range is TRIT_EARGUMENT naming it. */
enum trit_code trit_sampler_create(struct trit_sampler **sampler,
                                   const struct trit_sampling *params, size_t vocab,
                                   struct trit_error *error);
void trit_sampler_free(struct trit_sampler *sampler);

/* Tells a token that stands in the context (prompt or generated). Ids outside the vocabulary are
 * ignored. */
void trit_sampler_accept(struct trit_sampler *sampler, int32_t token);
/* The token is never chosen, unless there is no other. False: there are too many, or it is outside
 * the vocabulary. */
bool trit_sampler_ban(struct trit_sampler *sampler, int32_t token);

/* From now on only ids whose bit is set are chosen (runtime/grammar/grammar.h: id i at bit i % 32
   of word i / 32); NULL: all. The bits stay the caller's, and are read at each choice. While there
   is a mask, trit_sampler_ask wants whole rows. */
void trit_sampler_mask(struct trit_sampler *sampler, const uint32_t *bits);

/* Order as in llama.cpp: biases, penalties (repeat, then frequency and presence), bans, mask,
   top-k, top-p, min-p, temperature, draw. Candidates stand by logit, descending, then by id; a draw
   takes one random number, walks them in that order, and greedy takes none. Does not change logits;
   does not accept. NaN logits are never chosen unless all are, then 0. */
int32_t trit_sampler_next(struct trit_sampler *sampler, const float *logits);

/* The same choice from a few candidates. trit_sampler_ask says which are needed: it sets k, also
   and nalso of top, and answers serve the next n + 1 choices if draft[0] .. draft[n-1] are what the
   first n of them turn out to be. False: whole rows are needed. top->also points into the sampler,
   until it is asked or told something. */
bool trit_sampler_ask(struct trit_sampler *sampler, const int32_t *draft, size_t n,
                      struct trit_top *top);
/* From the answer: top->best and top->count, at least 1. */
int32_t trit_sampler_pick(struct trit_sampler *sampler, const struct trit_candidate *best,
                          size_t count);

#endif

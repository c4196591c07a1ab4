/* Feed-forward halves of experts: which keys say how many there are, and how a pass goes through
   them (CONVENTIONS.md). */
#ifndef TRIT_EXPERTS_H
#define TRIT_EXPERTS_H

#include "runtime/model/model.h"

struct trit_work;
struct trit_layer;
struct trit_loader;

/* Where the tokens of a pass go in one layer. A row is a token in one of its experts; rows of an
   expert lie together, those of lower ids first, and in them earlier tokens. M is as in struct
   trit_work; `used` and `experts` as in struct trit_experts. */
struct trit_routes {
    float *scores;  /* [M][experts] */
    size_t *expert; /* [M][used]: a token's, the best first; */
    float *weight;  /* [M][used]: theirs, */
    size_t *row;    /* [M][used]: and its rows in them */
    size_t *token;  /* [M * used]: of a row */
    size_t *first;  /* [experts + 1]: the first row of each expert */
    size_t *taken;  /* [experts]: those that have rows, */
    size_t ntaken;  /* so many */
    int8_t *a;      /* [M * used][a_ld], and so on: quantised inputs of rows, as the work's are */
    float *s;       /* of tokens */
    int32_t *sum;
};

/* Reads {arch}.expert_count, expert_used_count, and looks at swiglu_clamp_exp. */
enum trit_code trit_experts_read(struct trit_config *config, const struct trit_gguf *gguf,
                                 struct trit_error *error);
/* The routers, which were read, as they are run; the limits of gate and up, of each layer. */
enum trit_code trit_experts_load(struct trit_loader *loader);
/* All rows of a tensor, those of one expert behind those of the other, as a matrix. */
struct trit_gguf_tensor trit_experts_flat(const struct trit_gguf_tensor *tensor);

/* How many of a layer's experts a pass of m tokens goes through, in the mean, if any is as likely
   as any other. */
size_t trit_experts_touched(const struct trit_config *config, size_t m);

/* x = x + what the experts make of its norm, in place of trit_feed_forward. */
void trit_experts_run(struct trit_work *work, const struct trit_layer *layer);

#endif

/* A model while it is trained: masters, what the quantisers make of them, gradients, and passes
   forward and back over some sequences of tokens. */
#ifndef TRIT_TRAIN_NET_H
#define TRIT_TRAIN_NET_H

#include <stdint.h>

#include "runtime/thread/pool.h"
#include "runtime/train/ops.h"
#include "runtime/train/shape.h"

struct trit_train_room;

struct trit_train_net {
    struct trit_train_shape shape;
    struct trit_train_layout layout;
    struct trit_pool *pool;
    size_t sequences, length; /* of a pass: at most so many, of so many predictions each */
    unsigned input_bits;      /* of the passes to come: the shape's, or 8 */
    trit_real *w, *g;         /* masters and gradients, [layout.floats] */
    trit_real *wq;            /* what passes multiply with; w itself where nothing is quantised */
    struct trit_train_room *room; /* private: what passes keep */
    /* Of the last pass, by layer: inputs of Wdown that the quantiser made 0, of all of them. */
    uint64_t *zeros, inputs;
};

/* Zeros for weights and gradients. The shape is a checked one; the pool must outlive the net.
   TRIT_EMEMORY where there is not room enough. Whatever comes, trit_train_net_free. */
enum trit_code trit_train_net_create(struct trit_train_net *net,
                                     const struct trit_train_shape *shape, struct trit_pool *pool,
                                     size_t sequences, struct trit_error *error);
void trit_train_net_free(struct trit_train_net *net); /* one of zeros allowed */

/* First weights: normal with deviation 0.02, Wo's and Wdown's 0.02 / sqrt(2 * layers), norms 1. */
void trit_train_net_begin(struct trit_train_net *net, uint64_t seed);
/* wq from w; to be called after w has changed, before passes. */
void trit_train_net_quantise(struct trit_train_net *net);

/* tokens: n <= sequences rows of length + 1. nll[n * length]: -ln of the probability of each
   token behind those before it. Bits do not depend on threads; they do on n, since BLAS may round a
   row in another way where there are more of them. */
void trit_train_net_forward(struct trit_train_net *net, const int32_t *tokens, size_t n,
                            trit_real *nll);
/* The same; adds the gradients of scale * (the sum of nll) to g. */
void trit_train_net_learn(struct trit_train_net *net, const int32_t *tokens, size_t n,
                          trit_real scale, trit_real *nll);

#endif

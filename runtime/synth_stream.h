/* How large the parts of a synthetic model's residual stream are, so that its final state and its
 * squared ReLU come out as asked. Private to runtime/synth.c.
 *
 * Peak C: a row e of the embedding has variance 1 / hidden, and what the layers add to it is noise
 * with (1 / C^2 - 1) / hidden in all. So the cosine of the final state with e is C.
 *
 * Zeros P: sums of random trits are as often positive as not, and squaring makes so wide a range of
 * the positive ones that the int8 quantiser turns more of them to 0: two thirds are. For more,
 * gates must be pushed down. Therefore the first few inputs, the lead, are not negative in any row
 * of the embedding, the layers add nothing to them, and every gate subtracts them. */
#ifndef TRIT_SYNTH_STREAM_H
#define TRIT_SYNTH_STREAM_H

#include <stddef.h>

#include "runtime/shapes.h"
#include "runtime/synth_noise.h"

struct trit_stream {
    size_t hidden, ffn, layers;
    double noise; /* variance that all layers together add, in units of an embedding row's */
    double shift; /* of every gate, downwards, in standard deviations */
};

/* 0 < peak < 1; zeros: 0 (no shift) or below 1. TRIT_EARGUMENT where the shape cannot have as many
 * zeros, or has more by itself. */
enum trit_code trit_stream_plan(struct trit_stream *stream, const struct trit_shape *shape,
                                double peak, double zeros, const struct trit_noise *noise,
                                struct trit_error *error);

/* How many inputs the gates of a layer subtract; it grows from layer to layer, as the noise does.
 */
size_t trit_stream_lead(const struct trit_stream *stream, size_t layer);

#endif

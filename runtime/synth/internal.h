/* What the files of synth share: random numbers in the layouts of stored tensors, the sizes of the
   residual stream's parts, what a file will hold, vocabularies under way. */
#ifndef TRIT_SYNTH_INTERNAL_H
#define TRIT_SYNTH_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/format/gguf_write.h"
#include "runtime/model/shapes.h"
#include "runtime/synth/synth.h"

enum {
    TRIT_NOISE_UNIT = 1 << 16
}; /* elements with a seed of their own; whole blocks of every type */

struct trit_noise;

/* Tables, fixed by spread (standard deviation of the dense types other than f32). NULL: no memory.
 */
struct trit_noise *trit_noise_create(float spread);
void trit_noise_free(struct trit_noise *noise); /* NULL allowed */

/* The seed of unit `unit` of tensor `tensor`. */
uint64_t trit_noise_seed(uint64_t seed, uint64_t tensor, uint64_t unit);

/* Of trits, -1, 0 and 1 have P = 0.289, 0.422, 0.289. In groups of TRIT_NOISE_GROUP columns each
   has a scale of its own, and Q1_0 holds signs, -1 and 1 alike. Of the delta rule's decays
   exp(slope * softplus(alpha + step)): slopes, steps, with which they last from a few to a few
   hundred tokens. Sized are normal values whose standard deviation is size, not the tables'. */
enum trit_noise_values {
    TRIT_NOISE_NORMAL,
    TRIT_NOISE_TRITS,
    TRIT_NOISE_GROUPS,
    TRIT_NOISE_SLOPES,
    TRIT_NOISE_STEPS,
    TRIT_NOISE_SIZED
};
enum { TRIT_NOISE_GROUP = 128, TRIT_SIZED_STEPS = 31 /* four of size: 124 */ };

/* What a unit is filled with. */
struct trit_noise_use {
    enum trit_noise_values values;
    float mean, size;   /* trits: size = d (I2_S keeps it elsewhere); groups: about d; f32: mean and
                           standard deviation */
    size_t lead, width; /* for trit_noise_lead: the first `lead` of every `width` elements */
    int lead_trit;      /* what trits become there: -1, 0 or 1 */
    float step;         /* sized: of the integers, about; 1 / TRIT_SIZED_STEPS of size */
    bool diagonal;      /* sized: element i of row i is 1, about; rows have `width` elements */
};

/* Writes the next `count` <= TRIT_NOISE_UNIT elements of a unit, whole blocks, to out. The same
   seed gives the same trits in I2_S, F16, TQ1_0 and TQ2_0, and the same groups in PTQ1_0, PQ2_0,
   Q2_0 and F16. Returns the bytes written, 0 where the type cannot be made: trits and groups those
   and Q1_0; normal F16, BF16, F32, Q8_0 and Q6_K; slopes and steps F32; sized Q8_0 and BF16. */
size_t trit_noise_fill(const struct trit_noise *noise, const struct trit_noise_use *use,
                       uint32_t type, uint64_t seed, size_t count, uint8_t *out);

/* The parts of it that files share: the next 4 * bytes trits, four codes (trit + 1) a byte, the
   first on top, bytes a multiple of 4; a block's scale, up to 6 % above f, so that no two
   neighbours agree; groups; trits in TQ1_0 and TQ2_0, and one of them as a lead. */
void trit_noise_trits(const struct trit_noise *noise, uint64_t *state, size_t bytes, uint8_t *out);
uint16_t trit_noise_scale(float f, uint64_t r);
void trit_noise_groups(const struct trit_noise *noise, float size, uint32_t type, uint64_t state,
                       size_t count, uint8_t *out);
void trit_noise_folded(const struct trit_noise *noise, float size, uint32_t type, uint64_t state,
                       size_t count, uint8_t *out);
void trit_lead_tq1_0(const struct trit_noise_use *use, size_t e, uint8_t *out);
void trit_lead_tq2_0(const struct trit_noise_use *use, size_t e, uint8_t *out);
void trit_noise_slopes(const struct trit_noise *noise, const struct trit_noise_use *use,
                       uint64_t state, size_t count, uint8_t *out);
void trit_noise_steps(const struct trit_noise *noise, const struct trit_noise_use *use,
                      uint64_t state, size_t count, uint8_t *out);

/* Makes the leads, among elements first .. first+count-1 of a tensor, lead_trit (trits) or not
   negative (normal values), and the diagonal 1. out begins with a whole block. */
void trit_noise_lead(const struct trit_noise_use *use, uint32_t type, size_t first, size_t count,
                     uint8_t *out);

/* How large the parts of a synthetic model's residual stream are, so that its final state and its
 * squared ReLU come out as asked.
 *
 * Peak C: a row e of the embedding has variance 1 / hidden, and what the layers add to it is noise
 * with (1 / C^2 - 1) / hidden in all. So the cosine of the final state with e is C.
 *
 * Zeros P: sums of random trits are as often positive as not, and squaring makes so wide a range of
 * the positive ones that the int8 quantiser turns more of them to 0: two thirds are. For more,
 * gates must be pushed down. Therefore the first few inputs, the lead, are not negative in any row
 * of the embedding, the layers add nothing to them, and every gate subtracts them. */

struct trit_residual {
    size_t hidden, ffn, layers;
    double noise; /* variance that all layers together add, in units of an embedding row's */
    double shift; /* of every gate, downwards, in standard deviations */
};

/* 0 < peak < 1; zeros: 0 (no shift) or below 1. TRIT_EARGUMENT where the shape cannot have as many
 * zeros, or has more by itself. */
enum trit_code trit_residual_plan(struct trit_residual *stream, const struct trit_shape *shape,
                                  double peak, double zeros, const struct trit_noise *noise,
                                  struct trit_error *error);

/* How many inputs the gates of a layer subtract; it grows from layer to layer, as the noise does.
 */
size_t trit_residual_lead(const struct trit_residual *stream, size_t layer);

/* What a file will hold. */

struct trit_synth_part { /* a tensor */
    char name[TRIT_TENSOR_NAME];
    uint32_t type, ndims;
    uint64_t ne[4];
    struct trit_noise_use use;
    bool turned;  /* its columns count as rotated ones */
    size_t draws; /* number of the tensor whose draws it has: its own, or the embedding's 0 */
    size_t chain; /* above 1: each row stands in the place of the next of `chain` rows */
};

struct trit_synth_plan {
    const struct trit_synth *synth;
    struct trit_config config;
    struct trit_residual stream; /* where synth->peak is asked for */
    struct trit_synth_part *parts;
    size_t nparts;
};

/* The parts of a plan that has the rest, in the order of the file; false: no memory. They are
   freed by the caller. */
bool trit_synth_parts(struct trit_synth_plan *plan);

/* The tensors of the prediction block behind the layers, at parts[0] and so on: up to
   TRIT_SYNTH_PREDICTOR. Returns how many. */
enum { TRIT_SYNTH_PREDICTOR = 24 };
size_t trit_synth_predictor(const struct trit_synth_plan *plan,
                            struct trit_synth_part parts[TRIT_SYNTH_PREDICTOR]);

/* How far a row's score, its state being that row with normal noise, has to stand above its mean,
   in standard deviations of all `rows` rows' scores, to be the largest with that probability. */
double trit_synth_margin(size_t rows, double probability);

/* Whether matrices of that type are dense in random models. */
bool trit_synth_dense(uint32_t type);
/* A vector of k weights of a norm. */
struct trit_synth_part trit_synth_norm(size_t k);

/* All keys of the plan's file to writer. */
enum trit_code trit_synth_keys(const struct trit_synth_plan *plan, struct trit_gguf_writer *writer,
                               struct trit_error *error);

/* Standard deviation of the elements of embedding and head: logits have variance 1. */
float trit_synth_spread(const struct trit_synth *synth);

/* What the vocabulary's own files share: its texts and how they are kept. Private to them. */

/* tokenizer.ggml.token_type, those that are made here. */
enum {
    TRIT_VOCAB_NORMAL = 1,
    TRIT_VOCAB_CONTROL = 3,
    TRIT_VOCAB_USER = 4,
    TRIT_VOCAB_UNUSED = 5,
};

/* An empty vocabulary of `tokens` ids without texts, with room for `merges`; false: no memory.
 * Freed in either case. */
bool trit_vocab_reserve(struct trit_vocab *vocab, size_t tokens, size_t merges);

/* *out = a, between, b, kept as long as the vocabulary; false: no memory. */
bool trit_vocab_join(struct trit_vocab *vocab, struct trit_text a, const char *between,
                     struct trit_text b, struct trit_text *out);

#endif

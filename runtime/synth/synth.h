/* Writes a random ternary model of a given shape: the right sizes, keys and statistics, and no
 * sense. On request the statistics of a trained model's states: runtime/synth/residual.h says how.
 */
#ifndef TRIT_SYNTH_H
#define TRIT_SYNTH_H

#include "runtime/model/model.h"
#include "runtime/model/shapes.h"
#include "runtime/synth/vocab.h"

struct trit_synth {
    struct trit_shape shape; /* as the file will have it; vocab must equal vocabulary->n */
    const struct trit_vocab *vocabulary;
    const char *arch;    /* a name of a family's (runtime/model/family.h) */
    uint32_t type, embd; /* of the matrices: I2_S, F16, TQ1_0, TQ2_0, or one with a scale for each
                            group of columns; of embedding and head: as trit_rows_load reads */
    bool low_rows;       /* instead of embd: embedding and head are made as the matrices are, groups
                            of columns with a scale each */
    bool legacy;         /* PQ2_0 is written under the number of Q2_0 */
    uint64_t seed;
    double peak;  /* 0: no; else the cosine of a token's final state with that token's embedding. An
                     untied head has the embedding's rows then */
    double zeros; /* 0: as it comes; else the share of zeros among the int8 inputs of ffn_down. With
                     a peak */
    size_t chain; /* 0: each token's likeliest successor is itself; else the next of its group of
                     `chain` ids, and the first after the last. With a peak and an untied head */
    /* 0: no; else weights count as rotated in blocks of so many columns: all, with signs, as
       Prism's second generation has them, or, of other families, those that are added to the
       residual stream, without signs, as BitNet v2 has them. */
    size_t hadamard;
    bool int4;            /* inputs of the layers' matrices have four bits */
    size_t experts, used; /* of architecture maple; 0: as published */
    bool mtp;      /* with a prediction block of Q8_0 behind the layers, drawn at random, or */
    double accept; /* not 0, but up to 1: so that of its drafts that share is right. With a chain
                    */
    trit_progress_fn *progress; /* NULL: none. Of the tensors' bytes. */
    void *progress_arg;
};

/* The same bytes for the same values, on every machine and with every pool. A shape that the types
   cannot hold is TRIT_EARGUMENT; when progress says stop, TRIT_ESTOPPED, and whatever was at path
   is still there. */
enum trit_code trit_synth_write(const struct trit_synth *synth, const char *path,
                                struct trit_pool *pool, struct trit_error *error);

#endif

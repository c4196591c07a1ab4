/* A training run in a file: what it is of, how far it is, masters and the moments of AdamW. */
#ifndef TRIT_TRAIN_CHECKPOINT_H
#define TRIT_TRAIN_CHECKPOINT_H

#include "runtime/base/output.h"
#include "runtime/train/shape.h"

extern const struct trit_file_kind trit_output_checkpoint; /* the only files that it replaces */

enum { TRIT_TRAIN_VERSION = 1 };

/* What stands at the beginning of the file, in this order, little endian. */
struct trit_train_state {
    struct trit_train_shape shape;
    uint32_t version;     /* of the file: TRIT_TRAIN_VERSION */
    uint32_t batch, pass; /* sequences of a step, and of a pass: they fix the order of sums */
    uint64_t seed;        /* of the first weights, and of the order of texts */
    uint64_t data;        /* digest of the texts' ids and of their shares */
    uint64_t step;        /* updates so far */
    double seconds;       /* that they took */
    double best;          /* least validation loss, nats a token; 0: none yet */
    uint64_t best_step;
};

/* The three blocks of layout.floats each. */
struct trit_train_blocks {
    float *w, *m, *v;
    size_t floats;
};

/* TRIT_EIO where the disk has no room for one of so many floats, besides what is there. */
enum trit_code trit_train_checkpoint_room(const char *path, size_t floats,
                                          struct trit_error *error);

/* Under a temporary name, synced, renamed: whatever was at path stays there until the new one is
   whole. TRIT_EIO also where the disk has no room for it; TRIT_EFORMAT: something in the blocks is
   not finite. */
enum trit_code trit_train_checkpoint_write(const char *path, const struct trit_train_state *state,
                                           const struct trit_train_blocks *blocks,
                                           struct trit_error *error);

/* The state alone; TRIT_EFORMAT where the file is no whole checkpoint by its size and header. */
enum trit_code trit_train_checkpoint_state(const char *path, struct trit_train_state *state,
                                           struct trit_error *error);
/* The blocks, of as many floats as the file's shape has; TRIT_EFORMAT where its digest or a value
   is wrong, or its state another: what was read then must not be used. */
enum trit_code trit_train_checkpoint_read(const char *path, const struct trit_train_state *state,
                                          const struct trit_train_blocks *blocks,
                                          struct trit_error *error);

#endif

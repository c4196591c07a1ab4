/* All rows of a tensor of a source, piece after piece by all threads, in bounded memory. */
#ifndef TRIT_WALK_H
#define TRIT_WALK_H

#include <stdbool.h>

#include "runtime/base/stop.h"
#include "runtime/convert/hold.h"
#include "runtime/convert/source.h"

/* Some rows: n of k values, the first of them row `row`. */
struct trit_piece {
    size_t row, n, k;
    const float *x;
    uint8_t *out; /* what is made of them, until all pieces beside it were seen; that of the
                     next one follows */
    struct trit_held held; /* what is found in them */
    bool good;
    enum trit_code code; /* of reading them */
};

struct trit_walk_job {
    size_t tensor;
    size_t step;         /* a piece but the last has a multiple of so many rows; 0: of 1 */
    size_t block, bytes; /* `out` has so many bytes for each so many values */
    /* On any thread; x is there, and out. Whether all is well. */
    bool (*piece)(void *arg, struct trit_piece *piece);
    /* On the caller's: pieces that follow each other, in order, x gone. */
    enum trit_code (*after)(void *arg, struct trit_piece *pieces, size_t n,
                            struct trit_error *error);
    void *arg;
};

struct trit_walk {
    struct trit_source *source;
    struct trit_pool *pool;
    trit_progress_fn *progress; /* NULL: none */
    void *progress_arg;
    uint64_t done, total; /* values, of all tensors that are walked through */
    uint64_t bytes;       /* that total stands for where progress is told */

    float *x; /* private: of each thread */
    uint8_t *out;
    size_t x_room, out_room;
};

/* TRIT_ESTOPPED where progress says so; the first bad row's error where rows cannot be read. */
enum trit_code trit_walk_rows(struct trit_walk *walk, const struct trit_walk_job *job,
                              struct trit_error *error);
/* Reads a piece again, between pieces: x is there then. */
enum trit_code trit_walk_again(struct trit_walk *walk, const struct trit_walk_job *job,
                               struct trit_piece *piece, struct trit_error *error);
/* So many values more were seen to. */
enum trit_code trit_walk_step(struct trit_walk *walk, uint64_t values, struct trit_error *error);
void trit_walk_free(struct trit_walk *walk);

/* Rows of all dimensions; values. */
size_t trit_source_rows(const struct trit_source_tensor *t);
uint64_t trit_source_values(const struct trit_source_tensor *t);

#endif

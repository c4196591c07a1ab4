/* A training run: steps by a schedule, checkpoints, validation, the log, and when it ends. */
#ifndef TRIT_TRAIN_RUN_H
#define TRIT_TRAIN_RUN_H

#include <math.h>
#include <stdio.h>

#include "runtime/train/adamw.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/data.h"

/* Losses of held-out text. */
struct trit_train_valid {
    double nats, tokens, bytes; /* sums over what was seen; bytes of text that the tokens are */
};
static inline double trit_train_valid_loss(const struct trit_train_valid *v) /* nats a token */
{
    return v->nats / v->tokens;
}
static inline double trit_train_valid_bits(const struct trit_train_valid *v) /* a byte */
{
    return v->nats / v->bytes / M_LN2;
}

struct trit_train_run {
    /* Set by the caller: */
    struct trit_train_schedule schedule;
    const char *checkpoint, *log; /* paths; NULL: none is written */
    double hours;                 /* stop then; 0: only at the schedule's end */
    double save_minutes;          /* between checkpoints */
    uint64_t valid_steps;         /* between validations, by the first text; at least 1 */
    size_t valid_sequences;       /* of each, at least 1; the end of the schedule takes all */
    unsigned patience;            /* validations without a new best that end the run; 0: any */
    bool quiet;                   /* no live line, no table */
    struct trit_train_state state;
    const struct trit_train_data *data;
    struct trit_train_net net;
    float *m, *v;

    /* Of the run: */
    struct trit_train_valid valid; /* the last */
    const char *ended;             /* why: "all steps", ... */
    double speed;                  /* the fastest step's of this process, tokens a second */
    FILE *rows;                    /* the log */
    int32_t *tokens;               /* [net.sequences][length + 1] */
    float *nll;
    double loss;    /* a moving mean */
    double shown;   /* when the live line was */
    uint64_t saved; /* the step of the last checkpoint; of none: UINT64_MAX */
};

/* A new run's weights, or those of the checkpoint where `resume`; shape, batch, pass, seed, data
   and vocabulary are in r->state already, and TRIT_EARGUMENT names what differs from the
   checkpoint's. TRIT_EIO, too: there is no room for checkpoints. Whatever comes,
   trit_train_run_close. */
enum trit_code trit_train_run_open(struct trit_train_run *r, struct trit_pool *pool, bool resume,
                                   struct trit_error *error);
/* Steps until the run ends, which leaves a checkpoint. TRIT_ESTOPPED: a signal; a checkpoint was
   written, where there is one. TRIT_EFORMAT: a loss, gradient or weight is not finite: the last
   checkpoint stands. TRIT_EIO: checkpoint or log could not be written; of the latter a checkpoint
   was written. */
enum trit_code trit_train_run_steps(struct trit_train_run *r, struct trit_error *error);
/* Losses of held-out text of a file, by the weights of the net: of so many windows, spread over all
   (0: all). stops: a signal ends it with TRIT_ESTOPPED. */
enum trit_code trit_train_run_validate(struct trit_train_run *r, size_t file, size_t windows,
                                       bool stops, struct trit_train_valid *valid,
                                       struct trit_error *error);
/* Bits that inputs have in a step, and in a model that was trained up to it, by the schedule of r
   (a checkpoint keeps none): 8 until the second stage. */
uint32_t trit_train_run_bits(const struct trit_train_run *r, uint64_t step);
void trit_train_run_close(struct trit_train_run *r);

#endif

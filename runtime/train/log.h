/* What a training run tells: rows of a CSV file, a table for people, a live line. */
#ifndef TRIT_TRAIN_LOG_H
#define TRIT_TRAIN_LOG_H

#include "runtime/train/run.h"

extern const struct trit_file_kind trit_train_output_log; /* the only files that it replaces */

/* Opens r->log for rows behind those of the run's steps so far; later ones that it has, which a run
   that ended without a checkpoint left, are dropped. */
enum trit_code trit_train_log_open(struct trit_train_run *r, struct trit_error *error);

/* Of a step that is done. */
struct trit_train_told {
    double loss, norm, lr, seconds; /* seconds: of this step */
    bool valid;                     /* r->valid is of it */
};
/* TRIT_EIO: the log takes no more. */
enum trit_code trit_train_log_step(struct trit_train_run *r, const struct trit_train_told *told,
                                   struct trit_error *error);
/* Of all steps: the live line goes. */
void trit_train_log_end(const struct trit_train_run *r);

#endif

/* What `tritmill train` is asked for. */
#ifndef TRIT_TRAIN_COMMAND_H
#define TRIT_TRAIN_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cli/cli.h"
#include "runtime/train/data.h"

enum { TRIT_TRAIN_WARMUP = 100 };

struct trit_train_options {
    const char *texts[TRIT_TRAIN_FILES_MAX]; /* "FILE" or "FILE:SHARE" */
    int ntexts;
    const char *tokenizer, *checkpoint, *log, *output, *name, *masters;
    int family, hidden, ffn, layers, heads, kv_heads, head_dim, context, groups, bits;
    int warmup; /* -1: TRIT_TRAIN_WARMUP, but at most a tenth of the steps */
    int batch, pass, hold_out, valid_steps, valid_sequences, patience, threads, type, head;
    struct trit_texts meta; /* "KEY=VALUE" */
    double rope_base, lr, lr2, second, decay, clip, hours, save_minutes;
    uint32_t matrices, rows; /* enum trit_tensor_type, or TRIT_CONVERT_AUTO */
    uint64_t steps, seed;
    bool binary, dense, hadamard, low_rows, resume, quiet;
};

/* Trains, and writes what is to be written. */
enum trit_code trit_train_command(const struct trit_train_options *o, struct trit_error *error);

#endif

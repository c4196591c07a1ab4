/* Private to `tritmill bench`: what was measured, and how it is shown. */
#ifndef TRIT_CMD_BENCH_H
#define TRIT_CMD_BENCH_H

#include <time.h>

#include "runtime/cli.h"
#include "runtime/cli_engine.h"
#include "runtime/cli_json.h"

enum trit_bench_output { TRIT_BENCH_MD, TRIT_BENCH_JSON, TRIT_BENCH_CSV, TRIT_BENCH_JSONL };
enum { TRIT_BENCH_KERNELS = 1024 };

/* What all rows share. */
struct trit_bench_subject {
    const char *path;
    char type[96]; /* "bitnet-b1.58 2.41B I2_S" */
    const struct trit_model_cost *cost;
    const char *isa, *profile;        /* profile: its path, or "none" */
    char kernels[TRIT_BENCH_KERNELS]; /* names, ", " between them */
    bool many_chunks;                 /* the chunk varies: show it */
};

/* One test: either n_prompt or n_gen tokens after n_depth others. */
struct trit_bench_row {
    int threads, chunk, n_prompt, n_gen, n_depth;
    time_t when;
    size_t n; /* repetitions */
    const double *seconds;
    double bytes_per_token; /* read: weights, and the KV cache at this depth */
    double macs_per_token;  /* int8 multiply-adds */
    double limit_read_gbs, limit_int8_gmacs;
    double load_seconds;
    size_t peak_resident;
};

/* "pp512 @ d1024" into out (32 bytes). Returns out. */
char *trit_bench_test(const struct trit_bench_row *row, char *out);

/* The rows come one by one between begin and end; all but json are written as they come. */
struct trit_bench_report {
    enum trit_bench_output output;
    const struct trit_bench_subject *subject;
    json_t *rows; /* json: all of them */
    size_t nrows;
    struct trit_bench_row last[TRIT_LIST_MAX]; /* md: the last row of each thread count */
    size_t nlast;
};
void trit_bench_begin(struct trit_bench_report *report);
enum trit_code trit_bench_row(struct trit_bench_report *report, const struct trit_bench_row *row,
                              struct trit_error *error);
enum trit_code trit_bench_end(struct trit_bench_report *report, struct trit_error *error);

#endif

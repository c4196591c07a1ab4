/* Google Benchmark as C sees it: cases named at run time, each timed by itself
   (manual time), repetitions in random interleaving, nothing on the console.
   One run at a time per process. */
#ifndef TRIT_GBENCH_H
#define TRIT_GBENCH_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "runtime/base/error.h"
#include "runtime/base/output.h"

/* Does its work once and returns the seconds that it took; negative: it will
   not work any more, and is not called again in this repetition. */
typedef double trit_gbench_fn(void *arg);

struct trit_gbench_case {
    const char *name; /* for the log */
    trit_gbench_fn *fn;
    void *arg;
    size_t iterations; /* calls in one repetition, >= 1 */
};

/* Seconds of one call of case `index`, the mean of one repetition; repetitions
   that were given up are left out. Called after the last repetition of a case.
 */
typedef void trit_gbench_result_fn(void *arg, size_t index, double seconds);

/* Google Benchmark's JSON of all runs that were given the log, as one document.
 */
struct trit_gbench_log;
extern const struct trit_file_kind trit_output_gbench; /* the only files that it replaces */
enum trit_code trit_gbench_log_open(struct trit_gbench_log **log, struct trit_error *error);
/* Writes the document to path (NULL: throws it away) and frees the log; NULL
 * log allowed. */
enum trit_code trit_gbench_log_close(struct trit_gbench_log *log, const char *path,
                                     struct trit_error *error);

/* n cases, `repetitions` (>= 1) times each; log may be NULL. */
struct trit_gbench {
    const struct trit_gbench_case *cases;
    size_t n, repetitions;
    trit_gbench_result_fn *result;
    void *arg; /* result's */
    struct trit_gbench_log *log;
};
enum trit_code trit_gbench_run(const struct trit_gbench *what, struct trit_error *error);

#ifdef __cplusplus
}
#endif

#endif

/* The machine's limits one by one: read bandwidth of every level of memory, int8 peak of every
   instruction set. */
#ifndef TRIT_LIMITS_SURVEY_H
#define TRIT_LIMITS_SURVEY_H

#include "autotune/measure/sample.h"

enum { TRIT_SURVEY_LEVELS = 4 };

/* One limit: GB/s of a level, GMAC/s of an ISA. */
struct trit_survey_row {
    const char *what; /* "L1d", "L2", "L3", "DRAM"; the ISA's name */
    size_t bytes;     /* read: what each thread goes round */
    const struct trit_kernel *kernel;
    struct trit_series series;
};

/* Levels whose size is unknown, or too small for every thread to have a working set of its own, are
   left out; so are ISAs that may not run. */
struct trit_survey {
    int threads;
    size_t nreads, npeaks;
    struct trit_survey_row read[TRIT_SURVEY_LEVELS], peak[TRIT_NISA];
};

/* Asked between samples; false ends the survey with TRIT_ESTOPPED. */
typedef bool trit_survey_progress_fn(void *arg, size_t done, size_t total);

/* `rounds` samples of each, taken in turns: about 0.15 s a round. Large: keep it off the stack.
   progress may be NULL. */
enum trit_code trit_survey(struct trit_survey *survey, struct trit_pool *pool, size_t rounds,
                           trit_survey_progress_fn *progress, void *arg, struct trit_error *error);

/* What a thread of `threads` goes round to measure a level, well inside it and outside the one
   before: 0 where there is no such size. level: 1 to 3. */
size_t trit_survey_bytes(const struct trit_cpu *cpu, int level, int threads);

#endif

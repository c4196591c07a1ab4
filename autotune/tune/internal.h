/* Private to `tritmill tune`: the matrices, who competes for them, and what was found. */
#ifndef TRIT_TUNE_H
#define TRIT_TUNE_H

#include "autotune/build/build.h"
#include "autotune/measure/limits.h"
#include "autotune/measure/measure.h"
#include "runtime/cli/cli.h"
#include "runtime/plan/pick.h"
#include "runtime/plan/profile.h"

enum {
    TRIT_TUNE_MATRICES = 64,
    TRIT_TUNE_PASSES = 128, /* a request, as bench measures it: that many tokens one by one ... */
    TRIT_TUNE_PROMPT = 512, /* ... after so many at once */
    TRIT_TUNE_NAME = 32,
};

/* One who competes for a matrix. */
struct trit_contender {
    const struct trit_kernel *kernel;
    size_t mc, nc;
    bool incumbent;
    double cost,
        spread;   /* ns that it takes of a request (weight_of in tune_search.c); 0: not timed yet */
    double score; /* cost of the request with the best partner */
    struct trit_timing timing; /* of one product of 1 token, or of the most tokens */
    double bytes;              /* of the packed matrix */
};

/* Those of both operations, in any order. */
struct trit_field {
    struct trit_contender *list;
    size_t n, room;
};

struct trit_tune_matrix {
    char name[TRIT_TUNE_NAME];
    size_t n, k, count; /* count: how often it occurs in a pass of the model; 0: in some models */
    struct trit_form form;
    bool only_new;           /* has plans already: only kernels that were never tried compete */
    struct trit_field field; /* who came through the screening, and who was made for it */
};

/* A matrix with a number of threads: what is decided at once. */
struct trit_tune_cell {
    struct trit_tune_matrix *matrix;
    int threads;
    bool done, changed; /* done: there is a plan; changed: it is not the old one */
    bool from_profile;  /* where the old plan came from, else the estimate */
    bool kept;          /* nothing was new: not timed */
    struct trit_contender plan[2][TRIT_NPHASES]; /* old, new */
};

struct trit_tune {
    /* what was asked for */
    struct trit_ints threads, tokens; /* tokens: sorted, 1 first, another behind it */
    const char *file, *isa, *cc, *templates, *output, *json;
    bool update, no_build, quiet;
    double budget; /* seconds */

    struct trit_tune_matrix matrices[TRIT_TUNE_MATRICES];
    size_t nmatrices;
    struct trit_tune_cell *cells; /* matrix by matrix */
    size_t ncells;

    char path[4096];              /* of the profile */
    struct trit_profile *profile; /* as it was found; NULL: none */
    size_t built_in;              /* kernels of the program itself: the first of the registry */
    struct trit_compilers compilers;
    struct trit_pool **pools;            /* one for each of threads */
    struct trit_limits **limits;         /* likewise; NULL: not measured */
    struct trit_gbench_log *log;         /* NULL: none wanted */
    const struct trit_kernel **hopeless; /* far behind on the first matrix: not tried on others */
    size_t nhopeless;
    const struct trit_kernel **untried; /* left out for want of time */
    size_t nuntried;
    char *tried; /* lines "HASH NAME" of kernels that competed before */

    double started, shown;
    char doing[128];
    double build_seconds; /* that it took to find the compilers: building takes longer */
    double pace;          /* seconds that cells take, over what they were allowed */
    double cell_started, cell_allowed;
};

/* Time (tune_time.c) */

/* What the progress line says from now on. */
void trit_tune_doing(struct trit_tune *tune, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Shows progress; whether to stop: Ctrl-C, or far past the budget. A stop of measurements. */
bool trit_tune_stop(void *tune);
/* As a progress function of trit_build. */
bool trit_tune_building(void *tune, uint64_t done, uint64_t total);
void trit_tune_clear(struct trit_tune *tune);        /* the progress line */
double trit_tune_left(const struct trit_tune *tune); /* of the budget; not below 0 */
/* Seconds for a cell, of what is left for all that are not done. */
double trit_tune_allowance(const struct trit_tune *tune, const struct trit_tune_cell *cell);

/* The field (tune_field.c) */

enum trit_code trit_field_add(struct trit_field *field, const struct trit_contender *contender,
                              struct trit_error *error);
void trit_field_free(struct trit_field *field);
/* Scores all by their best partner, and keeps of each operation the best `keep`, and incumbents. */
void trit_field_halve(struct trit_field *field, size_t keep);
/* Whether c takes more of a request than old: 3 % (two runs of one model differ by that) and the
 * spread of both. */
bool trit_tune_loses(const struct trit_contender *c, const struct trit_contender *old);
/* The best pair; false where none shares its weights. */
bool trit_field_best(const struct trit_field *field, const struct trit_contender **decode,
                     const struct trit_contender **prefill);
bool trit_tune_was_tried(const struct trit_tune *tune, const struct trit_kernel *kernel);
/* The product of a cell, or of its matrix with that many threads. */
struct trit_product trit_tune_product(const struct trit_tune_matrix *matrix, int threads);
/* Whether it is a product's kernel whose packing takes the matrix. */
bool trit_tune_takes(const struct trit_tune_matrix *matrix, const struct trit_kernel *kernel);

/* Rounds (search.c, screen.c) */

/* How a field is timed: prefill kernels with each of these numbers of tokens. */
struct trit_tune_round {
    const int *tokens;
    size_t ntokens, rounds;
    double min_seconds;
};
/* Times all of the field against each other. TRIT_ESTOPPED where it was stopped before each had a
   sample. */
enum trit_code trit_tune_time_field(struct trit_tune *tune, struct trit_measure *measure,
                                    struct trit_field *field, const struct trit_tune_round *round,
                                    struct trit_error *error);
/* TRIT_EMEMORY where the weights of all who may compete for the matrix do not fit the memory. */
enum trit_code trit_tune_check_room(struct trit_tune *tune, const struct trit_tune_matrix *matrix,
                                    struct trit_error *error);
/* Those who may compete for the matrix are verified and timed once, as many as fit the budget; the
   best stay in its field. */
enum trit_code trit_tune_screen(struct trit_tune *tune, struct trit_tune_matrix *matrix,
                                struct trit_error *error);
/* Decides a cell; fills its plans. `measure` is of its matrix. */
enum trit_code trit_tune_decide(struct trit_tune *tune, struct trit_tune_cell *cell,
                                struct trit_measure *measure, struct trit_error *error);

/* Kernels made for these matrices (tune_make.c) */

/* Builds variants of a user's templates that are not in the registry. */
enum trit_code trit_tune_make_user(struct trit_tune *tune, struct trit_error *error);
/* Builds the best of each field for its matrix alone, and adds what is right to the field. */
enum trit_code trit_tune_make_special(struct trit_tune *tune, struct trit_error *error);
/* Names of kernels that are wanted. */
struct trit_tune_names {
    char (*name)[128];
    size_t n, room;
};
bool trit_names_add(struct trit_tune_names *names, const char *name);
/* As the callbacks of trit_build: the names of the list, in its order. */
bool trit_names_want(void *names, const char *kernel);
size_t trit_names_rank(void *names, const char *kernel);

/* Where it ends up (tune_keep.c) */

/* Reads the profile that is there, if it can be used here, and what was tried for it. */
enum trit_code trit_tune_recall(struct trit_tune *tune, struct trit_error *error);
/* Keeps a file that another one is going to replace, as PATH.old, PATH.old2, ..., whichever is
   free. Nothing where there is no such file. */
enum trit_code trit_tune_set_aside(const char *path, struct trit_error *error);
/* Writes library, profile and what was tried; removes libraries that no profile there needs. A
   profile that cannot be used under these limits is set aside first. */
enum trit_code trit_tune_keep(struct trit_tune *tune, struct trit_error *error);

/* What it says (tune_report.c) */
void trit_tune_report(const struct trit_tune *tune);

#endif

/* Profiles: which kernels and blocks were measured to be best for which matrices, on which machine.
   DESIGN.md's rules. A wrong profile can cost speed, never correctness. profiles/README.md
   describes the file's format. */
#ifndef TRIT_PROFILE_H
#define TRIT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/error.h"
#include "runtime/library.h"
#include "runtime/pick.h"

enum { TRIT_PROFILE_FORMAT = 1, TRIT_PROFILE_LIMITS = 64, TRIT_PROFILE_LIBRARIES = 4 };

/* What a row is about: how many tokens go through the matrix at once. */
enum trit_phase { TRIT_DECODE, TRIT_PREFILL, TRIT_NPHASES };
const char *trit_phase_name(enum trit_phase phase);

/* One plan. The decode and the prefill row of one (n, k, threads) name kernels that share packed
 * weights. */
struct trit_profile_row {
    char packing[8], act[8];
    enum trit_phase phase;
    size_t n, k;
    int threads;
    size_t tokens; /* M that was measured */
    char kernel[128];
    uint64_t hash;               /* of its generated text */
    size_t mc, nc;               /* as in struct trit_pair */
    double median_ns, spread_ns; /* of the whole matrix, weights cold */
};

struct trit_profile_limit {
    int threads;
    double read_gbs, int8_gmacs;
};

struct trit_profile {
    char cpu[160];       /* identity: trit_profile_cpu */
    char isas[256];      /* usable ISAs when it was made, blanks between */
    char kernel_set[32]; /* hash over the built-in kernels */
    char compiler[64];
    char made[32];        /* ISO 8601 */
    char conditions[256]; /* how it was measured, one line */
    struct trit_profile_limit limits[TRIT_PROFILE_LIMITS];
    size_t nlimits;
    struct {
        char file[128]; /* a plain name, beside the profile */
        char sha256[TRIT_SHA256_TEXT];
    } libraries[TRIT_PROFILE_LIBRARIES];
    size_t nlibraries;
    struct trit_profile_row *rows; /* sorted */
    size_t nrows;
    char path[4096]; /* where it was read from; "" if it was not */
};

/* An empty profile of this machine (cpu, isas, kernel_set, compiler filled in). Freed with
 * trit_profile_free. */
enum trit_code trit_profile_create(struct trit_profile **profile, struct trit_error *error);
void trit_profile_free(struct trit_profile *profile); /* NULL allowed */
/* Replaces the row of the same (n, k, threads, phase) or adds it; rows stay sorted. */
enum trit_code trit_profile_put(struct trit_profile *profile, const struct trit_profile_row *row,
                                struct trit_error *error);
const struct trit_profile_row *trit_profile_row(const struct trit_profile *profile, size_t n,
                                                size_t k, int threads, enum trit_phase phase);

/* Reads and checks the whole file; any fault is TRIT_EFORMAT naming file and line, and no profile.
 */
enum trit_code trit_profile_read(struct trit_profile **profile, const char *path,
                                 struct trit_error *error);
/* Text, sorted; temporary name, synced, renamed; 0600 in a folder made 0700 where it was missing.
 */
enum trit_code trit_profile_write(const struct trit_profile *profile, const char *path,
                                  struct trit_error *error);

/* Whether the profile may be used on this machine at all; why (room bytes) gets the reason, also
   for what is only stale
   ("stale: made with another set of kernels; `tritmill tune --update` times what is new"). */
enum trit_profile_state { TRIT_PROFILE_GOOD, TRIT_PROFILE_STALE, TRIT_PROFILE_FOREIGN };
enum trit_profile_state trit_profile_judge(const struct trit_profile *profile, char *why,
                                           size_t room);
/* Whether a row's kernels exist with the same hash, are usable and legal for the shape; NULL and
 * why else. */
const struct trit_kernel *trit_profile_row_kernel(const struct trit_profile_row *row,
                                                  const char **why);

/* Where the user's own profile for this machine lives: $XDG_CACHE_HOME or ~/.cache,
 * tritmill/NAME.profile; NAME from the CPU. */
enum trit_code trit_profile_user_path(char *path, size_t room, struct trit_error *error);
/* The first that exists: given (if not NULL: it must exist and be valid, else an error),
   TRITMILL_PROFILE (likewise; "none": no profile), the user's, the shipped profiles/ one for this
   CPU. A user's or shipped profile that cannot be used gives *profile = NULL and one line in log
   (room bytes, "" when there is nothing to say). Its libraries are loaded. */
enum trit_code trit_profile_find(struct trit_profile **profile, const char *given, char *log,
                                 size_t room, struct trit_error *error);

/* The pair that the profile has for a matrix; false where it has none that is valid here. The rows
   of the thread count nearest below serve where there are none of just this one. */
bool trit_profile_pair(const struct trit_profile *profile, size_t n, size_t k, int threads,
                       struct trit_pair *pair);

#endif

/* Profiles: which kernels and blocks were measured to be best for which matrices, on which machine.
   DESIGN.md's rules. A wrong profile can cost speed, never correctness. profiles/README.md
   describes the file's format. */
#ifndef TRIT_PROFILE_H
#define TRIT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/library.h"
#include "runtime/plan/pick.h"

enum {
    TRIT_PROFILE_FORMAT = 1,
    TRIT_PROFILE_BYTES = 1 << 24, /* of a file, at most */
    TRIT_PROFILE_ROWS = 1 << 16,
    TRIT_PROFILE_LIMITS = 64,
    TRIT_PROFILE_LIBRARIES = 4,
};

/* What a row is about: how many tokens go through the matrix at once. */
enum trit_phase { TRIT_DECODE, TRIT_PREFILL, TRIT_NPHASES };
const char *trit_phase_name(enum trit_phase phase);

/* One plan, for the forms that its packing takes. The decode and the prefill row of one (n, k,
   threads, widest such form) name kernels that share packed weights. */
struct trit_profile_row {
    char packing[8], act[8];
    enum trit_phase phase;
    size_t n, k;
    int threads;
    size_t tokens; /* M that was measured */
    char kernel[128];
    uint64_t hash;               /* of its generated text */
    size_t mc, nc;               /* as in struct trit_pair */
    double median_ns, spread_ns; /* of the whole matrix, weights cold; kept to the picosecond */
    int line;                    /* of the file it was read from; 0: none */
};

struct trit_profile_limit {
    int threads;
    double read_gbs, int8_gmacs; /* 0: not measured */
};

struct trit_profile_library {
    char file[128]; /* a plain name, beside the profile */
    char sha256[TRIT_SHA256_TEXT];
};

/* Texts are one line of UTF-8 each, not empty. */
struct trit_profile {
    char cpu[160];         /* identity: vendor, family/model/stepping, brand */
    char caches[64];       /* bytes of L1d, L2, L3, blanks between */
    char isas[256];        /* usable ISAs when it was made, blanks between */
    char kernel_set[32];   /* hash over the built-in kernels */
    char compiler[64];     /* of the built-in kernels */
    char made[32];         /* ISO 8601, UTC: 2026-01-31T23:59:59Z */
    char conditions[1024]; /* how it was measured, one line */
    struct trit_profile_limit limits[TRIT_PROFILE_LIMITS]; /* one per thread count, sorted */
    size_t nlimits;
    struct trit_profile_library libraries[TRIT_PROFILE_LIBRARIES];
    size_t nlibraries, tried;      /* tried: that many were loaded, or could not be */
    struct trit_profile_row *rows; /* sorted by n, k, threads, form, phase */
    size_t nrows, room;
    char path[4096]; /* where it was read from; "" if it was not */
    char log[2048];  /* what went wrong in use, a line each: libraries and kernels refused. For the
                        program to show */
};

/* An empty profile of this machine: all texts filled in, conditions "none noted", made now. Freed
   with trit_profile_free. */
enum trit_code trit_profile_create(struct trit_profile **profile, struct trit_error *error);
void trit_profile_free(struct trit_profile *profile); /* NULL allowed */
/* Replaces the row of the same (n, k, threads, form, phase) or adds it; rows stay sorted. */
enum trit_code trit_profile_put(struct trit_profile *profile, const struct trit_profile_row *row,
                                struct trit_error *error);
/* The row that `like` would replace; NULL where there is none. */
const struct trit_profile_row *trit_profile_row(const struct trit_profile *profile,
                                                const struct trit_profile_row *like);
/* The limits measured with that many threads; NULL where there are none. */
const struct trit_profile_limit *trit_profile_limit(const struct trit_profile *profile,
                                                    int threads);
/* Speed over limit of a row's median: bytes read against the read bandwidth in decode,
   multiply-adds against the int8 peak in prefill. 0 where the limit is not known. */
double trit_profile_share(const struct trit_profile *profile, const struct trit_profile_row *row);

/* Reads and checks a whole text; any fault is TRIT_EFORMAT (TRIT_EUNSUPPORTED: another format
   number) naming path and line, and no profile. */
enum trit_code trit_profile_parse(struct trit_profile **profile, const char *path, const char *text,
                                  size_t bytes, struct trit_error *error);
/* The same for a file, "-" standing for stdin. */
enum trit_code trit_profile_read(struct trit_profile **profile, const char *path,
                                 struct trit_error *error);
/* The text of a profile; free() it. Controls in its texts become blanks. TRIT_EARGUMENT where the
   profile could not be read back. */
enum trit_code trit_profile_print(const struct trit_profile *profile, char **text, size_t *bytes,
                                  struct trit_error *error);
/* Temporary name, synced, renamed. */
extern const struct trit_file_kind trit_output_profile; /* the only files that it replaces */
enum trit_code trit_profile_write(const struct trit_profile *profile, const char *path,
                                  struct trit_error *error);

/* Whether the profile may be used on this machine at all; why (room bytes) gets the reason, also
   for what is only stale ("made with another set of kernels ..."); "" for GOOD. */
enum trit_profile_state { TRIT_PROFILE_GOOD, TRIT_PROFILE_STALE, TRIT_PROFILE_FOREIGN };
enum trit_profile_state trit_profile_judge(const struct trit_profile *profile, char *why,
                                           size_t room);
/* The row's kernel if it exists with the same hash, is usable here, legal for the shape and right
   in its one-tile check; else NULL, and why. Loads the profile's libraries where the kernel is not
   among those known. */
const struct trit_kernel *trit_profile_row_kernel(struct trit_profile *profile,
                                                  const struct trit_profile_row *row,
                                                  const char **why);

/* Where the user's own profile for this machine and these limits lives: $XDG_CACHE_HOME (absolute)
   or
   ~/.cache, tritmill/NAME.profile; NAME from the CPU, the threads that are of use (affinity, quota)
   and the ISAs that are usable (TRITMILL_ISA, a hypervisor's mask). */
enum trit_code trit_profile_user_path(char *path, size_t room, struct trit_error *error);
/* The first of: given (if not NULL), TRITMILL_PROFILE ("none": no profile), the user's for these
   limits, of the user's for this CPU that can be used the one with the most plans, the shipped
   profiles/ one for this CPU. One that was named must be there and be readable (TRIT_EIO); what
   cannot be used for what it says gives one line in log (room bytes, "" when there is nothing to
   say), and *profile is the next of the unnamed, or NULL. Reads no libraries. */
enum trit_code trit_profile_find(struct trit_profile **profile, const char *given, char *log,
                                 size_t room, struct trit_error *error);

/* The valid rows for a matrix, whose packing takes its form: of the thread count itself, else the
   nearest below, else the nearest above that has any. Where more than one packing's are there, the
   fastest by what was measured. rows and kernels are NULL where there is none. */
struct trit_profile_plan {
    const struct trit_profile_row *row[TRIT_NPHASES];
    const struct trit_kernel *kernel[TRIT_NPHASES];
};
bool trit_profile_plan(struct trit_profile *profile, const struct trit_product *product,
                       struct trit_profile_plan *plan);

/* The texts at the beginning, a line "KEY TEXT" each, in this order. */
struct trit_profile_text {
    const char *key;
    size_t offset, room; /* in struct trit_profile */
};
extern const struct trit_profile_text trit_profile_texts[];
extern const size_t trit_profile_ntexts;

/* Order of the rows: n, k, threads, the widest form that the packing takes, phase. */
int trit_profile_compare(const struct trit_profile_row *a, const struct trit_profile_row *b);
/* Whether they are of one matrix, threads and form: the two phases of a plan. */
bool trit_profile_same(const struct trit_profile_row *a, const struct trit_profile_row *b);

#endif

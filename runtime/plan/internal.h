/* Private to runtime/profile*.c: what the lines of a profile hold, for reading and writing alike.
 */
#ifndef TRIT_PROFILE_PARTS_H
#define TRIT_PROFILE_PARTS_H

#include "runtime/plan/profile.h"

#define TRIT_PROFILE_MAGIC "tritmill-profile " /* then the format's number */

enum trit_profile_kind {
    TRIT_FIELD_SIZE,  /* size_t */
    TRIT_FIELD_INT,   /* int */
    TRIT_FIELD_REAL,  /* double; the line holds value / unit with three decimals */
    TRIT_FIELD_WORD,  /* char[room] without blanks */
    TRIT_FIELD_HASH,  /* uint64_t, 16 hex digits */
    TRIT_FIELD_PHASE, /* enum trit_phase */
};

struct trit_profile_field {
    const char *label;
    enum trit_profile_kind kind;
    size_t offset, room;
    double min, max, unit;
};

/* A line of the body, "WORD LABEL VALUE LABEL VALUE ...", always all fields in this order. */
enum trit_profile_line { TRIT_LINE_LIMIT, TRIT_LINE_LIBRARY, TRIT_LINE_PLAN, TRIT_NLINES };
struct trit_profile_record {
    const char *word;
    const struct trit_profile_field *fields;
    size_t nfields;
};
extern const struct trit_profile_record trit_profile_records[TRIT_NLINES];

/* MR, NR and KR of a row's kernel; false where its name is not that of a gemv (decode) or gemm
   (prefill) kernel of the row's packing and act. */
bool trit_profile_tile(const struct trit_profile_row *row, int tile[3]);

/* Adds a line to profile->log. */
void trit_profile_note(struct trit_profile *profile, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Identity of the CPU at hand, its caches and its usable ISAs, as profiles record them. */
void trit_profile_cpu(char *text, size_t room);
void trit_profile_caches(char *text, size_t room);
void trit_profile_isas(char *text, size_t room);

#endif

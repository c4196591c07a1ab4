/* The fields of a profile's lines. */
#include "runtime/plan/internal.h"
#include "runtime/thread/pool.h"

#define AT(type, member) offsetof(struct type, member), sizeof((struct type *)NULL)->member

const struct trit_profile_text trit_profile_texts[] = {
    { "cpu", AT(trit_profile, cpu) },
    { "caches", AT(trit_profile, caches) },
    { "isas", AT(trit_profile, isas) },
    { "kernels", AT(trit_profile, kernel_set) },
    { "compiler", AT(trit_profile, compiler) },
    { "made", AT(trit_profile, made) },
    { "conditions", AT(trit_profile, conditions) },
};
const size_t trit_profile_ntexts = sizeof trit_profile_texts / sizeof *trit_profile_texts;

/* Upper bounds: of a block, of nanoseconds (about three hours), of a limit. */
#define BLOCK 0x1p31
#define HOURS 1e13
#define FAST  1e9

static const struct trit_profile_field limit_fields[] = {
    { "threads", TRIT_FIELD_INT, AT(trit_profile_limit, threads), 1, TRIT_MAX_THREADS, 1 },
    { "read_gbs", TRIT_FIELD_REAL, AT(trit_profile_limit, read_gbs), 0, FAST, 1 },
    { "int8_gmacs", TRIT_FIELD_REAL, AT(trit_profile_limit, int8_gmacs), 0, FAST, 1 },
};

static const struct trit_profile_field library_fields[] = {
    { "file", TRIT_FIELD_WORD, AT(trit_profile_library, file), 0, 0, 1 },
    { "sha256", TRIT_FIELD_WORD, AT(trit_profile_library, sha256), 0, 0, 1 },
};

static const struct trit_profile_field plan_fields[] = {
    { "n", TRIT_FIELD_SIZE, AT(trit_profile_row, n), 1, BLOCK, 1 },
    { "k", TRIT_FIELD_SIZE, AT(trit_profile_row, k), 1, TRIT_MAX_K, 1 },
    { "threads", TRIT_FIELD_INT, AT(trit_profile_row, threads), 1, TRIT_MAX_THREADS, 1 },
    { "phase", TRIT_FIELD_PHASE, AT(trit_profile_row, phase), 0, 0, 1 },
    { "packing", TRIT_FIELD_WORD, AT(trit_profile_row, packing), 0, 0, 1 },
    { "act", TRIT_FIELD_WORD, AT(trit_profile_row, act), 0, 0, 1 },
    { "tokens", TRIT_FIELD_SIZE, AT(trit_profile_row, tokens), 1, 0x1p24, 1 },
    { "kernel", TRIT_FIELD_WORD, AT(trit_profile_row, kernel), 0, 0, 1 },
    { "hash", TRIT_FIELD_HASH, AT(trit_profile_row, hash), 0, 0, 1 },
    { "mc", TRIT_FIELD_SIZE, AT(trit_profile_row, mc), 0, BLOCK, 1 },
    { "nc", TRIT_FIELD_SIZE, AT(trit_profile_row, nc), 0, BLOCK, 1 },
    { "median_us", TRIT_FIELD_REAL, AT(trit_profile_row, median_ns), 1, HOURS, 1000 },
    { "spread_us", TRIT_FIELD_REAL, AT(trit_profile_row, spread_ns), 0, HOURS, 1000 },
};

#define RECORD(word, fields)                         \
    {                                                \
        word, fields, sizeof fields / sizeof *fields \
    }

const struct trit_profile_record trit_profile_records[TRIT_NLINES] = {
    [TRIT_LINE_LIMIT] = RECORD("limit", limit_fields),
    [TRIT_LINE_LIBRARY] = RECORD("library", library_fields),
    [TRIT_LINE_PLAN] = RECORD("plan", plan_fields),
};

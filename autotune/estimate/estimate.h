/* What to expect of a model on this machine, before it is loaded: whether it runs, the memory that
   it needs, its speed. */
#ifndef TRIT_ESTIMATE_H
#define TRIT_ESTIMATE_H

#include "runtime/engine/engine.h"

enum { TRIT_ESTIMATE_TESTS = 3, TRIT_ESTIMATE_CONTEXT = 4096 };

/* What the machine can do with that many threads. 0: not known. */
struct trit_estimate_limits {
    double read_gbs, int8_gmacs;
    double read_spread, int8_spread; /* of what was measured, half the interquartile range */
    char source[512]; /* the profile's path, "measured", "--limits"; "": none is known */
};

/* n tokens evaluated as a prompt or generated one by one, after depth others. */
struct trit_estimate_test {
    bool decode;
    size_t n, depth;
    double bytes, int8;  /* a token: read of weights and KV cache; multiply-adds of matrices */
    double limit_ts, ts; /* tokens per second that the limits allow, and that are expected; 0: the
                            limits are not known */
};

struct trit_estimate {
    char name[4096];            /* of the file or shape */
    struct trit_error why_not;  /* code TRIT_OK: it runs here */
    struct trit_model *outline; /* NULL: why_not says it */
    int threads;
    enum trit_kv_type kv;
    size_t context;      /* asked for; at first 0: the model's, at most TRIT_ESTIMATE_CONTEXT */
    size_t largest;      /* context that fits the free memory; 0: none does */
    uint64_t need, free; /* bytes */
    struct trit_model_memory memory; /* of need */
    struct trit_estimate_limits limits;
    struct trit_estimate_test tests[TRIT_ESTIMATE_TESTS];
    size_t ntests;
};

/* Outlines the file, or the shape that `of` says, by profile (NULL: none), for e->threads, e->kv
   and e->context. What makes it not run is why_not, no error. trit_estimate_free, whatever
   happened. */
void trit_estimate_open(struct trit_estimate *e, const char *name, const struct trit_outline_of *of,
                        struct trit_profile *profile);
void trit_estimate_free(struct trit_estimate *e);
/* why_not's text without the name where it begins with that. */
const char *trit_estimate_reason(const struct trit_estimate *e);

/* Limits of that many threads which the profile (NULL: none) keeps; zeros where it has none. */
struct trit_estimate_limits trit_estimate_kept(const struct trit_profile *profile, int threads);

/* Measures e->limits, with e->threads: takes two seconds, with a line on stderr where that is a
   terminal. */
enum trit_code trit_estimate_measure(struct trit_estimate *e, struct trit_error *error);

/* The tests and, as far as e->limits are known, their speeds. Of an outline. */
void trit_estimate_speeds(struct trit_estimate *e);

/* All in one line, without a newline, into out. */
void trit_estimate_line(const struct trit_estimate *e, char *out, size_t room);

#endif

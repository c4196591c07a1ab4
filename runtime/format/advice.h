/* The keys of sampling in a model's file: general.sampling.temp, top_k, top_p, min_p,
   penalty_repeat and penalty_last_n. They are llama.cpp's, of its pull request 17120; it knows
   more, which are passed over. */
#ifndef TRIT_ADVICE_H
#define TRIT_ADVICE_H

#include "runtime/format/gguf.h"
#include "runtime/format/gguf_write.h"

enum {
    TRIT_ADVICE_TEMP,
    TRIT_ADVICE_TOP_K,
    TRIT_ADVICE_TOP_P,
    TRIT_ADVICE_MIN_P,
    TRIT_ADVICE_PENALTY_REPEAT,
    TRIT_ADVICE_PENALTY_LAST_N,
    TRIT_ADVICES
};

struct trit_advice {
    const char *key;        /* behind "general." */
    const char *generation; /* in Hugging Face's generation_config.json; NULL: it has none */
    bool whole;             /* an i32, else an f32 */
    double least, most;
};

extern const struct trit_advice trit_advices[TRIT_ADVICES];

/* NULL: `key` (without "general.") is none of them. */
const struct trit_advice *trit_advice_find(const char *key);
/* "is 2, must be a number from 0 to 1" where the value cannot be; NULL where it can. */
const char *trit_advice_fault(const struct trit_advice *advice, double value, char out[96]);
/* A key's value, checked; *there is false where the file does not have it. */
enum trit_code trit_advice_get(const struct trit_advice *advice, const struct trit_gguf *gguf,
                               bool *there, double *value, struct trit_error *error);
/* value: checked. */
void trit_advice_put(const struct trit_advice *advice, struct trit_gguf_writer *w, double value);

#endif

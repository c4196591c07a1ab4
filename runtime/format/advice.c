/* The keys of sampling in a model's file. */
#include "runtime/format/advice.h"

#include <stdio.h>
#include <string.h>

const struct trit_advice trit_advices[TRIT_ADVICES] = {
    [TRIT_ADVICE_TEMP] = { "sampling.temp", "temperature", false, 0, 1e6 },
    [TRIT_ADVICE_TOP_K] = { "sampling.top_k", "top_k", true, -1, 1e9 },
    [TRIT_ADVICE_TOP_P] = { "sampling.top_p", "top_p", false, 0, 1 },
    [TRIT_ADVICE_MIN_P] = { "sampling.min_p", "min_p", false, 0, 1 },
    [TRIT_ADVICE_PENALTY_REPEAT] = { "sampling.penalty_repeat", "repetition_penalty", false, 1e-3,
                                     1e3 },
    [TRIT_ADVICE_PENALTY_LAST_N] = { "sampling.penalty_last_n", NULL, true, -1, 1 << 20 },
};

enum { NAME_MAX_BYTES = 64 };

static const char *name_of(const struct trit_advice *a, char name[NAME_MAX_BYTES])
{
    snprintf(name, NAME_MAX_BYTES, "general.%s", a->key);
    return name;
}

const struct trit_advice *trit_advice_find(const char *key)
{
    for (size_t i = 0; i < TRIT_ADVICES; i++)
        if (!strcmp(trit_advices[i].key, key))
            return &trit_advices[i];
    return NULL;
}

const char *trit_advice_fault(const struct trit_advice *a, double value, char out[96])
{
    if (value >= a->least && value <= a->most && (!a->whole || value == (double)(int32_t)value))
        return NULL;
    snprintf(out, 96, "is %g, must be %s from %g to %g", value,
             a->whole ? "an integer" : "a number", a->least, a->most);
    return out;
}

enum trit_code trit_advice_get(const struct trit_advice *a, const struct trit_gguf *gguf,
                               bool *there, double *value, struct trit_error *error)
{
    char name[NAME_MAX_BYTES], out[96];
    const char *fault;
    float real = 0;
    int32_t whole = 0;
    *there = trit_gguf_find(gguf, name_of(a, name));
    if (!*there)
        return TRIT_OK;
    const enum trit_code code = a->whole ? trit_gguf_i32(gguf, name, &whole, error)
                                         : trit_gguf_f32(gguf, name, &real, error);
    *value = a->whole ? whole : (double)real;
    if (code || !(fault = trit_advice_fault(a, *value, out)))
        return code;
    return trit_fail(error, TRIT_EFORMAT, "%s: key '%s': %s", gguf->path, name, fault);
}

void trit_advice_put(const struct trit_advice *a, struct trit_gguf_writer *w, double value)
{
    char name[NAME_MAX_BYTES];
    if (a->whole)
        trit_gguf_put_i32(w, name_of(a, name), (int32_t)value);
    else
        trit_gguf_put_f32(w, name_of(a, name), (float)value);
}

/* Keys of sampling in a model's file. */
#include "runtime/decode/advice.h"

#include <stddef.h>

#define AT(member) offsetof(struct trit_sampling, member)
static const struct advice {
    const char *key;
    bool whole;
    size_t at; /* an int where it is whole, else a float */
    double least, most;
} advices[] = {
    { "general.sampling.temp", false, AT(temperature), 0, 1e6 },
    { "general.sampling.top_k", true, AT(top_k), -1, 1e9 },
    { "general.sampling.top_p", false, AT(top_p), 0, 1 },
    { "general.sampling.min_p", false, AT(min_p), 0, 1 },
    { "general.sampling.penalty_repeat", false, AT(repeat_penalty), 1e-3, 1e3 },
    { "general.sampling.penalty_last_n", true, AT(repeat_last_n), -1, 1 << 20 },
};

static enum trit_code take(struct trit_sampling *sampling, const struct trit_gguf *gguf,
                           const struct advice *a, struct trit_error *error)
{
    char *place = (char *)sampling + a->at;
    float real = 0;
    int32_t whole = 0;
    const enum trit_code code = a->whole ? trit_gguf_i32(gguf, a->key, &whole, error)
                                         : trit_gguf_f32(gguf, a->key, &real, error);
    const double value = a->whole ? whole : (double)real;
    if (code)
        return code;
    if (!(value >= a->least && value <= a->most))
        return trit_fail(error, TRIT_EFORMAT, "%s: key '%s': is %g, must be from %g to %g",
                         gguf->path, a->key, value, a->least, a->most);
    if (a->whole)
        *(int *)place = whole;
    else
        *(float *)place = real;
    return TRIT_OK;
}

enum trit_code trit_sampling_advised(struct trit_sampling *sampling, const struct trit_gguf *gguf,
                                     struct trit_error *error)
{
    *sampling = trit_sampling_default;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < sizeof advices / sizeof *advices && !code; i++)
        if (trit_gguf_find(gguf, advices[i].key))
            code = take(sampling, gguf, &advices[i], error);
    return code;
}

/* What of sampling each key of advice sets. */
#include "runtime/decode/defaults.h"

#include "runtime/format/advice.h"

/* An int where the key is whole, else a float. */
static const size_t places[TRIT_ADVICES] = {
    [TRIT_ADVICE_TEMP] = offsetof(struct trit_sampling, temperature),
    [TRIT_ADVICE_TOP_K] = offsetof(struct trit_sampling, top_k),
    [TRIT_ADVICE_TOP_P] = offsetof(struct trit_sampling, top_p),
    [TRIT_ADVICE_MIN_P] = offsetof(struct trit_sampling, min_p),
    [TRIT_ADVICE_PENALTY_REPEAT] = offsetof(struct trit_sampling, repeat_penalty),
    [TRIT_ADVICE_PENALTY_LAST_N] = offsetof(struct trit_sampling, repeat_last_n),
};

static void set(struct trit_sampling *sampling, size_t i, double value)
{
    char *place = (char *)sampling + places[i];
    if (trit_advices[i].whole)
        *(int *)place = (int)value;
    else
        *(float *)place = (float)value;
}

enum trit_code trit_sampling_advised(struct trit_sampling *sampling, const struct trit_gguf *gguf,
                                     struct trit_error *error)
{
    *sampling = trit_sampling_default;
    for (size_t i = 0; i < TRIT_ADVICES; i++) {
        bool there;
        double value;
        const enum trit_code code = trit_advice_get(&trit_advices[i], gguf, &there, &value, error);
        if (code)
            return code;
        if (there)
            set(sampling, i, value);
    }
    return TRIT_OK;
}

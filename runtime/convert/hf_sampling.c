/* generation_config.json's numbers of sampling, as the keys of a GGUF. */
#include "runtime/convert/hf.h"

#include <math.h>
#include <stdlib.h>

/* Numbers that the model's authors do not sample with are passed over. */
static enum trit_code read_numbers(struct trit_hf_sampling *s, const struct trit_json_in *in)
{
    char out[96];
    bool sampled;
    const enum trit_code code = trit_json_bool(in, "do_sample", true, &sampled);
    if (code || !sampled)
        return code;
    for (size_t i = 0; i < TRIT_ADVICES; i++) {
        const struct trit_advice *a = &trit_advices[i];
        const json_t *value = a->generation ? trit_json_get(in, a->generation) : NULL;
        if (!value)
            continue;
        s->value[i] = json_is_number(value) ? json_number_value(value) : NAN;
        const char *fault = trit_advice_fault(a, s->value[i], out);
        if (fault)
            return trit_fail(in->error, TRIT_EFORMAT, "%s: key '%s': %s", in->path, a->generation,
                             fault);
        s->there[i] = true;
    }
    return TRIT_OK;
}

enum trit_code trit_hf_sampling_read(struct trit_hf_sampling *s, const char *folder,
                                     struct trit_error *error)
{
    json_t *json;
    char *path;
    enum trit_code code =
        trit_json_optional(&json, &path, folder, "generation_config.json", &trit_json_small, error);
    const struct trit_json_in in = { path, "", json, error };
    if (!code && json)
        code = read_numbers(s, &in);
    json_decref(json);
    free(path);
    return code;
}

void trit_hf_sampling_put(const struct trit_hf_sampling *s, struct trit_gguf_writer *w)
{
    for (size_t i = 0; i < TRIT_ADVICES; i++)
        if (s->there[i])
            trit_advice_put(&trit_advices[i], w, s->value[i]);
}

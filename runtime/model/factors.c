/* Factors that files have beside matrices, blk.I.NAME.scale: the row scales take them. */
#include <math.h>

#include "runtime/model/loader.h"

static enum trit_code refuse(const struct trit_loader *l, const struct trit_gguf_tensor *t,
                             float factor, float scale)
{
    return trit_fail(l->error, TRIT_EFORMAT,
                     "%s: tensor '%.*s' is %g, beside a scale of %g: it and the product must be "
                     "finite and above 0",
                     l->gguf->path, (int)t->name.n, t->name.s, (double)factor, (double)scale);
}

/* d of n rows, which a packed cache has with the factor. */
static enum trit_code apply(struct trit_loader *l, const struct trit_gguf_tensor *t, float *d,
                            size_t n, bool cached)
{
    float factor;
    const enum trit_code code = trit_loader_vector(l, t, &factor);
    if (code)
        return code;
    if (!d)
        return trit_fail(l->error, TRIT_EUNSUPPORTED,
                         "%s: tensor '%.*s': a factor is read beside trits with a scale for each "
                         "row alone",
                         l->gguf->path, (int)t->name.n, t->name.s);
    if (!(factor > 0))
        return refuse(l, t, factor, d[0]);
    for (size_t i = 0; i < n && !cached; i++) {
        const float scale = d[i];
        d[i] = scale * factor;
        if (!isfinite(d[i]) || (d[i] == 0 && scale != 0))
            return refuse(l, t, factor, scale);
    }
    return TRIT_OK;
}

enum trit_code trit_factors_apply(struct trit_loader *l, struct trit_matrix *x,
                                  const struct trit_gguf_tensor *const *parts, size_t n)
{
    float *d = x->form.values == TRIT_TRITS ? x->d : NULL;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < n && !code; i++) {
        const struct trit_gguf_tensor *t = l->tensors.scales[parts[i] - l->gguf->tensors];
        if (t)
            code = apply(l, t, d, parts[i]->ne[1], x->cached);
        d = d ? d + parts[i]->ne[1] : NULL;
    }
    return code;
}

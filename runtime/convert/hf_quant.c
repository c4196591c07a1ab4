/* What config.json says of the weights: packed ones of BitNet and what their scale does, masters
   that are quantised when they are loaded, MLX packs. Source: FORMATS 11, FORMATS-2 6. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "runtime/convert/hf.h"

static const struct {
    const char *class, *mode; /* NULL: absent */
    enum trit_hf_packed packed;
    bool masters;
} conventions[] = {
    { "bitlinear", "offline", TRIT_HF_DIVIDE, false },
    { "bitlinear", NULL, TRIT_HF_DIVIDE, false },
    { "bitlinear", "online", TRIT_HF_UNTOLD, true },
    { "autobitlinear", "offline", TRIT_HF_MULTIPLY, false },
    { "autobitlinear", NULL, TRIT_HF_MULTIPLY, false },
    { "autobitlinear", "online", TRIT_HF_UNTOLD, true },
    { NULL, "online", TRIT_HF_UNTOLD, true },
    { NULL, "offline", TRIT_HF_UNTOLD, false },
    { NULL, NULL, TRIT_HF_UNTOLD, false },
};

static bool alike(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : !a && !b;
}

static enum trit_code check_bitnet(const struct trit_json_in *in)
{
    static const char *const known[] = { "quant_method",      "linear_class",
                                         "quantization_mode", "modules_to_not_convert",
                                         "rms_norm_eps",      "bits" };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)in->object, key, value)
    {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(known[i], key))
            i++;
        if (i == sizeof known / sizeof *known && !trit_json_is(value, "false") &&
            !json_is_null(value))
            return trit_json_refuse(in, key, "the graph or the weights would be others");
    }
    return TRIT_OK;
}

/* Masters that are none: those of the head alone, which are not quantised anyway. */
static enum trit_code check_kept(const struct trit_json_in *in)
{
    const json_t *list = trit_json_get(in, "modules_to_not_convert");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || (!strstr(name, "lm_head") && !strstr(name, "embed_tokens")))
            return trit_fail(in->error, TRIT_EUNSUPPORTED,
                             "%s: key '%smodules_to_not_convert' is '%.64s': such masters would "
                             "be quantised",
                             in->path, in->name, name ? name : "");
    }
    return TRIT_OK;
}

static enum trit_code read_bitnet(struct trit_hf_config *c, const struct trit_json_in *in)
{
    const char *class = NULL, *mode = NULL;
    enum trit_code code = check_bitnet(in);
    if (code || (code = trit_json_string(in, "linear_class", &class)) ||
        (code = trit_json_string(in, "quantization_mode", &mode)))
        return code;
    size_t i = 0;
    while (i < sizeof conventions / sizeof *conventions &&
           !(alike(conventions[i].class, class) && alike(conventions[i].mode, mode)))
        i++;
    if (i == sizeof conventions / sizeof *conventions)
        return trit_json_refuse(in, class ? "linear_class" : "quantization_mode",
                                "with this quantization_mode it is none that is known");
    c->packed = conventions[i].packed;
    c->masters = conventions[i].masters;
    if (!class && !c->masters && c->family->divides)
        c->packed = TRIT_HF_DIVIDE;
    return c->masters ? check_kept(in) : TRIT_OK;
}

/* Modules may have entries of their own: `false` where they are not packed, or the same again. */
static enum trit_code check_modules(const struct trit_hf_config *c, const struct trit_json_in *in)
{
    static const char *const own[] = { "bits", "group_size", "mode" };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)in->object, key, value)
    {
        size_t bits, group;
        if (!strcmp(key, own[0]) || !strcmp(key, own[1]) || !strcmp(key, own[2]) ||
            json_is_boolean(value))
            continue;
        const struct trit_json_in module = { in->path, in->name, value, NULL };
        if (!json_is_object(value) ||
            trit_json_size(&module, "bits", 1, 8, c->bits, &bits) != TRIT_OK ||
            trit_json_size(&module, "group_size", 1, 1 << 12, c->group, &group) != TRIT_OK ||
            bits != c->bits || group != c->group)
            return trit_json_refuse(in, key, "this module is packed in another way");
    }
    return TRIT_OK;
}

static enum trit_code read_mlx(struct trit_hf_config *c, const struct trit_json_in *in)
{
    const char *mode = NULL;
    enum trit_code code = trit_json_string(in, "mode", &mode);
    if (code)
        return code;
    if (mode && strcmp(mode, "affine"))
        return trit_json_refuse(in, "mode", "supported is 'affine'");
    if ((code = trit_json_size(in, "bits", 1, 8, SIZE_MAX, &c->bits)) ||
        (code = trit_json_size(in, "group_size", 32, 1 << 12, SIZE_MAX, &c->group)))
        return code;
    if (c->bits > 2)
        return trit_json_refuse(in, "bits", "supported are 1 and 2");
    if (c->group % 32)
        return trit_json_refuse(in, "group_size", "must be a multiple of 32");
    return check_modules(c, in);
}

enum trit_code trit_hf_quant_read(struct trit_hf_config *c, struct trit_error *error)
{
    static const char *const keys[] = { "quantization", "quantization_config" };
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < 2 && !code; i++) {
        const json_t *object = json_object_get(c->root, keys[i]);
        const char *method = NULL;
        char name[32];
        snprintf(name, sizeof name, "%s.", keys[i]);
        const struct trit_json_in in = { c->path, name, object, error };
        if (!object || json_is_null(object))
            continue;
        if ((code = trit_json_string(&in, "quant_method", &method)))
            return code;
        if (method && strcmp(method, "bitnet"))
            return trit_json_refuse(&in, "quant_method", "supported is 'bitnet'");
        code = method ? read_bitnet(c, &in) : read_mlx(c, &in);
    }
    c->masters = c->masters || (c->family->masters && !c->bits);
    return code;
}

/* Keys {arch}.NAME of a file, each within its bounds. */
#include "runtime/model/keys.h"

#include <stdio.h>
#include <string.h>

#include "runtime/model/family.h"

enum trit_code trit_key_size(const struct trit_config *c, const struct trit_gguf *g,
                             const struct trit_size_key *size, struct trit_error *e)
{
    char key[96];
    uint32_t value;
    snprintf(key, sizeof key, "%s.%s", c->arch, size->name);
    if (size->fallback && !trit_gguf_find(g, key)) {
        *size->out = size->fallback;
        return TRIT_OK;
    }
    enum trit_code code = trit_gguf_u32(g, key, &value, e);
    if (code)
        return code;
    if (value < size->min || value > size->max)
        return trit_fail(e, TRIT_EFORMAT, "%s: key '%s' is %u: must be %zu .. %zu", g->path, key,
                         value, size->min, size->max);
    *size->out = value;
    return TRIT_OK;
}

enum trit_code trit_key_float(const struct trit_config *c, const struct trit_gguf *g,
                              const struct trit_float_key *number, struct trit_error *e)
{
    float *out = number->out;
    char key[96];
    snprintf(key, sizeof key, "%s.%s", c->arch, number->name);
    if (*out > 0 && !trit_gguf_find(g, key))
        return TRIT_OK;
    enum trit_code code = trit_gguf_f32(g, key, out, e);
    if (code)
        return code;
    if (!(*out >= number->min && *out <= number->max))
        return trit_fail(e, TRIT_EFORMAT, "%s: key '%s' is %g: must be %g .. %g", g->path, key,
                         (double)*out, (double)number->min, (double)number->max);
    return TRIT_OK;
}

static enum trit_code check_text(const struct trit_gguf *g, const char *key,
                                 const struct trit_neutral_key *neutral, struct trit_error *e)
{
    struct trit_text text;
    enum trit_code code = trit_gguf_text(g, key, &text, e);
    if (code || trit_text_is(text, neutral->text) || trit_text_is(text, neutral->other))
        return code;
    return trit_fail(e, TRIT_EUNSUPPORTED, "%s: key '%s' is '%.*s': supported are '%s' and '%s'",
                     g->path, key, (int)(text.n < 64 ? text.n : 64), text.s, neutral->text,
                     neutral->other);
}

static enum trit_code check_number(const struct trit_gguf *g, const char *key,
                                   const struct trit_neutral_key *neutral, struct trit_error *e)
{
    const uint32_t type = trit_gguf_find(g, key)->type;
    const bool real = type == TRIT_GGUF_F32 || type == TRIT_GGUF_F64;
    float number;
    uint32_t integer;
    bool flag = false;
    enum trit_code code = type == TRIT_GGUF_BOOL ? trit_gguf_bool(g, key, &flag, e)
                          : real                 ? trit_gguf_f32(g, key, &number, e)
                                                 : trit_gguf_u32(g, key, &integer, e);
    if (code)
        return code;
    if (!real)
        number = type == TRIT_GGUF_BOOL ? (float)flag : (float)integer;
    if (number == neutral->number)
        return TRIT_OK;
    return trit_fail(e, TRIT_EUNSUPPORTED, "%s: key '%s' is %g: supported is only %g", g->path, key,
                     (double)number, (double)neutral->number);
}

enum trit_code trit_key_neutral(const struct trit_config *c, const struct trit_gguf *g,
                                const struct trit_neutral_key *keys, size_t n, struct trit_error *e)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < n && !code; i++) {
        char key[96];
        snprintf(key, sizeof key, "%s.%s", c->arch, keys[i].name);
        if (trit_gguf_find(g, key))
            code = (keys[i].text ? check_text : check_number)(g, key, &keys[i], e);
    }
    return code;
}

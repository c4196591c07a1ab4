/* The shapes of published BitNet models, and what a shape must satisfy to be run at all. */
#include "runtime/model/shapes.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "runtime/kernel.h"

static const struct trit_shape shapes[] = {
    /* hidden, ffn, layers, heads, kv heads; vocabulary, context, untied */
    { "tiny", 256, 768, 2, 4, 2, 512, 2048, false },
    { "large", 1536, 4096, 24, 16, 16, 32002, 2048, false },
    { "2b4t", 2560, 6912, 30, 20, 5, 128256, 4096, false },
    { "3b", 3200, 8640, 26, 32, 32, 32002, 2048, false },
    { "8b", 4096, 14336, 32, 32, 8, 128256, 8192, true },
};

enum { NSHAPES = sizeof shapes / sizeof *shapes, VOCAB = 32768, CONTEXT = 4096, NNUMBERS = 5 };

/* The numbers of a shape that is spelt out, in their order. */
static const struct {
    const char *name;
    size_t offset, max;
} numbers[NNUMBERS] = {
    { "hidden size", offsetof(struct trit_shape, hidden), TRIT_MAX_K },
    { "feed-forward size", offsetof(struct trit_shape, ffn), TRIT_MAX_K },
    { "number of layers", offsetof(struct trit_shape, layers), 1024 },
    { "number of heads", offsetof(struct trit_shape, heads), 4096 },
    { "number of key-value heads", offsetof(struct trit_shape, kv_heads), 4096 },
};

const struct trit_shape *trit_shape_get(size_t i)
{
    return i < NSHAPES ? &shapes[i] : NULL;
}

/* A decimal number at *text, which moves past it. What is out of size_t's range comes out as
 * SIZE_MAX. */
static size_t number(const char **text)
{
    size_t v = 0;
    for (; isdigit((unsigned char)**text); ++*text)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (size_t)(**text - '0'), &v))
            v = SIZE_MAX / 10;
    return v;
}

static enum trit_code unreadable(const char *text, struct trit_error *error)
{
    char names[128] = "";
    for (size_t i = 0, n = 0; i < NSHAPES; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", shapes[i].name);
    return trit_fail(error, TRIT_EARGUMENT,
                     "shape '%.64s': neither one of %s nor HIDDENxFFNxLAYERSxHEADSxKV, as in "
                     "2560x6912x30x20x5",
                     text, names);
}

static enum trit_code check(const struct trit_shape *s, struct trit_error *error)
{
    if (s->hidden % s->heads)
        return trit_fail(error, TRIT_EARGUMENT, "shape %s: %zu heads do not divide hidden %zu",
                         s->name, s->heads, s->hidden);
    if (s->heads % s->kv_heads)
        return trit_fail(error, TRIT_EARGUMENT,
                         "shape %s: %zu key-value heads do not divide %zu heads", s->name,
                         s->kv_heads, s->heads);
    if (s->hidden / s->heads % 2)
        return trit_fail(error, TRIT_EARGUMENT,
                         "shape %s: the head size %zu is odd, and rotary positions need pairs",
                         s->name, s->hidden / s->heads);
    return TRIT_OK;
}

static enum trit_code spelt_out(struct trit_shape *s, const char *text, struct trit_error *error)
{
    const char *p = text;
    for (size_t i = 0; i < NNUMBERS; i++) {
        if (!isdigit((unsigned char)*p))
            return unreadable(text, error);
        size_t v = number(&p);
        if (*p != (i + 1 < NNUMBERS ? 'x' : '\0'))
            return unreadable(text, error);
        p++;
        if (v < 1 || v > numbers[i].max)
            return trit_fail(error, TRIT_EARGUMENT, "shape %.64s: the %s must be 1 to %zu", text,
                             numbers[i].name, numbers[i].max);
        *(size_t *)((char *)s + numbers[i].offset) = v;
    }
    snprintf(s->name, sizeof s->name, "%s", text);
    s->vocab = VOCAB;
    s->context = CONTEXT;
    return check(s, error);
}

enum trit_code trit_shape_parse(struct trit_shape *shape, const char *text,
                                struct trit_error *error)
{
    for (size_t i = 0; i < NSHAPES; i++)
        if (!strcmp(text, shapes[i].name)) {
            *shape = shapes[i];
            return TRIT_OK;
        }
    *shape = (struct trit_shape){ 0 };
    return spelt_out(shape, text, error);
}

void trit_shape_config(const struct trit_shape *s, const struct trit_family *family,
                       struct trit_config *config)
{
    *config = (struct trit_config){ .family = family,
                                    .vocab = s->vocab,
                                    .hidden = s->hidden,
                                    .ffn = s->ffn,
                                    .layers = s->layers,
                                    .heads = s->heads,
                                    .kv_heads = s->kv_heads,
                                    .head_dim = s->hidden / s->heads,
                                    .rope_dims = s->hidden / s->heads,
                                    .context = s->context,
                                    .eps = family->synth_eps,
                                    .rope_base = family->synth_rope_base,
                                    .tied = !s->untied };
    snprintf(config->arch, sizeof config->arch, "%s", family->names[0]);
    snprintf(config->name, sizeof config->name, "%s", s->name);
}

/* The shapes of published models, and what a shape must satisfy to be run at all. */
#include "runtime/model/shapes.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "runtime/kernel.h"

static const struct trit_shape shapes[] = {
    /* hidden, ffn, layers, heads, kv heads, head size; vocabulary, context, untied; YaRN; heads of
       keys of the delta rule; norms before projections. Qwen3.5's: its config.json files */
    { "tiny", 256, 768, 2, 4, 2, 0, 512, 2048, false, NULL, 0, 0, 0, false },
    { "embedding-270m", 640, 2048, 18, 4, 1, 256, 262144, 32768, false, "gemma3", 0, 0, 0, true },
    { "embedding-0.6b", 1024, 3072, 28, 16, 8, 128, 151936, 32768, false, "qwen3", 0, 0, 0, true },
    { "large", 1536, 4096, 24, 16, 16, 0, 32002, 2048, false, "bitnet", 0, 0, 0, false },
    { "falcon3-1b", 2048, 8192, 18, 8, 4, 256, 131072, 8192, true, "llama", 0, 0, 0, false },
    { "falcon-e-1b", 2048, 9216, 24, 16, 2, 128, 32768, 32768, true, "llama", 0, 0, 0, false },
    { "bonsai-1.7b", 2048, 6144, 28, 16, 8, 128, 151669, 32768, false, "qwen3", 4, 8192, 0, false },
    { "bonsai2-2b", 2048, 6144, 24, 8, 2, 256, 248320, 262144, false, "qwen35", 0, 0, 16, false },
    { "2b4t", 2560, 6912, 30, 20, 5, 0, 128256, 4096, false, NULL, 0, 0, 0, false },
    { "falcon-e-3b", 2048, 13312, 32, 16, 2, 128, 32768, 32768, true, "llama", 0, 0, 0, false },
    { "falcon3-3b", 3072, 9216, 22, 12, 4, 256, 131072, 32768, true, "llama", 0, 0, 0, false },
    { "3b", 3200, 8640, 26, 32, 32, 0, 32002, 2048, false, "bitnet", 0, 0, 0, false },
    { "bonsai-4b", 2560, 9728, 36, 32, 8, 128, 151669, 32768, false, "qwen3", 4, 8192, 0, false },
    { "bonsai2-4b", 2560, 9216, 32, 16, 4, 256, 248320, 262144, false, "qwen35", 0, 0, 16, false },
    { "falcon3-7b", 3072, 23040, 28, 12, 4, 256, 131072, 32768, true, "llama", 0, 0, 0, false },
    { "8b", 4096, 14336, 32, 32, 8, 0, 128256, 8192, true, NULL, 0, 0, 0, false },
    { "bonsai-8b", 4096, 12288, 36, 32, 8, 128, 151669, 65536, true, "qwen3", 4, 16384, 0, false },
    { "bonsai2-9b", 4096, 12288, 32, 16, 4, 256, 248320, 262144, true, "qwen35", 0, 0, 16, false },
    { "falcon3-10b", 3072, 23040, 40, 12, 4, 256, 131072, 32768, true, "llama", 0, 0, 0, false },
    { "maple-20b", 2048, 512, 24, 16, 4, 128, 151936, 131072, true, "maple", 0, 0, 0, false },
    { "bonsai2-27b", 5120, 17408, 64, 24, 4, 256, 248320, 262144, true, "qwen35", 0, 0, 16, false },
};

enum { NSHAPES = sizeof shapes / sizeof *shapes, VOCAB = 32768, CONTEXT = 4096 };

/* As all published models with the delta rule have them. */
enum { TAPS = 4, STATE = 128, INTERVAL = 4 };

/* The numbers of a shape that is spelt out, in their order. The last may be left out. */
static const struct {
    const char *name;
    size_t offset, max;
} numbers[] = {
    { "hidden size", offsetof(struct trit_shape, hidden), TRIT_MAX_K },
    { "feed-forward size", offsetof(struct trit_shape, ffn), TRIT_MAX_K },
    { "number of layers", offsetof(struct trit_shape, layers), TRIT_SHAPE_LAYERS },
    { "number of heads", offsetof(struct trit_shape, heads), 4096 },
    { "number of key-value heads", offsetof(struct trit_shape, kv_heads), 4096 },
    { "head size", offsetof(struct trit_shape, head_dim), 4096 },
};

enum { NNUMBERS = sizeof numbers / sizeof *numbers };

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
    char names[512] = "";
    for (size_t i = 0, n = 0; i < NSHAPES; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", shapes[i].name);
    return trit_fail(error, TRIT_EARGUMENT,
                     "shape '%.64s': neither one of %s nor HIDDENxFFNxLAYERSxHEADSxKV[xHEAD_DIM], "
                     "as in 2560x6912x30x20x5",
                     text, names);
}

static size_t head_dim(const struct trit_shape *s)
{
    return s->head_dim ? s->head_dim : s->hidden / s->heads;
}

static enum trit_code check(const struct trit_shape *s, struct trit_error *error)
{
    if (!s->head_dim && s->hidden % s->heads)
        return trit_fail(error, TRIT_EARGUMENT, "shape %s: %zu heads do not divide hidden %zu",
                         s->name, s->heads, s->hidden);
    if (s->heads % s->kv_heads)
        return trit_fail(error, TRIT_EARGUMENT,
                         "shape %s: %zu key-value heads do not divide %zu heads", s->name,
                         s->kv_heads, s->heads);
    if (head_dim(s) % 2)
        return trit_fail(error, TRIT_EARGUMENT,
                         "shape %s: the head size %zu is odd, and rotary positions need pairs",
                         s->name, head_dim(s));
    return TRIT_OK;
}

static enum trit_code spelt_out(struct trit_shape *s, const char *text, struct trit_error *error)
{
    const char *p = text;
    for (size_t i = 0, last = 0; !last; i++) {
        if (i == NNUMBERS || !isdigit((unsigned char)*p))
            return unreadable(text, error);
        size_t v = number(&p);
        last = *p == '\0' && i + 2 >= NNUMBERS;
        if (!last && *p++ != 'x')
            return unreadable(text, error);
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

const struct trit_family *trit_shape_family(const struct trit_shape *shape)
{
    return shape->arch ? trit_family_find(shape->arch, strlen(shape->arch)) : trit_family_at(0);
}

uint32_t trit_shape_type(const struct trit_shape *shape, const struct trit_family *family)
{
    return shape->norms_in && family->norms_in.layer ? TRIT_I2_S : family->synth_type;
}

/* As the numbers of attention suggest: as many values, in heads of the usual size. */
static void set_deltas(const struct trit_shape *s, struct trit_config *c)
{
    const size_t inner = s->heads * head_dim(s), state = inner % STATE ? head_dim(s) : STATE,
                 v_heads = inner / state, share = v_heads % 3 == 0 ? 3 : 2 - v_heads % 2;
    c->interval = s->layers < INTERVAL ? s->layers : INTERVAL;
    c->delta = (struct trit_delta){ .k_heads = s->k_heads ? s->k_heads : v_heads / share,
                                    .v_heads = v_heads,
                                    .state = state,
                                    .taps = TAPS };
}

/* Elements of a head that rotations turn. */
static size_t rope_dims(const struct trit_shape *s, const struct trit_family *family)
{
    const size_t turned = head_dim(s) / (family->synth_turned ? family->synth_turned : 1) / 2 * 2;
    return turned ? turned : 2;
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
                                    .head_dim = head_dim(s),
                                    .rope_dims = rope_dims(s, family),
                                    .context = s->context,
                                    .eps = family->synth_eps,
                                    .rope_base = family->synth_rope_base,
                                    .tied = !s->untied,
                                    .norms_in = s->norms_in && family->norms_in.layer };
    config->packed_head = family->grouped && !config->norms_in;
    if (family->kinds[1].layer)
        set_deltas(s, config);
    if (family->yarn && s->yarn)
        config->yarn = trit_yarn_usual((float)s->yarn, s->original);
    if (family->shape)
        family->shape(config);
    snprintf(config->arch, sizeof config->arch, "%s", family->names[0]);
    snprintf(config->name, sizeof config->name, "%s", s->name);
}

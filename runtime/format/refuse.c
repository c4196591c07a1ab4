/* The marks of files that cannot be read rightly. Source: FORMATS-2, section 1. */
#include "runtime/format/refuse.h"

#include "runtime/format/internal.h"

#define OXIBONSAI                                                                             \
    "written by OxiBonsai, whose type 42 has its scales elsewhere; use a file of type Q2_0, " \
    "PQ2_0 or PTQ1_0 by the model's makers"
#define UNKNOWN                                                                                  \
    "a number that forks gave to Q2_0 or Q1_0 in layouts of their own; use a file of type Q1_0 " \
    "(41), Q2_0 (42), PQ2_0 (142) or PTQ1_0 (143)"

/* Keys that begin with `key`, and have that type unless it is ANY. */
enum { ANY = -1 };
static const struct {
    const char *key;
    int type;
    const char *what;
} keys[] = {
    { "oxibonsai.quant_format", ANY, OXIBONSAI },
    { "general.quantization_version", TRIT_GGUF_STRING, OXIBONSAI },
};

static const struct {
    uint32_t type;
    const char *what;
} types[] = {
    { 40, "NVFP4, or Q1_0 with groups of 32 as the first Prism builds wrote it; neither is read; "
          "use a file of type Q1_0 (41)" },
    { 43, UNKNOWN },
    { 48, UNKNOWN },
};

static enum trit_code check_key(const struct trit_gguf *g, const struct trit_gguf_kv *kv,
                                struct trit_error *error)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const size_t n = strlen(keys[i].key);
        if (kv->key.n >= n && !memcmp(kv->key.s, keys[i].key, n) &&
            (keys[i].type == ANY || (uint32_t)keys[i].type == kv->type))
            return trit_fail(error, TRIT_EUNSUPPORTED, "%s: key %s: %s", g->path,
                             trit_gguf_quoted(kv->key).s, keys[i].what);
    }
    return TRIT_OK;
}

static enum trit_code check_tensor(const struct trit_gguf *g, const struct trit_gguf_tensor *t,
                                   struct trit_error *error)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (t->type == types[i].type)
            return trit_fail(error, TRIT_EUNSUPPORTED, "%s: tensor %s has type %u: %s", g->path,
                             trit_gguf_quoted(t->name).s, (unsigned)t->type, types[i].what);
    return TRIT_OK;
}

enum trit_code trit_gguf_refuse(const struct trit_gguf *gguf, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < gguf->nkv && !code; i++)
        code = check_key(gguf, &gguf->kv[i], error);
    for (size_t i = 0; i < gguf->ntensors && !code; i++)
        code = check_tensor(gguf, &gguf->tensors[i], error);
    return code;
}

/* The keys prism.hadamard.* of a file: each read, checked and accounted for. */
#define _GNU_SOURCE
#include "runtime/model/hadamard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/model/family.h"

#define PREFIX    "prism.hadamard."
#define EMBEDDING "token_embd.weight"

static const char *const keys[] = {
    "version",     "block_size",           "transform",     "axis",
    "sign_mode",   "sign_widths",          "sign_values",   "weight_names",
    "tied_output", "inverse_weight_names", "gdn_v_grouped",
};

struct reader {
    struct trit_config *config;
    const struct trit_gguf *gguf;
    struct trit_error *error;
};

static const struct trit_gguf_kv *find(const struct trit_gguf *g, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, PREFIX "%s", name);
    return trit_gguf_find(g, key);
}

/* The first key of the prefix whose name is none of `known`; NULL: there is none. */
static const struct trit_gguf_kv *unknown_key(const struct trit_gguf *g, const char *const *known,
                                              size_t n)
{
    const size_t prefix = sizeof PREFIX - 1;
    for (size_t i = 0; i < g->nkv; i++) {
        const struct trit_text key = g->kv[i].key;
        if (key.n < prefix || memcmp(key.s, PREFIX, prefix))
            continue;
        const struct trit_text name = { key.s + prefix, key.n - prefix };
        size_t j = 0;
        while (j < n && !trit_text_is(name, known[j]))
            j++;
        if (j == n)
            return &g->kv[i];
    }
    return NULL;
}

static enum trit_code refuse_key(const struct reader *r, const struct trit_gguf_kv *kv,
                                 const char *why)
{
    return trit_fail(r->error, TRIT_EUNSUPPORTED, "%s: key '%.*s': %s", r->gguf->path,
                     (int)(kv->key.n < 96 ? kv->key.n : 96), kv->key.s, why);
}

/* A file that says of itself that it is rotated, but not how. */
/* Bonsai 2 (not Bonsai 27B, of the first generation), or what says so itself. */
static bool is_rotated_name(struct trit_text name)
{
    static const char *const words[] = { "Bonsai-2", "Bonsai 2" };
    for (size_t i = 0; i < 2; i++) {
        const char *at = memmem(name.s, name.n, words[i], 8);
        if (at && (at + 8 == name.s + name.n || !strchr("0123456789Bb", at[8])))
            return true;
    }
    return memmem(name.s, name.n, "hadamard", 8) || memmem(name.s, name.n, "Hadamard", 8) ||
           trit_text_is(name, "Hf");
}

static enum trit_code check_no_keys(const struct reader *r)
{
    for (size_t i = 0; i < r->gguf->nkv; i++)
        if (memmem(r->gguf->kv[i].key.s, r->gguf->kv[i].key.n, "hadamard", 8))
            return refuse_key(r, &r->gguf->kv[i],
                              "its weights are rotated (Hadamard), but there is no "
                              "'" PREFIX "version' that says how");
    struct trit_text name = { "", 0 };
    if (!r->config->family->prism || !trit_gguf_find(r->gguf, "general.name") ||
        trit_gguf_text(r->gguf, "general.name", &name, NULL))
        return TRIT_OK; /* of another type: said elsewhere */
    if (is_rotated_name(name))
        return trit_fail(r->error, TRIT_EUNSUPPORTED,
                         "%s: key 'general.name' is '%.*s': its weights are rotated (Hadamard), "
                         "but the keys '" PREFIX "*' that say how are missing",
                         r->gguf->path, (int)(name.n < 64 ? name.n : 64), name.s);
    return TRIT_OK;
}

static enum trit_code read_size(const struct reader *r, const char *name, uint32_t most,
                                uint32_t *value)
{
    char key[64];
    snprintf(key, sizeof key, PREFIX "%s", name);
    const enum trit_code code = trit_gguf_u32(r->gguf, key, value, r->error);
    if (code || (*value >= 1 && *value <= most))
        return code;
    return trit_fail(r->error, TRIT_EUNSUPPORTED, "%s: key '%s' is %u: supported are 1 .. %u",
                     r->gguf->path, key, *value, most);
}

/* False where it is absent. */
static enum trit_code read_flag(const struct reader *r, const char *name, bool *value)
{
    char key[64];
    snprintf(key, sizeof key, PREFIX "%s", name);
    *value = false;
    return find(r->gguf, name) ? trit_gguf_bool(r->gguf, key, value, r->error) : TRIT_OK;
}

/* *which: which of the two texts it is. */
static enum trit_code read_choice(const struct reader *r, const char *name,
                                  const char *const texts[2], bool *which)
{
    char key[64];
    struct trit_text text;
    snprintf(key, sizeof key, PREFIX "%s", name);
    const enum trit_code code = trit_gguf_text(r->gguf, key, &text, r->error);
    if (code)
        return code;
    *which = texts[1] && trit_text_is(text, texts[1]);
    if (*which || trit_text_is(text, texts[0]))
        return TRIT_OK;
    return trit_fail(r->error, TRIT_EUNSUPPORTED, "%s: key '%s' is '%.*s': supported %s '%s'%s%s%s",
                     r->gguf->path, key, (int)(text.n < 64 ? text.n : 64), text.s,
                     texts[1] ? "are" : "is", texts[0], texts[1] ? " and '" : "",
                     texts[1] ? texts[1] : "", texts[1] ? "'" : "");
}

static enum trit_code read_block(const struct reader *r)
{
    uint32_t block;
    const enum trit_code code = read_size(r, "block_size", 1 << 20, &block);
    if (code)
        return code;
    if (block & (block - 1))
        return trit_fail(r->error, TRIT_EUNSUPPORTED,
                         "%s: key '" PREFIX "block_size' is %u: must be a power of two",
                         r->gguf->path, block);
    r->config->hadamard.block = block;
    return TRIT_OK;
}

/* The embedding alone may be rotated the other way. */
static enum trit_code read_inverse(const struct reader *r)
{
    static const char key[] = PREFIX "inverse_weight_names";
    struct trit_text *names;
    size_t n;
    if (!find(r->gguf, "inverse_weight_names"))
        return TRIT_OK;
    enum trit_code code = trit_gguf_texts(r->gguf, key, &names, &n, r->error);
    for (size_t i = 0; i < n && !code; i++)
        if (!trit_text_is(names[i], EMBEDDING))
            code =
                trit_fail(r->error, TRIT_EUNSUPPORTED,
                          "%s: key '%s' has '%.*s': only '" EMBEDDING "' is looked up rotated",
                          r->gguf->path, key, (int)(names[i].n < 64 ? names[i].n : 64), names[i].s);
    r->config->hadamard.rows = n > 0;
    free(names);
    return code;
}

/* Whose rows the head multiplies with, and whether these are rotated. */
static enum trit_code check_tied(const struct reader *r, uint32_t version, bool tied)
{
    struct trit_hadamard *h = &r->config->hadamard;
    const bool own = trit_gguf_tensor(r->gguf, "output.weight");
    const char *wrong = NULL;
    if (version == 1 && tied)
        wrong = "is true, which version 1 does not know";
    else if (version == 2 && !find(r->gguf, "tied_output"))
        wrong = "is missing, which version 2 has";
    else if (tied && own)
        wrong = "is true, but there is a tensor 'output.weight'";
    else if (tied != (!own && h->rows))
        wrong = tied ? "is true, but '" EMBEDDING "' is not rotated"
                     : "is not true, but the head is the rotated '" EMBEDDING "'";
    h->tied = tied;
    return wrong ? trit_fail(r->error, TRIT_EUNSUPPORTED, "%s: key '" PREFIX "tied_output' %s",
                             r->gguf->path, wrong)
                 : TRIT_OK;
}

static enum trit_code read_keys(const struct reader *r)
{
    static const char *const transform[2] = { "normalized-sylvester-walsh-hadamard", NULL },
                             *const axis[2] = { "input-last-dimension", NULL },
                             *const mode[2] = { "identity", "explicit" };
    struct trit_hadamard *h = &r->config->hadamard;
    bool tied = false, plain;
    uint32_t version;
    enum trit_code code = read_size(r, "version", 2, &version);
    if (code || (code = read_block(r)) || (code = read_choice(r, "transform", transform, &plain)) ||
        (code = read_choice(r, "axis", axis, &plain)) ||
        (code = read_choice(r, "sign_mode", mode, &h->signs)) ||
        (code = read_flag(r, "gdn_v_grouped", &h->grouped)) || (code = read_inverse(r)) ||
        (code = read_flag(r, "tied_output", &tied)))
        return code;
    return check_tied(r, version, tied);
}

enum trit_code trit_hadamard_read(struct trit_config *config, const struct trit_gguf *gguf,
                                  struct trit_error *error)
{
    const struct reader r = { config, gguf, error };
    const struct trit_gguf_kv *any = unknown_key(gguf, NULL, 0);
    if (!any)
        return config->family->hadamard ? check_no_keys(&r) : TRIT_OK;
    if (!config->family->hadamard)
        return refuse_key(&r, any,
                          "its weights are rotated (Hadamard), which its architecture does not "
                          "know; use a model whose weights are not");
    if (!find(gguf, "version"))
        return check_no_keys(&r);
    any = unknown_key(gguf, keys, sizeof keys / sizeof *keys);
    return any ? refuse_key(&r, any, "is not known: the rotation would be another") : read_keys(&r);
}

/* --- the tensors --- */

/* Widths and where the signs of each begin. */
struct widths {
    int64_t *width, *value;
    size_t n, nvalues;
};

static enum trit_code read_widths(const struct reader *r, struct widths *w)
{
    size_t all = 0;
    *w = (struct widths){ 0 };
    if (!r->config->hadamard.signs)
        return TRIT_OK;
    enum trit_code code = trit_gguf_ints(r->gguf, PREFIX "sign_widths", &w->width, &w->n, r->error);
    if (!code)
        code = trit_gguf_ints(r->gguf, PREFIX "sign_values", &w->value, &w->nvalues, r->error);
    if (!code && (w->n < 1 || w->n > TRIT_SIGNS_MAX))
        code = trit_fail(r->error, TRIT_EUNSUPPORTED,
                         "%s: key '" PREFIX "sign_widths' has %zu widths: supported are 1 .. %d",
                         r->gguf->path, w->n, TRIT_SIGNS_MAX);
    for (size_t i = 0; i < w->n && !code; all += (size_t)w->width[i++]) {
        if (w->width[i] < 1 || w->width[i] > TRIT_MAX_K)
            code = trit_fail(r->error, TRIT_EFORMAT,
                             "%s: key '" PREFIX "sign_widths' has %lld: must be 1 .. %d",
                             r->gguf->path, (long long)w->width[i], TRIT_MAX_K);
        for (size_t j = 0; j < i && !code; j++)
            if (w->width[j] == w->width[i])
                code = trit_fail(r->error, TRIT_EFORMAT,
                                 "%s: key '" PREFIX "sign_widths' has %lld twice: which signs?",
                                 r->gguf->path, (long long)w->width[i]);
    }
    if (!code && all != w->nvalues)
        code = trit_fail(r->error, TRIT_EFORMAT,
                         "%s: key '" PREFIX "sign_values' has %zu values, but the widths make %zu",
                         r->gguf->path, w->nvalues, all);
    for (size_t i = 0; i < w->nvalues && !code; i++)
        if (w->value[i] != 1 && w->value[i] != -1)
            code = trit_fail(r->error, TRIT_EFORMAT,
                             "%s: key '" PREFIX "sign_values' element %zu is %lld: must be 1 or -1",
                             r->gguf->path, i, (long long)w->value[i]);
    return code;
}

static void free_widths(struct widths *w)
{
    free(w->width);
    free(w->value);
}

/* Whether columns of that width can be rotated. */
static enum trit_code check_width(const struct reader *r, const struct widths *w,
                                  struct trit_text name, uint64_t width)
{
    const struct trit_hadamard *h = &r->config->hadamard;
    size_t i = 0;
    while (i < w->n && (uint64_t)w->width[i] != width)
        i++;
    if (width % h->block)
        return trit_fail(r->error, TRIT_EUNSUPPORTED,
                         "%s: tensor '%.*s' has %llu columns: blocks of %zu ('" PREFIX
                         "block_size') do not divide them",
                         r->gguf->path, (int)name.n, name.s, (unsigned long long)width, h->block);
    if (h->signs && i == w->n)
        return trit_fail(r->error, TRIT_EUNSUPPORTED,
                         "%s: tensor '%.*s' has %llu columns: '" PREFIX
                         "sign_widths' has no signs for them",
                         r->gguf->path, (int)name.n, name.s, (unsigned long long)width);
    return TRIT_OK;
}

static enum trit_code take_name(const struct reader *r, const struct widths *w,
                                struct trit_text name, const bool *foldable, bool *rotated)
{
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)(name.n < 127 ? name.n : 127), name.s);
    const struct trit_gguf_tensor *t =
        strlen(text) == name.n ? trit_gguf_tensor(r->gguf, text) : NULL;
    if (!t || !foldable[t - r->gguf->tensors])
        return trit_fail(r->error, TRIT_EUNSUPPORTED,
                         "%s: key '" PREFIX "weight_names' has '%s': %s", r->gguf->path, text,
                         t ? "no weight of that kind can be rotated" : "there is no such tensor");
    rotated[t - r->gguf->tensors] = true;
    return check_width(r, w, t->name, t->ne[0]);
}

enum trit_code trit_hadamard_names(const struct trit_config *config, const struct trit_gguf *gguf,
                                   const bool *foldable, bool *rotated, struct trit_error *error)
{
    const struct reader r = { (struct trit_config *)(uintptr_t)config, gguf, error };
    const struct trit_text embedding = { EMBEDDING, sizeof EMBEDDING - 1 };
    struct trit_text *names = NULL;
    struct widths w = { 0 };
    size_t n = 0;
    if (!config->hadamard.block)
        return TRIT_OK;
    enum trit_code code = read_widths(&r, &w);
    if (!code)
        code = trit_gguf_texts(gguf, PREFIX "weight_names", &names, &n, error);
    for (size_t i = 0; i < n && !code; i++)
        code = take_name(&r, &w, names[i], foldable, rotated);
    if (!code && config->hadamard.rows)
        code = check_width(&r, &w, embedding, config->hidden);
    free(names);
    free_widths(&w);
    return code;
}

enum trit_code trit_signs_load(struct trit_signs signs[TRIT_SIGNS_MAX],
                               const struct trit_config *config, const struct trit_gguf *gguf,
                               struct trit_error *error)
{
    const struct reader r = { (struct trit_config *)(uintptr_t)config, gguf, error };
    struct widths w = { 0 };
    const int64_t *from;
    enum trit_code code = config->hadamard.block ? read_widths(&r, &w) : TRIT_OK;
    from = w.value;
    for (size_t i = 0; i < w.n && !code; i++) {
        const size_t width = (size_t)w.width[i];
        signs[i] = (struct trit_signs){ width, trit_alloc(width, sizeof(float)) };
        if (!signs[i].sign)
            code = trit_fail(error, TRIT_EMEMORY, "%s: no memory for signs", gguf->path);
        for (size_t j = 0; j < width && !code; j++)
            signs[i].sign[j] = (float)*from++;
    }
    free_widths(&w);
    return code;
}

void trit_signs_free(struct trit_signs signs[TRIT_SIGNS_MAX])
{
    for (size_t i = 0; i < TRIT_SIGNS_MAX; i++)
        free(signs[i].sign);
}

const float *trit_signs_of(const struct trit_signs signs[TRIT_SIGNS_MAX], size_t width)
{
    for (size_t i = 0; i < TRIT_SIGNS_MAX && signs[i].sign; i++)
        if (signs[i].width == width)
            return signs[i].sign;
    return NULL;
}

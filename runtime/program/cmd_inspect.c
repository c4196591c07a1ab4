/* `tritmill inspect`: what is in a GGUF file, whether or not a model can be made of it. */
#include "runtime/program/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cache/cache.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/cpu/cpu.h"
#include "runtime/model/family.h"

uint64_t trit_inspect_elements(const struct trit_gguf_tensor *t)
{
    return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

const char *trit_inspect_type(uint32_t type, char room[16])
{
    const struct trit_type_info *info = trit_type_find(type);
    if (info)
        return info->name;
    snprintf(room, 16, "type %u", type);
    return room;
}

static void add(uint64_t *sum, uint64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

static int most_bytes_first(const void *a, const void *b)
{
    const struct trit_inspect_share *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x->type > y->type) - (x->type < y->type);
}

static int by_type(const void *a, const void *b)
{
    const struct trit_inspect_share *x = a, *y = b;
    return (x->type > y->type) - (x->type < y->type);
}

/* Neighbours of one type become one; how many are left. */
static size_t merge(struct trit_inspect_share *shares, size_t n)
{
    size_t last = 0;
    for (size_t i = 1; i < n; i++) {
        if (shares[i].type != shares[last].type) {
            shares[++last] = shares[i];
            continue;
        }
        shares[last].tensors++;
        add(&shares[last].elements, shares[i].elements);
        add(&shares[last].bytes, shares[i].bytes);
    }
    return n ? last + 1 : 0;
}

struct trit_inspect_share *trit_inspect_shares(const struct trit_gguf *gguf, size_t *count)
{
    struct trit_inspect_share *shares = calloc(gguf->ntensors + 1, sizeof *shares);
    if (!shares)
        return NULL;
    for (size_t i = 0; i < gguf->ntensors; i++) {
        const struct trit_gguf_tensor *t = &gguf->tensors[i];
        shares[i] = (struct trit_inspect_share){ t->type, 1, trit_inspect_elements(t), t->bytes };
    }
    qsort(shares, gguf->ntensors, sizeof *shares, by_type);
    *count = merge(shares, gguf->ntensors);
    qsort(shares, *count, sizeof *shares, most_bytes_first);
    return shares;
}

static uint64_t trailing(const struct trit_gguf *gguf, size_t file)
{
    const struct trit_gguf *part = trit_gguf_part(gguf, file);
    uint64_t end = 0, mask = part->alignment - 1;
    for (size_t i = 0; i < gguf->ntensors; i++) {
        const struct trit_gguf_tensor *t = &gguf->tensors[i];
        if (t->part != file)
            continue;
        if (t->bytes == 0)
            return 0;
        if (t->offset + t->bytes > end)
            end = t->offset + t->bytes;
    }
    end = (end + mask) & ~mask;
    return end && end < part->size ? part->size - end : 0;
}

uint64_t trit_inspect_trailing(const struct trit_gguf *gguf)
{
    uint64_t bytes = 0;
    for (size_t i = 0; trit_gguf_part(gguf, i); i++)
        bytes += trailing(gguf, i);
    return bytes;
}

/* The packed cache is opened, not verified. */
static void look_for_cache(const struct trit_gguf *gguf, struct trit_inspect_memory *m)
{
    struct trit_cache_source source;
    struct trit_cache *cache = NULL;
    trit_cache_identify(gguf, &source);
    if (trit_cache_user_path(&source, m->cache, sizeof m->cache, NULL) ||
        trit_cache_open(&cache, m->cache, NULL))
        *m->cache = 0;
    for (size_t i = 0; cache && trit_cache_section(cache, i); i++)
        m->cache_bytes += trit_cache_section(cache, i)->bytes;
    trit_cache_close(cache);
}

bool trit_inspect_memory(const struct trit_gguf *gguf, struct trit_inspect_memory *m)
{
    struct trit_config c;
    *m = (struct trit_inspect_memory){ 0 };
    if (trit_config_read(&c, gguf, NULL))
        return false;
    const uint64_t kv = (uint64_t)c.kv_heads * c.head_dim;
    m->trits = c.dense ? 0 : trit_model_trits(&c);
    m->plane = c.packed_head ? 0 : (uint64_t)c.vocab * c.hidden / 2;
    m->kv = 2 * trit_config_attending(&c) * kv * sizeof(uint16_t);
    look_for_cache(gguf, m);
    return true;
}

/* By the limits that the profile keeps: nothing is measured. */
static void estimate(const struct trit_gguf *gguf, struct trit_estimate *e)
{
    char log[512];
    struct trit_profile *profile = NULL;
    e->threads = trit_cpu_get()->threads;
    if (trit_profile_find(&profile, NULL, log, sizeof log, NULL))
        profile = NULL; /* one that is named and not there: loading will say so */
    trit_estimate_open(e, gguf->path, &(struct trit_outline_of){ .gguf = gguf }, profile);
    e->limits = trit_estimate_kept(profile, e->threads);
    if (e->outline)
        trit_estimate_speeds(e);
    trit_profile_free(profile);
}

/* How an element of each type is stored, and whether its sign has to be extended. */
static const struct form {
    enum trit_inspect_kind kind;
    uint8_t bytes;
} forms[] = {
    [TRIT_GGUF_U8] = { TRIT_IS_UNSIGNED, 1 },  [TRIT_GGUF_I8] = { TRIT_IS_SIGNED, 1 },
    [TRIT_GGUF_U16] = { TRIT_IS_UNSIGNED, 2 }, [TRIT_GGUF_I16] = { TRIT_IS_SIGNED, 2 },
    [TRIT_GGUF_U32] = { TRIT_IS_UNSIGNED, 4 }, [TRIT_GGUF_I32] = { TRIT_IS_SIGNED, 4 },
    [TRIT_GGUF_F32] = { TRIT_IS_F32, 4 },      [TRIT_GGUF_BOOL] = { TRIT_IS_BOOL, 1 },
    [TRIT_GGUF_STRING] = { TRIT_IS_TEXT, 8 },  [TRIT_GGUF_U64] = { TRIT_IS_UNSIGNED, 8 },
    [TRIT_GGUF_I64] = { TRIT_IS_SIGNED, 8 },   [TRIT_GGUF_F64] = { TRIT_IS_F64, 8 },
};

static double real_of(const struct trit_inspect_item *item)
{
    float f;
    double d = 0;
    if (item->kind == TRIT_IS_F64)
        memcpy(&d, &item->bits, sizeof d);
    if (item->kind == TRIT_IS_F32) {
        memcpy(&f, &item->bits, sizeof f);
        d = (double)f;
    }
    return d;
}

bool trit_inspect_next(const struct trit_gguf_kv *kv, struct trit_inspect_walk *walk,
                       struct trit_inspect_item *item)
{
    const struct form *form = &forms[kv->item];
    if (walk->i >= kv->count)
        return false;
    *item = (struct trit_inspect_item){ .kind = form->kind };
    memcpy(&item->bits, walk->next, form->bytes);
    walk->next += form->bytes;
    walk->i++;
    if (form->kind == TRIT_IS_TEXT) {
        item->text = (struct trit_text){ (const char *)walk->next, (size_t)item->bits };
        walk->next += item->bits;
    } else if (form->kind == TRIT_IS_SIGNED) {
        int shift = 64 - 8 * form->bytes;
        item->bits = (uint64_t)((int64_t)(item->bits << shift) >> shift);
    }
    item->real = real_of(item);
    return true;
}

#define AT(member) offsetof(struct trit_inspect, member)
static const struct trit_option options[] = {
    { "-m,--model", TRIT_OPT_TEXT, AT(model), "FILE", "the file, where it is not the argument", 0,
      0, NULL },
    { "-o,--output", TRIT_OPT_CHOICE, AT(format), NULL, "text (default), or json with everything",
      0, 0, "text|json" },
    TRIT_LAYOUT_OPTION(AT(i2s)),
    { "--tensors", TRIT_OPT_FLAG, AT(tensors), NULL, "list every tensor, in text too", 0, 0, NULL },
    { "--all", TRIT_OPT_FLAG, AT(all), NULL, "long texts and arrays in full", 0, 0, NULL },
};
#undef AT

static int run(int argc, char **argv)
{
    struct trit_inspect inspect = { 0 };
    struct trit_error error;
    struct trit_gguf *gguf;
    const char *path = NULL;
    char found[4096];
    struct trit_rest paths = { &path, 1, 0 };
    enum trit_parse parsed = trit_cli_parse(&trit_cmd_inspect, argc, argv, &inspect, &paths);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    if (paths.n + (inspect.model != NULL) != 1)
        return trit_cli_usage_error("inspect: give one file (usage: tritmill inspect %s)",
                                    trit_cmd_inspect.usage);
    path = inspect.model ? inspect.model : path;
    enum trit_code code = trit_cli_find_model(path, found, sizeof found, &error);
    if (code == TRIT_OK)
        code = trit_gguf_open(&gguf, found, &error);
    if (code != TRIT_OK)
        return trit_cli_error(&error);
    gguf->i2s = (enum trit_i2s)inspect.i2s;
    estimate(gguf, &inspect.estimate);
    code = (inspect.format ? trit_inspect_json : trit_inspect_text)(gguf, &inspect, &error);
    trit_estimate_free(&inspect.estimate);
    trit_gguf_close(gguf);
    return code == TRIT_OK ? 0 : trit_cli_error(&error);
}

const struct trit_command trit_cmd_inspect = {
    .name = "inspect",
    .summary = "show what is in a GGUF file",
    .usage = "FILE [options]",
    .detail =
        "Checks the whole structure of the file (not the numbers in its tensors) and shows "
        "it, also where\nno model can be made of it. 'runs here' says whether 'run' takes the "
        "file, and what it needs in\nmemory for a context of 4096 tokens, or the model's where "
        "that is less; or why not. The last line\nis what 'tritmill estimate' says, by the limits "
        "that the profile of this machine keeps.",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};

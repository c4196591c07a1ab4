/* Whether a model runs here and what memory it needs, by its outline. */
#include "autotune/estimate/estimate.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/room.h"
#include "runtime/base/text.h"

enum { CHUNK = 256 };

static uint64_t need(const struct trit_estimate *e, size_t context,
                     struct trit_model_memory *memory)
{
    const struct trit_model_use use = { .sequences = 1,
                                        .context = context,
                                        .chunk = context < CHUNK ? context : CHUNK };
    return trit_model_need(e->outline, &use, memory);
}

static void size_memory(struct trit_estimate *e)
{
    const size_t own = trit_model_config(e->outline)->context;
    char what[sizeof e->why_not.text];
    if (!e->context)
        e->context = own < TRIT_ESTIMATE_CONTEXT ? own : TRIT_ESTIMATE_CONTEXT;
    e->free = trit_memory_room();
    e->need = need(e, e->context, &e->memory);
    e->largest = trit_model_largest(
        e->outline, &(struct trit_model_use){ .sequences = 1, .chunk = CHUNK }, e->free);
    snprintf(what, sizeof what, "%.512s, with a context of %zu tokens,", e->name, e->context);
    e->why_not.code =
        trit_need_memory(what, e->need, e->largest ? "take a shorter context" : NULL, &e->why_not);
}

void trit_estimate_open(struct trit_estimate *e, const char *name, const struct trit_outline_of *of,
                        struct trit_profile *profile)
{
    const struct trit_load_options options = { .profile = profile, .kv = e->kv, .block = true };
    snprintf(e->name, sizeof e->name, "%s", name);
    if (of->gguf)
        e->why_not.code =
            trit_engine_outline(&e->outline, of->gguf, e->threads, &options, &e->why_not);
    else
        e->why_not.code = trit_model_outline(&e->outline, of, e->threads, &options, &e->why_not);
    if (!e->why_not.code)
        size_memory(e);
}

const char *trit_estimate_reason(const struct trit_estimate *e)
{
    const size_t n = strlen(e->name);
    const bool named = !strncmp(e->why_not.text, e->name, n) && e->why_not.text[n] == ':';
    return e->why_not.text + (named ? n + 2 : 0);
}

void trit_estimate_free(struct trit_estimate *e)
{
    trit_model_free(e->outline);
    e->outline = NULL;
}

/* ": about 70.1 t/s, at most 79.2 by the 46.4 GB/s in PROFILE". */
static void line_speed(const struct trit_estimate *e, char *out, size_t room)
{
    for (size_t i = 0; i < e->ntests; i++) {
        const struct trit_estimate_test *t = &e->tests[i];
        if (t->decode && t->ts > 0) {
            snprintf(out, room, ": about %.3g t/s, at most %.3g by the %.3g GB/s in %s", t->ts,
                     t->limit_ts, e->limits.read_gbs, e->limits.source);
            return;
        }
    }
    snprintf(out, room, " ('tritmill estimate' measures the speed)");
}

void trit_estimate_line(const struct trit_estimate *e, char *out, size_t room)
{
    char memory[16], available[16], bytes[16], speed[4200];
    if (!e->outline) {
        snprintf(out, room, "none: it does not run here");
        return;
    }
    const struct trit_estimate_test *decode = &e->tests[0];
    for (size_t i = 0; i < e->ntests && !decode->decode; i++)
        decode = &e->tests[i];
    line_speed(e, speed, sizeof speed);
    snprintf(
        out, room, "%s of memory with a context of %zu, of %s that are free; %s read a token%s",
        trit_bytes_text((double)e->need, memory), e->context,
        trit_bytes_text((double)e->free, available), trit_bytes_text(decode->bytes, bytes), speed);
}

/* `tritmill pack`: writes a model's packed cache. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/base/stats.h"
#include "runtime/base/text.h"
#include "runtime/cache/cache.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/cpu/cpu.h"
#include "runtime/format/group.h"
#include "runtime/head/head.h"
#include "runtime/model/family.h"

struct options {
    const char *model, *output, *profile;
    int threads, sparse, i2s;
    bool remove;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    TRIT_MODEL_OPTION(AT(model)),
    { "-o,--output", TRIT_OPT_TEXT, AT(output), "FILE",
      "the file to write (default: in the cache folder, where it is found automatically)", 0, 0,
      NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N",
      "threads, also those that kernels are picked for (default: one per physical core)", -1,
      TRIT_MAX_THREADS, NULL },
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE",
      "the profile that picks the kernels (none: by estimate; default: this machine's)", 0, 0,
      NULL },
    { "--sparse", TRIT_OPT_CHOICE, AT(sparse), NULL,
      "weights laid out to skip zeros: auto times both ways (default), on, off", 0, 0,
      "auto|on|off" },
    TRIT_LAYOUT_OPTION(AT(i2s)),
    { "--remove", TRIT_OPT_FLAG, AT(remove), NULL, "delete the packed cache in the cache folder", 0,
      0, NULL },
};
#undef AT

static const struct trit_rule rules[] = {
    { TRIT_RULE_AGAINST, "--remove,-o,-t,--profile,--sparse" },
};

static enum trit_code user_path(const struct trit_engine *e, char *path, size_t room,
                                struct trit_error *error)
{
    struct trit_cache_source source;
    trit_cache_identify(e->gguf, &source);
    return trit_cache_user_path(&source, path, room, error);
}

/* Where it goes. Only the cache folder is made. */
static enum trit_code place(const struct options *o, const struct trit_engine *e, char *path,
                            size_t room, struct trit_error *error)
{
    const char *const inputs[] = { e->path, o->profile };
    enum trit_code code = TRIT_OK;
    if (o->output && snprintf(path, room, "%s", o->output) >= (int)room)
        return trit_fail(error, TRIT_EARGUMENT, "-o %.40s...: the name is too long", o->output);
    if (!o->output && !(code = user_path(e, path, room, error)))
        code = trit_file_make_folders(path, error);
    return code ? code : trit_output_check(path, &trit_output_cache, inputs, 2, error);
}

static void report(const char *path, const struct trit_section *sections, size_t n)
{
    char text[16];
    double bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += (double)sections[i].bytes;
    printf("%s: %zu sections, %s\n", path, n, trit_bytes_text(bytes, text));
}

static enum trit_code write_cache(const struct trit_engine *e, const char *path,
                                  struct trit_error *error)
{
    struct trit_cache_source source;
    const size_t n = trit_model_sections(e->model, NULL, 0);
    struct trit_section *sections = trit_alloc(n, sizeof *sections);
    if (!sections)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for %zu sections", path, n);
    trit_model_sections(e->model, sections, n);
    enum trit_code code = trit_cache_identify_whole(e->gguf, e->pool, &source, error);
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += sections[i].bytes;
    if (!code)
        code = trit_need_disk(path, bytes, error);
    if (!code)
        code = trit_cache_write(path, &source, sections, n, e->pool, error);
    if (!code)
        report(path, sections, n);
    free(sections);
    return code;
}

/* The median time of a pass that evaluates one token, of a text that the model goes on with. */
static enum trit_code time_pass(struct trit_engine *e, double *seconds, struct trit_error *error)
{
    enum { PASSES = 48, WARM = 8 };
    struct trit_candidate best = { 0 };
    struct trit_top top = { .k = 1, .best = &best };
    struct trit_session *session;
    double times[PASSES];
    int32_t token = 1 % (int32_t)e->config.vocab;
    enum trit_code code = trit_session_create(&session, e->model, PASSES + WARM, 1, error);
    for (int i = -WARM; i < PASSES && !code; i++) {
        const double begin = trit_now();
        const struct trit_run run = {
            .session = session, .tokens = &token, .count = 1, .top = &top
        };
        code = trit_stopped() ? trit_fail(error, TRIT_ESTOPPED, "stopped")
                              : trit_model_eval(trit_session_work(session), &run, 1, error);
        token = best.id;
        if (i >= 0)
            times[i] = trit_now() - begin;
    }
    if (!code) {
        trit_sort(times, PASSES);
        *seconds = trit_quantile(times, PASSES, 0.5);
    }
    trit_session_free(session);
    return code;
}

/* Loads the model laid out the way it decodes faster. Skipping has to win by more than what prompts
   lose by it. */
static enum trit_code load_best(struct trit_engine *e, int threads, struct trit_error *error)
{
    static const double enough = 0.9;
    static const int ways[] = { TRIT_SPARSE_ON, TRIT_SPARSE_OFF };
    double seconds[2] = { 0, 0 };
    enum trit_code code = TRIT_OK;
    for (int i = 0; i < 2 && !code; i++) {
        e->sparse = ways[i];
        code = trit_cli_load_model(e, threads, false, error);
        if (!code)
            code = time_pass(e, &seconds[i], error);
    }
    const bool skips = seconds[0] < enough * seconds[1];
    if (code)
        return code;
    printf("a token takes %.2f ms, %.2f ms skipping zeros: they are %sskipped\n", 1e3 * seconds[1],
           1e3 * seconds[0], skips ? "" : "not ");
    e->sparse = ways[!skips];
    return skips ? trit_cli_load_model(e, threads, false, error) : TRIT_OK;
}

/* Whether the model has zeros that might be skipped. A type whose scales tell only when all are
   seen whether it has groups is not tried. */
static bool may_skip(const struct trit_engine *e)
{
    const struct trit_gguf_tensor *first = trit_family_matrix(&e->config, e->gguf);
    return e->config.family->skips && first && !trit_type_has_groups(first->type) &&
           !trit_type_folds(first->type);
}

static enum trit_code remove_cache(const struct trit_engine *e, struct trit_error *error)
{
    struct trit_cache_source source;
    trit_cache_identify(e->gguf, &source);
    return trit_cache_remove(&source, error);
}

/* Before the time is spent. */
static enum trit_code check_disk(const struct options *o, struct trit_engine *e, const char *path,
                                 struct trit_error *error)
{
    const struct trit_outline_of of = { .gguf = e->gguf };
    const int threads = o->threads > 0 ? o->threads : trit_cpu_get()->threads;
    struct trit_model *outline;
    enum trit_code code = trit_engine_find_profile(e, error);
    const struct trit_load_options load = { .profile = e->profile, .block = true };
    if (!code)
        code = trit_model_outline(&outline, &of, threads, &load, error);
    if (code)
        return code;
    const uint64_t bytes = trit_model_packed(outline);
    trit_model_free(outline);
    if (!bytes)
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "%s: nothing is packed: its matrices are dense, and used as they are",
                         e->path);
    return trit_need_disk(path, bytes, error);
}

static enum trit_code pack(const struct options *o, struct trit_engine *e, struct trit_error *error)
{
    char path[PATH_MAX];
    enum trit_code code = trit_cli_open_model(e, o->model, error);
    trit_cli_layout(e, o->i2s);
    if (!code && o->remove)
        return remove_cache(e, error);
    if (!code)
        code = place(o, e, path, sizeof path, error);
    e->wanted = o->profile;
    if (!code)
        code = check_disk(o, e, path, error);
    e->block = true;
    e->sparse = o->sparse;
    e->cache_wanted = "none";
    if (!code && o->sparse == TRIT_SPARSE_AUTO && may_skip(e))
        code = load_best(e, o->threads, error);
    else if (!code)
        code = trit_cli_load_model(e, o->threads, false, error);
    return code ? code : write_cache(e, path, error);
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    struct trit_engine engine = { 0 };
    struct trit_error error;
    enum trit_parse parsed = trit_cli_parse(&trit_cmd_pack, argc, argv, &o, NULL);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    trit_catch_stop();
    enum trit_code code = pack(&o, &engine, &error);
    trit_engine_close(&engine);
    return code ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_pack = {
    .name = "pack",
    .summary = "keep a model's packed weights in a file, so that it loads at once",
    .usage = "-m FILE [options]",
    .detail =
        "The file holds the weights as they lie in memory, for the kernels picked on this machine; "
        "run, bench\nand perplexity map it instead of packing the model again, and name it in "
        "their "
        "reports. It is used\nwhere model, kernels' layout and checksums agree, else ignored: it "
        "never "
        "changes an answer, and may\nbe deleted. TRITMILL_CACHE=FILE names one that -o put "
        "elsewhere; "
        "TRITMILL_CACHE=none uses none.",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};

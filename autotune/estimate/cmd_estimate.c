/* `tritmill estimate`: what to expect of a file, or of a shape, before anything is loaded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/estimate/internal.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/cpu/cpu.h"
#include "runtime/model/family.h"
#include "runtime/model/shapes.h"

struct options {
    const char *model, *shape, *arch, *limits, *profile;
    int type, embd, context, threads, kv, output, i2s;
    bool untied;
};

static const uint32_t types[] = { TRIT_I2_S,  TRIT_F16,    TRIT_Q1_0,  TRIT_Q2_0,
                                  TRIT_PQ2_0, TRIT_PTQ1_0, TRIT_TQ1_0, TRIT_TQ2_0 };
static const uint32_t embds[] = { TRIT_F16,  TRIT_BF16, TRIT_F32,   TRIT_Q8_0,  TRIT_Q6_K,
                                  TRIT_Q1_0, TRIT_Q2_0, TRIT_PQ2_0, TRIT_PTQ1_0 };

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "-m,--model", TRIT_OPT_TEXT, AT(model), "FILE", "the file, where it is not the argument", 0,
      0, NULL },
    { "--shape", TRIT_OPT_TEXT, AT(shape), "SHAPE",
      "no file, but a model as 'tritmill synth' makes it: 2b4t, ...", 0, 0, NULL },
    { "--arch", TRIT_OPT_TEXT, AT(arch), "NAME",
      "with --shape: its architecture (default the shape's: qwen3, qwen35, else bitnet-b1.58)", 0,
      0, NULL },
    { "--type", TRIT_OPT_CHOICE, AT(type), NULL,
      "with --shape: how its matrices are stored (default i2_s; for qwen3 and qwen35 ptq1_0)", 0, 0,
      "i2_s|f16|q1_0|q2_0|pq2_0|ptq1_0|tq1_0|tq2_0" },
    { "--embd", TRIT_OPT_CHOICE, AT(embd), NULL,
      "with --shape: how embedding and head are stored (default f16; for qwen3 and qwen35 as the "
      "matrices)",
      0, 0, "f16|bf16|f32|q8_0|q6_k|q1_0|q2_0|pq2_0|ptq1_0" },
    { "--untied", TRIT_OPT_FLAG, AT(untied), NULL, "with --shape: the head is a separate tensor", 0,
      0, NULL },
    { "-c,--ctx-size", TRIT_OPT_INT, AT(context), "N",
      "context in tokens (default: the model's, at most 4096)", 1, 1 << 24, NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    { "--kv-type", TRIT_OPT_CHOICE, AT(kv), NULL, "elements of the KV cache: f16 (default), i8", 0,
      0, "f16|i8" },
    { "--limits", TRIT_OPT_TEXT, AT(limits), "WHICH",
      "auto (the profile's, else measured; default), measure, none, or GB/s,GMAC/s", 0, 0, NULL },
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE",
      "the profile that picks the kernels (none: by estimate; default: this machine's)", 0, 0,
      NULL },
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL, "text with a table (default), json or csv",
      0, 0, "md|json|csv" },
    TRIT_LAYOUT_OPTION(AT(i2s)),
};
#undef AT

static const struct trit_rule rules[] = {
    { TRIT_RULE_AGAINST, "-m,--shape" },     { TRIT_RULE_NEEDS, "--arch,--shape" },
    { TRIT_RULE_NEEDS, "--type,--shape" },   { TRIT_RULE_NEEDS, "--embd,--shape" },
    { TRIT_RULE_NEEDS, "--untied,--shape" },
};

/* "32.8,457" */
static bool read_limits(const char *text, struct trit_estimate_limits *limits)
{
    const double most = 1e9;
    char *end;
    snprintf(limits->source, sizeof limits->source, "--limits");
    limits->read_gbs = strtod(text, &end);
    if (end == text || *end != ',')
        return false;
    text = end + 1;
    limits->int8_gmacs = strtod(text, &end);
    return end != text && !*end && limits->read_gbs > 0 && limits->read_gbs <= most &&
           limits->int8_gmacs > 0 && limits->int8_gmacs <= most;
}

/* Which limits are asked for, as far as they need not be measured. */
static enum trit_code find_limits(const struct options *o, const struct trit_profile *profile,
                                  struct trit_estimate *e, bool *measured, struct trit_error *error)
{
    const bool automatic = !strcmp(o->limits, "auto");
    *measured = !strcmp(o->limits, "measure");
    if (*measured || !strcmp(o->limits, "none"))
        return TRIT_OK;
    if (!automatic && !read_limits(o->limits, &e->limits))
        return trit_fail(error, TRIT_EARGUMENT,
                         "--limits %.64s: must be auto, measure, none, or GB/s and GMAC/s as in "
                         "32.8,457",
                         o->limits);
    if (automatic)
        e->limits = trit_estimate_kept(profile, e->threads);
    *measured = !*e->limits.source;
    return TRIT_OK;
}

static enum trit_code outline_shape(const struct options *o, struct trit_profile *profile,
                                    struct trit_estimate *e, struct trit_error *error)
{
    char list[512];
    struct trit_config config;
    struct trit_shape shape;
    enum trit_code code = trit_shape_parse(&shape, o->shape, error);
    if (code)
        return code;
    const struct trit_family *family =
        o->arch ? trit_family_find(o->arch, strlen(o->arch)) : trit_shape_family(&shape);
    if (!family)
        return trit_fail(error, TRIT_EARGUMENT, "--arch %.64s: supported are %s", o->arch,
                         trit_family_list(list, sizeof list));
    const uint32_t type = o->type >= 0 ? types[o->type] : trit_shape_type(&shape, family);
    const uint32_t rows = trit_family_low_rows(family, type) ? type : TRIT_F16;
    shape.untied |= o->untied;
    trit_shape_config(&shape, family, &config);
    const struct trit_outline_of of = { .config = &config,
                                        .type = type,
                                        .embd = o->embd >= 0 ? embds[o->embd] : rows };
    trit_estimate_open(e, o->shape, &of, profile);
    return TRIT_OK;
}

static enum trit_code outline(const struct options *o, struct trit_profile *profile,
                              struct trit_estimate *e, struct trit_error *error)
{
    struct trit_gguf *gguf;
    char path[4096];
    if (o->shape)
        return outline_shape(o, profile, e, error);
    enum trit_code code = trit_cli_find_model(o->model, path, sizeof path, error);
    if (!code)
        code = trit_gguf_open(&gguf, path, error);
    if (code)
        return code;
    gguf->i2s = (enum trit_i2s)o->i2s;
    trit_estimate_open(e, path, &(struct trit_outline_of){ .gguf = gguf }, profile);
    trit_gguf_close(gguf);
    return TRIT_OK;
}

static enum trit_code estimate(const struct options *o, struct trit_estimate *e,
                               struct trit_error *error)
{
    char log[512];
    bool measured;
    struct trit_profile *profile = NULL;
    enum trit_code code = trit_profile_find(&profile, o->profile, log, sizeof log, error);
    if (code)
        return code;
    if (*log)
        fprintf(stderr, "tritmill: %s\n", log);
    code = find_limits(o, profile, e, &measured, error);
    if (!code)
        code = outline(o, profile, e, error);
    if (!code && e->outline && measured)
        code = trit_estimate_measure(e, error);
    if (!code && e->outline)
        trit_estimate_speeds(e);
    if (!code)
        code = trit_estimate_show(e, o->output, error);
    trit_estimate_free(e);
    trit_profile_free(profile);
    return code;
}

static int run(int argc, char **argv)
{
    struct options o = { .type = -1, .embd = -1, .limits = "auto" };
    struct trit_error error;
    const char *path = NULL;
    struct trit_rest paths = { &path, 1, 0 };
    enum trit_parse parsed = trit_cli_parse(&trit_cmd_estimate, argc, argv, &o, &paths);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    if (paths.n + (o.model != NULL) + (o.shape != NULL) != 1)
        return trit_cli_usage_error("estimate: give one file or --shape (usage: tritmill estimate "
                                    "%s)",
                                    trit_cmd_estimate.usage);
    o.model = o.model ? o.model : path;
    trit_catch_stop();
    struct trit_estimate e = { .threads = o.threads > 0 ? o.threads : trit_cpu_get()->threads,
                               .kv = (enum trit_kv_type)o.kv,
                               .context = (size_t)o.context };
    const enum trit_code code = estimate(&o, &e, &error);
    return code ? trit_cli_error(&error) : e.why_not.code ? 1 : 0;
}

const struct trit_command trit_cmd_estimate = {
    .name = "estimate",
    .summary = "memory and speed to expect of a file or shape, before it is loaded",
    .usage = "FILE | --shape SHAPE [options]",
    .detail =
        "'runs here' says whether 'run' takes the file, or why not; then the exit code is 1. "
        "Memory is what\nloading and one sequence take without a packed cache, beside what is "
        "free; the largest context is that\nwhich still fits. Weights are counted as they are "
        "packed for the kernels that would be picked here; of\nmatrices with a scale for each "
        "group of columns only a few rows are looked at. The limits of the\nmachine are how fast "
        "memory is read and how many int8 multiply-adds are done, by so many threads;\nmeasuring "
        "them takes two seconds. 'allowed' is what they allow a decode and a prefill (caches that\n"
        "hold the weights allow more), 'expected' what tritmill's kernels usually reach of it, "
        "where the\nlikeliest token stands out as trained models have it. 'tritmill bench' "
        "measures the speed itself.",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};

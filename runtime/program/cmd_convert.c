/* `tritmill convert`: a model as a GGUF file whose matrices have another stored type, exactly. */
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "runtime/base/text.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/convert/convert.h"
#include "runtime/cpu/cpu.h"
#include "runtime/model/model.h"

enum { MAX_THREADS = 64 }; /* past that the disk is the limit */

struct options {
    const char *output;
    int type, head, threads, i2s;
};

/* Their names stand in --type and --head. */
static const uint32_t types[] = {
    TRIT_CONVERT_AUTO, TRIT_I2_S,   TRIT_TQ1_0, TRIT_TQ2_0, TRIT_Q2_0,
    TRIT_PQ2_0,        TRIT_PTQ1_0, TRIT_Q1_0,  TRIT_F16,   TRIT_F32
};
static const uint32_t heads[] = { TRIT_CONVERT_AUTO, TRIT_CONVERT_SAME, TRIT_F16, TRIT_Q8_0,
                                  TRIT_Q6_K };

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "-o,--output", TRIT_OPT_TEXT, AT(output), "FILE", "the GGUF file to write", 0, 0, NULL },
    { "--type", TRIT_OPT_CHOICE, AT(type), NULL,
      "of the matrices: auto looks at all of them and takes the smallest that suits the model "
      "(default)",
      0, 0, "auto|i2_s|tq1_0|tq2_0|q2_0|pq2_0|ptq1_0|q1_0|f16|f32" },
    { "--head", TRIT_OPT_CHOICE, AT(head), NULL,
      "of embedding and head: auto loses nothing (default), same as the input; f16, q8_0 and q6_k "
      "round",
      0, 0, "auto|same|f16|q8_0|q6_k" },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    TRIT_LAYOUT_OPTION(AT(i2s)),
};
#undef AT

static const struct trit_rule rules[] = { { TRIT_RULE_SOME, "-o" } };

static const char *type_name(uint32_t type)
{
    const struct trit_type_info *info = trit_type_find(type);
    return info ? info->name : "unknown";
}

/* What became of embedding and head, and what was kept. */
static void report(const struct trit_convert *c, const char *path)
{
    const struct trit_source *s = c->source;
    char bytes[16];
    printf("%s: %zu tensors, %s: %zu matrices as %s", path, s->ntensors,
           trit_bytes_text((double)c->bytes, bytes), c->matrices, type_name(c->type));
    if (c->found)
        printf(" (they hold %s)", c->found);
    for (size_t i = 0; i < s->ntensors; i++)
        if (s->tensors[i].role == TRIT_SOURCE_ROWS)
            printf(", %s as %s", s->tensors[i].name, type_name(c->types[i]));
    putchar('\n');
}

/* A model that nothing here can run may serve others: that is said, and no error. */
static void try_model(const char *path, int threads)
{
    struct trit_gguf *gguf = NULL;
    struct trit_model *outline = NULL;
    struct trit_error error;
    enum trit_code code = trit_gguf_open(&gguf, path, &error);
    const struct trit_outline_of of = { .gguf = gguf };
    if (!code)
        code = trit_model_outline(&outline, &of, threads, NULL, &error);
    if (code)
        printf("tritmill cannot run it: %s\n", error.text);
    trit_model_free(outline);
    trit_gguf_close(gguf);
}

/* A device or a pipe cannot be read again. */
static bool is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

static enum trit_code convert(struct trit_convert *c, const char *path, struct trit_error *error)
{
    struct trit_progress *p = c->progress_arg;
    trit_progress_begin(p, "looking");
    enum trit_code code = trit_convert_plan(c, error);
    trit_progress_end(p);
    if (code)
        return code;
    trit_progress_begin(p, "writing");
    code = trit_convert_write(c, path, error);
    trit_progress_end(p);
    if (code || !is_file(path))
        return code;
    report(c, path);
    try_model(path, trit_pool_threads(c->pool));
    return TRIT_OK;
}

static int threads_of(const struct options *o)
{
    const int n = o->threads > 0 ? o->threads : trit_cpu_get()->threads;
    return n < MAX_THREADS ? n : MAX_THREADS;
}

static enum trit_code open_and_convert(const struct options *o, const char *in,
                                       struct trit_error *error)
{
    struct trit_progress progress;
    struct trit_convert c = { .type = types[o->type],
                              .head = heads[o->head],
                              .progress = trit_progress_step,
                              .progress_arg = &progress };
    char path[PATH_MAX];
    enum trit_code code = trit_cli_find_model(in, path, sizeof path, error);
    if (!code)
        code = trit_convert_check(o->output, path, error);
    if (!code)
        code = trit_source_open(&c.source, path, error);
    if (!code)
        trit_source_i2s(c.source, (enum trit_i2s)o->i2s);
    if (!code)
        code = trit_pool_create(&c.pool, threads_of(o), error);
    if (!code) {
        trit_catch_stop();
        code = convert(&c, o->output, error);
    }
    trit_convert_free(&c);
    trit_pool_destroy(c.pool);
    trit_source_close(c.source);
    return code;
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const char *in = NULL;
    struct trit_rest rest = { &in, 1, 0 };
    struct trit_error error;
    enum trit_parse parsed = trit_cli_parse(&trit_cmd_convert, argc, argv, &o, &rest);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    if (rest.n == 0)
        return trit_cli_usage_error("convert: give one model: a GGUF file or a folder");
    return open_and_convert(&o, in, &error) ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_convert = {
    .name = "convert",
    .summary = "write a model as GGUF with another type of weights, exactly",
    .usage = "IN -o FILE [options]",
    .detail =
        "IN is a GGUF file, the name of a model, or a folder as Hugging Face has them "
        "(config.json,\n*.safetensors, tokenizer.json or tokenizer.model). Weights are never "
        "rounded: where a matrix holds\nanother value than its type has, the first row and group "
        "that does is named, and nothing is written.\ni2_s has one scale a matrix, tq1_0 and "
        "tq2_0 one for 256 columns, q2_0 64, pq2_0, ptq1_0 and q1_0 128.\nGroups of columns and "
        "whole rows quantise inputs differently: a model that was trained for the one\nanswers "
        "a little worse with the other.",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};

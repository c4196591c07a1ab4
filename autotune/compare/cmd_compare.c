/* `tritmill compare`: variants of a product, precisions of a model, profiles end to end. */
#include <stdlib.h>
#include <string.h>

#include "autotune/compare/internal.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/cli/shape.h"
#include "runtime/cpu/cpu.h"

enum { PATTERNS = 32 };

struct options {
    const char *shape, *cc, *templates, *name, *file;
    int weights, tokens, threads, output, prompt, gen, rounds, i2s;
    double seconds;
    bool fixed, precision, e2e;
    const char *rest[PATTERNS];
    int nrest;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "--shape", TRIT_OPT_TEXT, AT(shape), "NxK", "the matrix: N outputs by K inputs", 0, 0, NULL },
    { "--weights", TRIT_OPT_CHOICE, AT(weights), NULL,
      "only kernels for them; " TRIT_CLI_FORMS_HELP, 0, 0, TRIT_CLI_FORMS },
    { "-M,--tokens", TRIT_OPT_INT, AT(tokens), "N",
      "tokens: 1 is decode (default), more is prefill", 1, 65536, NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)", 1,
      TRIT_MAX_THREADS, NULL },
    { "--seconds", TRIT_OPT_FLOAT, AT(seconds), "S", "for the timing itself (default 10)", 0.01,
      86400, NULL },
    { "--cc", TRIT_OPT_TEXT, AT(cc), "CC,..",
      "compile the variants again, with each of these compilers", 0, 0, NULL },
    { "--fixed", TRIT_OPT_FLAG, AT(fixed), NULL,
      "compile variants for this shape alone, their N and K known to the compiler", 0, 0, NULL },
    { "--templates", TRIT_OPT_TEXT, AT(templates), "DIR",
      "a folder of your templates; their variants are compiled and compared too", 0, 0, NULL },
    { "--precision", TRIT_OPT_FLAG, AT(precision), NULL,
      "compare the formats of a whole model's matrices", 0, 0, NULL },
    { "--model", TRIT_OPT_TEXT, AT(name), "NAME",
      "the model's shapes: 2b4t, large, 3b, ... as in 'synth'", 0, 0, NULL },
    { "-m", TRIT_OPT_TEXT, AT(file), "FILE", "the model, a GGUF file", 0, 0, NULL },
    { "--e2e", TRIT_OPT_FLAG, AT(e2e), NULL,
      "compare two profiles (files, or 'none') on a whole model, in turns", 0, 0, NULL },
    { "-p,--n-prompt", TRIT_OPT_INT, AT(prompt), "N", "e2e: prompt length (default 256; 0: none)",
      0, 1 << 20, NULL },
    { "-n,--n-gen", TRIT_OPT_INT, AT(gen), "N", "e2e: tokens to decode (default 32; 0: none)", 0,
      1 << 20, NULL },
    { "-r,--repetitions", TRIT_OPT_INT, AT(rounds), "N", "e2e: rounds of both (default 9)", 1, 1000,
      NULL },
    TRIT_LAYOUT_OPTION(AT(i2s)),
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL,
      "a table (default), for programs, or a page with figures", 0, 0, "md|json|csv|html" },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_ONE, "--shape,--precision,--e2e" },
    { TRIT_RULE_AGAINST, "--precision,--cc,--fixed,--templates,-M" },
    { TRIT_RULE_AGAINST, "--e2e,--cc,--fixed,--templates,-M,--seconds,--model" },
    { TRIT_RULE_NEEDS, "--weights,--shape" },
    { TRIT_RULE_NEEDS, "-m,--precision,--e2e" },
    { TRIT_RULE_NEEDS, "--model,--precision" },
    { TRIT_RULE_AGAINST, "-m,--model" },
    { TRIT_RULE_NEEDS, "-p,--e2e" },
    { TRIT_RULE_NEEDS, "-n,--e2e" },
    { TRIT_RULE_NEEDS, "-r,--e2e" },
    { TRIT_RULE_NEEDS, "--i2s-layout,--e2e" },
};

static const char detail[] =
    "PATTERN is a shell pattern on kernel names, as in 'check'. Every variant is first held to "
    "the\n"
    "reference, bit for bit, then timed with weights that no cache holds. '/ best' is its time "
    "over "
    "the\n"
    "fastest's, 'x ref' its speed over the portable C kernel's. GB/s counts weights and scales. "
    "The\n"
    "limits, read bandwidth and int8 peak, are measured in between; 'of limit' is the larger "
    "share.\n"
    "Code size and instructions come from the ELF file's symbols and objdump, mca from llvm-mca.\n"
    "--precision: ms per token through all matrices, each distinct shape measured and multiplied "
    "by how\n"
    "often it occurs; energy where RAPL can be read. --e2e: the logits' hash must\n"
    "agree; the timed passes compute the most likely token.";

static int run(int argc, char **argv);

const struct trit_command trit_cmd_compare = {
    .name = "compare",
    .summary = "rank kernel variants, precisions or profiles against each other",
    .usage = "[PATTERN...] --shape NxK [options]\n"
             "       tritmill compare --precision (--model NAME | -m FILE) [options]\n"
             "       tritmill compare --e2e PROFILE_A PROFILE_B -m FILE [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};

/* Compiles what --cc, --templates and --fixed ask for; by one compiler where --cc names none. */
static enum trit_code build(const struct options *o, struct trit_comparison *c,
                            struct trit_compilers *compilers, struct trit_error *error)
{
    struct trit_compare_build what = {
        .c = c, .templates = o->templates, .fixed = o->fixed, .only_new = !o->cc && !o->fixed
    };
    enum trit_code code = trit_compilers_find(compilers, o->cc, error);
    if (code)
        return code;
    if (!compilers->n)
        return trit_fail(error, TRIT_EUNSUPPORTED, "%s", compilers->why);
    if (!o->cc)
        compilers->n = 1;
    c->compilers = compilers;
    c->first_kernel = o->cc ? trit_kernel_count() : 0;
    return trit_compare_compile(&what, error);
}

static enum trit_code variants(const struct options *o, struct trit_pool *pool,
                               struct trit_error *error)
{
    size_t n, k;
    struct trit_form form;
    struct trit_compilers compilers;
    enum trit_code code = trit_cli_shape("compare", o->shape, &n, &k, error);
    if (!code && o->weights >= 0)
        code = trit_cli_form("compare", o->weights, k, &form, error);
    if (code)
        return code;
    struct trit_comparison c = { .n = n,
                                 .k = k,
                                 .form = o->weights >= 0 ? &form : NULL,
                                 .m = (size_t)o->tokens,
                                 .threads = trit_pool_threads(pool),
                                 .seconds = o->seconds,
                                 .patterns = o->rest,
                                 .npatterns = o->nrest,
                                 .pool = pool };
    struct trit_table table;
    if (o->cc || o->templates || o->fixed)
        code = build(o, &c, &compilers, error);
    if (!code)
        code = trit_compare_run(&c, error);
    if (!code) {
        trit_compare_table(&c, &table);
        code = trit_compare_print(&table, (enum trit_compare_output)o->output, trit_compare_figures,
                                  &c, error);
    }
    free(c.rows);
    if (!code && c.stopped)
        return trit_fail(error, TRIT_ESTOPPED, "stopped");
    return code;
}

static enum trit_code precision(const struct options *o, struct trit_pool *pool,
                                struct trit_error *error)
{
    struct trit_precision p = {
        .model = o->name, .file = o->file, .pool = pool, .seconds = o->seconds
    };
    if (o->nrest)
        return trit_fail(error, TRIT_EARGUMENT, "compare: --precision takes no '%s'", o->rest[0]);
    if (!o->name && !o->file)
        return trit_fail(error, TRIT_EARGUMENT,
                         "compare: --precision needs -m FILE or --model NAME");
    return trit_precision_run(&p, (enum trit_compare_output)o->output, error);
}

static enum trit_code e2e(const struct options *o, struct trit_error *error)
{
    struct trit_e2e e = { .file = o->file,
                          .threads = o->threads,
                          .prompt = (size_t)o->prompt,
                          .gen = (size_t)o->gen,
                          .rounds = (size_t)o->rounds,
                          .i2s = o->i2s };
    if (o->nrest != 2)
        return trit_fail(error, TRIT_EARGUMENT,
                         "compare: --e2e takes two profiles, files or 'none': %d given", o->nrest);
    if (!o->prompt && !o->gen)
        return trit_fail(error, TRIT_EARGUMENT,
                         "compare: nothing to measure: -p and -n are both 0");
    e.profile[0] = o->rest[0];
    e.profile[1] = o->rest[1];
    return trit_e2e_run(&e, (enum trit_compare_output)o->output, error);
}

static enum trit_code compare(const struct options *o, struct trit_error *error)
{
    if (o->e2e)
        return e2e(o, error);
    struct trit_pool *pool;
    int threads = o->threads > 0 ? o->threads : trit_cpu_get()->threads;
    enum trit_code code = trit_pool_create(&pool, threads, error);
    if (code)
        return code;
    code = o->precision ? precision(o, pool, error) : variants(o, pool, error);
    trit_pool_destroy(pool);
    return code;
}

static int run(int argc, char **argv)
{
    struct options o = {
        .weights = -1, .tokens = 1, .seconds = 10, .prompt = 256, .gen = 32, .rounds = 9
    };
    struct trit_rest rest = { o.rest, PATTERNS, 0 };
    enum trit_parse parse = trit_cli_parse(&trit_cmd_compare, argc, argv, &o, &rest);
    o.nrest = rest.n;
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    trit_catch_stop();
    struct trit_error error;
    enum trit_code code = compare(&o, &error);
    return code ? trit_cli_error(&error) : trit_cli_output_code(0);
}

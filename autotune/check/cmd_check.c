/* `tritmill check`: holds every registered kernel that this CPU can run to the definition, bit for
 * bit. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "autotune/check/internal.h"
#include "runtime/base/clock.h"
#include "runtime/cli/commands.h"
#include "runtime/kernel/probe.h"

struct options {
    uint64_t seed;
    bool bench, list, quick, summary;
    const char *templates, *cc;
    const char *patterns[TRIT_CHECK_PATTERNS];
    int npatterns;
    const struct trit_check_made *made; /* only these; NULL: those of the program */
    size_t built_in;                    /* with made: the others come first */
};

static const struct trit_option table[] = {
    { .names = "--seed",
      .type = TRIT_OPT_U64,
      .offset = offsetof(struct options, seed),
      .arg = "N",
      .help = "of the random data (default: the time)" },
    { .names = "--bench",
      .type = TRIT_OPT_FLAG,
      .offset = offsetof(struct options, bench),
      .help = "then time each kernel, for information" },
    { .names = "--quick",
      .type = TRIT_OPT_FLAG,
      .offset = offsetof(struct options, quick),
      .help = "every kind of case, but fewer sizes: for emulated CPUs" },
    { .names = "--list",
      .type = TRIT_OPT_FLAG,
      .offset = offsetof(struct options, list),
      .help = "only list the kernels and whether they can run here" },
    { .names = "--summary",
      .type = TRIT_OPT_FLAG,
      .offset = offsetof(struct options, summary),
      .help = "one line for all that passes; failures as usual" },
    { .names = "--templates",
      .type = TRIT_OPT_TEXT,
      .offset = offsetof(struct options, templates),
      .arg = "DIR",
      .help = "compile and check the variants that a folder of your templates adds" },
    { .names = "--cc",
      .type = TRIT_OPT_TEXT,
      .offset = offsetof(struct options, cc),
      .arg = "CC,..",
      .help = "compile the kernels again, with each of these compilers" },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_AGAINST, "--list,--bench,--quick,--summary,--seed" },
};

static int check(int argc, char **argv);

const struct trit_command trit_cmd_check = {
    .name = "check",
    .summary = "compare every kernel with the reference, bit for bit",
    .usage = "[--templates DIR] [--cc CC,..] [options] [PATTERN...]",
    .detail = "PATTERN is a shell pattern on kernel names.",
    .options = table,
    .noptions = sizeof table / sizeof *table,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = check,
};

#define CHECK(name, proof) [TRIT_OP_##name] = trit_check_##proof,
static trit_check_fn *const checks[TRIT_NOP] = { TRIT_OPS(CHECK) };

struct totals {
    size_t kernels, failed, skipped, cases;
};

/* What was made for this check came last into the registry, and was matched before. */
static bool wanted(const struct options *o, size_t index)
{
    if (o->made)
        return index >= o->built_in;
    for (int i = 0; i < o->npatterns; i++)
        if (!fnmatch(o->patterns[i], trit_kernel_at(index)->name, 0))
            return true;
    return o->npatterns == 0;
}

/* Kernels are reported together that share operation, packing and ISA. */
static bool same_group(const struct trit_kernel *a, const struct trit_kernel *b)
{
    return a->op == b->op && a->isa == b->isa && !strcmp(a->packing, b->packing);
}

/* A kernel's data depend on the seed and its name, not on which others are checked. */
static uint64_t seed_of(const struct trit_kernel *kernel, uint64_t seed)
{
    for (const char *c = kernel->name; *c; c++)
        seed = (seed ^ (uint8_t)*c) * 0x100000001b3;
    return seed;
}

static bool check_kernel(const struct trit_kernel *kernel, uint64_t seed, size_t *cases)
{
    bool passed = trit_check_run(checks[kernel->op], kernel, seed_of(kernel, seed));
    *cases += trit_check_cases();
    if (!passed)
        printf("FAILED %s: %s (seed %ju)\n", kernel->name, trit_check_failure(), (uintmax_t)seed);
    return passed;
}

static void report(const char *word, const struct trit_kernel *first, const char *rest)
{
    printf("%-7s %-8s %-5s %-11s %s\n", word, trit_op_name(first->op), first->packing,
           trit_isa_name(first->isa), rest);
    fflush(stdout);
}

/* Checks all wanted kernels of the group that begins at index begin. */
static void check_group(const struct options *o, size_t begin, struct totals *totals)
{
    const struct trit_kernel *first = trit_kernel_at(begin);
    size_t kernels = 0, failed = 0, cases = 0;
    const char *why;
    bool usable = trit_isa_usable(first->isa, &why);
    for (size_t i = begin; i < trit_kernel_count(); i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        if (!wanted(o, i) || !same_group(kernel, first))
            continue;
        kernels++;
        if (usable)
            failed += !check_kernel(kernel, o->seed, &cases);
    }
    char rest[160];
    if (usable)
        snprintf(rest, sizeof rest, "%3zu kernels  %7zu cases", kernels, cases);
    else
        snprintf(rest, sizeof rest, "%3zu kernels  %s", kernels, why);
    if (!o->summary || failed)
        report(!usable ? "skipped" : failed ? "failed" : "ok", first, rest);
    totals->kernels += kernels;
    totals->cases += cases;
    totals->failed += failed;
    totals->skipped += usable ? 0 : kernels;
}

static bool begins_group(const struct options *o, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (wanted(o, i) && same_group(trit_kernel_at(i), trit_kernel_at(index)))
            return false;
    return wanted(o, index);
}

/* Those that were to be made and are not there. */
static void check_absent(const struct trit_check_made *made, struct totals *totals)
{
    const char *why;
    for (size_t i = 0; i < made->n; i++) {
        if (trit_check_made_kernel(made, i, &why))
            continue;
        totals->kernels++;
        totals->skipped += why != NULL;
        totals->failed += why == NULL;
        printf("%s %s%s%s\n", why ? "skipped" : "FAILED", made->name[i], why ? ": " : "",
               why ? why : "");
    }
    if (*made->failure)
        printf("        %s\n", made->failure);
}

static int list(const struct options *o)
{
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        const char *why;
        trit_isa_usable(kernel->isa, &why);
        if (wanted(o, i))
            printf("%-48s %s\n", kernel->name, why);
    }
    return trit_cli_output_code(0);
}

static void bench(const struct options *o)
{
    const struct trit_kernel **chosen = malloc(trit_kernel_count() * sizeof *chosen);
    size_t n = 0;
    for (size_t i = 0; chosen && i < trit_kernel_count(); i++)
        if (wanted(o, i) && trit_isa_usable(trit_kernel_at(i)->isa, NULL))
            chosen[n++] = trit_kernel_at(i);
    trit_check_bench(chosen, n);
    free(chosen);
}

static int check_all(const struct options *o)
{
    struct totals totals = { 0 };
    const double begin = trit_now();
    for (int isa = 0; isa < TRIT_NISA; isa++)
        for (size_t i = 0; i < trit_kernel_count(); i++)
            if ((int)trit_kernel_at(i)->isa == isa && begins_group(o, i))
                check_group(o, i, &totals);
    if (o->made)
        check_absent(o->made, &totals);
    if (totals.kernels == 0)
        return trit_cli_usage_error("check: no kernel's name matches");
    printf("check: %zu kernels, %zu failed, %zu skipped, seed %ju", totals.kernels, totals.failed,
           totals.skipped, (uintmax_t)o->seed);
    if (o->summary)
        printf(": %zu passed, %zu cases, %.0f s", totals.kernels - totals.failed - totals.skipped,
               totals.cases, trit_now() - begin);
    putchar('\n');
    if (o->bench && totals.failed == 0)
        bench(o);
    return trit_cli_output_code(totals.failed ? 1 : 0);
}

static int make_and_check(struct options *o)
{
    const struct trit_check_make what = { o->templates, o->cc, o->patterns, o->npatterns };
    struct trit_check_made made;
    struct trit_error error;
    o->made = &made;
    o->built_in = trit_kernel_count();
    trit_catch_stop();
    enum trit_code code = trit_check_make(&what, &made, &error);
    trit_release_stop(); /* kernels are not asked to stop: a signal ends the program there */
    int exit_code = code ? trit_cli_error(&error) : o->list ? list(o) : check_all(o);
    trit_check_unmake(&made);
    return exit_code;
}

static int check(int argc, char **argv)
{
    struct options o = { .seed = (uint64_t)time(NULL) };
    struct trit_rest rest = { o.patterns, TRIT_CHECK_PATTERNS, 0 };
    const enum trit_parse parse = trit_cli_parse(&trit_cmd_check, argc, argv, &o, &rest);
    o.npatterns = rest.n;
    switch (parse) {
    case TRIT_PARSE_HELP:
        return 0;
    case TRIT_PARSE_ERROR:
        return 2;
    case TRIT_PARSE_OK:
        break;
    }
    trit_check_quick = o.quick;
    if (o.templates || o.cc)
        return make_and_check(&o);
    return o.list ? list(&o) : check_all(&o);
}

/* `tritmill generate`: shows and writes kernels, general ones or for given shapes. */
#include <stdio.h>

#include "generator/generate.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/shape.h"

struct generate_options {
    bool list;
    const char *isa, *arch, *out, *templates;
    struct trit_texts shapes;
};

#define AT(member) offsetof(struct generate_options, member)
static const struct trit_option options[] = {
    { "--list", TRIT_OPT_FLAG, AT(list), NULL,
      "name every kernel, its template and the hash of its text", 0, 0, NULL },
    { "--isa", TRIT_OPT_TEXT, AT(isa), "NAME", "only this instruction set", 0, 0, NULL },
    { "--shape", TRIT_OPT_TEXTS, AT(shapes), "NxK",
      "gemv and gemm for this matrix alone, N outputs by K inputs (repeatable)", 0, 0, NULL },
    { "-o,--output", TRIT_OPT_TEXT, AT(out), "DIR",
      "write the C files, the vocabularies and the registry rows there", 0, 0, NULL },
    { "--arch", TRIT_OPT_TEXT, AT(arch), "NAME", "for x86_64 or aarch64 (default: of this machine)",
      0, 0, NULL },
    { "--templates", TRIT_OPT_TEXT, AT(templates), "DIR",
      "a folder of templates to search first; the variants declared there are generated too", 0, 0,
      NULL },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_SOME, "--list,-o" },
};

static const char detail[] = "Files whose text did not change are not touched. The C files include "
                             "runtime/kernel.h of tritmill's sources;\n"
                             "kernels.cmake names the compiler flags that each one needs. An error "
                             "names template, line and variant.";

static int generate(int argc, char **argv);

const struct trit_command trit_cmd_generate = {
    .name = "generate",
    .summary = "expand kernel templates for instruction sets and matrix shapes",
    .usage = "(--list | -o DIR) [--isa NAME] [--shape NxK]...",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = generate,
};

static void print_variant(void *arg, const struct trit_variant *v)
{
    (void)arg;
    printf("%-52s %s  %s\n", v->name, v->hash, v->source);
}

static void count_variant(void *arg, const struct trit_variant *v)
{
    (void)v;
    ++*(size_t *)arg;
}

static int run(const struct trit_generate *what, const struct generate_options *o)
{
    struct trit_error error;
    size_t count = 0;
    if (trit_generate(what, o->list ? print_variant : count_variant, &count, &error))
        return trit_cli_error(&error);
    if (!o->list)
        printf("%zu kernels in %s\n", count, o->out);
    return trit_cli_output_code(0);
}

static int generate(int argc, char **argv)
{
    struct generate_options o = { 0 };
    switch (trit_cli_parse(&trit_cmd_generate, argc, argv, &o, NULL)) {
    case TRIT_PARSE_HELP:
        return 0;
    case TRIT_PARSE_ERROR:
        return 2;
    default:
        break;
    }
    struct trit_shape_nk shapes[TRIT_LIST_MAX];
    struct trit_error error;
    for (int i = 0; i < o.shapes.n; i++)
        if (trit_cli_shape("generate", o.shapes.v[i], &shapes[i].n, &shapes[i].k, &error))
            return trit_cli_error(&error);
    const struct trit_generate what = { .user_templates = o.templates,
                                        .out = o.out,
                                        .isa = o.isa,
                                        .arch = o.arch,
                                        .known_arch = true,
                                        .shapes = shapes,
                                        .nshapes = (size_t)o.shapes.n };
    return run(&what, &o);
}

/* `tritmill cpu`: what this CPU is, which kernels it may run and why not the others, and what its
   measured limits are. */
#include "autotune/measure/internal.h"

#include <stdio.h>
#include <string.h>

#include "runtime/cli/commands.h"
#include "runtime/cpu/cpu.h"
#include "runtime/kernel.h"
#include "runtime/kernel/probe.h"
#include "runtime/thread/pool.h"

struct options {
    int format;
    bool measure;
    struct trit_ints threads;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "-o,--output", TRIT_OPT_CHOICE, AT(format), NULL, "text (default) or json", 0, 0,
      "text|json" },
    { "--measure", TRIT_OPT_FLAG, AT(measure), NULL,
      "measure what each level of memory and each instruction set can do: a few seconds", 0, 0,
      NULL },
    { "-t,--threads", TRIT_OPT_INTS, AT(threads), "N,..",
      "measure with these thread counts (default: 1 to one per physical core)", 1, TRIT_MAX_THREADS,
      NULL },
};
#undef AT

/* All counts up to eight, then powers of two, and what commands take by default. */
static struct trit_ints default_threads(void)
{
    struct trit_ints list = { 0 };
    int most = trit_cpu_get()->threads;
    most = most < TRIT_MAX_THREADS ? most : TRIT_MAX_THREADS;
    for (int n = 1; n < most; n += n < 8 ? 1 : n)
        list.v[list.n++] = n;
    list.v[list.n++] = most;
    return list;
}

static int kernels_of(enum trit_isa isa)
{
    int n = 0;
    for (size_t i = 0; i < trit_kernel_count(); i++)
        n += trit_kernel_at(i)->isa == isa;
    return n;
}

/* Caches are counted in powers of two, everything else in powers of ten. */
static void print_cache(const char *name, size_t bytes)
{
    if (bytes >= 1 << 20)
        printf("%s %g MiB", name, (double)bytes / (1 << 20));
    else if (bytes > 0)
        printf("%s %g KiB", name, (double)bytes / 1024);
    else
        printf("%s unknown", name);
}

static void print_identity(const struct trit_cpu *cpu)
{
    printf("CPU       %s (%s family %d model %d stepping %d)\n",
           *cpu->brand ? cpu->brand : "unknown", *cpu->vendor ? cpu->vendor : "unknown vendor",
           cpu->family, cpu->model, cpu->stepping);
    printf("cores     %d, logical CPUs %d, threads by default %d\n", cpu->cores, cpu->logical,
           cpu->threads);
    if (cpu->quota > 0)
        printf("quota     %.3g CPUs, by a cgroup%s\n", cpu->quota,
               cpu->threads < cpu->cores ? ": fewer threads than cores by default" : "");
    print_cache("caches    L1d", cpu->l1d);
    print_cache(", L2", cpu->l2);
    print_cache(", L3", cpu->l3);
    print_cache(", L3 in all", cpu->l3_all);
    printf("\nfeatures ");
    const char *name;
    for (int i = 0, column = 9; (name = trit_cpu_feature_name(i)); i++) {
        if (!(cpu->features >> i & 1))
            continue;
        if (column > 80)
            column = printf("\n         ") - 1;
        column += printf(" %s", name);
    }
    printf("\n\n");
}

static void print_isas(void)
{
    printf("ISA         kernels\n");
    for (unsigned i = 0; i < TRIT_NISA; i++) {
        const char *why;
        trit_isa_usable((enum trit_isa)i, &why);
        printf("%-11s %7d  %s\n", trit_isa_name((enum trit_isa)i), kernels_of((enum trit_isa)i),
               why);
    }
}

static json_t *features_json(uint64_t features)
{
    json_t *list = json_array();
    const char *name;
    for (int i = 0; (name = trit_cpu_feature_name(i)); i++)
        if (features >> i & 1)
            json_array_append_new(list, json_string(name));
    return list;
}

static json_t *isas_json(void)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < TRIT_NISA; i++) {
        enum trit_isa isa = (enum trit_isa)i;
        const char *why;
        bool usable = trit_isa_usable(isa, &why);
        json_array_append_new(list,
                              json_pack("{s:s, s:b, s:s, s:i}", "name", trit_isa_name(isa),
                                        "usable", usable, "why", why, "kernels", kernels_of(isa)));
    }
    return list;
}

static json_t *identity_json(const struct trit_cpu *cpu)
{
    struct trit_text vendor = { cpu->vendor, strlen(cpu->vendor) };
    struct trit_text brand = { cpu->brand, strlen(cpu->brand) };
    return json_pack(
        "{s:o, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "vendor",
        trit_json_text(vendor), "brand", trit_json_text(brand), "family", cpu->family, "model",
        cpu->model, "stepping", cpu->stepping, "cores", cpu->cores, "logical", cpu->logical,
        "threads", cpu->threads, "quota", cpu->quota > 0 ? json_real(cpu->quota) : json_null(),
        "l1d", (json_int_t)cpu->l1d, "l2", (json_int_t)cpu->l2, "l3", (json_int_t)cpu->l3, "l3_all",
        (json_int_t)cpu->l3_all, "features", features_json(cpu->features), "isas", isas_json());
}

static enum trit_code show_json(const struct options *o, struct trit_error *error)
{
    json_t *root = identity_json(trit_cpu_get());
    enum trit_code code =
        root && o->measure ? trit_cpu_add_limits(root, &o->threads, error) : TRIT_OK;
    if (code == TRIT_OK)
        return trit_json_print(root, error);
    json_decref(root);
    return code;
}

static enum trit_code show_text(const struct options *o, struct trit_error *error)
{
    print_identity(trit_cpu_get());
    print_isas();
    return o->measure ? trit_cpu_print_limits(&o->threads, error) : TRIT_OK;
}

static int run(int argc, char **argv)
{
    struct options o = { .threads = default_threads() };
    struct trit_error error;
    enum trit_parse parsed = trit_cli_parse(&trit_cmd_cpu, argc, argv, &o, NULL);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    o.measure |= o.threads.given;
    trit_catch_stop();
    enum trit_code code = (o.format ? show_json : show_text)(&o, &error);
    return code == TRIT_OK ? trit_cli_output_code(0) : trit_cli_error(&error);
}

const struct trit_command trit_cmd_cpu = {
    .name = "cpu",
    .summary = "show this CPU, the instruction sets that kernels may use, and its limits",
    .usage = "[options]",
    .detail = "An instruction set is usable where the CPU and the system have it, TRITMILL_ISA "
              "does not cap it,\n"
              "and one kernel of each kind gave the right bits in a child process.",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};

/* Variants that are compiled for a comparison: which, and by which compilers. */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/compare/internal.h"
#include "runtime/cli/cli.h"
#include "runtime/kernel/name.h"
#include "runtime/kernel/probe.h"

enum { NAME = 192 };

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n > m && !strcmp(name + n - m, suffix);
}

/* The name without the suffix of a compiler, into out. */
static void plain_name(const struct trit_comparison *c, const char *name, char *out)
{
    snprintf(out, NAME, "%s", name);
    for (int i = 0; c->compilers && i < c->compilers->n; i++)
        if (ends_in(out, c->compilers->suffix[i])) {
            out[strlen(out) - strlen(c->compilers->suffix[i])] = 0;
            if (ends_in(out, "_"))
                out[strlen(out) - 1] = 0;
            return;
        }
}

/* Whether the packing in the name takes the form. */
static bool is_of_form(const struct trit_comparison *c, const char *name)
{
    struct trit_name parts;
    if (!c->form)
        return true;
    const struct trit_packing *packing =
        trit_name_parse(name, &parts) ? trit_packing_find(parts.packing) : NULL;
    return packing && trit_packing_takes(packing, *c->form);
}

bool trit_compare_wants(const struct trit_comparison *c, const char *name)
{
    char plain[NAME];
    plain_name(c, name, plain);
    if (!is_of_form(c, name))
        return false;
    for (int i = 0; i < c->npatterns; i++)
        if (!fnmatch(c->patterns[i], name, 0) || !fnmatch(c->patterns[i], plain, 0))
            return true;
    return c->npatterns == 0;
}

/* Whether the ISA in a name, "..__ISA[_technique]", can run here. */
static bool runs_here(const char *name)
{
    char isa[32];
    const char *gap = strstr(name, "__");
    size_t n = gap ? strcspn(gap + 2, "_") : 0;
    if (n == 0 || n >= sizeof isa)
        return false;
    memcpy(isa, gap + 2, n);
    isa[n] = 0;
    enum trit_isa found = trit_isa_find(isa);
    return found != TRIT_NISA && trit_isa_usable(found, NULL);
}

static bool want(void *arg, const char *name)
{
    const struct trit_compare_build *what = arg;
    char plain[NAME];
    const char *op = what->c->m == 1 ? "trit_gemv_" : "trit_gemm_";
    plain_name(what->c, name, plain);
    return !strncmp(name, op, strlen(op)) && runs_here(name) &&
           (!what->only_new || !trit_kernel_find(plain)) && trit_compare_wants(what->c, name);
}

enum trit_code trit_compare_compile(const struct trit_compare_build *what, struct trit_error *error)
{
    struct trit_shape_nk shape = { what->c->n, what->c->k };
    struct trit_compare_build mine = *what;
    struct trit_progress progress;
    struct trit_build build = { .generate = { .user_templates = what->templates,
                                              .shapes = what->fixed ? &shape : NULL,
                                              .nshapes = what->fixed },
                                .compilers = what->c->compilers,
                                .want = want,
                                .want_arg = &mine,
                                .progress = trit_progress_step,
                                .progress_arg = &progress };
    struct trit_built *built = malloc(sizeof *built);
    if (!built)
        return trit_fail(error, TRIT_EMEMORY, "no memory to compile variants");
    trit_progress_begin(&progress, "compiling");
    enum trit_code code = trit_build(&build, built, error);
    trit_progress_end(&progress);
    if (!code && built->failed)
        fprintf(stderr, "tritmill: %zu variant%s not compile: %s\n", built->failed,
                built->failed == 1 ? " does" : "s do", built->failure);
    free(built);
    return code;
}

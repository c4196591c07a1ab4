/* Which kernels a check compiles, and what became of them. */
#include "autotune/check/internal.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/build/build.h"
#include "runtime/cli/cli.h"
#include "runtime/kernel/probe.h"

/* Variants as the generator tells them, before any compiler has put its mark on their names. */
struct making {
    const struct trit_check_make *what;
    const struct trit_compilers *compilers;
    struct trit_check_made *made;
    struct trit_check_made
        own;   /* names and hashes, blank between, of what needs no user's folder */
    bool full; /* no memory */
};

static bool matches(const struct trit_check_make *what, const char *plain, const char *name)
{
    for (int i = 0; i < what->npatterns; i++)
        if (!fnmatch(what->patterns[i], plain, 0) || !fnmatch(what->patterns[i], name, 0))
            return true;
    return what->npatterns == 0;
}

static char *next_name(struct trit_check_made *made)
{
    if (made->n == made->room) {
        size_t room = made->room ? 2 * made->room : 64;
        void *more = realloc(made->name, room * sizeof *made->name);
        if (!more)
            return NULL;
        made->name = more;
        made->room = room;
    }
    return made->name[made->n];
}

/* The ISA's place in "..__ISA[_technique]". */
static const char *isa_in(const char *name)
{
    const char *gap = strstr(name, "__");
    return gap ? gap + 2 : name + strlen(name);
}

static bool has(const struct trit_check_made *made, const char *name)
{
    for (size_t i = 0; i < made->n; i++)
        if (!strcmp(made->name[i], name))
            return true;
    return false;
}

static void identify(const struct trit_variant *variant, char *out)
{
    snprintf(out, TRIT_CHECK_NAME, "%s %s", variant->name, variant->hash);
}

static void note_own(void *arg, const struct trit_variant *variant)
{
    struct making *m = arg;
    char *name = next_name(&m->own);
    m->full |= !name;
    if (name) {
        identify(variant, name);
        m->own.n++;
    }
}

static void add(void *arg, const struct trit_variant *variant)
{
    struct making *m = arg;
    char id[TRIT_CHECK_NAME];
    identify(variant, id);
    if (has(&m->own, id))
        return;
    const char *gap = strchr(isa_in(variant->name), '_') ? "" : "_";
    for (int i = 0; i < m->compilers->n; i++) {
        char *name = next_name(m->made);
        m->full |= !name;
        if (!name)
            return;
        snprintf(name, TRIT_CHECK_NAME, "%s%s%s", variant->name, gap, m->compilers->suffix[i]);
        m->made->n += matches(m->what, variant->name, name);
    }
}

static bool want(void *arg, const char *kernel)
{
    return has(arg, kernel);
}

static enum trit_code build(const struct trit_check_make *what, struct trit_check_made *made,
                            const struct trit_compilers *compilers, struct trit_error *error)
{
    struct trit_progress progress;
    struct trit_build build = { .generate = { .user_templates = what->templates },
                                .compilers = compilers,
                                .want = want,
                                .want_arg = made,
                                .progress = trit_progress_step,
                                .progress_arg = &progress };
    struct trit_built *built = malloc(sizeof *built);
    if (!built)
        return trit_fail(error, TRIT_EMEMORY, "no memory to compile kernels");
    error->text[0] = 0;
    trit_progress_begin(&progress, "compiling");
    enum trit_code code = trit_build(&build, built, error);
    trit_progress_end(&progress);
    if (!code)
        snprintf(made->failure, sizeof made->failure, "%s",
                 built->failed ? built->failure : error->text);
    free(built);
    return code;
}

/* Which there are to make. */
static enum trit_code list(struct making *m, struct trit_error *error)
{
    const struct trit_check_make *what = m->what;
    const struct trit_generate own = { 0 }, all = { .user_templates = what->templates };
    enum trit_code code = what->templates ? trit_generate(&own, note_own, m, error) : TRIT_OK;
    if (!code)
        code = trit_generate(&all, add, m, error);
    free(m->own.name);
    if (!code && m->full)
        return trit_fail(error, TRIT_EMEMORY, "no memory to compile kernels");
    if (!code && m->made->n == 0)
        return trit_fail(error, TRIT_EARGUMENT, "check: no kernel%s%s has a name that matches",
                         what->templates ? " that is new in " : "",
                         what->templates ? what->templates : "");
    return code;
}

enum trit_code trit_check_make(const struct trit_check_make *what, struct trit_check_made *made,
                               struct trit_error *error)
{
    struct trit_compilers compilers;
    struct making making = { .what = what, .compilers = &compilers, .made = made };
    *made = (struct trit_check_made){ 0 };
    enum trit_code code = trit_compilers_find(&compilers, what->cc, error);
    if (!code && compilers.n == 0)
        code = trit_fail(error, TRIT_EUNSUPPORTED, "%s", compilers.why);
    if (!code)
        code = list(&making, error);
    return code ? code : build(what, made, &compilers, error);
}

void trit_check_unmake(struct trit_check_made *made)
{
    free(made->name);
    *made = (struct trit_check_made){ 0 };
}

const struct trit_kernel *trit_check_made_kernel(const struct trit_check_made *made, size_t i,
                                                 const char **why)
{
    char isa[32];
    const char *name = isa_in(made->name[i]);
    snprintf(isa, sizeof isa, "%.*s", (int)strcspn(name, "_"), name);
    enum trit_isa found = trit_isa_find(isa);
    *why = NULL;
    if (found == TRIT_NISA)
        *why = "not an ISA of this program";
    else if (trit_isa_usable(found, why))
        *why = NULL;
    return *why ? NULL : trit_kernel_find(made->name[i]);
}

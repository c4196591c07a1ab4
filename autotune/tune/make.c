/* Kernels made while tuning: the best of a field again, for one matrix alone, by each compiler and
   with loops unrolled; and those of a user's templates. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/tune/internal.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/probe.h"

static const double build_share = 0.5; /* of the time that is left */
/* A packing competes by the best compiler's kernels, not by one's: what is this much slower before
   its kernels are made again is not caught up with. */
static const double within_reach = 1.3;

bool trit_names_add(struct trit_tune_names *names, const char *name)
{
    if (names->n == names->room) {
        const size_t room = names->room ? 2 * names->room : 64;
        void *more = realloc(names->name, room * sizeof *names->name);
        if (!more)
            return false;
        names->name = more;
        names->room = room;
    }
    return snprintf(names->name[names->n++], sizeof *names->name, "%s", name) <
           (int)sizeof *names->name;
}

size_t trit_names_rank(void *names, const char *kernel)
{
    const struct trit_tune_names *list = names;
    size_t i = 0;
    while (i < list->n && strcmp(list->name[i], kernel) != 0)
        i++;
    return i;
}

bool trit_names_want(void *names, const char *kernel)
{
    const struct trit_tune_names *list = names;
    return trit_names_rank(names, kernel) < list->n;
}

static bool is_built_in(const struct trit_tune *tune, const struct trit_kernel *kernel)
{
    for (size_t i = 0; i < tune->built_in; i++)
        if (trit_kernel_at(i) == kernel)
            return true;
    return false;
}

/* A technique that ends as in "p8u4". */
static bool is_unrolled(const char *technique)
{
    const char *u = strrchr(technique, 'u');
    return u && isdigit((unsigned char)u[1]);
}

/* The kernel's name with the matrix' shape in it and, where it is one of the program's own, how far
   its loop is unrolled ("", "u2") and the compiler at its end. False where there is none. */
static bool special_name(const struct trit_tune *tune, const struct trit_tune_matrix *matrix,
                         const struct trit_kernel *kernel, const char *unroll, const char *suffix,
                         char name[128])
{
    const char *tail = strstr(kernel->name, "__"), *technique = tail ? strchr(tail + 2, '_') : NULL;
    const bool own = is_built_in(tune, kernel);
    if (!tail || (*unroll && (!own || (technique && is_unrolled(technique)))))
        return false;
    return snprintf(name, 128, "%.*s_k%zu_n%zu%s%s%s%s", (int)(tail - kernel->name), kernel->name,
                    trit_round_up(matrix->k, (size_t)kernel->kr), matrix->n, tail,
                    own && !technique ? "_" : "", unroll, own ? suffix : "") < 128;
}

/* What is to be made, and from whom: names[i] is the special form of the kernel of from[i]. */
struct wishes {
    struct trit_tune_names names;
    struct trit_contender *from;
    struct trit_tune_matrix **matrix;
};

static bool add_wish(struct wishes *w, struct trit_tune_matrix *matrix,
                     const struct trit_contender *c, const char *name)
{
    if (trit_names_want(&w->names, name))
        return true;
    const size_t n = w->names.n + 1;
    struct trit_contender *from = realloc(w->from, n * sizeof *from);
    if (!from)
        return false;
    w->from = from;
    struct trit_tune_matrix **matrices = realloc(w->matrix, n * sizeof *matrices);
    if (!matrices)
        return false;
    w->matrix = matrices;
    from[n - 1] = *c;
    matrices[n - 1] = matrix;
    return trit_names_add(&w->names, name);
}

/* Whether contender i of a field that is sorted by score is the best of its operation and packing,
   and its packing within reach of the best. */
static bool leads(const struct trit_field *field, size_t i)
{
    const struct trit_contender *c = &field->list[i];
    for (size_t j = 0; j < i; j++)
        if (field->list[j].kernel->op == c->kernel->op &&
            !strcmp(field->list[j].kernel->packing, c->kernel->packing))
            return false;
    return c->score <= within_reach * field->list[0].score;
}

/* Contender i of the matrix' field, if it leads: by each compiler, and the gemv unrolled too; a
   turn of gemm's loop is long as it is. */
static bool wish_for(const struct trit_tune *tune, struct wishes *w,
                     struct trit_tune_matrix *matrix, size_t i)
{
    static const char *const unrolls[] = { "", "u2", "u4" };
    enum { NUNROLLS = sizeof unrolls / sizeof *unrolls };
    if (i >= matrix->field.n || !leads(&matrix->field, i))
        return true;
    const struct trit_contender *c = &matrix->field.list[i];
    const int n = c->kernel->op == TRIT_OP_gemv ? NUNROLLS : 1;
    bool fine = true;
    for (int j = 0; j < n * tune->compilers.n && fine; j++) {
        char name[128];
        if (special_name(tune, matrix, c->kernel, unrolls[j / tune->compilers.n],
                         tune->compilers.suffix[j % tune->compilers.n], name))
            fine = add_wish(w, matrix, c, name);
    }
    return fine;
}

/* The best of every matrix first: the time for compilers may end. */
static bool wish_for_all(struct trit_tune *tune, struct wishes *w)
{
    bool fine = true;
    for (size_t i = 0, more = 1; more && fine; i++) {
        more = 0;
        for (size_t j = 0; j < tune->nmatrices && fine; j++) {
            fine = wish_for(tune, w, &tune->matrices[j], i);
            more |= i + 1 < tune->matrices[j].field.n;
        }
    }
    return fine;
}

/* Those that were built and are right join the field, at their originals' times. */
static enum trit_code admit(struct trit_tune *tune, const struct wishes *w,
                            struct trit_tune_matrix *matrix, struct trit_error *error)
{
    struct trit_measure *measure;
    enum trit_code code = trit_measure_open(&measure, tune->pools[0], matrix->n, matrix->k, error);
    for (size_t i = 0; i < w->names.n && !code; i++) {
        const struct trit_kernel *kernel = trit_kernel_find(w->names.name[i]);
        const char *why;
        if (w->matrix[i] != matrix || !kernel || !trit_measure_fits(measure, kernel))
            continue;
        trit_measure_verify(measure, &kernel, 1, &why);
        struct trit_contender c = w->from[i];
        c.kernel = kernel;
        if (!why)
            code = trit_field_add(&matrix->field, &c, error);
    }
    trit_measure_close(measure);
    return code;
}

/* Where none can be made, the kernels that there are serve. */
static enum trit_code build(struct trit_tune *tune, struct trit_tune_names *names,
                            const struct trit_shape_nk *shapes, size_t nshapes,
                            struct trit_error *error)
{
    const char *whose = nshapes ? "for these matrices" : "of your templates";
    const double seconds = build_share * trit_tune_left(tune);
    struct trit_built built;
    if (seconds < tune->build_seconds) {
        trit_tune_clear(tune);
        fprintf(stderr, "tritmill: no kernels %s are made: the budget of %g s is too short\n",
                whose, tune->budget);
        return TRIT_OK;
    }
    const struct trit_build what = {
        .generate = { .user_templates = tune->templates, .shapes = shapes, .nshapes = nshapes },
        .compilers = &tune->compilers,
        .want = trit_names_want,
        .rank = trit_names_rank,
        .want_arg = names,
        .seconds = seconds + 1e-3,
        .progress = trit_tune_building,
        .progress_arg = tune,
    };
    const enum trit_code code = trit_build(&what, &built, error);
    trit_tune_clear(tune);
    if (code == TRIT_EUNSUPPORTED || code == TRIT_EIO) {
        fprintf(stderr, "tritmill: no kernels %s were made: %s\n", whose, error->text);
        return TRIT_OK;
    }
    if (!code && built.failed > 0)
        fprintf(stderr, "tritmill: %zu kernels %s do not compile, the first: %s\n", built.failed,
                whose, built.failure);
    if (!code && built.late > 0)
        fprintf(stderr, "tritmill: %zu kernels %s were not made: their time was over\n", built.late,
                whose);
    return code;
}

enum trit_code trit_tune_make_special(struct trit_tune *tune, struct trit_error *error)
{
    struct wishes w = { 0 };
    struct trit_shape_nk shapes[TRIT_TUNE_MATRICES];
    for (size_t i = 0; i < tune->nmatrices; i++)
        shapes[i] = (struct trit_shape_nk){ tune->matrices[i].n, tune->matrices[i].k };
    enum trit_code code =
        wish_for_all(tune, &w) ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "no memory to tune");
    if (!code && w.names.n > 0)
        code = build(tune, &w.names, shapes, tune->nmatrices, error);
    for (size_t i = 0; i < tune->nmatrices && !code; i++)
        code = admit(tune, &w, &tune->matrices[i], error);
    free(w.names.name);
    free(w.from);
    free(w.matrix);
    return code;
}

/* Products of the user's folder that can run here and are not in the registry with the same text.
 */
struct strangers {
    const struct trit_tune *tune;
    struct trit_tune_names names;
    bool fine;
};

static void look_at(void *arg, const struct trit_variant *variant)
{
    struct strangers *s = arg;
    const struct trit_kernel *known = trit_kernel_find(variant->name);
    const enum trit_isa isa = trit_isa_find(variant->isa);
    if ((known && known->hash == strtoull(variant->hash, NULL, 16)) || isa == TRIT_NISA ||
        !trit_isa_usable(isa, NULL) || (s->tune->isa && strcmp(s->tune->isa, variant->isa)) ||
        (strncmp(variant->name, "trit_gemv_", 10) && strncmp(variant->name, "trit_gemm_", 10)))
        return;
    const bool technique = strchr(strstr(variant->name, "__") + 2, '_') != NULL;
    for (int i = 0; i < s->tune->compilers.n; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s%s", variant->name, technique ? "" : "_",
                 s->tune->compilers.suffix[i]);
        s->fine = s->fine && trit_names_add(&s->names, name);
    }
}

enum trit_code trit_tune_make_user(struct trit_tune *tune, struct trit_error *error)
{
    struct strangers s = { .tune = tune, .fine = true };
    const struct trit_generate what = { .user_templates = tune->templates };
    enum trit_code code = trit_generate(&what, look_at, &s, error);
    if (!code && !s.fine)
        code = trit_fail(error, TRIT_EMEMORY, "no memory to tune");
    if (!code && s.names.n > 0)
        code = build(tune, &s.names, NULL, 0, error);
    free(s.names.name);
    return code;
}

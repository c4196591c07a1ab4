/* Whether a profile, and each of its rows, may be used here, and what it then says of a matrix. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/mem.h"
#include "runtime/kernel/probe.h"
#include "runtime/plan/internal.h"

/* Whether every word of a is one of b; *missing (room bytes) gets the first that is not. */
static bool all_words(const char *a, const char *b, char *missing, size_t room)
{
    for (a += strspn(a, " "); *a; a += strspn(a, " ")) {
        const size_t n = strcspn(a, " ");
        bool there = false;
        for (const char *s = b; *s && !there; s += strcspn(s, " "), s += strspn(s, " "))
            there = strcspn(s, " ") == n && !memcmp(s, a, n);
        if (!there) {
            snprintf(missing, room, "%.*s", (int)n, a);
            return false;
        }
        a += n;
    }
    return true;
}

static const char *why_not(const char *isa)
{
    const char *why;
    trit_isa_usable(trit_isa_find(isa), &why);
    return why;
}

/* Another CPU, or another set of ISAs of the same program. An ISA that a newer program brought does
   not make a profile foreign, it only may be worth tuning for. */
static bool foreign(const struct trit_profile *p, char *why, size_t room)
{
    char cpu[sizeof p->cpu], isas[sizeof p->isas], isa[64];
    trit_profile_cpu(cpu, sizeof cpu);
    trit_profile_isas(isas, sizeof isas);
    const bool same_set = !strcmp(p->kernel_set, trit_kernel_set);
    if (strcmp(p->cpu, cpu) != 0)
        snprintf(why, room, "it was made on another CPU: %.60s; this is %.60s", p->cpu, cpu);
    else if (!all_words(p->isas, isas, isa, sizeof isa))
        snprintf(why, room, "it was made with ISA %.40s, which is not usable here: %.80s", isa,
                 why_not(isa));
    else if (same_set && !all_words(isas, p->isas, isa, sizeof isa))
        snprintf(why, room, "it was made without ISA %.40s, which is usable here", isa);
    else
        return false;
    return true;
}

/* 1 if the date lies more than a day ahead: clocks differ a little. */
static bool in_future(const char *made)
{
    char limit[32];
    const time_t day = time(NULL) + 86400;
    struct tm utc;
    strftime(limit, sizeof limit, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&day, &utc));
    return strcmp(made, limit) > 0;
}

enum trit_profile_state trit_profile_judge(const struct trit_profile *p, char *why, size_t room)
{
    struct trit_profile *here;
    snprintf(why, room, "no memory");
    if (trit_profile_create(&here, NULL))
        return TRIT_PROFILE_FOREIGN;
    enum trit_profile_state state = TRIT_PROFILE_STALE;
    if (foreign(p, why, room))
        state = TRIT_PROFILE_FOREIGN;
    else if (strcmp(p->kernel_set, here->kernel_set) != 0)
        snprintf(why, room,
                 "made with another set of kernels; `tritmill tune --update` times what "
                 "is new");
    else if (strcmp(p->compiler, here->compiler) != 0)
        snprintf(why, room,
                 "made with kernels compiled by %.60s, these are by %.60s; `tritmill "
                 "tune --update` times them",
                 p->compiler, here->compiler);
    else if (strcmp(p->caches, here->caches) != 0)
        snprintf(why, room,
                 "made with caches of %.60s bytes, these have %.60s; `tritmill tune` "
                 "measures anew",
                 p->caches, here->caches);
    else if (in_future(p->made))
        snprintf(why, room, "made at %s, which is yet to come", p->made);
    else {
        state = TRIT_PROFILE_GOOD;
        *why = 0;
    }
    trit_profile_free(here);
    return state;
}

/* The last that was added of those with this name and hash. */
static const struct trit_kernel *known(const struct trit_profile_row *row)
{
    for (size_t i = trit_kernel_count(); i-- > 0;) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        if (kernel->hash == row->hash && !strcmp(kernel->name, row->kernel))
            return kernel;
    }
    return NULL;
}

/* Loads the next library that was not tried yet; false where there is none. */
static bool load_next(struct trit_profile *p)
{
    if (p->tried == p->nlibraries)
        return false;
    const struct trit_profile_library *library = &p->libraries[p->tried++];
    const char *slash = strrchr(p->path, '/');
    const int folder = slash ? (int)(slash - p->path) + 1 : 0;
    char path[sizeof p->path + sizeof library->file];
    snprintf(path, sizeof path, "%.*s%s", folder, p->path, library->file);
    struct trit_error error = { 0 };
    size_t refused;
    const enum trit_code code = trit_library_load(path, library->sha256, NULL, &refused, &error);
    if (code || refused)
        trit_profile_note(p, "%s%s", error.text, code ? ": the library is not used" : "");
    return true;
}

/* Why a row cannot be used. */
enum verdict { USABLE, ISA, SHAPE, PACKING, LONG, RAGGED, UNSOUND, CHANGED, UNKNOWN };
static const char *const whys[] = {
    [SHAPE] = "the kernel is for another shape",
    [PACKING] = "the packing is not one for trits",
    [LONG] = "K is too large for the packing",
    [RAGGED] = "K is not a multiple of the packing's group",
    [UNSOUND] = "the kernel fails its one-tile check",
    [CHANGED] = "the kernel's source has changed since",
    [UNKNOWN] = "there is no kernel of that name",
};

static enum verdict judge(const struct trit_kernel *kernel, const struct trit_profile_row *row)
{
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    if (!trit_isa_usable(kernel->isa, NULL))
        return ISA;
    if ((kernel->k && kernel->k != trit_round_up(row->k, (size_t)kernel->kr)) ||
        (kernel->n && kernel->n != row->n))
        return SHAPE;
    if (!packing || !trit_packing_takes(packing, trit_packing_form(packing)))
        return PACKING;
    if (row->k > packing->max_k)
        return LONG;
    if (packing->group && row->k % packing->group)
        return RAGGED;
    return trit_kernel_sound(kernel) ? USABLE : UNSOUND;
}

/* The row's kernel, loading libraries until it is there; NULL where there is none. */
static const struct trit_kernel *find(struct trit_profile *profile,
                                      const struct trit_profile_row *row, enum verdict *verdict)
{
    const struct trit_kernel *kernel;
    do
        kernel = known(row);
    while (!kernel && load_next(profile));
    if (kernel)
        *verdict = judge(kernel, row);
    else
        *verdict = trit_kernel_find(row->kernel) ? CHANGED : UNKNOWN;
    return kernel;
}

const struct trit_kernel *trit_profile_row_kernel(struct trit_profile *profile,
                                                  const struct trit_profile_row *row,
                                                  const char **why)
{
    enum verdict verdict;
    const struct trit_kernel *kernel = find(profile, row, &verdict);
    *why = whys[verdict];
    if (verdict == ISA)
        trit_isa_usable(kernel->isa, why);
    return verdict == USABLE ? kernel : NULL;
}

/* Whether the row is about the matrix, with any number of threads. */
static bool is_about(const struct trit_profile_row *row, const struct trit_product *x)
{
    if (row->n != x->n || row->k != x->k)
        return false;
    const struct trit_packing *packing = trit_packing_find(row->packing);
    const bool known = packing && trit_packing_takes(packing, trit_packing_form(packing));
    return known ? trit_packing_takes(packing, x->form) : x->form.group == 0;
}

/* The thread count whose rows serve for the matrix: see trit_profile_plan. 0: there are no rows. */
static int nearest(const struct trit_profile *p, const struct trit_product *x)
{
    int below = 0, above = 0;
    for (size_t i = 0; i < p->nrows; i++) {
        const struct trit_profile_row *row = &p->rows[i];
        if (!is_about(row, x))
            continue;
        if (row->threads <= x->threads)
            below = row->threads; /* rows are sorted */
        else if (!above)
            above = row->threads;
    }
    return below ? below : above;
}

/* Takes what is valid of the row into the plan. */
static void add_row(struct trit_profile *p, const struct trit_profile_row *row,
                    struct trit_profile_plan *plan)
{
    enum verdict verdict;
    const struct trit_kernel *kernel = find(p, row, &verdict);
    if (verdict == UNSOUND)
        trit_profile_note(p, "%s: line %d: %s: %s", p->path, row->line, row->kernel, whys[UNSOUND]);
    if (verdict != USABLE)
        return;
    plan->kernel[row->phase] = kernel;
    plan->row[row->phase] = row;
}

/* Nanoseconds of a request, 128 tokens one by one after 512 at once, as `tritmill tune` weighs the
   phases; a plan that lacks one comes last. */
static double request_ns(const struct trit_profile_plan *plan)
{
    static const double tokens[TRIT_NPHASES] = { 128, 512 };
    double ns = 0;
    for (enum trit_phase phase = 0; phase < TRIT_NPHASES; phase++) {
        const struct trit_profile_row *row = plan->row[phase];
        ns += row ? tokens[phase] / (double)row->tokens * row->median_ns : 1e18;
    }
    return ns;
}

bool trit_profile_plan(struct trit_profile *p, const struct trit_product *product,
                       struct trit_profile_plan *plan)
{
    const int serves = nearest(p, product);
    bool any = false;
    *plan = (struct trit_profile_plan){ 0 };
    for (size_t i = 0, end; i < p->nrows; i = end) {
        const struct trit_profile_row *first = &p->rows[i];
        const bool wanted = first->threads == serves && is_about(first, product);
        struct trit_profile_plan next = { 0 };
        for (end = i; end < p->nrows && trit_profile_same(first, &p->rows[end]); end++)
            if (wanted)
                add_row(p, &p->rows[end], &next);
        if (!next.row[TRIT_DECODE] && !next.row[TRIT_PREFILL])
            continue;
        if (!any || request_ns(&next) < request_ns(plan))
            *plan = next;
        any = true;
    }
    return any;
}

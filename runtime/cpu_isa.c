/* Which instruction sets kernels may use: those that the CPU has, TRITMILL_ISA allows and a probe
   survives. */
#include "runtime/cpu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *needs; /* feature names, blanks between */
} isas[] = {
#define TRIT_ISA(name, lanes, needs) { #name, needs },
#include "isas.inc"
#undef TRIT_ISA
};

const char *trit_isa_name(enum trit_isa isa)
{
    return isa < TRIT_NISA ? isas[isa].name : "none";
}

enum trit_isa trit_isa_find(const char *name)
{
    unsigned i = 0;
    while (i < TRIT_NISA && strcmp(isas[i].name, name))
        i++;
    return (enum trit_isa)i;
}

/* TRIT_NISA: no cap. */
static enum trit_isa cap(void)
{
    const char *name = getenv("TRITMILL_ISA");
    return name ? trit_isa_find(name) : TRIT_NISA;
}

bool trit_isa_cap_valid(void)
{
    const char *name = getenv("TRITMILL_ISA");
    return !name || trit_isa_find(name) < TRIT_NISA;
}

static bool has_feature(uint64_t found, const char *name, size_t n)
{
    const char *known;
    for (int i = 0; (known = trit_cpu_feature_name(i)); i++)
        if (strlen(known) == n && !memcmp(known, name, n))
            return found >> i & 1;
    return false;
}

/* The first of the needs that is not in found, its length in *n; NULL where all are. */
static const char *missing(uint64_t found, const char *needs, size_t *n)
{
    for (needs += strspn(needs, " "); *needs; needs += *n, needs += strspn(needs, " ")) {
        *n = strcspn(needs, " ");
        if (!has_feature(found, needs, *n))
            return needs;
    }
    return NULL;
}

struct verdict {
    bool known, usable;
    char why[96];
};

/* An ISA without needs is what the compiler assumes everywhere: there is nothing to probe. */
static void judge(enum trit_isa isa, struct verdict *v)
{
    size_t n;
    const char *word = missing(trit_cpu_get()->features, isas[isa].needs, &n), *died = NULL;
    if (word)
        snprintf(v->why, sizeof v->why, "CPU lacks %.*s", (int)n, word);
    else if (isa > cap())
        snprintf(v->why, sizeof v->why, "capped by TRITMILL_ISA=%s", trit_isa_name(cap()));
    else if (*isas[isa].needs && (died = trit_probe(trit_isa_probe, isa)))
        snprintf(v->why, sizeof v->why, "%s", died);
    else
        snprintf(v->why, sizeof v->why, "usable");
    v->usable = !strcmp(v->why, "usable");
    v->known = true;
}

bool trit_isa_usable(enum trit_isa isa, const char **why)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct verdict verdicts[TRIT_NISA];
    if (isa >= TRIT_NISA) {
        if (why)
            *why = "no such ISA";
        return false;
    }
    struct verdict *v = &verdicts[isa];
    pthread_mutex_lock(&lock);
    if (!v->known)
        judge(isa, v);
    pthread_mutex_unlock(&lock);
    if (why)
        *why = v->why; /* written once, before known */
    return v->usable;
}

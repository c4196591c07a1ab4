/* Which instruction sets kernels may use: those that the CPU has, TRITMILL_ISA allows and a probe
   survives. */
#include "runtime/kernel/probe.h"

#include <pthread.h>
#include <stdio.h>

#include "runtime/base/child.h"

struct verdict {
    bool known, usable;
    char why[96];
};

static bool probe(void *isa)
{
    return trit_isa_probe(*(enum trit_isa *)isa);
}

/* An ISA without needs is what the compiler assumes everywhere: there is nothing to probe. */
static void judge(enum trit_isa isa, struct verdict *v)
{
    size_t n;
    const char *word = trit_isa_missing(isa, &n), *died = NULL;
    if (word)
        snprintf(v->why, sizeof v->why, "CPU lacks %.*s", (int)n, word);
    else if (isa > trit_isa_cap())
        snprintf(v->why, sizeof v->why, "capped by TRITMILL_ISA=%s", trit_isa_name(trit_isa_cap()));
    else if (trit_isa_special(isa) && (died = trit_try(probe, &isa)))
        snprintf(v->why, sizeof v->why, "probe %s", died);
    else
        v->usable = true;
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
        *why = v->usable ? "usable" : v->why; /* written once, before known */
    return v->usable;
}

/* The instruction sets: their names, what they need of a CPU, and the cap of TRITMILL_ISA. */
#include "runtime/cpu/cpu.h"

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

enum trit_isa trit_isa_cap(void)
{
    const char *name = getenv("TRITMILL_ISA");
    return name && *name ? trit_isa_find(name) : TRIT_NISA;
}

bool trit_isa_cap_valid(void)
{
    const char *name = getenv("TRITMILL_ISA");
    return !name || !*name || trit_isa_find(name) < TRIT_NISA;
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

const char *trit_isa_missing(enum trit_isa isa, size_t *n)
{
    return missing(trit_cpu_get()->features, isas[isa].needs, n);
}

bool trit_isa_special(enum trit_isa isa)
{
    return *isas[isa].needs;
}

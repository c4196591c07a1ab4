/* The CPU at hand: identity, features that the OS lets us use, caches, cores. */
#ifndef TRIT_CPU_H
#define TRIT_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One enumerator per file in templates/isa, weakest first, from the generator's isas.inc. */
enum trit_isa {
#define TRIT_ISA(name, lanes, needs) TRIT_ISA_##name,
#include "isas.inc"
#undef TRIT_ISA
    TRIT_NISA
};

struct trit_cpu {
    char vendor[16], brand[64];
    int family, model, stepping; /* displayed (extended) values */
    uint64_t features;           /* bit i: feature i of trit_cpu_feature_name, with OS consent */
    size_t l1d, l2, l3;          /* bytes, of one cache of that level; 0 unknown */
    size_t l3_all;               /* bytes of all L3 caches that the affinity mask reaches */
    int cores;                   /* physical cores in this process's affinity mask (>= 1) */
    int logical;                 /* logical CPUs in it */
    int threads;                 /* to use by default: cores, fewer under a smaller cgroup quota */
};

/* Read once per process, thread-safe, never fails (what is unknown is 0 or ""). */
const struct trit_cpu *trit_cpu_get(void);

/* Name of feature bit i ("avx2", "avx512_vnni", ...), NULL past the last. */
const char *trit_cpu_feature_name(int i);

const char *trit_isa_name(enum trit_isa isa);
/* By name; TRIT_NISA where there is none. */
enum trit_isa trit_isa_find(const char *name);

/* Whether kernels of the ISA may run here: features, OS consent, the cap of TRITMILL_ISA (an ISA's
   name: nothing later in the order is used), and a probe that really executes it in a child
   process. *why (may be NULL) gets a static text: "usable", "CPU lacks avx512_vnni", "capped by
   TRITMILL_ISA=avx2", "probe died with SIGILL", ... An unknown name in TRITMILL_ISA caps nothing;
   programs check it at start with trit_isa_cap_valid. */
bool trit_isa_usable(enum trit_isa isa, const char **why);
bool trit_isa_cap_valid(void);

/* Runs probe in a child process with core dumps off. NULL when it returned true, else a static
   text: how the child ended. Where no child can be had the probe counts as passed. */
const char *trit_probe(bool (*probe)(enum trit_isa), enum trit_isa isa);
const char *trit_try(bool (*probe)(void *), void *arg); /* the same for any probe */

/* Runs one registered kernel of each operation and packing of the ISA on small inputs; whether all
   gave the reference's bits. Dies of a signal where the CPU cannot execute them: call it through
   trit_probe. */
bool trit_isa_probe(enum trit_isa isa);

#endif

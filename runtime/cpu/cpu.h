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
    double quota;                /* CPUs that its cgroups grant it; 0: no limit */
    int threads;                 /* to use by default: cores, or the nearest number to a smaller
                                    quota, at least 1 */
};

/* Read once per process, thread-safe, never fails (what is unknown is 0 or ""). */
const struct trit_cpu *trit_cpu_get(void);

/* Room for what trit_cpu_quota_note says. */
enum { TRIT_QUOTA_NOTE = 160 };
/* Where that many threads are more than a cgroup's quota grants at once: a sentence that says what
   it does to measured speeds, into out; else false. */
bool trit_cpu_quota_note(const struct trit_cpu *cpu, int threads, char out[TRIT_QUOTA_NOTE]);

/* Name of feature bit i ("avx2", "avx512_vnni", ...), NULL past the last. */
const char *trit_cpu_feature_name(int i);

const char *trit_isa_name(enum trit_isa isa);
/* By name; TRIT_NISA where there is none. */
enum trit_isa trit_isa_find(const char *name);

/* The cap of TRITMILL_ISA: an ISA's name, nothing later in the order is used; TRIT_NISA: none. An
   unknown name caps nothing; programs check it at start with trit_isa_cap_valid. */
enum trit_isa trit_isa_cap(void);
bool trit_isa_cap_valid(void);

/* The first feature that the ISA needs and the CPU at hand lacks, its length in *n; NULL where it
   has all. */
const char *trit_isa_missing(enum trit_isa isa, size_t *n);
/* Whether the ISA needs any: one without is what the compiler assumes everywhere. */
bool trit_isa_special(enum trit_isa isa);

#endif

/* What the system says of the CPU. Reading and decoding are apart, so that tests can decode CPUs
   that are not at hand. */
#ifndef TRIT_CPU_INTERNAL_H
#define TRIT_CPU_INTERNAL_H

#include "runtime/cpu/cpu.h"

enum { TRIT_EAX, TRIT_EBX, TRIT_ECX, TRIT_EDX };

struct trit_cpuid {
    void (*leaf)(void *arg, uint32_t leaf, uint32_t subleaf, uint32_t regs[4]); /* by TRIT_EAX.. */
    uint64_t (*xcr0)(void *arg); /* asked only where the CPU has OSXSAVE */
    bool (*amx)(void *arg); /* whether the OS lets us use tiles; asked only where XCR0 has them */
    void *arg;
};

/* How many features of x86 there are. */
enum {
#define TRIT_X86_FEATURE(name, leaf, reg, bit, consent) TRIT_X86_##name,
#include "runtime/cpu/x86_features.inc"
#undef TRIT_X86_FEATURE
    TRIT_NCPUID
};
/* By name, NULL past the last; the i-th is bit i of trit_cpu.features. */
const char *trit_cpuid_feature(int i);

/* The CPU that runs this; false where it is not an x86. */
bool trit_cpuid_here(struct trit_cpuid *source);

/* Fills vendor, brand, family, model, stepping and features; touches nothing else. */
void trit_cpuid_decode(const struct trit_cpuid *source, struct trit_cpu *cpu);

/* What Linux says of an ARM CPU: the features in its auxiliary vector, the identity in MIDR_EL1.
   Reading and decoding are apart, so that tests can decode CPUs that are not at hand. */

struct trit_hwcaps {
    uint64_t hwcap, hwcap2; /* AT_HWCAP and AT_HWCAP2 of aarch64 */
    uint32_t midr;          /* 0 where it cannot be read */
};

/* The CPU that runs this; false where it is not an aarch64. */
bool trit_hwcaps_here(struct trit_hwcaps *caps);

/* Fills vendor, brand, family (the implementer), model (its part number), stepping (variant * 16 +
   revision) and features; touches nothing else. */
void trit_hwcaps_decode(const struct trit_hwcaps *caps, struct trit_cpu *cpu);

/* ARM's features by name, NULL past the last; the i-th is bit TRIT_NCPUID + i of
 * trit_cpu.features. */
const char *trit_hwcaps_feature(int i);

/* Cores, caches and the CPU quota: what the machine has, cut to what this process may use. */

/* Fills caches, cores, logical, quota and threads; touches nothing else. */
void trit_topology_read(struct trit_cpu *cpu);

/* Caches, cores and logical of the affinity mask; leaves alone what is not known. */
void trit_topology_objects(struct trit_cpu *cpu);

/* CPUs that the cgroups of this process grant it, of version 1 (cpu.cfs_quota_us) and 2 (cpu.max),
   as /proc/self/cgroup and /proc/self/mountinfo tell them: the smallest quota of its groups and of
   all above them that are mounted; 0 where none is limited. root stands before every path: "", or a
   recorded tree. */
double trit_quota_read(const char *root);
/* The same of the group at path ("/a/b") of a tree mounted at mount. */
double trit_cgroup_quota(const char *mount, const char *path);
/* Threads for that quota: the nearest number, 1.5 CPUs are 2; 1 .. cores. */
int trit_quota_threads(double quota, int cores);

#endif

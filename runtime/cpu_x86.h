/* What CPUID says of an x86 CPU. Reading and decoding are apart, so that tests can decode CPUs that
   are not at hand. */
#ifndef TRIT_CPU_X86_H
#define TRIT_CPU_X86_H

#include "runtime/cpu.h"

enum { TRIT_EAX, TRIT_EBX, TRIT_ECX, TRIT_EDX };

struct trit_cpuid {
    void (*leaf)(void *arg, uint32_t leaf, uint32_t subleaf, uint32_t regs[4]); /* by TRIT_EAX.. */
    uint64_t (*xcr0)(void *arg); /* asked only where the CPU has OSXSAVE */
    bool (*amx)(void *arg); /* whether the OS lets us use tiles; asked only where XCR0 has them */
    void *arg;
};

/* x86's features by name, NULL past the last; the i-th is bit i of trit_cpu.features. */
enum { TRIT_NCPUID = 34 };
const char *trit_cpuid_feature(int i);

/* The CPU that runs this; false where it is not an x86. */
bool trit_cpuid_here(struct trit_cpuid *source);

/* Fills vendor, brand, family, model, stepping and features; touches nothing else. */
void trit_cpuid_decode(const struct trit_cpuid *source, struct trit_cpu *cpu);

#endif

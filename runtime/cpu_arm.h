/* What Linux says of an ARM CPU: the features in its auxiliary vector, the identity in MIDR_EL1.
   Reading and decoding are apart, so that tests can decode CPUs that are not at hand. */
#ifndef TRIT_CPU_ARM_H
#define TRIT_CPU_ARM_H

#include "runtime/cpu.h"

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

#endif

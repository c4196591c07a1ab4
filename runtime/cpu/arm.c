/* The ARM feature bits that kernels may ask for, by Linux's numbers, and the names of implementers
   and cores. */
#include "runtime/cpu/internal.h"

#include <stdio.h>

static const struct {
    const char *name;
    uint8_t second, bit; /* second: in AT_HWCAP2 */
} features[] = {
    { "asimd", 0, 1 },     { "asimdhp", 0, 10 }, { "asimddp", 0, 20 }, { "sve", 0, 22 },
    { "asimdfhm", 0, 23 }, { "sve2", 1, 1 },     { "i8mm", 1, 13 },    { "bf16", 1, 14 },
};
enum { NFEATURES = sizeof features / sizeof *features };
_Static_assert(TRIT_NCPUID + NFEATURES <= 64, "one bit each in trit_cpu.features");

const char *trit_hwcaps_feature(int i)
{
    return i >= 0 && i < NFEATURES ? features[i].name : NULL;
}

static const struct {
    int implementer;
    const char *name;
} vendors[] = {
    { 0x41, "ARM" },      { 0x42, "Broadcom" },  { 0x43, "Cavium" },
    { 0x46, "Fujitsu" },  { 0x48, "HiSilicon" }, { 0x4e, "NVIDIA" },
    { 0x51, "Qualcomm" }, { 0x61, "Apple" },     { 0xc0, "Ampere" },
};
enum { NVENDORS = sizeof vendors / sizeof *vendors };

static const struct {
    int implementer, part;
    const char *name;
} cores[] = {
    { 0x41, 0xd03, "Cortex-A53" },  { 0x41, 0xd04, "Cortex-A35" },  { 0x41, 0xd05, "Cortex-A55" },
    { 0x41, 0xd07, "Cortex-A57" },  { 0x41, 0xd08, "Cortex-A72" },  { 0x41, 0xd09, "Cortex-A73" },
    { 0x41, 0xd0a, "Cortex-A75" },  { 0x41, 0xd0b, "Cortex-A76" },  { 0x41, 0xd0c, "Neoverse-N1" },
    { 0x41, 0xd40, "Neoverse-V1" }, { 0x41, 0xd41, "Cortex-A78" },  { 0x41, 0xd44, "Cortex-X1" },
    { 0x41, 0xd46, "Cortex-A510" }, { 0x41, 0xd47, "Cortex-A710" }, { 0x41, 0xd49, "Neoverse-N2" },
    { 0x41, 0xd4f, "Neoverse-V2" }, { 0x46, 0x001, "A64FX" },       { 0x48, 0xd01, "Kunpeng-920" },
    { 0xc0, 0xac3, "Ampere-1" },
};
enum { NCORES = sizeof cores / sizeof *cores };

static void read_identity(uint32_t midr, struct trit_cpu *cpu)
{
    cpu->family = (int)(midr >> 24);
    cpu->model = (int)(midr >> 4 & 0xfff);
    cpu->stepping = (int)((midr >> 20 & 15) * 16 + (midr & 15));
    cpu->vendor[0] = cpu->brand[0] = 0;
    for (int i = 0; i < NVENDORS; i++)
        if (vendors[i].implementer == cpu->family)
            snprintf(cpu->vendor, sizeof cpu->vendor, "%s", vendors[i].name);
    for (int i = 0; i < NCORES; i++)
        if (cores[i].implementer == cpu->family && cores[i].part == cpu->model)
            snprintf(cpu->brand, sizeof cpu->brand, "%s", cores[i].name);
}

void trit_hwcaps_decode(const struct trit_hwcaps *caps, struct trit_cpu *cpu)
{
    read_identity(caps->midr, cpu);
    cpu->features = 0;
    for (int i = 0; i < NFEATURES; i++)
        if ((features[i].second ? caps->hwcap2 : caps->hwcap) >> features[i].bit & 1)
            cpu->features |= UINT64_C(1) << (TRIT_NCPUID + i);
}

#if defined __aarch64__

#include <sys/auxv.h>

enum { HWCAP_READS_ID = 1 << 11 }; /* Linux answers for MIDR_EL1 */

bool trit_hwcaps_here(struct trit_hwcaps *caps)
{
    uint64_t midr = 0;
    *caps = (struct trit_hwcaps){ getauxval(AT_HWCAP), getauxval(AT_HWCAP2), 0 };
    if (caps->hwcap & HWCAP_READS_ID)
        __asm__("mrs %0, MIDR_EL1" : "=r"(midr));
    caps->midr = (uint32_t)midr;
    return true;
}

#else

bool trit_hwcaps_here(struct trit_hwcaps *caps)
{
    (void)caps;
    return false;
}

#endif

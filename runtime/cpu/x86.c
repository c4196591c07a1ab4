/* The x86 feature bits that kernels may ask for: where CPUID has them, and which registers the OS
   must save before they may be used. libcpuid's own flags miss AVX-512 on AMD and know no AVX-VNNI,
   GFNI or AMX. */
#include "runtime/cpu/internal.h"

#include <string.h>

enum { OSXSAVE = 1 << 27 };
#define EXTENDED 0x80000000u

enum leaf { LEAF_1, LEAF_7, LEAF_7_1, LEAF_EXT_1, NLEAVES };
static const struct {
    uint32_t leaf, subleaf;
} leaves[NLEAVES] = { { 1, 0 }, { 7, 0 }, { 7, 1 }, { EXTENDED + 1, 0 } };

/* What XCR0 must have set (the OS saves those registers). */
enum consent { NONE, YMM, ZMM, TILE, NCONSENTS };
static const uint64_t xcr0_bits[NCONSENTS] = { 0, 0x6, 0xe6, 0x60000 };

struct feature {
    const char *name;
    uint8_t leaf, reg, bit, consent;
};

static const struct feature features[] = {
#define TRIT_X86_FEATURE(name, leaf, reg, bit, consent) { #name, leaf, reg, bit, consent },
#include "runtime/cpu/x86_features.inc"
#undef TRIT_X86_FEATURE
};
enum { NFEATURES = TRIT_NCPUID };

const char *trit_cpuid_feature(int i)
{
    return i >= 0 && i < NFEATURES ? features[i].name : NULL;
}

/* All zeros where the CPU does not have the leaf: Intel answers the last leaf's data there. */
static void read_leaf(const struct trit_cpuid *source, uint32_t leaf, uint32_t subleaf,
                      uint32_t regs[4])
{
    uint32_t top[4] = { 0 };
    memset(regs, 0, 4 * sizeof *regs);
    source->leaf(source->arg, leaf & EXTENDED, 0, top);
    if (leaf > top[TRIT_EAX])
        return;
    if (subleaf > 0) {
        source->leaf(source->arg, leaf, 0, top);
        if (subleaf > top[TRIT_EAX])
            return;
    }
    source->leaf(source->arg, leaf, subleaf, regs);
}

/* Bit c: registers of consent class c may be used. */
static unsigned read_consents(const struct trit_cpuid *source, uint32_t ecx)
{
    unsigned consents = 1u << NONE;
    uint64_t xcr0 = ecx & OSXSAVE ? source->xcr0(source->arg) : 0;
    for (int c = YMM; c < NCONSENTS; c++)
        if ((xcr0 & xcr0_bits[c]) == xcr0_bits[c] && (c != TILE || source->amx(source->arg)))
            consents |= 1u << c;
    return consents;
}

static uint64_t read_features(const struct trit_cpuid *source)
{
    uint32_t regs[NLEAVES][4];
    for (int i = 0; i < NLEAVES; i++)
        read_leaf(source, leaves[i].leaf, leaves[i].subleaf, regs[i]);
    unsigned consents = read_consents(source, regs[LEAF_1][TRIT_ECX]);
    uint64_t found = 0;
    for (int i = 0; i < NFEATURES; i++) {
        const struct feature *f = &features[i];
        if (regs[f->leaf][f->reg] >> f->bit & 1 && consents >> f->consent & 1)
            found |= UINT64_C(1) << i;
    }
    return found;
}

/* The brand string without the blanks that some CPUs pad it with on either side. */
static void read_brand(const struct trit_cpuid *source, char brand[static 49])
{
    char text[49] = "";
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t regs[4];
        read_leaf(source, EXTENDED + 2 + i, 0, regs);
        memcpy(text + 16 * i, regs, 16);
    }
    const char *start = text + strspn(text, " ");
    size_t n = strlen(start);
    while (n > 0 && start[n - 1] == ' ')
        n--;
    memcpy(brand, start, n);
    brand[n] = 0;
}

static void read_identity(const struct trit_cpuid *source, struct trit_cpu *cpu)
{
    uint32_t regs[4];
    read_leaf(source, 0, 0, regs);
    memcpy(cpu->vendor, &regs[TRIT_EBX], 4);
    memcpy(cpu->vendor + 4, &regs[TRIT_EDX], 4);
    memcpy(cpu->vendor + 8, &regs[TRIT_ECX], 4);
    cpu->vendor[12] = 0;
    read_leaf(source, 1, 0, regs);
    uint32_t id = regs[TRIT_EAX], family = id >> 8 & 15;
    cpu->family = (int)(family + (family == 15 ? id >> 20 & 255 : 0));
    cpu->model = (int)((id >> 4 & 15) + (family == 6 || family == 15 ? (id >> 16 & 15) << 4 : 0));
    cpu->stepping = (int)(id & 15);
}

void trit_cpuid_decode(const struct trit_cpuid *source, struct trit_cpu *cpu)
{
    read_identity(source, cpu);
    read_brand(source, cpu->brand);
    cpu->features = read_features(source);
}

/* The instructions and the system call behind cpu_x86.h; on other CPUs, that there are none. */
#define _GNU_SOURCE
#include "runtime/cpu/internal.h"

#if defined __x86_64__

#include <libcpuid/libcpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_TILE_DATA = 18 };

static void leaf_here(void *arg, uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
    (void)arg;
    regs[TRIT_EAX] = leaf;
    regs[TRIT_EBX] = regs[TRIT_EDX] = 0;
    regs[TRIT_ECX] = subleaf;
    cpu_exec_cpuid_ext(regs);
}

static uint64_t xcr0_here(void *arg)
{
    (void)arg;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux gives a process its tile registers only once it asks for them. */
static bool amx_here(void *arg)
{
    (void)arg;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA) == 0;
}

bool trit_cpuid_here(struct trit_cpuid *source)
{
    *source = (struct trit_cpuid){ leaf_here, xcr0_here, amx_here, NULL };
    return true;
}

#else

bool trit_cpuid_here(struct trit_cpuid *source)
{
    (void)source;
    return false;
}

#endif

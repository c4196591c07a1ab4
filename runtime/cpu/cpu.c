/* The CPU at hand, read once per process. */
#define _GNU_SOURCE
#include "runtime/cpu/cpu.h"

#include <pthread.h>

#include "runtime/cpu/internal.h"

static struct trit_cpu here;

static void read_here(void)
{
    struct trit_cpuid source;
    struct trit_hwcaps caps;
    if (trit_cpuid_here(&source))
        trit_cpuid_decode(&source, &here);
    if (trit_hwcaps_here(&caps))
        trit_hwcaps_decode(&caps, &here);
    trit_topology_read(&here);
}

const struct trit_cpu *trit_cpu_get(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_here);
    return &here;
}

const char *trit_cpu_feature_name(int i)
{
    return i < TRIT_NCPUID ? trit_cpuid_feature(i) : trit_hwcaps_feature(i - TRIT_NCPUID);
}

/* The cores and caches that hwloc tells, cut down to what this process may use: the affinity mask
   (which a cpuset narrows, too) and the cgroups' CPU quota. */
#define _GNU_SOURCE
#include "runtime/cpu/internal.h"

#include <sched.h>

/* hwloc finds no cores where /sys is not mounted, and is not there in every build. */
static void fill_gaps(struct trit_cpu *cpu)
{
    cpu_set_t mask;
    if (cpu->logical < 1 && sched_getaffinity(0, sizeof mask, &mask) == 0)
        cpu->logical = CPU_COUNT(&mask);
    if (cpu->logical < 1)
        cpu->logical = 1;
    if (cpu->cores < 1)
        cpu->cores = cpu->logical;
}

void trit_topology_read(struct trit_cpu *cpu)
{
    trit_topology_objects(cpu);
    fill_gaps(cpu);
    cpu->quota = trit_quota_read("");
    cpu->threads = trit_quota_threads(cpu->quota, cpu->cores);
}

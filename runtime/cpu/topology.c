/* The cores and caches that hwloc tells, cut down to what this process may use: the affinity mask
   and the cgroup's cpu.max. */
#define _GNU_SOURCE
#include "runtime/cpu/internal.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_MAX_HERE = 4096 };

/* ceil(quota / period) of one cpu.max, 0 where it holds "max" or is not there. */
static int quota_of(const char *folder)
{
    char path[PATH_MAX_HERE + 16];
    unsigned long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int fields = fscanf(f, "%llu %llu", &quota, &period);
    fclose(f);
    if (fields != 2 || quota == 0 || period == 0 || quota / period >= 1 << 20)
        return 0;
    return (int)(quota / period + (quota % period != 0));
}

int trit_cgroup_quota(const char *root, const char *path)
{
    char folder[PATH_MAX_HERE];
    size_t base = strlen(root);
    int n = snprintf(folder, sizeof folder, "%s%s", root, path), least = 0;
    if (n < 0 || (size_t)n >= sizeof folder)
        return 0;
    while (strlen(folder) >= base) {
        int quota = quota_of(folder);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        char *slash = strrchr(folder, '/');
        if (!slash)
            break;
        *slash = 0;
    }
    return least;
}

/* The quota of this process's own group. A group name with a newline is not found: no limit. */
static int quota_here(void)
{
    char line[PATH_MAX_HERE];
    int quota = 0;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, "0::/", 4))
            quota = trit_cgroup_quota("/sys/fs/cgroup", line + 3);
    }
    fclose(f);
    return quota;
}

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
    int quota = quota_here();
    cpu->threads = quota > 0 && quota < cpu->cores ? quota : cpu->cores;
}

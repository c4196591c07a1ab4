/* Cores and caches come from hwloc (0.8 ms here), which knows nothing of taskset or of containers:
   the affinity mask and the cgroup's cpu.max cut them down. */
#define _GNU_SOURCE
#include "runtime/cpu_topology.h"

#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_MAX_HERE = 4096 };

/* The CPUs that the calling thread may run on; the whole machine where the system does not say. */
static hwloc_bitmap_t allowed(hwloc_topology_t topology)
{
    hwloc_bitmap_t mask = hwloc_bitmap_dup(hwloc_topology_get_topology_cpuset(topology));
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();
    if (mask && bound && hwloc_get_cpubind(topology, bound, HWLOC_CPUBIND_THREAD) == 0 &&
        hwloc_bitmap_intersects(mask, bound))
        hwloc_bitmap_and(mask, mask, bound);
    hwloc_bitmap_free(bound);
    return mask;
}

static int count(hwloc_topology_t topology, hwloc_const_bitmap_t mask, hwloc_obj_type_t type)
{
    int n = 0;
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(topology, type, o));)
        n += hwloc_bitmap_intersects(o->cpuset, mask);
    return n;
}

/* Sum over the caches of a level that the mask reaches; *one is the first. */
static size_t cache(hwloc_topology_t topology, hwloc_const_bitmap_t mask, hwloc_obj_type_t type,
                    size_t *one)
{
    size_t sum = 0;
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(topology, type, o));) {
        if (!hwloc_bitmap_intersects(o->cpuset, mask))
            continue;
        *one = *one ? *one : o->attr->cache.size;
        sum += o->attr->cache.size;
    }
    return sum;
}

static void read_objects(hwloc_topology_t topology, struct trit_cpu *cpu)
{
    hwloc_bitmap_t mask = allowed(topology);
    if (!mask)
        return;
    cache(topology, mask, HWLOC_OBJ_L1CACHE, &cpu->l1d);
    cache(topology, mask, HWLOC_OBJ_L2CACHE, &cpu->l2);
    cpu->l3_all = cache(topology, mask, HWLOC_OBJ_L3CACHE, &cpu->l3);
    cpu->cores = count(topology, mask, HWLOC_OBJ_CORE);
    cpu->logical = count(topology, mask, HWLOC_OBJ_PU);
    hwloc_bitmap_free(mask);
}

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

/* hwloc finds no cores where /sys is not mounted. */
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
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) == 0) {
        if (hwloc_topology_load(topology) == 0)
            read_objects(topology, cpu);
        hwloc_topology_destroy(topology);
    }
    fill_gaps(cpu);
    int quota = quota_here();
    cpu->threads = quota > 0 && quota < cpu->cores ? quota : cpu->cores;
}

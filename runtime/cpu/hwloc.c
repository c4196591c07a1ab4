/* Cores and caches as hwloc tells them (0.8 ms here), which knows nothing of taskset or of
   containers. A build with TRIT_NO_HWLOC goes without. */
#include "runtime/cpu/internal.h"

#ifdef TRIT_NO_HWLOC

void trit_topology_objects(struct trit_cpu *cpu)
{
    (void)cpu;
}

#else

#include <hwloc.h>

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

void trit_topology_objects(struct trit_cpu *cpu)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology))
        return;
    if (hwloc_topology_load(topology) == 0)
        read_objects(topology, cpu);
    hwloc_topology_destroy(topology);
}

#endif

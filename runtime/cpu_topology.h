/* Cores, caches and the CPU quota: what the machine has, cut to what this process may use. */
#ifndef TRIT_CPU_TOPOLOGY_H
#define TRIT_CPU_TOPOLOGY_H

#include "runtime/cpu.h"

/* Fills caches, cores, logical and threads; touches nothing else. */
void trit_topology_read(struct trit_cpu *cpu);

/* Caches, cores and logical of the affinity mask; leaves alone what is not known. */
void trit_topology_objects(struct trit_cpu *cpu);

/* CPUs that a cgroup v2 tree mounted at root grants the group at path ("/a/b"): the smallest
   cpu.max of it and all above it, rounded up; 0 where none is limited. */
int trit_cgroup_quota(const char *root, const char *path);

#endif

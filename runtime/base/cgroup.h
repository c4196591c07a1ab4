/* The control groups of this process: where their files are. */
#ifndef TRIT_CGROUP_H
#define TRIT_CGROUP_H

#include <stdbool.h>

/* Gets a group's folder. */
typedef void trit_cgroup_fn(void *arg, const char *folder, bool v2);

/* Calls fn for the process's group of version 2, for that of version 1's controller ("cpu",
   "memory"), and for all groups above them that are mounted, as /proc/self/cgroup and
   /proc/self/mountinfo tell them. root stands before every path: "", or a recorded tree. */
void trit_cgroup_visit(const char *root, const char *controller, trit_cgroup_fn *fn, void *arg);

/* Calls fn for the group at path ("/a/b") of a tree mounted at mount, and for all above it. */
void trit_cgroup_climb(const char *mount, const char *path, bool v2, trit_cgroup_fn *fn, void *arg);

#endif

/* Are cores, caches and the CPU quota those that this process may use? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cpu/internal.h"

static void an_affinity_mask_of_one_gives_one(void **state)
{
    cpu_set_t before, one;
    struct trit_cpu cpu = { 0 };
    (void)state;
    if (sched_getaffinity(0, sizeof before, &before))
        skip();
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    trit_topology_read(&cpu);
    sched_setaffinity(0, sizeof before, &before);
    assert_int_equal(cpu.logical, 1);
    assert_int_equal(cpu.cores, 1);
    assert_int_equal(cpu.threads, 1);
    assert_int_equal(cpu.l3_all, cpu.l3);
}

/* hwloc's made-up machines have no affinity. */
static void two_sockets_are_counted(void **state)
{
    struct trit_cpu cpu = { 0 };
    (void)state;
    setenv("HWLOC_SYNTHETIC",
           "pack:2 numa:2 l3:1(size=8388608) l2:4(size=1048576) l1:1(size=49152) core:1 pu:2", 1);
    trit_topology_read(&cpu);
    unsetenv("HWLOC_SYNTHETIC");
    assert_int_equal(cpu.cores, 16);
    assert_int_equal(cpu.logical, 32);
    assert_int_equal(cpu.l1d, 49152);
    assert_int_equal(cpu.l2, 1048576);
    assert_int_equal(cpu.l3, 8388608);
    assert_int_equal(cpu.l3_all, 4 * 8388608);
}

static char root[] = "/tmp/trit_cgroup_XXXXXX";

static int make_root(void **state)
{
    (void)state;
    return !mkdtemp(strcpy(root, "/tmp/trit_cgroup_XXXXXX"));
}

static int remove_root(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

/* A file of the tree, with the folders above it. */
static void put(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *f = fopen(whole, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const struct {
    const char *outer, *inner; /* cpu.max of /a and /a/b */
    double cpus;
    int threads; /* of 16 cores */
} quotas[] = {
    { "max 100000\n", "max 100000\n", 0, 16 },
    { "max 100000\n", "150000 100000\n", 1.5, 2 },
    { "max 100000\n", "149000 100000\n", 1.49, 1 },
    { "300000 100000\n", "max 100000\n", 3, 3 },
    { "200000 100000\n", "800000 100000\n", 2, 2 },
    { "50000 100000\n", "800000 100000\n", 0.5, 1 },
    { "10000 100000\n", "", 0.1, 1 },
    { "3200000 100000\n", "", 32, 16 },
    { "", "garbage\n", 0, 16 },
    { "0 100000\n", "100000 0\n", 0, 16 },
    { "18446744073709551615 1\n", "max 100000\n", 0, 16 },
};

static void quotas_of_all_groups_above_count(void **state)
{
    (void)state;
    assert_true(trit_cgroup_quota(root, "/a/b") == 0);
    for (size_t i = 0; i < sizeof quotas / sizeof *quotas; i++) {
        put("/a/cpu.max", quotas[i].outer);
        put("/a/b/cpu.max", quotas[i].inner);
        const double cpus = trit_cgroup_quota(root, "/a/b");
        assert_true(cpus == quotas[i].cpus);
        assert_int_equal(trit_quota_threads(cpus, 16), quotas[i].threads);
    }
    assert_true(trit_cgroup_quota(root, "/") == 0);
    assert_true(trit_cgroup_quota(root, "/nowhere/at/all") == 0);
}

/* As systems show themselves: what /proc says, and one file with a limit. */
static const struct {
    const char *cgroup, *mountinfo;
    const char *path, *text, *path2, *text2;
    double cpus;
} systems[] = {
    /* version 2 where everybody has it; the limit stands above the group */
    { "0::/user.slice/app.scope\n",
      "22 1 0:5 / /proc rw - proc proc rw\n"
      "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
      "/sys/fs/cgroup/user.slice/cpu.max", "100000 100000\n", NULL, NULL, 1 },
    /* both versions: version 2 has no cpu controller */
    { "5:devices:/\n4:cpu,cpuacct:/jobs/7\n0::/\n",
      "34 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
      "/sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_quota_us", "250000\n",
      "/sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_period_us", "100000\n", 2.5 },
    /* version 1 without a limit */
    { "1:cpu:/\n", "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
      "100000\n", 0 },
    /* a container: the mount shows its own group, which is named as the host sees it */
    { "4:cpu:/docker/c0ffee\n",
      "34 31 0:29 /docker/c0ffee /sys/fs/cgroup/cpu ro,relatime - cgroup cgroup rw,cpu\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
      "100000\n", 1.5 },
    /* a group outside the namespace's own; a mount point with a blank */
    { "0::/../other\n", "31 23 0:28 / /my\\040groups rw - cgroup2 none rw\n", "/my groups/cpu.max",
      "50000 100000\n", NULL, NULL, 0.5 },
    /* nothing is mounted; lines that nobody can read */
    { "0::/\n", "", "/sys/fs/cgroup/cpu.max", "100000 100000\n", NULL, NULL, 0 },
    { "garbage\n:\n", "31 - \n - cgroup2\n31 23 0:28 / /x rw - cgroup2 none rw\n", "/x/cpu.max",
      "100000 100000\n", NULL, NULL, 0 },
};

static void quotas_are_found_where_groups_are_mounted(void **state)
{
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        put("/proc/self/cgroup", systems[i].cgroup);
        put("/proc/self/mountinfo", systems[i].mountinfo);
        put(systems[i].path, systems[i].text);
        if (systems[i].path2)
            put(systems[i].path2, systems[i].text2);
        const double cpus = trit_quota_read(root);
        if (cpus != systems[i].cpus)
            fail_msg("system %zu: %g CPUs, not %g", i, cpus, systems[i].cpus);
        assert_int_equal(remove_root(state), 0);
        assert_int_equal(make_root(state), 0);
    }
    assert_true(trit_quota_read(root) == 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_affinity_mask_of_one_gives_one),
        cmocka_unit_test(two_sockets_are_counted),
        cmocka_unit_test_setup_teardown(quotas_of_all_groups_above_count, make_root, remove_root),
        cmocka_unit_test_setup_teardown(quotas_are_found_where_groups_are_mounted, make_root,
                                        remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

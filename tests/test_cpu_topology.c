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

static void write_quota(const char *root, const char *group, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s/cpu.max", root, group);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const struct {
    const char *outer, *inner; /* cpu.max of /a and /a/b */
    int cpus;
} quotas[] = {
    { "max 100000\n", "max 100000\n", 0 },      { "max 100000\n", "150000 100000\n", 2 },
    { "300000 100000\n", "max 100000\n", 3 },   { "200000 100000\n", "800000 100000\n", 2 },
    { "50000 100000\n", "800000 100000\n", 1 }, { "", "garbage\n", 0 },
    { "0 100000\n", "100000 0\n", 0 },          { "18446744073709551615 1\n", "max 100000\n", 0 },
};

static void quotas_of_all_groups_above_count(void **state)
{
    char root[] = "/tmp/trit_cgroup_XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(root));
    static const char *const groups[] = { "/a", "/a/b" };
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s%s", root, groups[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    assert_int_equal(trit_cgroup_quota(root, "/a/b"), 0);
    for (size_t i = 0; i < sizeof quotas / sizeof *quotas; i++) {
        write_quota(root, "/a", quotas[i].outer);
        write_quota(root, "/a/b", quotas[i].inner);
        assert_int_equal(trit_cgroup_quota(root, "/a/b"), quotas[i].cpus);
    }
    assert_int_equal(trit_cgroup_quota(root, "/"), 0);
    assert_int_equal(trit_cgroup_quota(root, "/nowhere/at/all"), 0);
    snprintf(path, sizeof path, "rm -r %s", root);
    assert_int_equal(system(path), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_affinity_mask_of_one_gives_one),
        cmocka_unit_test(two_sockets_are_counted),
        cmocka_unit_test(quotas_of_all_groups_above_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

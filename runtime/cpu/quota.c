/* The CPU time that control groups grant this process. A quota is time per period for all threads
   together: who runs more threads than it has CPUs is stopped in the middle of each period. */
#include "runtime/cpu/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/cgroup.h"

enum { PATH = 4096 };

/* The numbers of a file, up to n; how many there are. */
static int read_numbers(const char *folder, const char *name, double *x, int n)
{
    char path[PATH + 32], text[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    const char *line = fgets(text, sizeof text, f);
    fclose(f);
    int found = 0;
    for (char *end; line && found < n; line = end, found++) {
        x[found] = strtod(line, &end);
        if (end == line)
            break;
    }
    return found;
}

/* CPUs that one group has itself; 0: no limit. */
static double quota_of(const char *folder)
{
    double x[2];
    const bool known = read_numbers(folder, "cpu.max", x, 2) == 2 ||
                       (read_numbers(folder, "cpu.cfs_quota_us", x, 1) == 1 &&
                        read_numbers(folder, "cpu.cfs_period_us", x + 1, 1) == 1);
    const double quota = known && x[0] > 0 && x[1] > 0 ? x[0] / x[1] : 0;
    return quota < 1 << 20 ? quota : 0;
}

static double smaller(double a, double b)
{
    return a > 0 && (b <= 0 || a < b) ? a : b;
}

static void look(void *least, const char *folder, bool v2)
{
    (void)v2; /* the files of each version have names of their own */
    *(double *)least = smaller(quota_of(folder), *(double *)least);
}

double trit_cgroup_quota(const char *mount, const char *path)
{
    double least = 0;
    trit_cgroup_climb(mount, path, false, look, &least);
    return least;
}

double trit_quota_read(const char *root)
{
    double least = 0;
    trit_cgroup_visit(root, "cpu", look, &least);
    return least;
}

int trit_quota_threads(double quota, int cores)
{
    const double threads = floor(quota + 0.5);
    if (quota <= 0 || threads >= cores)
        return cores;
    return threads < 1 ? 1 : (int)threads;
}

bool trit_cpu_quota_note(const struct trit_cpu *cpu, int threads, char out[TRIT_QUOTA_NOTE])
{
    if (cpu->quota <= 0 || threads <= cpu->quota)
        return false;
    snprintf(out, TRIT_QUOTA_NOTE,
             "a cgroup quota of %.3g CPUs stops %d thread%s for part of the time; the limits, from "
             "short samples, do not show all of it",
             cpu->quota, threads, threads == 1 ? "" : "s");
    return true;
}

/* The CPU time that control groups grant this process: files of cgroup v1 and v2, wherever they are
   mounted. A quota is time per period for all threads together: who runs more threads than it has
   CPUs is stopped in the middle of each period. */
#include "runtime/cpu/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 4096, LINE = 3 * PATH };

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

double trit_cgroup_quota(const char *mount, const char *path)
{
    char folder[PATH];
    const size_t base = strlen(mount);
    const int n = snprintf(folder, sizeof folder, "%s%s", mount, path);
    double least = 0;
    if (n < 0 || (size_t)n >= sizeof folder)
        return 0;
    while (strlen(folder) >= base) {
        least = smaller(quota_of(folder), least);
        char *slash = strrchr(folder, '/');
        if (!slash)
            break;
        *slash = 0;
    }
    return least;
}

static bool lists(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (; *list; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == n && !strncmp(list, word, n))
            return true;
    return false;
}

/* The path of this process's group: of version 2, or of version 1's cpu controller. */
static bool find_group(const char *root, bool v2, char path[static PATH])
{
    char line[LINE];
    bool found = false;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *f = fopen(line, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *group;
        if (!controllers || !(group = strchr(++controllers, ':')))
            continue;
        *group++ = 0;
        found = (v2 ? !*controllers : lists(controllers, "cpu")) && strlen(group) < PATH;
        if (found)
            strcpy(path, group);
    }
    if (f)
        fclose(f);
    return found;
}

/* mountinfo writes blanks and the like as \040. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++)
        if (*from == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    *to = 0;
}

/* Where the group lies below the mount that shows groups from `top` on; "" for the mount itself,
   where the group is not below it as it is seen from here. */
static const char *below(const char *group, const char *top)
{
    const size_t n = strcmp(top, "/") ? strlen(top) : 0;
    const bool inside = !strncmp(group, top, n) && (!group[n] || group[n] == '/');
    return inside && !strstr(group, "/..") ? group + n : "";
}

/* The quota that one line of mountinfo leads to; 0: none. */
static double quota_at(const char *root, char *line)
{
    char top[PATH], where[PATH], type[32], options[PATH], group[PATH], mount[2 * PATH];
    char *rest = strstr(line, " - ");
    if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", top, where) != 2 ||
        sscanf(rest, " - %31s %*s %4095s", type, options) != 2)
        return 0;
    const bool v2 = !strcmp(type, "cgroup2"), v1 = !strcmp(type, "cgroup") && lists(options, "cpu");
    if (!(v1 || v2) || !find_group(root, v2, group))
        return 0;
    unescape(top);
    unescape(where);
    snprintf(mount, sizeof mount, "%s%s", root, where);
    return trit_cgroup_quota(mount, below(group, top));
}

double trit_quota_read(const char *root)
{
    char line[LINE];
    double least = 0;
    snprintf(line, sizeof line, "%s/proc/self/mountinfo", root);
    FILE *f = fopen(line, "re");
    while (f && fgets(line, sizeof line, f))
        least = smaller(quota_at(root, line), least);
    if (f)
        fclose(f);
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

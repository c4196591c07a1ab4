/* The control groups of this process, of cgroup v1 and v2, wherever they are mounted. */
#include "runtime/base/cgroup.h"

#include <stdio.h>
#include <string.h>

enum { PATH = 4096, LINE = 3 * PATH };

void trit_cgroup_climb(const char *mount, const char *path, bool v2, trit_cgroup_fn *fn, void *arg)
{
    char folder[PATH];
    const size_t base = strlen(mount);
    const int n = snprintf(folder, sizeof folder, "%s%s", mount, path);
    if (n < 0 || (size_t)n >= sizeof folder)
        return;
    while (strlen(folder) >= base) {
        fn(arg, folder, v2);
        char *slash = strrchr(folder, '/');
        if (!slash)
            break;
        *slash = 0;
    }
}

static bool lists(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (; *list; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == n && !strncmp(list, word, n))
            return true;
    return false;
}

/* The path of this process's group: of version 2, or of version 1's controller. */
static bool find_group(const char *root, const char *controller, bool v2, char path[static PATH])
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
        found = (v2 ? !*controllers : lists(controllers, controller)) && strlen(group) < PATH;
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

/* The groups that one line of mountinfo leads to. */
static void visit_mount(const char *root, const char *controller, char *line, trit_cgroup_fn *fn,
                        void *arg)
{
    char top[PATH], where[PATH], type[32], options[PATH], group[PATH], mount[2 * PATH];
    char *rest = strstr(line, " - ");
    if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", top, where) != 2 ||
        sscanf(rest, " - %31s %*s %4095s", type, options) != 2)
        return;
    const bool v2 = !strcmp(type, "cgroup2"),
               v1 = !strcmp(type, "cgroup") && lists(options, controller);
    if (!(v1 || v2) || !find_group(root, controller, v2, group))
        return;
    unescape(top);
    unescape(where);
    snprintf(mount, sizeof mount, "%s%s", root, where);
    trit_cgroup_climb(mount, below(group, top), v2, fn, arg);
}

void trit_cgroup_visit(const char *root, const char *controller, trit_cgroup_fn *fn, void *arg)
{
    char line[LINE];
    snprintf(line, sizeof line, "%s/proc/self/mountinfo", root);
    FILE *f = fopen(line, "re");
    while (f && fgets(line, sizeof line, f))
        visit_mount(root, controller, line, fn, arg);
    if (f)
        fclose(f);
}

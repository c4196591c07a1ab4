/* Memory and disk that there are, as the system tells it in several places. */
#define _GNU_SOURCE
#include "runtime/base/room.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/base/cgroup.h"
#include "runtime/base/text.h"

uint64_t trit_bytes_sum(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t trit_bytes_product(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* The number behind `name` and a blank or colon at the beginning of a line, or, with name "", the
   file's only word; `none` where there is none or the word is "max". */
static uint64_t number_in(const char *path, const char *name, uint64_t none)
{
    char line[256];
    const size_t n = strlen(name);
    uint64_t value = none;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        const char *rest = line + n;
        if (strncmp(line, name, n) || (n && *rest != ' ' && *rest != ':'))
            continue;
        rest += strspn(rest, ": ");
        if (sscanf(rest, "%" SCNu64, &value) != 1)
            value = none;
        break;
    }
    if (f)
        fclose(f);
    return value;
}

uint64_t trit_meminfo_room(const char *meminfo)
{
    const uint64_t kib = number_in(meminfo, "MemAvailable", UINT64_MAX);
    return kib == UINT64_MAX ? UINT64_MAX : trit_bytes_product(kib, 1024);
}

/* What a group's files are called, by version. */
static const struct group_files {
    const char *limit, *used, *pages[2]; /* pages: of memory.stat, what can be given back */
} group_files[] = {
    { "memory.limit_in_bytes",
      "memory.usage_in_bytes",
      { "total_inactive_file", "total_active_file" } },
    { "memory.max", "memory.current", { "inactive_file", "active_file" } },
};

static uint64_t one_group(const char *folder, const struct group_files *files)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, files->limit);
    const uint64_t limit = number_in(path, "", UINT64_MAX);
    if (limit == UINT64_MAX)
        return UINT64_MAX;
    snprintf(path, sizeof path, "%s/%s", folder, files->used);
    uint64_t used = number_in(path, "", 0);
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    for (int i = 0; i < 2; i++)
        used = minus(used, number_in(path, files->pages[i], 0));
    return minus(limit, used);
}

static void look(void *room, const char *folder, bool v2)
{
    *(uint64_t *)room = least(*(uint64_t *)room, one_group(folder, &group_files[v2]));
}

uint64_t trit_group_room(const char *root, const char *path, int version)
{
    uint64_t room = UINT64_MAX;
    trit_cgroup_climb(root, path, version == 2, look, &room);
    return room;
}

static uint64_t groups_room(void)
{
    uint64_t room = UINT64_MAX;
    trit_cgroup_visit("", "memory", look, &room);
    return room;
}

static uint64_t limit_room(__rlimit_resource_t which, const char *field)
{
    struct rlimit limit;
    if (getrlimit(which, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return minus(limit.rlim_cur, 1024 * number_in("/proc/self/status", field, 0));
}

uint64_t trit_memory_room(void)
{
    const uint64_t rooms[] = { trit_meminfo_room("/proc/meminfo"), groups_room(),
                               limit_room(RLIMIT_AS, "VmSize"), limit_room(RLIMIT_DATA, "VmData") };
    uint64_t room = UINT64_MAX;
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        room = least(room, rooms[i]);
    return room;
}

uint64_t trit_disk_room(const char *path)
{
    char folder[PATH_MAX];
    struct stat status;
    struct statvfs disk;
    struct rlimit limit;
    uint64_t most = UINT64_MAX;
    if (!stat(path, &status) && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return UINT64_MAX;
    if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY)
        most = limit.rlim_cur;
    snprintf(folder, sizeof folder, "%s%s", *path == '/' ? "" : "./", path);
    for (char *slash; (slash = strrchr(folder, '/'));) {
        slash[slash == folder] = 0; /* "/" stays */
        if (!statvfs(folder, &disk))
            return least(most, trit_bytes_product(disk.f_bavail, disk.f_frsize));
        if (errno != ENOENT || slash == folder)
            break;
    }
    return most;
}

enum trit_code trit_need_memory(const char *what, uint64_t bytes, const char *advice,
                                struct trit_error *error)
{
    char needs[16], has[16];
    const uint64_t room = trit_memory_room();
    if (bytes <= room)
        return TRIT_OK;
    return trit_fail(error, TRIT_EMEMORY, "%s needs %s of memory, and %s are available%s%s", what,
                     trit_bytes_text((double)bytes, needs), trit_bytes_text((double)room, has),
                     advice ? ": " : "", advice ? advice : "");
}

enum trit_code trit_need_disk(const char *path, uint64_t bytes, struct trit_error *error)
{
    char needs[16], has[16];
    const uint64_t room = trit_disk_room(path);
    if (bytes <= room)
        return TRIT_OK;
    return trit_fail(error, TRIT_EIO, "%s needs %s, and %s are free on its disk", path,
                     trit_bytes_text((double)bytes, needs), trit_bytes_text((double)room, has));
}

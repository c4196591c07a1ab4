/* Looks for the profile of this machine as this process may use it: a capped instruction set, a
   mask of a hypervisor, a quota make it another machine, with a profile of its own. */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/file.h"
#include "runtime/plan/internal.h"

/* "amd-epyc-9b45-26-2-1" of the CPU's brand and numbers: what its profiles are called. */
static void name_of_cpu(char *name, size_t room)
{
    const struct trit_cpu *cpu = trit_cpu_get();
    char plain[128];
    size_t n = 0;
    snprintf(plain, sizeof plain, "%s %d %d %d", *cpu->brand ? cpu->brand : cpu->vendor,
             cpu->family, cpu->model, cpu->stepping);
    for (const char *s = plain; *s && n + 1 < room; s++) {
        const char c = *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s;
        const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (word)
            name[n++] = c;
        else if (n && name[n - 1] != '-')
            name[n++] = '-';
    }
    name[n] = 0;
}

/* 32-bit FNV-1a: tells sets of ISAs apart whose strongest is the same. */
static uint32_t hash_of(const char *text)
{
    uint32_t h = 0x811c9dc5;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x01000193;
    return h;
}

/* "amd-epyc-26-2-1-2xavx512vbmi-0c9d8e7f": the CPU, the threads that are of use, the strongest ISA,
   all ISAs. */
static void name_of_limits(char *name, size_t room)
{
    char cpu[128], isas[256];
    name_of_cpu(cpu, sizeof cpu);
    trit_profile_isas(isas, sizeof isas);
    const char *last = strrchr(isas, ' ');
    snprintf(name, room, "%s-%dx%.32s-%08x", cpu, trit_cpu_get()->threads, last ? last + 1 : isas,
             (unsigned)hash_of(isas));
}

enum trit_code trit_profile_user_path(char *path, size_t room, struct trit_error *error)
{
    char limits[208], name[224];
    name_of_limits(limits, sizeof limits);
    snprintf(name, sizeof name, "%s.profile", limits);
    return trit_file_user_path(TRIT_USER_CACHE, name, path, room, error);
}

static bool shipped_path(char *path, size_t room)
{
    char cpu[128], name[160], source[PATH_MAX];
    name_of_cpu(cpu, sizeof cpu);
    snprintf(name, sizeof name, "profiles/%s.profile", cpu);
    return snprintf(source, sizeof source, "%s/%s", TRIT_SOURCE_DIR, name) < PATH_MAX &&
           trit_file_locate(NULL, name, source, path, room);
}

/* Reads and judges; a profile that is no use here is none, and the first such leaves a line. */
static enum trit_code try(struct trit_profile **profile, const char *path, char *log, size_t room,
                          struct trit_error *error)
{
    char why[256];
    struct trit_error fault;
    enum trit_code code = trit_profile_read(profile, path, &fault);
    if (code == TRIT_EIO || code == TRIT_EMEMORY)
        return trit_fail(error, code, "%s", fault.text);
    if (code && !*log)
        snprintf(log, room, "%s: the profile is ignored", fault.text);
    if (code)
        return TRIT_OK;
    if (trit_profile_judge(*profile, why, sizeof why) != TRIT_PROFILE_FOREIGN)
        return TRIT_OK;
    if (!*log)
        snprintf(log, room, "%s: the profile is ignored: %s", path, why);
    trit_profile_free(*profile);
    *profile = NULL;
    return TRIT_OK;
}

static bool is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* Whether a file of the user's folder is, by its name, a profile of this CPU. */
static bool is_of_cpu(const char *name, const char *cpu)
{
    const size_t n = strlen(name), m = strlen(cpu), e = sizeof ".profile" - 1;
    return n >= m + e && !strncmp(name, cpu, m) && (name[m] == '-' || name[m] == '.') &&
           !strcmp(name + n - e, ".profile");
}

/* One that was made under other limits and can be used under these, the one with the most plans;
   NULL: there is none. `path` is where one of these limits would be. */
static struct trit_profile *find_near(const char *path)
{
    char cpu[128], log[512], other[PATH_MAX + 256];
    const int folder = (int)(strrchr(path, '/') - path);
    struct trit_profile *best = NULL;
    struct dirent **names;
    name_of_cpu(cpu, sizeof cpu);
    snprintf(other, sizeof other, "%.*s", folder, path);
    const int n = scandir(other, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        struct trit_profile *found = NULL;
        snprintf(other, sizeof other, "%.*s/%s", folder, path, names[i]->d_name);
        *log = 0;
        if (is_of_cpu(names[i]->d_name, cpu) && is_file(other))
            try(&found, other, log, sizeof log, NULL);
        if (found && (!best || found->nrows > best->nrows)) {
            trit_profile_free(best);
            best = found;
        } else {
            trit_profile_free(found);
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return best;
}

/* Reads the file if it is there and nothing was found yet. */
static void try_next(struct trit_profile **profile, const char *path, char *log, size_t room)
{
    struct trit_error fault;
    if (!*profile && is_file(path) && try(profile, path, log, room, &fault) && !*log)
        snprintf(log, room, "%s: the profile is ignored", fault.text);
}

enum trit_code trit_profile_find(struct trit_profile **profile, const char *given, char *log,
                                 size_t room, struct trit_error *error)
{
    char path[PATH_MAX];
    const char *named = given ? given : getenv("TRITMILL_PROFILE");
    *profile = NULL;
    *log = 0;
    if (named && *named)
        return strcmp(named, "none") ? try(profile, named, log, room, error) : TRIT_OK;
    if (!trit_profile_user_path(path, sizeof path, NULL)) {
        try_next(profile, path, log, room);
        if (!*profile)
            *profile = find_near(path);
    }
    if (!*profile && shipped_path(path, sizeof path))
        try_next(profile, path, log, room);
    return TRIT_OK;
}

/* Looks for the profile of this machine. */
#define _GNU_SOURCE
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

enum trit_code trit_profile_user_path(char *path, size_t room, struct trit_error *error)
{
    char cpu[128], name[160];
    name_of_cpu(cpu, sizeof cpu);
    snprintf(name, sizeof name, "%s.profile", cpu);
    return trit_file_cache_path(name, path, room, error);
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

enum trit_code trit_profile_find(struct trit_profile **profile, const char *given, char *log,
                                 size_t room, struct trit_error *error)
{
    char path[PATH_MAX];
    const char *named = given ? given : getenv("TRITMILL_PROFILE");
    *profile = NULL;
    *log = 0;
    if (named && *named)
        return strcmp(named, "none") ? try(profile, named, log, room, error) : TRIT_OK;
    struct trit_error fault;
    if (!trit_profile_user_path(path, sizeof path, &fault) && is_file(path) &&
        try(profile, path, log, room, &fault) && !*log)
        snprintf(log, room, "%s: the profile is ignored", fault.text);
    if (!*profile && shipped_path(path, sizeof path) && is_file(path) &&
        try(profile, path, log, room, &fault) && !*log)
        snprintf(log, room, "%s: the profile is ignored", fault.text);
    return TRIT_OK;
}

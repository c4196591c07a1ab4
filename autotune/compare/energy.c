/* Energy by RAPL, as Linux shows it below /sys/class/powercap: a counter of microjoules for each
   package and, where there is one, for the memory beside it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/compare/internal.h"

enum { ZONES = 32 };

struct zone {
    char path[512]; /* of energy_uj */
    uint64_t last, range;
};

struct trit_energy {
    struct zone zones[ZONES];
    size_t n;
    double joules;
};

static bool read_line(const char *folder, const char *zone, const char *name, char *out, int room)
{
    char path[512];
    if (snprintf(path, sizeof path, "%s/%s/%s", folder, zone, name) >= (int)sizeof path)
        return false;
    FILE *from = fopen(path, "re");
    bool fine = from && fgets(out, room, from);
    if (from)
        fclose(from);
    return fine;
}

static bool read_counter(const char *path, uint64_t *value)
{
    FILE *from = fopen(path, "re");
    bool fine = from && fscanf(from, "%" SCNu64, value) == 1;
    if (from)
        fclose(from);
    return fine;
}

/* Packages and memory; cores and graphics are parts of packages, psys holds everything twice. */
static void add_zone(struct trit_energy *e, const char *root, const char *name)
{
    char line[64];
    struct zone *z = &e->zones[e->n];
    if (e->n == ZONES || !read_line(root, name, "name", line, sizeof line) ||
        (strncmp(line, "package", 7) && strncmp(line, "dram", 4)))
        return;
    int n = snprintf(z->path, sizeof z->path, "%s/%s/energy_uj", root, name);
    if (n < 0 || n >= (int)sizeof z->path || !read_counter(z->path, &z->last) ||
        !read_line(root, name, "max_energy_range_uj", line, sizeof line))
        return;
    z->range = strtoull(line, NULL, 10);
    e->n++;
}

struct trit_energy *trit_energy_open(const char *root, const char **why)
{
    root = root ? root : "/sys/class/powercap";
    DIR *folder = opendir(root);
    *why = "RAPL is not there (no /sys/class/powercap)";
    if (!folder)
        return NULL;
    struct trit_energy *e = calloc(1, sizeof *e);
    const struct dirent *entry;
    bool seen = false;
    while (e && (entry = readdir(folder)))
        if (!strncmp(entry->d_name, "intel-rapl:", 11)) {
            seen = true;
            add_zone(e, root, entry->d_name);
        }
    closedir(folder);
    *why = seen ? "RAPL's counters may not be read (energy_uj is root's)"
                : "RAPL is not there (no intel-rapl in /sys/class/powercap)";
    if (e && e->n)
        return e;
    free(e);
    return NULL;
}

void trit_energy_close(struct trit_energy *e)
{
    free(e);
}

double trit_energy_joules(struct trit_energy *e)
{
    for (size_t i = 0; i < e->n; i++) {
        struct zone *z = &e->zones[i];
        uint64_t now;
        if (!read_counter(z->path, &now))
            continue;
        uint64_t passed = now >= z->last ? now - z->last : now + z->range - z->last;
        e->joules += (double)passed * 1e-6;
        z->last = now;
    }
    return e->joules;
}

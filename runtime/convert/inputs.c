/* Which files belong to an input, so that none of them is written over. */
#include "runtime/convert/convert.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/mem.h"

struct inputs {
    char **v;
    size_t n, room;
};

/* FOLDER/NAME behind the others. */
static bool add(struct inputs *list, const char *folder, const char *name)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s", folder, name) >= (int)sizeof path)
        return true; /* it cannot be opened either */
    if (!trit_grow(&list->v, &list->room, list->n + 1, sizeof *list->v))
        return false;
    list->v[list->n] = strdup(path);
    return list->v[list->n++];
}

/* Files of a folder, whose path ends with a slash. */
static bool add_folder(struct inputs *list, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool good = true;
    while (dir && good && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' || !strchr("./", entry->d_name[1]))
            good = add(list, folder, entry->d_name);
    if (dir)
        closedir(dir);
    return good;
}

/* NAME-00001-of-00003.gguf: how many parts there are, and the text before their numbers. */
static bool is_split(const char *path, char stem[PATH_MAX], unsigned *parts)
{
    enum { TAIL = 20 }; /* "-00001-of-00003.gguf" */
    const size_t n = strlen(path);
    unsigned part;
    int end = 0;
    if (n < TAIL || n >= PATH_MAX ||
        sscanf(path + n - TAIL, "-%5u-of-%5u.gguf%n", &part, parts, &end) != 2 || end != TAIL)
        return false;
    snprintf(stem, PATH_MAX, "%.*s", (int)(n - TAIL), path);
    return true;
}

static bool add_parts(struct inputs *list, const char *path)
{
    char stem[PATH_MAX], tail[40];
    unsigned parts;
    bool good = true;
    if (!is_split(path, stem, &parts))
        return true;
    for (unsigned i = 1; i <= parts && good; i++) {
        snprintf(tail, sizeof tail, "-%05u-of-%05u.gguf", i, parts);
        good = add(list, stem, tail);
    }
    return good;
}

enum trit_code trit_convert_check(const char *path, const char *in, struct trit_error *error)
{
    struct inputs list = { 0 };
    struct stat st;
    char folder[PATH_MAX];
    bool good = add(&list, in, "");
    if (good && !stat(in, &st) && S_ISDIR(st.st_mode))
        good = snprintf(folder, sizeof folder, "%s/", in) >= (int)sizeof folder ||
               add_folder(&list, folder);
    else if (good)
        good = add_parts(&list, in);
    enum trit_code code =
        good
            ? trit_output_check(path, &trit_output_gguf, (const char *const *)list.v, list.n, error)
            : trit_fail(error, TRIT_EMEMORY, "%s: no memory for its files' names", in);
    for (size_t i = 0; i < list.n; i++)
        free(list.v[i]);
    free(list.v);
    return code;
}

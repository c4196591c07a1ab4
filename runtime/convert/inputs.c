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

static bool add_parts(struct inputs *list, const char *path)
{
    char name[PATH_MAX];
    uint32_t part, count;
    bool good = true;
    if (!trit_gguf_split_name(path, &part, &count) || strlen(path) >= sizeof name)
        return true;
    memcpy(name, path, strlen(path) + 1);
    for (uint32_t i = 0; i < count && good; i++) {
        trit_gguf_name_part(name, i, count);
        good = add(list, name, "");
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

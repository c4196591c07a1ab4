/* Which compilers there are (autotune/build/build.h): each is asked what it is, and made to work.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/build/build.h"
#include "autotune/build/internal.h"
#include "runtime/base/file.h"

enum { SECONDS = 20 };

/* The preprocessor's answer tells who it is. */
static const char question[] = "#ifdef __clang__\n"
                               "TRIT Clang __clang_major__ __clang_minor__ __clang_patchlevel__\n"
                               "#elif defined __GNUC__\n"
                               "TRIT GNU __GNUC__ __GNUC_MINOR__ __GNUC_PATCHLEVEL__\n"
                               "#endif\n";
static const char program[] =
    "int trit_try(int x);\nint trit_try(int x)\n{\n    return x + 1;\n}\n";

static enum trit_code write_text(const char *path, const char *text, struct trit_error *error)
{
    struct trit_file *file;
    enum trit_code code = trit_file_create(&file, path, error);
    if (code)
        return code;
    trit_file_write(file, text, strlen(text));
    return trit_file_commit(file, error);
}

static bool works(const char *const *argv, const char *log)
{
    struct trit_child child;
    return trit_child_start(&child, argv, log) &&
           trit_child_wait(&child, SECONDS) == TRIT_CHILD_DONE;
}

static bool read_version(const char *log, char version[64])
{
    char *text, maker[16];
    size_t bytes;
    unsigned a, b, c;
    if (trit_file_read(log, 1 << 16, &text, &bytes, NULL))
        return false;
    const char *answer = strstr(text, "TRIT ");
    const bool known = answer && sscanf(answer, "TRIT %15s %u %u %u", maker, &a, &b, &c) == 4;
    if (known)
        snprintf(version, 64, "%s %u.%u.%u", maker, a, b, c);
    free(text);
    return known;
}

/* Asks and tries. */
static bool inspect(const char *name, char version[64], const char *folder)
{
    char ask[PATH_MAX], try[PATH_MAX], out[PATH_MAX], log[PATH_MAX];
    if (snprintf(ask, sizeof ask, "%s/ask.c", folder) >= (int)sizeof ask - 8)
        return false;
    snprintf(try, sizeof try, "%s/try.c", folder);
    snprintf(out, sizeof out, "%s/try.so", folder);
    snprintf(log, sizeof log, "%s/try.log", folder);
    const char *const asking[] = { name, "-E", "-P", ask, NULL };
    const char *const trying[] = { name, "-std=gnu11", "-O3", "-fPIC", "-shared", "-nostartfiles",
                                   "-o", out,          try,   NULL };
    return !write_text(ask, question, NULL) && !write_text(try, program, NULL) &&
           works(asking, log) && read_version(log, version) && works(trying, log);
}

/* "/usr/bin/clang-16" -> "clang16" */
static void make_suffix(const char *name, char suffix[16])
{
    const char *slash = strrchr(name, '/');
    size_t n = 0;
    for (const char *p = slash ? slash + 1 : name; *p && n < 15; p++)
        if (isalnum((unsigned char)*p))
            suffix[n++] = *p;
    suffix[n] = '\0';
}

static bool taken(const struct trit_compilers *c, const char *version, const char *suffix)
{
    for (int i = 0; i < c->n; i++)
        if (!strcmp(c->version[i], version) || !strcmp(c->suffix[i], suffix))
            return true;
    return false;
}

/* False where it does not work. */
static bool add(struct trit_compilers *c, const char *name, const char *folder)
{
    char version[64], suffix[16];
    if (strlen(name) >= sizeof c->name[0] || !inspect(name, version, folder))
        return false;
    make_suffix(name, suffix);
    if (c->n == TRIT_MAX_COMPILERS || !suffix[0] || taken(c, version, suffix))
        return true;
    strcpy(c->name[c->n], name);
    strcpy(c->suffix[c->n], suffix);
    strcpy(c->version[c->n++], version);
    return true;
}

static enum trit_code add_wanted(struct trit_compilers *c, const char *wanted, const char *folder,
                                 struct trit_error *error)
{
    while (*wanted) {
        char name[128];
        const size_t n = strcspn(wanted, ",");
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), wanted);
        if (n > 0 && !add(c, name, folder))
            return trit_fail(error, TRIT_EARGUMENT,
                             "compiler %s: is not there, or cannot make a shared object", name);
        wanted += n + (wanted[n] == ',');
    }
    return TRIT_OK;
}

enum trit_code trit_compilers_find(struct trit_compilers *compilers, const char *wanted,
                                   struct trit_error *error)
{
    *compilers = (struct trit_compilers){ 0 };
    const char *folder = trit_temporary_folder(error), *own = getenv("CC");
    if (!folder)
        return TRIT_EIO;
    if (wanted)
        return add_wanted(compilers, wanted, folder, error);
    add(compilers, "gcc", folder);
    add(compilers, "clang", folder);
    if (own && *own)
        add(compilers, own, folder);
    return TRIT_OK;
}

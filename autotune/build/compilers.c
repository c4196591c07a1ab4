/* Which compilers there are (autotune/build/build.h): each is asked what it is, and made to work.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
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

/* Runs a compiler; what it says goes to log. TRIT_EUNSUPPORTED: it is not there. */
static enum trit_code run(const char *const *argv, const char *log, const char *what,
                          struct trit_error *error)
{
    struct trit_child child;
    char line[256];
    const int failed = trit_child_start(&child, argv, log);
    if (failed == ENOENT)
        return trit_fail(error, TRIT_EUNSUPPORTED, "compiler %s: there is no such program",
                         argv[0]);
    if (failed)
        return trit_fail(error, TRIT_EFORMAT, "compiler %s: cannot be started: %s", argv[0],
                         strerror(failed));
    const enum trit_child_state state = trit_child_wait(&child, SECONDS);
    if (state == TRIT_CHILD_DONE)
        return TRIT_OK;
    if (state == TRIT_CHILD_STOPPED)
        return trit_fail(error, TRIT_ESTOPPED, "stopped");
    trit_child_complaint(&child, state, log, line, sizeof line);
    return trit_fail(error, TRIT_EFORMAT, "compiler %s: %s: %s", argv[0], what, line);
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

/* Asks and tries. TRIT_EUNSUPPORTED: it is not there; TRIT_EFORMAT: it does not work; TRIT_EIO: the
   temporary folder does not. */
static enum trit_code inspect(const char *name, char version[64], const char *folder,
                              struct trit_error *error)
{
    char ask[PATH_MAX], try[PATH_MAX], out[PATH_MAX], log[PATH_MAX];
    if (snprintf(ask, sizeof ask, "%s/ask.c", folder) >= (int)sizeof ask - 8)
        return trit_fail(error, TRIT_EIO, "%.64s...: the path is too long", folder);
    snprintf(try, sizeof try, "%s/try.c", folder);
    snprintf(out, sizeof out, "%s/try.so", folder);
    snprintf(log, sizeof log, "%s/try.log", folder);
    const char *const asking[] = { name, "-E", "-P", ask, NULL };
    const char *const trying[] = { name, "-std=gnu11", "-O3", "-fPIC", "-shared", "-nostartfiles",
                                   "-o", out,          try,   NULL };
    enum trit_code code = write_text(ask, question, error);
    if (!code)
        code = write_text(try, program, error);
    if (!code)
        code = run(asking, log, "does not preprocess a file (-E -P)", error);
    if (!code && !read_version(log, version))
        code = trit_fail(error, TRIT_EFORMAT, "compiler %s: is neither GNU C nor Clang", name);
    return code ? code : run(trying, log, "cannot make a shared object", error);
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

static enum trit_code add(struct trit_compilers *c, const char *name, const char *folder,
                          struct trit_error *error)
{
    char version[64], suffix[16];
    if (strlen(name) >= sizeof c->name[0])
        return trit_fail(error, TRIT_EFORMAT, "compiler %.60s...: the name is too long", name);
    const enum trit_code code = inspect(name, version, folder, error);
    if (code)
        return code;
    make_suffix(name, suffix);
    if (c->n == TRIT_MAX_COMPILERS || !suffix[0] || taken(c, version, suffix))
        return TRIT_OK;
    strcpy(c->name[c->n], name);
    strcpy(c->suffix[c->n], suffix);
    strcpy(c->version[c->n++], version);
    return TRIT_OK;
}

/* Whether the search ends there: a compiler that is not there or does not work does not end it. */
static bool is_fatal(enum trit_code code)
{
    return code == TRIT_EIO || code == TRIT_ESTOPPED || code == TRIT_EMEMORY;
}

static enum trit_code add_wanted(struct trit_compilers *c, const char *wanted, const char *folder,
                                 struct trit_error *error)
{
    while (*wanted) {
        char name[128];
        const size_t n = strcspn(wanted, ",");
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), wanted);
        const enum trit_code code = n > 0 ? add(c, name, folder, error) : TRIT_OK;
        if (code && !is_fatal(code))
            error->code = TRIT_EARGUMENT;
        if (code)
            return error->code;
        wanted += n + (wanted[n] == ',');
    }
    return TRIT_OK;
}

/* Those that are there and work; the first that is there and does not is told in `why`. */
static enum trit_code add_usual(struct trit_compilers *c, const char *folder,
                                struct trit_error *error)
{
    const char *const names[] = { "gcc", "clang", getenv("CC") };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!names[i] || !*names[i])
            continue;
        const enum trit_code code = add(c, names[i], folder, error);
        if (is_fatal(code))
            return code;
        if (code == TRIT_EFORMAT && !*c->why)
            snprintf(c->why, sizeof c->why, "%s", error->text);
    }
    if (c->n == 0 && !*c->why)
        snprintf(c->why, sizeof c->why,
                 "no C compiler was found (gcc, clang, CC): install gcc or clang");
    return TRIT_OK;
}

enum trit_code trit_compilers_find(struct trit_compilers *compilers, const char *wanted,
                                   struct trit_error *error)
{
    *compilers = (struct trit_compilers){ 0 };
    const char *folder = trit_temporary_folder(error);
    if (!folder)
        return TRIT_EIO;
    return wanted ? add_wanted(compilers, wanted, folder, error)
                  : add_usual(compilers, folder, error);
}

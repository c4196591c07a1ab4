/* `tritmill profile`: what profiles say, whether they would be used here, and how two differ. */
#define _GNU_SOURCE
#include "runtime/program/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/commands.h"

enum { MAX_FILES = 64 };

struct options {
    int output; /* 0: text, 1: json */
};

static const struct trit_option options[] = {
    { "-o,--output", TRIT_OPT_CHOICE, offsetof(struct options, output), NULL,
      "of show: a table (default) or JSON", 0, 0, "text|json" },
};

static const char detail[] =
    "show   the profile as a table, or a JSON array with one object per file\n"
    "check  whether it would be used on this machine, and which of its plans; what is ignored and\n"
    "       why. Exit code 0 where everything is used, else 1\n"
    "diff   what two profiles differ in, plans with times and their ratio; one FILE is compared\n"
    "       with the profile in use. Exit code 0 where nothing differs, 1 where something does or "
    "a\n"
    "       file cannot be read (then with a line on stderr)\n"
    "Without FILE they work on the profile in use: TRITMILL_PROFILE, else that of `tritmill tune` "
    "in\n"
    "the user's cache, else the one installed for this CPU.";

/* What a command works on. */
struct work {
    struct options options;
    const char *files[MAX_FILES];
    int nfiles;
};

/* The profile in use. */
static enum trit_code in_use(struct trit_profile **profile, struct trit_error *error)
{
    char log[1024];
    enum trit_code code = trit_profile_find(profile, NULL, log, sizeof log, error);
    if (code || *profile)
        return code;
    if (*log)
        return trit_fail(error, TRIT_EFORMAT, "%s", log);
    return trit_fail(error, TRIT_EIO,
                     "no profile is in use: `tritmill tune` makes one for this machine");
}

/* File i of the command line, or the profile in use where there are none. */
static enum trit_code open_one(const struct work *w, int i, struct trit_profile **profile,
                               struct trit_error *error)
{
    return i < w->nfiles ? trit_profile_read(profile, w->files[i], error) : in_use(profile, error);
}

static enum trit_code show_json(const struct work *w, struct trit_error *error)
{
    json_t *all = json_array();
    enum trit_code code = TRIT_OK;
    for (int i = 0; !code && i < (w->nfiles ? w->nfiles : 1); i++) {
        struct trit_profile *profile;
        code = open_one(w, i, &profile, error);
        if (!code) {
            json_array_append_new(all, trit_profile_json(profile));
            trit_profile_free(profile);
        }
    }
    if (!code)
        return trit_json_print(all, error);
    json_decref(all);
    return code;
}

static int show(const struct work *w)
{
    struct trit_error error;
    enum trit_code code = w->options.output ? show_json(w, &error) : TRIT_OK;
    for (int i = 0; !code && !w->options.output && i < (w->nfiles ? w->nfiles : 1); i++) {
        struct trit_profile *profile;
        code = open_one(w, i, &profile, &error);
        if (code)
            break;
        if (i)
            putchar('\n');
        trit_profile_show(profile, stdout);
        trit_profile_free(profile);
    }
    return code ? trit_cli_error(&error) : 0;
}

static void check_limits(const struct trit_profile *p)
{
    const int threads = trit_cpu_get()->threads;
    if (!p->nrows)
        printf("  it has no plans\n");
    if (p->nrows && !trit_profile_limit(p, threads))
        printf("  note: no limits of %d thread%s, which is the default here\n", threads,
               threads == 1 ? "" : "s");
}

/* Whether all plans are used. */
static bool check_rows(struct trit_profile *p)
{
    size_t used = 0;
    for (size_t i = 0; i < p->nrows; i++) {
        const struct trit_profile_row *row = &p->rows[i];
        const char *why = NULL;
        if (trit_profile_row_kernel(p, row, &why))
            used++;
        else
            printf("  line %d: %zu x %zu, %d thread%s, %s: ignored: %s: %s\n", row->line, row->n,
                   row->k, row->threads, row->threads == 1 ? "" : "s", trit_phase_name(row->phase),
                   row->kernel, why);
    }
    for (const char *line = p->log; *line; line = strchr(line, '\n') + 1)
        printf("  %.*s\n", (int)strcspn(line, "\n"), line);
    check_limits(p);
    printf("  %zu of %zu plan%s used\n", used, p->nrows, p->nrows == 1 ? " is" : "s are");
    return used == p->nrows && !*p->log;
}

/* Whether the profile and all its plans are used; takes the profile. */
static bool check_one(struct trit_profile *p)
{
    char why[256];
    const enum trit_profile_state state = trit_profile_judge(p, why, sizeof why);
    const bool ours = state != TRIT_PROFILE_FOREIGN;
    printf("%s: %s%s%s\n", p->path, ours ? "used" : "ignored", *why ? ": " : "", why);
    const bool fine = ours && check_rows(p);
    trit_profile_free(p);
    return fine;
}

static int check(const struct work *w)
{
    bool fine = true;
    for (int i = 0; i < (w->nfiles ? w->nfiles : 1); i++) {
        struct trit_profile *profile;
        struct trit_error error;
        if (!open_one(w, i, &profile, &error)) {
            fine &= check_one(profile);
            continue;
        }
        printf("%s%s\n", error.text, w->nfiles ? ": ignored" : "");
        fine = false;
    }
    return fine ? 0 : 1;
}

static int diff(const struct work *w)
{
    if (w->nfiles < 1 || w->nfiles > 2)
        return trit_cli_usage_error("profile diff: give one or two profiles");
    struct trit_profile *a = NULL, *b = NULL;
    struct trit_error error;
    enum trit_code code =
        w->nfiles == 2 ? trit_profile_read(&a, w->files[0], &error) : in_use(&a, &error);
    if (!code)
        code = trit_profile_read(&b, w->files[w->nfiles - 1], &error);
    const size_t differences = code ? 0 : trit_profile_diff(a, b, stdout);
    trit_profile_free(a);
    trit_profile_free(b);
    if (code)
        return trit_cli_error(&error);
    return differences > 0;
}

static const struct {
    const char *name;
    int (*run)(const struct work *);
    bool formats; /* -o says how */
} actions[] = { { "show", show, true }, { "check", check, false }, { "diff", diff, false } };

static int run(int argc, char **argv)
{
    struct work w = { .nfiles = 0 };
    const char *words[MAX_FILES + 1];
    struct trit_rest rest = { words, MAX_FILES + 1, 0 };
    enum trit_parse parse = trit_cli_parse(&trit_cmd_profile, argc, argv, &w.options, &rest);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    for (size_t i = 0; rest.n && i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(words[0], actions[i].name) != 0)
            continue;
        if (w.options.output && !actions[i].formats)
            return trit_cli_usage_error("profile %s: -o is for show", words[0]);
        w.nfiles = rest.n - 1;
        memcpy(w.files, words + 1, (size_t)w.nfiles * sizeof *words);
        return actions[i].run(&w);
    }
    return trit_cli_usage_error("profile: give show, check or diff%s%s", rest.n ? ", not " : "",
                                rest.n ? words[0] : "");
}

const struct trit_command trit_cmd_profile = {
    .name = "profile",
    .summary = "show, check and compare tuned plans",
    .usage = "show|check|diff [FILE...]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};

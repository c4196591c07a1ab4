/* Writes a profile of this machine from its arguments: OUT, then any of "limit THREADS READ PEAK",
   "library FILE" (hashed, beside OUT), "plan N K THREADS decode|prefill TOKENS KERNEL US" (the hash
   is that of the kernel known here, or 1). --user instead: prints where the user's profile lives.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/plan/profile.h"

static enum trit_code add_limit(struct trit_profile *p, char **v, struct trit_error *error)
{
    (void)error;
    p->limits[p->nlimits++] = (struct trit_profile_limit){ atoi(v[0]), atof(v[1]), atof(v[2]) };
    return TRIT_OK;
}

static enum trit_code add_library(struct trit_profile *p, char **v, struct trit_error *error)
{
    struct trit_profile_library *library = &p->libraries[p->nlibraries++];
    enum trit_code code = trit_file_sha256(v[0], library->sha256, error);
    if (!code)
        code = trit_library_load(v[0], NULL, NULL, NULL, error);
    snprintf(library->file, sizeof library->file, "%s", basename(v[0]));
    return code;
}

static enum trit_code add_plan(struct trit_profile *p, char **v, struct trit_error *error)
{
    struct trit_profile_row row = { .n = strtoull(v[0], NULL, 10),
                                    .k = strtoull(v[1], NULL, 10),
                                    .threads = atoi(v[2]),
                                    .phase = strcmp(v[3], "prefill") ? TRIT_DECODE : TRIT_PREFILL,
                                    .tokens = strtoull(v[4], NULL, 10),
                                    .median_ns = 1000 * atof(v[6]),
                                    .spread_ns = 10 * atof(v[6]) };
    const struct trit_kernel *kernel = trit_kernel_find(v[5]);
    row.hash = kernel ? kernel->hash : 1;
    snprintf(row.kernel, sizeof row.kernel, "%s", v[5]);
    if (sscanf(v[5], "trit_%*[a-z0-9]_%7[a-z0-9]_%7[a-z0-9]_", row.packing, row.act) != 2)
        return trit_fail(error, TRIT_EARGUMENT, "%s: no kernel's name", v[5]);
    return trit_profile_put(p, &row, error);
}

static const struct {
    const char *word;
    int nargs;
    enum trit_code (*add)(struct trit_profile *, char **, struct trit_error *);
} words[] = { { "limit", 3, add_limit }, { "library", 1, add_library }, { "plan", 7, add_plan } };

static enum trit_code build(struct trit_profile *p, char **argv, struct trit_error *error)
{
    while (*argv) {
        size_t i = 0;
        while (i < 3 && strcmp(*argv, words[i].word) != 0)
            i++;
        if (i == 3)
            return trit_fail(error, TRIT_EARGUMENT, "%s: neither limit, library nor plan", *argv);
        for (int j = 1; j <= words[i].nargs; j++)
            if (!argv[j])
                return trit_fail(error, TRIT_EARGUMENT, "%s takes %d arguments", *argv,
                                 words[i].nargs);
        enum trit_code code = words[i].add(p, argv + 1, error);
        if (code)
            return code;
        argv += words[i].nargs + 1;
    }
    return TRIT_OK;
}

static int print_user_path(void)
{
    char path[4096];
    struct trit_error error;
    if (trit_profile_user_path(path, sizeof path, &error))
        return trit_cli_error(&error);
    puts(path);
    return 0;
}

int main(int argc, char **argv)
{
    struct trit_profile *profile;
    struct trit_error error;
    if (argc < 2)
        return 2;
    if (!strcmp(argv[1], "--user"))
        return print_user_path();
    enum trit_code code = trit_profile_create(&profile, &error);
    if (!code)
        code = build(profile, argv + 2, &error);
    if (!code)
        code = trit_profile_write(profile, argv[1], &error);
    trit_profile_free(profile);
    return code ? trit_cli_error(&error) : 0;
}

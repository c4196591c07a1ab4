/* The environment variables that the program reads: what they mean and which values they take. */
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cpu/cpu.h"

extern char **environ;

static bool is_isa(const char *value)
{
    return trit_isa_find(value) < TRIT_NISA;
}

static bool is_switch(const char *value)
{
    return !strcmp(value, "0") || !strcmp(value, "1");
}

char *trit_cli_isas(char *out, size_t room)
{
    size_t at = 0;
    for (unsigned i = 0; i < TRIT_NISA && at < room; i++)
        at += (size_t)snprintf(out + at, room - at, "%s%s", i ? ", " : "",
                               trit_isa_name((enum trit_isa)i));
    return out;
}

static char *switches(char *out, size_t room)
{
    snprintf(out, room, "0, 1");
    return out;
}

static const struct variable {
    const char *name, *value, *help;
    bool (*fits)(const char *value); /* NULL: checked where it is used */
    char *(*values)(char *out, size_t room);
} variables[] = {
    { "TRITMILL_MODEL", "FILE", "the model where -m is not given", NULL, NULL },
    { "TRITMILL_MODELS", "DIR", "the models folder: what 'pull' fills and -m NAME looks in", NULL,
      NULL },
    { "TRITMILL_ISA", "NAME", "no instruction set beyond this one ('tritmill cpu' lists them)",
      is_isa, trit_cli_isas },
    { "TRITMILL_KERNEL", "PATTERN", "only kernels whose names match, where one of them can run",
      NULL, NULL },
    { "TRITMILL_PROFILE", "FILE", "the profile where --profile is not given (none: no profile)",
      NULL, NULL },
    { "TRITMILL_CACHE", "FILE", "the model's packed cache (none: no cache; 'tritmill pack')", NULL,
      NULL },
    { "TRITMILL_LOG", "1", "list each matrix's kernels, and why they were picked, on stderr",
      is_switch, switches },
    { "TRITMILL_TEMPLATES", "DIR", "the kernel templates, instead of the installed ones", NULL,
      NULL },
    { "TRITMILL_LIBRARY", "FILE", "the library that the binding for Python loads", NULL, NULL },
    { "HF_ENDPOINT", "URL", "the hub that 'pull' asks (default https://huggingface.co)", NULL,
      NULL },
    { "HF_TOKEN", "TOKEN", "who 'pull' asks as (default: the one in ~/.cache/huggingface/token)",
      NULL, NULL },
};
enum { NVARIABLES = sizeof variables / sizeof *variables };

/* TRITMILL_MODLE=x would do nothing without a word. */
static void warn_of_unknown(const char *entry)
{
    static const char prefix[] = "TRITMILL_";
    const char *names[NVARIABLES];
    char name[64];
    if (strncmp(entry, prefix, sizeof prefix - 1) != 0)
        return;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(entry, "="), entry);
    for (size_t i = 0; i < NVARIABLES; i++) {
        names[i] = variables[i].name;
        if (!strcmp(name, names[i]))
            return;
    }
    const char *near = trit_cli_nearest(name, names, NVARIABLES);
    struct trit_error line;
    trit_fail(&line, TRIT_EARGUMENT, "%s is not a variable of tritmill%s%s: ignored", name,
              near ? ", did you mean " : "", near ? near : "");
    fprintf(stderr, "tritmill: %s\n", line.text);
}

bool trit_environment_check(void)
{
    for (size_t i = 0; i < NVARIABLES; i++) {
        const struct variable *v = &variables[i];
        const char *value = getenv(v->name);
        char values[160];
        if (value && !*value)
            unsetenv(v->name);
        else if (value && v->fits && !v->fits(value)) {
            trit_cli_usage_error("%s=%s: must be one of %s", v->name, value,
                                 v->values(values, sizeof values));
            return false;
        }
    }
    for (char **entry = environ; *entry; entry++)
        warn_of_unknown(*entry);
    return true;
}

void trit_environment_help(FILE *to)
{
    for (size_t i = 0; i < NVARIABLES; i++) {
        char left[40];
        snprintf(left, sizeof left, "%s=%s", variables[i].name, variables[i].value);
        fprintf(to, "  %-25s%s\n", left, variables[i].help);
    }
    fputs("An empty variable counts as unset.\n", to);
}

/* Which options of a command go together: its rules, checked when all arguments are read. */
#include <string.h>

#include "runtime/cli/internal.h"

struct check {
    const struct trit_command *command;
    const void *values;
    const bool *given;
};

/* Whether the choice at *value is text[0 .. n-1] of choices. */
static bool has_choice(const struct trit_option *o, const void *value, const char *text, size_t n)
{
    int index;
    memcpy(&index, value, sizeof index);
    const char *c = o->choices;
    for (; index > 0; index--)
        c += strcspn(c, "|") + 1;
    return strcspn(c, "|") == n && !memcmp(c, text, n);
}

/* Whether name[0 .. n-1], "-p" or "--head=full", is given. */
static bool is_given(const struct check *k, const char *name, size_t n)
{
    const char *equals = memchr(name, '=', n);
    const size_t length = equals ? (size_t)(equals - name) : n;
    const struct trit_option *o = trit_option_find(k->command, name, length);
    if (!o || !k->given[o - k->command->options])
        return false;
    return !equals ||
           has_choice(o, (const char *)k->values + o->offset, equals + 1, n - length - 1);
}

static const char *next(const char *name)
{
    name += strcspn(name, ",");
    return name + (*name == ',');
}

/* How many of names are given; *first is one of them. */
static size_t count(const struct check *k, const char *names, const char **first)
{
    size_t n = 0;
    for (; *names; names = next(names))
        if (is_given(k, names, strcspn(names, ","))) {
            *first = n ? *first : names;
            n++;
        }
    return n;
}

/* "-m FILE, --model NAME or --shape NxK" */
static const char *list(const struct check *k, const char *names, char *out, size_t room)
{
    size_t at = 0;
    out[0] = 0;
    for (; *names && at < room; names = next(names)) {
        const size_t n = strcspn(names, ",");
        const struct trit_option *o = trit_option_find(k->command, names, n);
        const char *rest = next(names), *value = !o ? NULL : o->arg ? o->arg : o->choices;
        at += (size_t)snprintf(out + at, room - at, "%.*s%s%s%s", (int)n, names, value ? " " : "",
                               value ? value : "",
                               !*rest        ? ""
                               : *next(rest) ? ", "
                                             : " or ");
    }
    return out;
}

static bool one(const struct check *k, const char *names)
{
    const char *first = NULL;
    char all[160];
    if (count(k, names, &first) == 1)
        return true;
    trit_cli_usage_error("%s: give either %s", k->command->name, list(k, names, all, sizeof all));
    return false;
}

static bool some(const struct check *k, const char *names)
{
    const char *first = NULL;
    char all[160];
    if (count(k, names, &first))
        return true;
    trit_cli_usage_error("%s: give %s", k->command->name, list(k, names, all, sizeof all));
    return false;
}

static bool needs(const struct check *k, const char *names)
{
    const size_t n = strcspn(names, ",");
    const char *first = NULL;
    char all[160];
    if (!is_given(k, names, n) || count(k, next(names), &first))
        return true;
    trit_cli_usage_error("%s: %.*s needs %s", k->command->name, (int)n, names,
                         list(k, next(names), all, sizeof all));
    return false;
}

static bool against(const struct check *k, const char *names)
{
    const size_t n = strcspn(names, ",");
    const char *first = NULL;
    if (!is_given(k, names, n) || !count(k, next(names), &first))
        return true;
    trit_cli_usage_error("%s: %.*s and %.*s exclude each other", k->command->name, (int)n, names,
                         (int)strcspn(first, ","), first);
    return false;
}

bool trit_rules_hold(const struct trit_command *command, const void *values, const bool *given)
{
    static bool (*const kinds[])(const struct check *, const char *) = {
        [TRIT_RULE_ONE] = one,
        [TRIT_RULE_SOME] = some,
        [TRIT_RULE_NEEDS] = needs,
        [TRIT_RULE_AGAINST] = against,
    };
    const struct check k = { command, values, given };
    for (size_t i = 0; i < command->nrules; i++)
        if (!kinds[command->rules[i].kind](&k, command->rules[i].names))
            return false;
    return true;
}

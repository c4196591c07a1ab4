/* Arguments into an options struct, as the command's table of options says. */
#include "runtime/cli/internal.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const struct trit_command *command;
    int argc, at; /* at: the argument being looked at */
    char **argv;
    void *values;
    bool given[TRIT_OPTIONS_MAX];
};

/* The word among names ("-m,--model;--file") that is word[0..n), as an offset; -1: none. */
static int name_at(const char *names, const char *word, size_t n)
{
    for (const char *name = names; *name;) {
        size_t length = strcspn(name, ",;");
        if (length == n && !memcmp(name, word, n))
            return (int)(name - names);
        name += length + (name[length] != 0);
    }
    return -1;
}

const struct trit_option *trit_option_find(const struct trit_command *c, const char *word, size_t n)
{
    for (size_t i = 0; i < c->noptions; i++)
        if (name_at(c->options[i].names, word, n) >= 0)
            return &c->options[i];
    return NULL;
}

static bool takes_value(const struct trit_option *o)
{
    return o->type != TRIT_OPT_FLAG && (o->type != TRIT_OPT_IGNORE || o->arg);
}

static bool is_number(const struct trit_option *o)
{
    return o->type == TRIT_OPT_INT || o->type == TRIT_OPT_U64 || o->type == TRIT_OPT_FLOAT ||
           o->type == TRIT_OPT_INTS;
}

/* An unknown flag: one line with the nearest of all the command's flags. */
static bool unknown(const struct parser *p, const char *flag)
{
    enum { MOST = 128 };
    char text[MOST][48];
    const char *names[MOST];
    size_t n = 0;
    for (size_t i = 0; i < p->command->noptions; i++) {
        const char *name = p->command->options[i].names;
        while (*name && n < MOST) {
            size_t length = strcspn(name, ",;");
            snprintf(text[n], sizeof text[n], "%.*s", (int)length, name);
            names[n] = text[n];
            n++;
            name += length + (name[length] != 0);
        }
    }
    const char *near = trit_cli_nearest(flag, names, n), *command = p->command->name;
    if (near)
        trit_cli_usage_error("%s: unknown option '%s', did you mean %s?", command, flag, near);
    else
        trit_cli_usage_error("%s: unknown option '%s' ('tritmill help %s' lists them)", command,
                             flag, command);
    return false;
}

/* What a value is stored through, with what messages need. */
struct target {
    const struct trit_option *option;
    const char *command, *name, *value;
    void *at;
};

static bool refuse(const struct target *t, const char *what)
{
    trit_cli_usage_error("%s: %s '%s' %s", t->command, t->name, t->value, what);
    return false;
}

static bool in_range(const struct target *t, double x)
{
    const struct trit_option *o = t->option;
    if ((o->min == 0 && o->max == 0) || (x >= o->min && x <= o->max))
        return true;
    char what[96];
    if (o->max >= INT_MAX)
        snprintf(what, sizeof what, "is out of range: at least %g", o->min);
    else
        snprintf(what, sizeof what, "is out of range: %.9g to %.9g", o->min, o->max);
    return refuse(t, what);
}

/* A whole number at *text, which is moved past it. */
static bool read_int(const struct target *t, const char **text, int *out)
{
    char *end;
    errno = 0;
    long value = strtol(*text, &end, 10);
    if (end == *text || isspace((unsigned char)**text))
        return refuse(t, "is not a whole number");
    if (errno || value > INT_MAX || value < INT_MIN)
        return refuse(t, "is too large");
    *text = end;
    *out = (int)value;
    return in_range(t, (double)value);
}

static bool store_flag(const struct target *t)
{
    *(bool *)t->at = true;
    return true;
}

static bool store_int(const struct target *t)
{
    const char *text = t->value;
    int value;
    if (!read_int(t, &text, &value))
        return false;
    if (*text)
        return refuse(t, "is not a whole number");
    *(int *)t->at = value;
    return true;
}

static bool store_u64(const struct target *t)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(t->value, &end, 10);
    bool all = !strcmp(t->value, "-1");
    if ((!isdigit((unsigned char)t->value[0]) && !all) || *end)
        return refuse(t, "is not a whole number from 0 up");
    if (errno)
        return refuse(t, "is too large");
    *(uint64_t *)t->at = value;
    return true;
}

static bool store_float(const struct target *t)
{
    char *end;
    double value = strtod(t->value, &end);
    if (end == t->value || *end || isspace((unsigned char)t->value[0]) || !isfinite(value))
        return refuse(t, "is not a number");
    if (!in_range(t, value))
        return false;
    *(double *)t->at = value;
    return true;
}

static bool store_text(const struct target *t)
{
    *(const char **)t->at = t->value;
    return true;
}

static bool store_choice(const struct target *t)
{
    int index = 0;
    size_t n = strlen(t->value);
    for (const char *c = t->option->choices; *c; index++) {
        size_t length = strcspn(c, "|");
        if (length == n && !memcmp(c, t->value, n)) {
            *(int *)t->at = index;
            return true;
        }
        c += length + (c[length] != 0);
    }
    char what[96];
    snprintf(what, sizeof what, "is none of %s", t->option->choices);
    return refuse(t, what);
}

static bool add_int(const struct target *t, int value)
{
    struct trit_ints *list = t->at;
    if (list->n == TRIT_LIST_MAX)
        return refuse(t, "makes the list too long (at most 32 values)");
    list->v[list->n++] = value;
    return true;
}

/* first-last, first-last+step or first-last*factor; *text stands after first. */
static bool add_range(const struct target *t, const char **text, int first)
{
    int last = first, step = 1;
    bool times = false;
    if (**text == '-' && (++*text, !read_int(t, text, &last)))
        return false;
    if (**text == '+' || **text == '*') {
        times = **text == '*';
        char *end;
        long value = strtol(++*text, &end, 10);
        if (end == *text || value < 1 + times || value > INT_MAX || (times && first < 1))
            return refuse(t, "has a step that does not grow");
        *text = end;
        step = (int)value;
    }
    if (last < first)
        return refuse(t, "is a range that ends before it begins");
    for (int64_t i = first; i <= last; i = times ? i * step : i + step)
        if (!add_int(t, (int)i))
            return false;
    return true;
}

static bool store_ints(const struct target *t)
{
    struct trit_ints *list = t->at;
    if (!list->given)
        *list = (struct trit_ints){ .given = true };
    const char *text = t->value;
    for (;;) {
        int first;
        if (!read_int(t, &text, &first) || !add_range(t, &text, first))
            return false;
        if (!*text)
            return true;
        if (*text++ != ',')
            return refuse(t, "is no list of whole numbers (1,2,4 or 1-4)");
    }
}

static bool store_texts(const struct target *t)
{
    struct trit_texts *list = t->at;
    if (list->n == TRIT_LIST_MAX)
        return refuse(t, "is one too many (at most 32)");
    list->v[list->n++] = t->value;
    return true;
}

static bool store_nothing(const struct target *t)
{
    (void)t;
    return true;
}

static bool (*const store[])(const struct target *) = {
    [TRIT_OPT_FLAG] = store_flag,      [TRIT_OPT_INT] = store_int,
    [TRIT_OPT_U64] = store_u64,        [TRIT_OPT_FLOAT] = store_float,
    [TRIT_OPT_TEXT] = store_text,      [TRIT_OPT_CHOICE] = store_choice,
    [TRIT_OPT_INTS] = store_ints,      [TRIT_OPT_TEXTS] = store_texts,
    [TRIT_OPT_IGNORE] = store_nothing,
};

/* Anything goes, also nothing and what looks like a flag. */
static bool is_free(const struct trit_option *o)
{
    return o->type == TRIT_OPT_IGNORE || (o->arg && !strcmp(o->arg, "TEXT"));
}

static bool no_value(const struct parser *p, const struct trit_option *o, const char *name)
{
    const char *what = o->arg ? o->arg : o->choices;
    trit_cli_usage_error("%s: %s needs a value: %s", p->command->name, name, what ? what : "VALUE");
    return false;
}

/* The value of an option that stands alone: the next argument, unless that is a flag itself. */
static const char *next_value(struct parser *p, const struct trit_option *o)
{
    const char *next = p->at + 1 < p->argc ? p->argv[p->at + 1] : NULL;
    if (!next || trit_option_find(p->command, next, strlen(next)))
        return NULL;
    if (next[0] == '-' && next[1] && !is_free(o) && !is_number(o))
        return NULL;
    p->at++;
    return next;
}

/* Whether the option may be given one more time. */
static bool may_repeat(const struct trit_option *o)
{
    return !takes_value(o) || o->type == TRIT_OPT_INTS || o->type == TRIT_OPT_TEXTS ||
           o->type == TRIT_OPT_IGNORE;
}

static bool apply(struct parser *p, const struct trit_option *o, const char *name,
                  const char *value)
{
    const char *command = p->command->name;
    bool *given = &p->given[o - p->command->options];
    if (!takes_value(o) && value) {
        trit_cli_usage_error("%s: %s takes no value", command, name);
        return false;
    }
    if (*given && !may_repeat(o)) {
        trit_cli_usage_error("%s: %s is given twice", command, name);
        return false;
    }
    if (takes_value(o) && !value)
        value = next_value(p, o);
    if (takes_value(o) && (!value || (!*value && !is_free(o) && !is_number(o))))
        return no_value(p, o, name);
    *given = true;
    struct target t = { o, command, name, value, (char *)p->values + o->offset };
    return store[o->type](&t);
}

/* argv[at] begins with '-': --name, --name=value, -x, -x5 (numbers only, so that a misspelt long
 * name stays one). */
static bool option(struct parser *p)
{
    const char *word = p->argv[p->at], *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    const struct trit_option *o = trit_option_find(p->command, word, n);
    const struct trit_option *attached = trit_option_find(p->command, word, 2);
    char name[64];
    if (o) {
        snprintf(name, sizeof name, "%.*s", (int)n, word);
        return apply(p, o, name, equals ? equals + 1 : NULL);
    }
    if (attached && is_number(attached) && (isdigit((unsigned char)word[2]) || word[2] == '.')) {
        snprintf(name, sizeof name, "%.2s", word);
        return apply(p, attached, name, word + 2);
    }
    return unknown(p, word);
}

/* An argument that is no option. */
static bool argument(const struct parser *p, struct trit_rest *rest)
{
    const struct trit_command *c = p->command;
    const char *word = p->argv[p->at];
    const bool room = rest->n < rest->most;
    if (*word && room) {
        rest->words[rest->n++] = word;
        return true;
    }
    if (room)
        trit_cli_usage_error("%s: an argument is empty (usage: tritmill %s %s)", c->name, c->name,
                             c->usage);
    else
        trit_cli_usage_error("%s: '%s' is one argument too many (usage: tritmill %s %s)", c->name,
                             word, c->name, c->usage);
    return false;
}

enum trit_parse trit_cli_parse(const struct trit_command *command, int argc, char **argv,
                               void *values, struct trit_rest *rest)
{
    struct parser p = { command, argc, 1, argv, values, { false } };
    struct trit_rest none = { NULL, 0, 0 };
    bool options = true;
    rest = rest ? rest : &none;
    rest->n = 0;
    for (; p.at < argc; p.at++) {
        const char *word = argv[p.at];
        if (options && !strcmp(word, "--")) {
            options = false;
        } else if (options && (!strcmp(word, "-h") || !strcmp(word, "--help"))) {
            trit_cli_help(command, stdout);
            return TRIT_PARSE_HELP;
        } else if (options && word[0] == '-' && word[1]) {
            if (!option(&p))
                return TRIT_PARSE_ERROR;
        } else if (!argument(&p, rest)) {
            return TRIT_PARSE_ERROR;
        }
    }
    return trit_rules_hold(command, values, p.given) ? TRIT_PARSE_OK : TRIT_PARSE_ERROR;
}

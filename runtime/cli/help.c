/* The help of a command, laid out from its table of options. */
#include "runtime/cli/cli.h"

#include <string.h>

enum { COLUMN = 28, WIDTH = 80 };

/* "FILE", "md|json", or NULL for what takes no value. */
static const char *value_text(const struct trit_option *o)
{
    return o->arg ? o->arg : o->choices;
}

/* "-m, --model FILE" into out (room of at least 96), names after ';' left out. Returns its length.
 */
static size_t left_side(const struct trit_option *o, char *out, size_t room)
{
    size_t shown = strcspn(o->names, ";"), n = 0;
    bool only_long = shown > 1 && o->names[1] == '-';
    n += (size_t)snprintf(out, room, "  %s", only_long ? "    " : "");
    for (size_t i = 0; i < shown && n + 3 < room; i++) {
        out[n++] = o->names[i];
        if (o->names[i] == ',')
            out[n++] = ' ';
    }
    const char *value = value_text(o);
    int more = snprintf(out + n, room - n, "%s%s", value ? " " : "", value ? value : "");
    return n + (size_t)more;
}

static void option_line(const struct trit_option *o, FILE *to)
{
    char left[160];
    size_t n = left_side(o, left, sizeof left);
    if (n + 2 > COLUMN)
        fprintf(to, "%s\n%*s%s\n", left, COLUMN, "", o->help);
    else
        fprintf(to, "%-*s%s\n", COLUMN, left, o->help);
}

/* Words joined with ", " and broken at WIDTH; *at is the present column. */
static void flow(const char *word, size_t *at, FILE *to)
{
    size_t n = strlen(word);
    if (*at > 2 && *at + n + 2 > WIDTH) {
        fputs(",\n  ", to);
        *at = 2;
    } else if (*at > 2) {
        fputs(", ", to);
        *at += 2;
    } else {
        fputs("  ", to);
        *at = 2;
    }
    fputs(word, to);
    *at += n;
}

static void ignored_options(const struct trit_command *c, FILE *to)
{
    size_t at = 0;
    for (size_t i = 0; i < c->noptions; i++) {
        const struct trit_option *o = &c->options[i];
        if (o->type != TRIT_OPT_IGNORE)
            continue;
        if (!at)
            fputs("\nTaken and ignored, for scripts written for other programs:\n", to);
        char word[96];
        snprintf(word, sizeof word, "%.*s%s%s", (int)strcspn(o->names, ",;"), o->names,
                 o->arg ? " " : "", o->arg ? o->arg : "");
        flow(word, &at, to);
    }
    if (at)
        fputc('\n', to);
}

void trit_cli_help(const struct trit_command *c, FILE *to)
{
    static const struct trit_option help = { .names = "-h,--help", .help = "this text" };
    fprintf(to, "tritmill %s: %s\n\nUsage: tritmill %s %s\n\nOptions:\n", c->name, c->summary,
            c->name, c->usage);
    for (size_t i = 0; i < c->noptions; i++)
        if (c->options[i].type != TRIT_OPT_IGNORE)
            option_line(&c->options[i], to);
    option_line(&help, to);
    if (c->detail)
        fprintf(to, "\n%s\n", c->detail);
    ignored_options(c, to);
}

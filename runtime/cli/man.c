/* Manual pages out of the tables of options: man(7). */
#include "runtime/cli/pages.h"

#include <stdlib.h>
#include <string.h>

/* Text that stands for itself in roff, wherever it stands; it may be broken behind a bar. */
static void text(const char *s, size_t n, FILE *to)
{
    for (size_t i = 0; i < n; i++) {
        const bool begins = i == 0 || s[i - 1] == '\n';
        if (begins && (s[i] == '.' || s[i] == '\''))
            fputs("\\&", to);
        if (s[i] == '-' || s[i] == '\\')
            fputs(s[i] == '-' ? "\\-" : "\\e", to);
        else
            putc(s[i], to);
        if (s[i] == '|')
            fputs("\\:", to);
    }
}

static void line(const char *s, FILE *to)
{
    text(s, strlen(s), to);
    putc('\n', to);
}

/* As it stands, line by line. */
static void verbatim(const char *s, FILE *to)
{
    fputs(".nf\n", to);
    line(s, to);
    fputs(".fi\n", to);
}

static void heading(const char *command, const char *summary, FILE *to)
{
    const char *join = *command ? "\\-" : "";
    fprintf(
        to,
        ".\\\" Made by 'tritmill help \\-\\-man'.\n.TH \"tritmill%s%s\" 1 \"\" \"tritmill %s\"\n",
        join, command, trit_version());
    fprintf(to, ".SH NAME\ntritmill%s%s \\- ", join, command);
    line(summary, to);
    fputs(".SH SYNOPSIS\n", to);
}

/* ".TP", the names that help shows, the value. */
static void option(const struct trit_option *o, FILE *to)
{
    const char *value = o->arg ? o->arg : o->choices;
    fputs(".TP\n\\fB", to);
    for (const char *s = o->names; *s && *s != ';'; s++)
        if (*s == ',')
            fputs("\\fR, \\fB", to);
        else
            text(s, 1, to);
    fputs("\\fR", to);
    if (value) {
        fputs(" \\fI", to);
        text(value, strlen(value), to);
        fputs("\\fR", to);
    }
    putc('\n', to);
    line(o->help, to);
}

static void ignored(const struct trit_command *c, FILE *to)
{
    const char *before = ".SS Taken and ignored, for scripts written for other programs\n";
    for (size_t i = 0; i < c->noptions; i++) {
        const struct trit_option *o = &c->options[i];
        if (o->type != TRIT_OPT_IGNORE)
            continue;
        fputs(before, to);
        text(o->names, strcspn(o->names, ",;"), to);
        if (o->arg)
            fprintf(to, " %s", o->arg);
        before = ",\n";
    }
    if (*before == ',')
        putc('\n', to);
}

static void command_page(const struct trit_command *c, FILE *to)
{
    static const struct trit_option help = { .names = "-h,--help", .help = "a list of these" };
    heading(c->name, c->summary, to);
    fprintf(to, ".nf\n\\fBtritmill %s\\fR ", c->name);
    line(c->usage, to);
    fputs(".fi\n.SH OPTIONS\n", to);
    for (size_t i = 0; i < c->noptions; i++)
        if (c->options[i].type != TRIT_OPT_IGNORE)
            option(&c->options[i], to);
    option(&help, to);
    ignored(c, to);
    if (c->detail) {
        fputs(".SH DESCRIPTION\n", to);
        verbatim(c->detail, to);
    }
    fputs(".SH SEE ALSO\n.BR tritmill (1)\n", to);
}

static void environment(FILE *to)
{
    char *lines = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&lines, &n);
    if (!memory)
        return;
    trit_environment_help(memory);
    if (!fclose(memory)) {
        fputs(".SH ENVIRONMENT\n", to);
        verbatim(lines, to);
    }
    free(lines);
}

static void program_page(const struct trit_commands *all, FILE *to)
{
    heading("", "ternary and 1-bit language models on CPUs, with kernels made for them", to);
    fputs("\\fBtritmill\\fR \\fICOMMAND\\fR [\\fIarguments\\fR]\n.SH COMMANDS\n", to);
    for (size_t i = 0; i < all->n; i++) {
        fprintf(to, ".TP\n.BR tritmill\\-%s (1)\n", all->list[i]->name);
        line(all->list[i]->summary, to);
    }
    fputs(".SH DESCRIPTION\n", to);
    verbatim(all->overview, to);
    environment(to);
    fputs(".SH SEE ALSO\n.BR tritmill.h (3)\n", to);
}

void trit_man(const struct trit_commands *all, const struct trit_command *command, FILE *to)
{
    if (command)
        command_page(command, to);
    else
        program_page(all, to);
}

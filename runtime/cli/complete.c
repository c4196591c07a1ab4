/* Completions for bash, zsh and fish out of the tables of options. */
#include "runtime/cli/pages.h"

#include <ctype.h>
#include <string.h>

/* What may follow an option, or stand where no option is. */
enum value { NOTHING, FILES, FOLDERS, WORDS, OTHER };

static enum value value_of(const struct trit_option *o)
{
    if (o->type == TRIT_OPT_CHOICE)
        return WORDS;
    if (o->type == TRIT_OPT_FLAG || !o->arg)
        return NOTHING;
    return !strcmp(o->arg, "DIR")                               ? FOLDERS
           : !strcmp(o->arg, "FILE") || !strcmp(o->arg, "TEXT") ? FILES
                                                                : OTHER;
}

/* "a|b" with that between, or up to where it ends. */
static void words(const char *s, size_t n, FILE *to)
{
    for (size_t i = 0; i < n; i++)
        putc(s[i] == '|' ? ' ' : s[i], to);
}

/* Length of the words that a command's first argument is one of ("show|check"), 0: it is none. */
static size_t verbs(const struct trit_command *c)
{
    size_t n = 0;
    while (islower((unsigned char)c->usage[n]) || (n && c->usage[n] == '|'))
        n++;
    return memchr(c->usage, '|', n) ? n : 0;
}

/* Walks the names of an option: false past the last one. all: with those that help does not show.
 */
static bool next_name(const struct trit_option *o, bool all, const char **name, size_t *n)
{
    const char *s = *name ? *name + *n : o->names;
    if (*name && (!*s || (*s == ';' && !all)))
        return false;
    *name = s + (*name != NULL);
    *n = strcspn(*name, ",;");
    return true;
}

/* Text between quotes of a shell; before each of the characters in `marked` stands a backslash. */
static void quoted(const char *s, const char *marked, FILE *to)
{
    for (; *s; s++) {
        if (*s == '\'')
            fputs("'\\'", to);
        else if (strchr(marked, *s))
            putc('\\', to);
        putc(*s, to);
    }
}

/* --- bash --- */

static void bash_values(const struct trit_option *o, FILE *to)
{
    static const char *const kinds[] = {
        [FILES] = "/file", [FOLDERS] = "/dir", [OTHER] = "/other"
    };
    const enum value value = value_of(o);
    const char *name = NULL, *before = "        ";
    size_t n = 0;
    if (value == NOTHING)
        return;
    while (next_name(o, true, &name, &n)) {
        fprintf(to, "%s%.*s", before, (int)n, name);
        before = "|";
    }
    fputs(") kind=\"", to);
    if (value == WORDS)
        words(o->choices, strlen(o->choices), to);
    else
        fputs(kinds[value], to);
    fputs("\" ;;\n", to);
}

static void bash_command(const struct trit_command *c, FILE *to)
{
    fprintf(to, "    %s)\n        options=\"--help", c->name);
    for (size_t i = 0; i < c->noptions; i++) {
        const char *name = NULL;
        size_t n = 0;
        while (c->options[i].type != TRIT_OPT_IGNORE && next_name(&c->options[i], false, &name, &n))
            fprintf(to, " %.*s", (int)n, name);
    }
    fputs("\" verbs=\"", to);
    words(c->usage, verbs(c), to);
    fputs("\"\n        case $previous in\n", to);
    for (size_t i = 0; i < c->noptions; i++)
        bash_values(&c->options[i], to);
    fputs("        esac ;;\n", to);
}

static void bash(const struct trit_commands *all, FILE *to)
{
    fputs("# Completion of tritmill for bash; made by 'tritmill help --completion bash'.\n"
          "_tritmill() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=${COMP_WORDS[1]} at=1 kind= options= verbs= commands=\"help",
          to);
    for (size_t i = 0; i < all->n; i++)
        fprintf(to, " %s", all->list[i]->name);
    fputs("\"\n"
          "    COMPREPLY=()\n"
          "    case ${COMP_WORDS[0]##*/} in bitnet|llama-cli) command=run at=0 ;; esac\n"
          "    if [ \"$COMP_CWORD\" = \"$at\" ] || [ \"$command\" = help ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$word\")\n"
          "        return\n"
          "    fi\n"
          "    if [ \"$word\" = = ]; then word=\n"
          "    elif [ \"$previous\" = = ]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
          "    case $command in\n",
          to);
    for (size_t i = 0; i < all->n; i++)
        bash_command(all->list[i], to);
    fputs("    esac\n"
          "    [ -n \"$kind\" ] || case $word in\n"
          "    -*) kind=$options ;;\n"
          "    *) kind=/file; [ \"$COMP_CWORD\" = $((at + 1)) ] && kind=${verbs:-/file} ;;\n"
          "    esac\n"
          "    case $kind in\n"
          "    /other) ;;\n"
          "    /file | /dir)\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        [ \"$kind\" = /dir ] && kind=-d || kind=-f\n"
          "        mapfile -t COMPREPLY < <(compgen \"$kind\" -- \"$word\") ;;\n"
          "    *) mapfile -t COMPREPLY < <(compgen -W \"$kind\" -- \"$word\") ;;\n"
          "    esac\n"
          "}\n"
          "complete -F _tritmill tritmill bitnet\n",
          to);
}

/* --- zsh --- */

/* '(-m --model)--model=[the model]:FILE:_files', one for each name. */
static void zsh_option(const struct trit_option *o, FILE *to)
{
    static const char *const actions[] = {
        [NOTHING] = "", [FILES] = "_files", [FOLDERS] = "_files -/", [WORDS] = "", [OTHER] = ""
    };
    const bool list = o->type == TRIT_OPT_INTS || o->type == TRIT_OPT_TEXTS;
    const enum value value = value_of(o);
    const char *name = NULL, *other;
    size_t n = 0, length;
    while (next_name(o, false, &name, &n)) {
        const char *joint = value == NOTHING ? "" : name[1] == '-' ? "=" : "+";
        fputs(list ? " \\\n            '*" : " \\\n            '(", to);
        for (other = NULL; !list && next_name(o, false, &other, &length);)
            fprintf(to, "%s%.*s", other == o->names ? "" : " ", (int)length, other);
        fprintf(to, "%s%.*s%s[", list ? "" : ")", (int)n, name, joint);
        quoted(o->help, "\\[]:", to);
        putc(']', to);
        if (value != NOTHING)
            fprintf(to, ":%s:%s", o->arg ? o->arg : "one of", actions[value]);
        if (value == WORDS) {
            putc('(', to);
            words(o->choices, strlen(o->choices), to);
            putc(')', to);
        }
        putc('\'', to);
    }
}

static void zsh_command(const struct trit_command *c, FILE *to)
{
    fprintf(to, "    %s)\n        _arguments -s -S '(- *)'{-h,--help}'[this text]'", c->name);
    for (size_t i = 0; i < c->noptions; i++)
        if (c->options[i].type != TRIT_OPT_IGNORE)
            zsh_option(&c->options[i], to);
    if (verbs(c)) {
        fputs(" \\\n            '1: :(", to);
        words(c->usage, verbs(c), to);
        fputs(")'", to);
    }
    fputs(" \\\n            '*:FILE:_files' ;;\n", to);
}

static void zsh(const struct trit_commands *all, FILE *to)
{
    fputs("#compdef tritmill bitnet\n"
          "# Completion of tritmill for zsh; made by 'tritmill help --completion zsh'.\n"
          "_tritmill() {\n"
          "    local -a commands=(\n"
          "        'help:explain a command'\n",
          to);
    for (size_t i = 0; i < all->n; i++) {
        fprintf(to, "        '%s:", all->list[i]->name);
        quoted(all->list[i]->summary, "\\:", to);
        fputs("'\n", to);
    }
    fputs("    )\n"
          "    [[ ${words[1]:t} == bitnet ]] && words=(tritmill run \"${(@)words[2,-1]}\") && "
          "(( CURRENT++ ))\n"
          "    if (( CURRENT == 2 )) || [[ ${words[2]} == help ]]; then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    case ${words[1]} in\n",
          to);
    for (size_t i = 0; i < all->n; i++)
        zsh_command(all->list[i], to);
    fputs("    esac\n"
          "}\n"
          "_tritmill \"$@\"\n",
          to);
}

/* --- fish --- */

static void fish_option(const struct trit_command *c, const struct trit_option *o, FILE *to)
{
    const enum value value = value_of(o);
    const char *name = NULL;
    size_t n = 0;
    fprintf(to, "complete -c tritmill -n '__fish_seen_subcommand_from %s'", c->name);
    while (next_name(o, false, &name, &n))
        if (name[1] == '-')
            fprintf(to, " -l %.*s", (int)n - 2, name + 2);
        else
            fprintf(to, " %s %.*s", n == 2 ? "-s" : "-o", (int)n - 1, name + 1);
    if (value == FILES)
        fputs(" -rF", to);
    else if (value == FOLDERS)
        fputs(" -xa '(__fish_complete_directories)'", to);
    else if (value == WORDS) {
        fputs(" -xa '", to);
        words(o->choices, strlen(o->choices), to);
        fputs("'", to);
    } else if (value == OTHER)
        fputs(" -x", to);
    fputs(" -d '", to);
    for (const char *s = o->help; *s; s++) {
        if (*s == '\'' || *s == '\\')
            putc('\\', to);
        putc(*s, to);
    }
    fputs("'\n", to);
}

static void fish(const struct trit_commands *all, FILE *to)
{
    fputs("# Completion of tritmill for fish; made by 'tritmill help --completion fish'.\n"
          "complete -c tritmill -f -n __fish_use_subcommand -a help -d 'explain a command'\n",
          to);
    for (size_t i = 0; i < all->n; i++) {
        const struct trit_command *c = all->list[i];
        fprintf(to, "complete -c tritmill -f -n __fish_use_subcommand -a %s -d '", c->name);
        quoted(c->summary, "\\", to);
        fprintf(to,
                "'\ncomplete -c tritmill -f -n '__fish_seen_subcommand_from help' -a %s\n"
                "complete -c tritmill -n '__fish_seen_subcommand_from %s' -s h -l help\n",
                c->name, c->name);
        if (verbs(c)) {
            fprintf(to, "complete -c tritmill -n '__fish_seen_subcommand_from %s' -a '", c->name);
            words(c->usage, verbs(c), to);
            fputs("'\n", to);
        }
        for (size_t j = 0; j < c->noptions; j++)
            if (c->options[j].type != TRIT_OPT_IGNORE)
                fish_option(c, &c->options[j], to);
    }
}

bool trit_completion(const struct trit_commands *all, const char *shell, FILE *to)
{
    static const struct {
        const char *name;
        void (*write)(const struct trit_commands *all, FILE *to);
    } shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (!strcmp(shell, shells[i].name)) {
            shells[i].write(all, to);
            return true;
        }
    return false;
}

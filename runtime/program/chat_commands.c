/* The commands within a chat: lines that begin with a slash. */
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/program/chat.h"

/* --- /set --- */

enum number { FLOAT, INT, SEED, COUNT };
#define AT(member) offsetof(struct trit_talk, member)
static const struct setting {
    const char *name;
    enum number type;
    size_t offset; /* in struct trit_talk */
    double min, max;
} settings[] = {
    { "temp", FLOAT, AT(sampling.temperature), 0, 1e6 },
    { "top_k", INT, AT(sampling.top_k), 0, 1e9 },
    { "top_p", FLOAT, AT(sampling.top_p), 0, 1 },
    { "min_p", FLOAT, AT(sampling.min_p), 0, 1 },
    { "repeat_penalty", FLOAT, AT(sampling.repeat_penalty), 1e-3, 1e3 },
    { "repeat_last_n", INT, AT(sampling.repeat_last_n), -1, 1 << 20 },
    { "seed", SEED, AT(sampling.seed), 0, 0x1p53 },
    { "n", COUNT, AT(predict), 0, 1e9 },
};
#undef AT
enum { NSETTINGS = sizeof settings / sizeof *settings };

static double get(const struct trit_talk *t, const struct setting *s)
{
    const char *at = (const char *)t + s->offset;
    switch (s->type) {
    case FLOAT:
        return *(const float *)at;
    case INT:
        return *(const int *)at;
    case SEED:
        return (double)*(const uint64_t *)at;
    default:
        return (double)*(const size_t *)at;
    }
}

static void put(struct trit_talk *t, const struct setting *s, double value)
{
    char *at = (char *)t + s->offset;
    switch (s->type) {
    case FLOAT:
        *(float *)at = (float)value;
        break;
    case INT:
        *(int *)at = (int)value;
        break;
    case SEED:
        *(uint64_t *)at = (uint64_t)value;
        break;
    default:
        *(size_t *)at = (size_t)value;
    }
}

static void show_settings(const struct trit_talk *t)
{
    for (size_t i = 0; i < NSETTINGS; i++)
        fprintf(stderr, "  %-16s%.10g\n", settings[i].name, get(t, &settings[i]));
}

static void set(struct trit_chatting *c, const char *words)
{
    char name[32], *end;
    int after = 0;
    if (sscanf(words, "%31s %n", name, &after) != 1) {
        show_settings(&c->talk);
        return;
    }
    for (size_t i = 0; i < NSETTINGS; i++) {
        const struct setting *s = &settings[i];
        if (strcmp(name, s->name))
            continue;
        const double value = strtod(words + after, &end);
        if (end == words + after || *end || !(value >= s->min && value <= s->max) ||
            (s->type != FLOAT && value != (double)(int64_t)value))
            fprintf(stderr, "tritmill: /set %s: a number from %.10g to %.10g\n", name, s->min,
                    s->max);
        else
            put(&c->talk, s, value);
        return;
    }
    fprintf(stderr, "tritmill: /set: there is no '%s'; there are:\n", name);
    show_settings(&c->talk);
}

/* --- the others --- */

static void reset(struct trit_chatting *c, const char *words)
{
    (void)words;
    trit_talk_reset(&c->talk);
}

static void set_system(struct trit_chatting *c, const char *words)
{
    struct trit_error error;
    if (trit_talk_system(&c->talk, words, &error))
        trit_cli_error(&error);
}

static void think(struct trit_chatting *c, const char *words)
{
    static const char *const names[] = {
        [TRIT_THINK_DEFAULT] = "default", [TRIT_THINK_ON] = "on", [TRIT_THINK_OFF] = "off"
    };
    const struct trit_chat_traits *traits = trit_chat_traits(c->talk.chat);
    for (int i = 0; i < 3; i++)
        if (!strcmp(words, names[i])) {
            c->talk.think = (enum trit_think)i;
            if (i == TRIT_THINK_ON && !traits->thinks)
                fputs("tritmill: /think: the template of this model has no thinking\n", stderr);
            if (i == TRIT_THINK_OFF && traits->thinks && !traits->quiet)
                fputs("tritmill: /think: the template cannot turn it off\n", stderr);
            return;
        }
    fprintf(stderr, "tritmill: /think on, off or default; it is %s\n", names[c->talk.think]);
}

static void save(struct trit_chatting *c, const char *words)
{
    struct trit_error error;
    if (!*words)
        fputs("tritmill: /save FILE\n", stderr);
    else if (trit_talk_save(&c->talk, words, &error))
        trit_cli_error(&error);
}

static void load(struct trit_chatting *c, const char *words)
{
    struct trit_error error;
    char slow[sizeof error.text];
    if (!*words)
        fputs("tritmill: /load FILE\n", stderr);
    else if (trit_talk_load(&c->talk, words, slow, sizeof slow, &error))
        trit_cli_error(&error);
    else if (*slow)
        fprintf(stderr, "tritmill: %s: the messages are evaluated again\n", slow);
}

static void regenerate(struct trit_chatting *c, const char *words)
{
    (void)words;
    if (trit_talk_drop_last(&c->talk, "assistant"))
        trit_chat_answer(c);
    else
        fputs("tritmill: /regen: there is no answer yet\n", stderr);
}

static void stats(struct trit_chatting *c, const char *words)
{
    (void)words;
    trit_chat_stats(c);
}

static void quit(struct trit_chatting *c, const char *words)
{
    (void)words;
    c->quit = true;
}

static void help(struct trit_chatting *c, const char *words);

static const struct command {
    const char *name, *arguments, *help;
    void (*run)(struct trit_chatting *c, const char *words);
} commands[] = {
    { "/help", "", "this list", help },
    { "/reset", "", "begins anew; the system's message stays", reset },
    { "/system", "[TEXT]", "the system's message from now on; without a text none", set_system },
    { "/think", "on|off|default", "whether the model thinks before it answers", think },
    { "/regen", "", "another answer in place of the last", regenerate },
    { "/set", "[NAME VALUE]", "a parameter of sampling; without arguments shows them", set },
    { "/stats", "", "figures of the last answer", stats },
    { "/save", "FILE", "keeps the conversation", save },
    { "/load", "FILE", "goes on with a conversation that was kept", load },
    { "/quit", "", "ends the chat, as Ctrl-D does", quit },
    { "/exit", NULL, NULL, quit },
    { "/bye", NULL, NULL, quit },
};
enum { NCOMMANDS = sizeof commands / sizeof *commands };

static void help(struct trit_chatting *c, const char *words)
{
    (void)c;
    (void)words;
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (commands[i].help)
            fprintf(stderr, "  %-8s %-16s%s\n", commands[i].name, commands[i].arguments,
                    commands[i].help);
    fputs("  A line that ends in \\ goes on in the next; \"\"\" begins and ends several lines.\n",
          stderr);
}

const char *const *trit_chat_commands(void)
{
    static const char *names[NCOMMANDS + 1];
    for (size_t i = 0; i < NCOMMANDS; i++)
        names[i] = commands[i].name;
    return names;
}

void trit_chat_command(struct trit_chatting *c, const char *line)
{
    const size_t n = strcspn(line, " \t\n");
    const char *words = line + n + strspn(line + n, " \t\n");
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (strlen(commands[i].name) == n && !strncmp(line, commands[i].name, n)) {
            commands[i].run(c, words);
            return;
        }
    fprintf(stderr, "tritmill: there is no command %.*s; /help lists them\n", (int)n, line);
}

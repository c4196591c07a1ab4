/* The program: finds the command and runs it. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mapping.h"
#include "runtime/base/stop.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/pages.h"
#include "runtime/cpu/cpu.h"

#define TRIT_ADDRESS(name) &trit_cmd_##name,
static const struct trit_command *const commands[] = { TRIT_COMMANDS(TRIT_ADDRESS) };
#undef TRIT_ADDRESS
enum { NCOMMANDS = sizeof commands / sizeof *commands };

/* Names of other programs whose command line `run` understands, for links to this one. */
static const char *const run_links[] = { "bitnet", "llama-cli" };

static const struct trit_command *find(const char *name)
{
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (!strcmp(name, commands[i]->name))
            return commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[NCOMMANDS + 1] = { [NCOMMANDS] = "help" };
    for (size_t i = 0; i < NCOMMANDS; i++)
        names[i] = commands[i]->name;
    const char *near = trit_cli_nearest(name, names, NCOMMANDS + 1);
    if (name[0] == '-' && !near)
        return trit_cli_usage_error("no command before '%s' ('tritmill help' lists them)", name);
    if (near)
        return trit_cli_usage_error("unknown command '%s', did you mean %s?", name, near);
    return trit_cli_usage_error("unknown command '%s' ('tritmill help' lists them)", name);
}

static const char overview[] =
    "'tritmill help COMMAND' explains one; 'tritmill --version' prints the version.\n"
    "A link to this program named bitnet or llama-cli behaves as 'tritmill run'.\n"
    "An option is given once; lists (N,..) may be repeated.\n"
    "Exit codes: 0 success, 1 a bad file or a failure, 2 wrong arguments, 130 interrupted.";

static int help(FILE *to)
{
    fputs("tritmill: ternary (BitNet b1.58) language models on CPUs, with kernels made for them\n\n"
          "Usage: tritmill COMMAND [arguments]\n\nCommands:\n",
          to);
    for (size_t i = 0; i < NCOMMANDS; i++)
        fprintf(to, "  %-17s%s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\n%s\n\nEnvironment:\n", overview);
    trit_environment_help(to);
    return to == stdout ? 0 : 2;
}

/* `help --man [COMMAND]` and `help --completion SHELL`, which the build runs; -1: neither. */
static int pages(int argc, char **argv)
{
    const struct trit_commands all = { commands, NCOMMANDS, overview };
    const char *what = argc > 2 ? argv[2] : "";
    if (!strcmp(what, "--completion")) {
        if (argc == 4 && trit_completion(&all, argv[3], stdout))
            return 0;
        return trit_cli_usage_error("help --completion takes one of bash, zsh, fish");
    }
    if (strcmp(what, "--man") != 0)
        return -1;
    const struct trit_command *command = argc > 3 ? find(argv[3]) : NULL;
    if (argc > 3 && !command)
        return unknown(argv[3]);
    trit_man(&all, command, stdout);
    return 0;
}

static int version(void)
{
    printf("tritmill %s (%s)\n", trit_version(), trit_commit());
    return 0;
}

static int start(const struct trit_command *command, int argc, char **argv)
{
    if (!trit_environment_check())
        return 2;
    return command->run(argc, argv);
}

static int dispatch(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *program = slash ? slash + 1 : argv[0];
    const char *word = argc > 1 ? argv[1] : "";
    if (!strcmp(word, "--version") || !strcmp(word, "version"))
        return version();
    for (size_t i = 0; i < sizeof run_links / sizeof *run_links; i++)
        if (!strcmp(program, run_links[i]))
            return start(&trit_cmd_run, argc, argv);
    if (argc < 2)
        return help(stderr);
    bool asks = !strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h");
    if (asks && argc == 2)
        return help(stdout);
    const int code = asks ? pages(argc, argv) : -1;
    if (code >= 0)
        return code;
    const struct trit_command *command = find(asks ? argv[2] : word);
    if (!command)
        return unknown(asks ? argv[2] : word);
    if (!asks)
        return start(command, argc - 1, argv + 1);
    trit_cli_help(command, stdout);
    return 0;
}

/* Where 0, 1 or 2 came closed, no file of ours may take the number: reading gives nothing there,
 * writing fails. */
static void fill_standard_files(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= 2);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 1)
        return 2;
    fill_standard_files();
    trit_mapping_guard();
    /* EPIPE and EFBIG tell the same, and let us end in order. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    trit_handle_stop();
    return trit_cli_exit_code(dispatch(argc, argv));
}

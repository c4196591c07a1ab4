/* The command line: tables of options that give parser, help and hints alike; progress; output
 * formats. */
#ifndef TRIT_CLI_H
#define TRIT_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/base/stop.h"

enum trit_option_type {
    TRIT_OPT_FLAG,   /* bool: sets true */
    TRIT_OPT_INT,    /* int, in [min, max] */
    TRIT_OPT_U64,    /* uint64_t; -1 gives UINT64_MAX */
    TRIT_OPT_FLOAT,  /* double, finite, in [min, max] */
    TRIT_OPT_TEXT,   /* const char *, points into argv */
    TRIT_OPT_CHOICE, /* int: index in choices ("md|json|csv") */
    TRIT_OPT_INTS,   /* struct trit_ints: 1,2,4 or 1-4, repeatable; each in [min, max] */
    TRIT_OPT_TEXTS,  /* struct trit_texts: repeatable */
    TRIT_OPT_IGNORE, /* takes a value when arg is not NULL, and does nothing: for scripts written
                        for other programs */
};

enum { TRIT_LIST_MAX = 32, TRIT_OPTIONS_MAX = 64 };
struct trit_ints {
    int n, v[TRIT_LIST_MAX];
    bool given; /* false: v holds the default, which the first use replaces */
};
struct trit_texts {
    int n;
    const char *v[TRIT_LIST_MAX];
};

struct trit_option {
    const char *names; /* "-m,--model;--weights": after ';' come names that help does not show;
                          "-ngl" is a name too */
    enum trit_option_type type;
    size_t offset;       /* of the value in the command's options struct */
    const char *arg;     /* shown in help: "FILE"; NULL for flags */
    const char *help;    /* one line */
    double min, max;     /* INT, INTS, FLOAT; both 0: no limits */
    const char *choices; /* CHOICE */
};

/* What must hold between the options of a command. */
enum trit_rule_kind {
    TRIT_RULE_ONE,     /* exactly one of them is given */
    TRIT_RULE_SOME,    /* at least one */
    TRIT_RULE_NEEDS,   /* the first only beside one of the others */
    TRIT_RULE_AGAINST, /* the first beside none of the others */
};
struct trit_rule {
    enum trit_rule_kind kind;
    const char
        *names; /* "-p,-f": one name of each option; "--head=full": a choice with that value */
};

struct trit_command {
    const char *name, *summary;
    const char *usage;  /* "-m FILE (-p TEXT | -f FILE) [options]" */
    const char *detail; /* more lines under the options, or NULL */
    const struct trit_option *options;
    size_t noptions; /* at most TRIT_OPTIONS_MAX */
    const struct trit_rule *rules;
    size_t nrules;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit code */
};

enum trit_parse { TRIT_PARSE_OK, TRIT_PARSE_HELP, TRIT_PARSE_ERROR };

/* Arguments that are no options: there may be as many as `most`. */
struct trit_rest {
    const char **words; /* room for most */
    int most, n;        /* n: set */
};

/* Fills *values (already holding defaults) from argv[1..]; what is not an option goes to rest (more
   than it takes is an error; NULL: it takes none). "--" ends options.
   --name=value and --name value both serve, and -n5 where the value is a number. Refused, in one
   line on stderr (exit 2): an unknown flag, with the nearest name; an option of one value that is
   given twice; an empty value or argument, except of a TEXT; a value that begins with '-', except
   of a TEXT or a number, or is itself a flag, where it is not written --name=value; what the
   command's rules forbid. -h and --help print the help to stdout and give HELP (exit 0). */
enum trit_parse trit_cli_parse(const struct trit_command *command, int argc, char **argv,
                               void *values, struct trit_rest *rest);
void trit_cli_help(const struct trit_command *command, FILE *to);

/* The environment variables of the program. Check treats empty ones as unset (it unsets them),
   warns of unknown ones that begin with TRITMILL_, and refuses a bad value: false after one line on
   stderr (exit 2). Help lists them, a line or two each. */
bool trit_environment_check(void);
void trit_environment_help(FILE *to);

/* "c, ssse3, ...": the instruction sets that there are, into out. Returns out. */
char *trit_cli_isas(char *out, size_t room);

/* "tritmill: <error>" on stderr; returns the exit code that fits (2 for TRIT_EARGUMENT, else 1). */
int trit_cli_error(const struct trit_error *error);
int trit_cli_usage_error(const char *format, ...)
    __attribute__((format(printf, 1, 2))); /* returns 2 */

/* Flushes stdout; false when it takes no more. trit_cli_output_code then gives the exit code: an
   error on stderr, once, and 1 in place of 0, except where the reader has gone (EPIPE): that is
   quiet, and code stands.
 */
bool trit_cli_flush(void);
int trit_cli_output_code(int code);

/* What main returns: trit_cli_output_code's, or 128 + the signal's number after SIGINT, SIGTERM or
   SIGHUP, whatever the command made of it (runtime/base/stop.h has the rule); the litter is gone.
 */
int trit_cli_exit_code(int code);

/* The name among n that is nearest to word by edit distance, NULL when none is near. */
const char *trit_cli_nearest(const char *word, const char *const *names, size_t n);

/* Progress on stderr when it is a terminal, at most ten times a second, cleared at its end. */
struct trit_progress {
    const char *what;
    double started, shown;
    uint64_t before; /* of what is done, what was done already: the speed is without it */
    bool active;
};
void trit_progress_begin(struct trit_progress *p, const char *what);
/* A trit_progress_fn; false after Ctrl-C. */
bool trit_progress_step(void *p, uint64_t done, uint64_t total);
void trit_progress_end(struct trit_progress *p);

/* Version and commit this program was built from. */
const char *trit_version(void);
const char *trit_commit(void);

#endif

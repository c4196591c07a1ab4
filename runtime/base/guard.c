/* SIGBUS turned into a message, made beforehand: a handler may only write and leave. */
#define _GNU_SOURCE
#include "runtime/base/guard.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/error.h"

static char message[PATH_MAX + 128];
static size_t length;

/* A page past the end of its file is BUS_ADRERR; anything else is not ours and kills as ever. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code != BUS_ADRERR) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    (void)!write(STDERR_FILENO, message, length);
    _exit(1);
}

static void prepare(const char *path, const char *between, const char *cache)
{
    struct trit_error error;
    trit_fail(&error, TRIT_EIO, "%s%s%s: the file became shorter while it was read", path, between,
              cache);
    int n = snprintf(message, sizeof message, "tritmill: %s\n", error.text);
    length = n < (int)sizeof message ? (size_t)n : sizeof message - 1;
    struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

void trit_guard_mapping(const char *path)
{
    prepare(path, "", "");
}

void trit_guard_cache(const char *path, const char *cache)
{
    prepare(path, " or its packed cache ", cache);
}

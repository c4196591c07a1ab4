/* Trying code in a child process that may die of it. */
#define _GNU_SOURCE
#include "runtime/cpu.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_SECONDS = 5 };

/* Told through a page shared with the child: a host that ignores SIGCHLD, or reaps every child,
   leaves no exit status. */
enum outcome { DIED, WRONG, RIGHT };

static const struct {
    int signal;
    const char *text;
} deaths[] = {
    { SIGILL, "probe died with SIGILL" },    { SIGSEGV, "probe died with SIGSEGV" },
    { SIGBUS, "probe died with SIGBUS" },    { SIGFPE, "probe died with SIGFPE" },
    { SIGTRAP, "probe died with SIGTRAP" },  { SIGABRT, "probe died with SIGABRT" },
    { SIGKILL, "probe died with SIGKILL" },  { SIGSYS, "probe died with SIGSYS" },
    { SIGALRM, "probe did not end in 5 s" },
};
enum { NDEATHS = sizeof deaths / sizeof *deaths };

/* Faults must end the child, whatever handlers the parent has, quietly and in bounded time. */
static void expect_death(void)
{
    struct sigaction act = { .sa_handler = SIG_DFL };
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < NDEATHS; i++) {
        sigaction(deaths[i].signal, &act, NULL);
        sigaddset(&set, deaths[i].signal);
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    prctl(PR_SET_DUMPABLE, 0); /* a core_pattern that pipes ignores the limit */
    alarm(LIMIT_SECONDS);
}

static const char *death(int status)
{
    for (int i = 0; i < NDEATHS; i++)
        if (WIFSIGNALED(status) && WTERMSIG(status) == deaths[i].signal)
            return deaths[i].text;
    return "probe ended before its end";
}

static const char *run(bool (*probe)(void *), void *arg, _Atomic enum outcome *outcome)
{
    int status = 0;
    pid_t child = fork(), ended;
    if (child < 0)
        return NULL;
    if (child == 0) {
        expect_death();
        *outcome = probe(arg) ? RIGHT : WRONG;
        _exit(0);
    }
    do
        ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (*outcome == DIED)
        return death(ended < 0 ? 0 : status);
    return *outcome == RIGHT ? NULL : "probe gave wrong results";
}

const char *trit_try(bool (*probe)(void *), void *arg)
{
    _Atomic enum outcome *outcome =
        mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcome == MAP_FAILED)
        return NULL;
    const char *died = run(probe, arg, outcome);
    munmap((void *)outcome, sizeof *outcome);
    return died;
}

struct isa_probe {
    bool (*probe)(enum trit_isa);
    enum trit_isa isa;
};

static bool probe_isa(void *arg)
{
    const struct isa_probe *p = arg;
    return p->probe(p->isa);
}

const char *trit_probe(bool (*probe)(enum trit_isa), enum trit_isa isa)
{
    return trit_try(probe_isa, &(struct isa_probe){ probe, isa });
}

/* Child processes that may die: how they are confined, and what their end is called. */
#define _GNU_SOURCE
#include "runtime/base/child.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Told through a page shared with the child: a host that ignores SIGCHLD, or reaps every child,
   leaves no exit status. */
enum outcome { DIED, WRONG, RIGHT };

static const struct {
    int signal;
    const char *text;
} ends[] = {
    { SIGILL, "died with SIGILL" },     { SIGSEGV, "died with SIGSEGV" },
    { SIGBUS, "died with SIGBUS" },     { SIGFPE, "died with SIGFPE" },
    { SIGTRAP, "died with SIGTRAP" },   { SIGABRT, "died with SIGABRT" },
    { SIGKILL, "died with SIGKILL" },   { SIGSYS, "died with SIGSYS" },
    { SIGALRM, "did not end in time" }, { SIGXCPU, "did not end in time" },
    { SIGTERM, "died with SIGTERM" },   { SIGINT, "died with SIGINT" },
};

void trit_child_confine(void)
{
    struct sigaction act = { .sa_handler = SIG_DFL };
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < SIGRTMIN; i++)
        sigaction(i, &act, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    prctl(PR_SET_DUMPABLE, 0); /* a core_pattern that pipes ignores the limit */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

const char *trit_child_end(int status)
{
    for (size_t i = 0; status >= 0 && i < sizeof ends / sizeof *ends; i++)
        if (WIFSIGNALED(status) && WTERMSIG(status) == ends[i].signal)
            return ends[i].text;
    return "exited early";
}

static const char *run(bool (*probe)(void *), void *arg, _Atomic enum outcome *outcome)
{
    int status = 0;
    pid_t child = fork(), ended;
    if (child < 0)
        return NULL;
    if (child == 0) {
        trit_child_confine();
        alarm(TRIT_TRY_SECONDS);
        *outcome = probe(arg) ? RIGHT : WRONG;
        _exit(0);
    }
    do
        ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (*outcome == DIED)
        return trit_child_end(ended < 0 ? -1 : status);
    return *outcome == RIGHT ? NULL : "gave wrong results";
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

/* The generator's child process. Templates are programs, and no hook of Lua's sees the inside of a
   pattern that backtracks for a day or a table that is shifted a million times: a limit on CPU time
   does. What the child found comes through a pipe; what it is at stands in a page that both see. */
#define _GNU_SOURCE
#include "generator/generate_child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/child.h"
#include "runtime/base/litter.h"

enum { LIMIT_SECONDS = 5 }; /* of CPU time: all templates together need less than one */

/* The verdict: the last byte of what the child writes. */
enum { DONE = '+', FAULT = '-' };

void trit_generate_doing(char *doing, const char *name)
{
    struct rusage used;
    struct rlimit limit;
    snprintf(doing, TRIT_DOING, "%s", name);
    if (getrusage(RUSAGE_SELF, &used) || getrlimit(RLIMIT_CPU, &limit))
        return;
    rlim_t end = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + LIMIT_SECONDS + 1;
    limit.rlim_cur = end < limit.rlim_max ? end : limit.rlim_max;
    setrlimit(RLIMIT_CPU, &limit);
}

static enum trit_code death(int status, const char *doing, struct trit_error *error)
{
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
        return trit_fail(error, TRIT_EFORMAT, "%s: runs too long: more than %d s", doing,
                         LIMIT_SECONDS);
    if (WIFSIGNALED(status) &&
        (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGHUP))
        return trit_fail(error, TRIT_ESTOPPED, "stopped");
    return trit_fail(error, TRIT_EFORMAT, "%s: the generator %s", doing, trit_child_end(status));
}

/* Everything that comes until the other end is closed, then a 0; NULL: no memory. */
static char *read_all(int from, size_t *bytes)
{
    size_t room = 1 << 16;
    char *data = malloc(room), *more;
    *bytes = 0;
    while (data) {
        ssize_t n = read(from, data + *bytes, room - 1 - *bytes);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        *bytes += n > 0 ? (size_t)n : 0;
        if (*bytes + 1 < room)
            continue;
        more = realloc(data, room *= 2);
        if (!more)
            free(data);
        data = more;
    }
    if (data)
        data[*bytes] = '\0';
    return data;
}

/* Takes it off the text. A parent that ignores SIGCHLD gets no status to go by. */
static enum trit_code verdict(char *text, size_t *bytes, int status, const char *doing,
                              struct trit_error *error)
{
    char last = *bytes > 0 ? text[--*bytes] : '\0';
    text[*bytes] = '\0';
    if (last == DONE)
        return TRIT_OK;
    if (last == FAULT)
        return trit_fail(error, TRIT_EFORMAT, "%s", text);
    return death(status, doing, error);
}

static enum trit_code run(trit_child_fn *work, void *arg, char *doing, char **text, size_t *bytes,
                          struct trit_error *error)
{
    int ends[2], status = 0;
    if (pipe(ends))
        return trit_fail(error, TRIT_EIO, "generator: no pipe: %s", strerror(errno));
    pid_t child = fork(), ended;
    if (child == 0) {
        FILE *to = fdopen(ends[1], "w");
        close(ends[0]);
        trit_child_confine();
        trit_generate_doing(doing, "generator");
        if (to)
            fputc(work(arg, to, doing) ? DONE : FAULT, to);
        _exit(to && fclose(to) == 0 ? 0 : 1);
    }
    close(ends[1]);
    const int litter = child > 0 ? trit_litter_add_group(child) : -1;
    *text = child > 0 ? read_all(ends[0], bytes) : NULL;
    close(ends[0]);
    if (child < 0)
        return trit_fail(error, TRIT_EIO, "generator: no process: %s", strerror(errno));
    do
        ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    trit_litter_forget(litter);
    if (!*text)
        return trit_fail(error, TRIT_EMEMORY, "generator: no memory");
    return verdict(*text, bytes, status, doing, error);
}

enum trit_code trit_generate_apart(trit_child_fn *work, void *arg, char **text, size_t *bytes,
                                   struct trit_error *error)
{
    char *doing = mmap(NULL, TRIT_DOING, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (doing == MAP_FAILED)
        return trit_fail(error, TRIT_EMEMORY, "generator: no memory");
    doing[0] = '\0';
    enum trit_code code = run(work, arg, doing, text, bytes, error);
    munmap(doing, TRIT_DOING);
    if (code) {
        free(*text);
        *text = NULL;
    }
    return code;
}

/* Compilers as child processes: started, watched, killed; the folder that they work in. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "autotune/build/internal.h"
#include "runtime/cli/cli.h"
#include "runtime/base/file.h"
#include "runtime/base/clock.h"
#include "autotune/build/build.h"

enum { LOG_LIMIT = 1 << 20, NAP_NS = 2000000, FOLDER_MAX = PATH_MAX - 512 };

/* The environment with LC_ALL=C first, where it counts; NULL where there is no memory. */
static char **english(void)
{
    static char c[] = "LC_ALL=C";
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **all = malloc((n + 2) * sizeof *all);
    if (!all)
        return NULL;
    all[kept++] = c;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) && strncmp(environ[i], "LANGUAGE=", 9))
            all[kept++] = environ[i];
    all[kept] = NULL;
    return all;
}

static bool spawn(struct trit_child *child, const char *const *argv, const char *log,
                  posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes)
{
    sigset_t usual;
    sigfillset(&usual);
    char **arguments, **environment = english();
    memcpy(&arguments, &argv, sizeof argv); /* execvp's type predates const */
    const bool started =
        environment && !posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0) &&
        !posix_spawn_file_actions_addopen(files, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600) &&
        !posix_spawn_file_actions_adddup2(files, 1, 2) &&
        !posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF) &&
        !posix_spawnattr_setpgroup(attributes, 0) &&
        !posix_spawnattr_setsigdefault(attributes, &usual) &&
        !posix_spawnp(&child->pid, argv[0], files, attributes, arguments, environment);
    free(environment);
    return started;
}

bool trit_child_start(struct trit_child *child, const char *const *argv, const char *log)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    *child = (struct trit_child){ 0, trit_now() };
    signal(SIGCHLD, SIG_DFL); /* ignored, as some parents leave it, a child would have no status */
    if (posix_spawn_file_actions_init(&files))
        return false;
    bool started = false;
    if (!posix_spawnattr_init(&attributes)) {
        started = spawn(child, argv, log, &files, &attributes);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return started;
}

void trit_child_kill(struct trit_child *child)
{
    kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

enum trit_child_state trit_child_look(struct trit_child *child, double limit)
{
    int status = -1;
    const pid_t ended = waitpid(child->pid, &status, WNOHANG);
    if (ended == child->pid)
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? TRIT_CHILD_DONE : TRIT_CHILD_FAILED;
    if (ended < 0 && errno != EINTR)
        return TRIT_CHILD_FAILED;
    if (trit_now() - child->started < limit)
        return TRIT_CHILD_RUNS;
    trit_child_kill(child);
    return TRIT_CHILD_LATE;
}

void trit_nap(void)
{
    nanosleep(&(struct timespec){ 0, NAP_NS }, NULL);
}

enum trit_child_state trit_child_wait(struct trit_child *child, double limit)
{
    enum trit_child_state state;
    while ((state = trit_child_look(child, limit)) == TRIT_CHILD_RUNS)
        trit_nap();
    return state;
}

void trit_child_complaint(const char *log, char *line, size_t room)
{
    char *text;
    size_t bytes;
    line[0] = '\0';
    if (trit_file_read(log, LOG_LIMIT, &text, &bytes, NULL))
        return;
    const char *from = strstr(text, "error: ");
    while (from && from > text && from[-1] != '\n')
        from--;
    from = from ? from : text;
    snprintf(line, room, "%.*s", (int)strcspn(from, "\n"), from);
    free(text);
}

static char folder[FOLDER_MAX];
static pid_t owner; /* a child that exits leaves the folder alone */

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == owner)
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *trit_temporary_folder(struct trit_error *error)
{
    if (folder[0])
        return folder;
    const char *base = getenv("TMPDIR");
    if (snprintf(folder, sizeof folder, "%s/tritmill-XXXXXX", base && *base ? base : "/tmp") >=
            (int)sizeof folder ||
        !mkdtemp(folder)) {
        trit_fail(error, TRIT_EIO, "%s: a temporary folder cannot be made: %s", folder,
                  strerror(errno));
        folder[0] = '\0';
        return NULL;
    }
    owner = getpid();
    atexit(remove_folder);
    return folder;
}

/* Compilers as child processes: started, watched, killed; the folder that they work in. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "autotune/build/build.h"
#include "autotune/build/internal.h"
#include "runtime/base/child.h"
#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/litter.h"
#include "runtime/base/stop.h"

enum { LOG_LIMIT = 1 << 20, NAP_NS = 2000000, FOLDER_MAX = PATH_MAX - 512 };

static char folder[FOLDER_MAX];

/* The environment with messages in English, and the compiler's own temporary files in the folder
   that is removed whatever becomes of it; NULL where there is no memory. */
static char **child_environment(void)
{
    static char english[] = "LC_ALL=C", temporary[FOLDER_MAX + 8];
    static const char *const left_out[] = { "LC_ALL=", "LANGUAGE=", "TMPDIR=", "TMP=", "TEMP=" };
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **all = malloc((n + 3) * sizeof *all);
    if (!all)
        return NULL;
    all[kept++] = english;
    if (folder[0]) {
        snprintf(temporary, sizeof temporary, "TMPDIR=%s", folder);
        all[kept++] = temporary;
    }
    for (size_t i = 0; i < n; i++) {
        bool stays = true;
        for (size_t j = 0; j < sizeof left_out / sizeof *left_out; j++)
            stays = stays && strncmp(environ[i], left_out[j], strlen(left_out[j])) != 0;
        if (stays)
            all[kept++] = environ[i];
    }
    all[kept] = NULL;
    return all;
}

static int spawn(struct trit_child *child, const char *const *argv, const char *log,
                 posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes)
{
    sigset_t usual;
    sigfillset(&usual);
    char **arguments, **environment = child_environment();
    memcpy(&arguments, &argv, sizeof argv); /* execvp's type predates const */
    int failed = environment ? 0 : ENOMEM;
    if (!failed)
        failed = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    if (!failed)
        failed =
            posix_spawn_file_actions_addopen(files, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(files, 1, 2);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setsigdefault(attributes, &usual);
    if (!failed)
        failed = posix_spawnp(&child->pid, argv[0], files, attributes, arguments, environment);
    free(environment);
    return failed;
}

int trit_child_start(struct trit_child *child, const char *const *argv, const char *log)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    *child = (struct trit_child){ .started = trit_now(), .litter = -1 };
    signal(SIGCHLD, SIG_DFL); /* ignored, as some parents leave it, a child would have no status */
    const int log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log_fd < 0) /* found out here, where it is not taken for the program's fault */
        return errno;
    close(log_fd);
    int failed = posix_spawn_file_actions_init(&files);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (!failed) {
        failed = spawn(child, argv, log, &files, &attributes);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    if (!failed)
        child->litter = trit_litter_add_group(child->pid);
    return failed;
}

void trit_child_kill(struct trit_child *child)
{
    kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    trit_litter_forget(child->litter);
}

enum trit_child_state trit_child_look(struct trit_child *child, double limit)
{
    int status = -1;
    const pid_t ended = waitpid(child->pid, &status, WNOHANG);
    if (ended == child->pid || (ended < 0 && errno != EINTR)) {
        trit_litter_forget(child->litter);
        child->status = status;
        return ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? TRIT_CHILD_DONE
                                                                          : TRIT_CHILD_FAILED;
    }
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
    while ((state = trit_child_look(child, limit)) == TRIT_CHILD_RUNS) {
        if (trit_stopped()) {
            trit_child_kill(child);
            return TRIT_CHILD_STOPPED;
        }
        trit_nap();
    }
    return state;
}

/* Bytes that can still be written where the folder is; a large number where nobody knows. */
static uint64_t free_bytes(void)
{
    struct statvfs s;
    return statvfs(folder, &s) ? UINT64_MAX : (uint64_t)s.f_bavail * s.f_frsize;
}

/* The line that has "error: ", else the first. */
static void first_error(const char *text, char *line, size_t room)
{
    const char *from = strstr(text, "error: ");
    while (from && from > text && from[-1] != '\n')
        from--;
    from = from ? from : text;
    snprintf(line, room, "%.*s", (int)strcspn(from, "\n"), from);
}

void trit_child_complaint(const struct trit_child *child, enum trit_child_state state,
                          const char *log, char *line, size_t room)
{
    enum { FULL = 1 << 20 };
    char *text;
    size_t bytes;
    line[0] = '\0';
    if (state == TRIT_CHILD_LATE) {
        snprintf(line, room, "took too long");
        return;
    }
    if (!trit_file_read(log, LOG_LIMIT, &text, &bytes, NULL)) {
        first_error(text, line, room);
        free(text);
    }
    if (line[0])
        return;
    if (free_bytes() < FULL)
        snprintf(line, room, "%s is full", folder);
    else if (WIFEXITED(child->status))
        snprintf(line, room, "exit code %d, and not a word", WEXITSTATUS(child->status));
    else
        snprintf(line, room, "%s", trit_child_end(child->status));
}

const char *trit_temporary_folder(struct trit_error *error)
{
    if (folder[0])
        return folder;
    const char *given = getenv("TMPDIR"), *base = given && *given ? given : "/tmp";
    const bool fits =
        snprintf(folder, sizeof folder, "%s/tritmill-XXXXXX", base) < (int)sizeof folder;
    if (!fits || !mkdtemp(folder)) {
        trit_fail(error, TRIT_EIO,
                  "%s%.200s: compilers' temporary files cannot be written there: %s",
                  base == given ? "TMPDIR=" : "", base, strerror(fits ? errno : ENAMETOOLONG));
        folder[0] = '\0';
        return NULL;
    }
    trit_litter_own();
    trit_litter_add(folder);
    atexit(trit_litter_sweep);
    return folder;
}

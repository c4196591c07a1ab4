/* Another program's output. Input and output are files in memory, so that neither side ever waits
 * for the other. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "autotune/compare/disasm.h"

extern char **environ;

/* A file in memory that holds text, to be read from its beginning; -1 on failure. */
static int file_of(const char *text)
{
    int fd = memfd_create("tritmill", MFD_CLOEXEC);
    size_t left = text ? strlen(text) : 0;
    while (fd >= 0 && left > 0) {
        ssize_t n = write(fd, text, left);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        text += n;
        left -= (size_t)n;
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

static bool run(const char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    if (posix_spawn_file_actions_init(&actions))
        return false;
    char **arguments;
    memcpy(&arguments, &argv, sizeof argv); /* execvp's type predates const */
    bool fine = !posix_spawn_file_actions_adddup2(&actions, in, 0) &&
                !posix_spawn_file_actions_adddup2(&actions, out, 1) &&
                !posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) &&
                !posix_spawnp(&child, argv[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = -1;
    while (fine && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return fine && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static char *content(int fd, size_t limit)
{
    struct stat s;
    if (fstat(fd, &s) || s.st_size < 0)
        return NULL;
    size_t bytes = (size_t)s.st_size < limit ? (size_t)s.st_size : limit, done = 0;
    char *text = malloc(bytes + 1);
    while (text && done < bytes) {
        ssize_t n = pread(fd, text + done, bytes - done, (off_t)done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (text)
        text[done] = 0;
    return text;
}

char *trit_child_output(const char *const *argv, const char *input, size_t limit)
{
    int in = file_of(input), out = file_of(NULL);
    char *text = in >= 0 && out >= 0 && run(argv, in, out) ? content(out, limit) : NULL;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return text;
}

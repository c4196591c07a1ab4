/* Private to autotune/build*.c: compilers as child processes, and files of one's own. */
#ifndef TRIT_BUILD_PARTS_H
#define TRIT_BUILD_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/base/error.h"

enum trit_child_state {
    TRIT_CHILD_RUNS,
    TRIT_CHILD_DONE,
    TRIT_CHILD_FAILED,
    TRIT_CHILD_LATE,
    TRIT_CHILD_STOPPED
};

/* A program under way, in a process group of its own. */
struct trit_child {
    pid_t pid;
    double started;
    int status; /* waitpid's, once it has ended */
    int litter; /* runtime/base/litter.h */
};

/* Starts argv (NULL at its end) with its output, of both kinds, in the file at log; messages are in
   English, and its temporary files go to trit_temporary_folder. 0, or an errno: the program's where
   it cannot be started, the log's where that cannot be written. */
int trit_child_start(struct trit_child *child, const char *const *argv, const char *log);
/* Looks whether it has ended; LATE: it took longer than `limit` seconds, and was killed. */
enum trit_child_state trit_child_look(struct trit_child *child, double limit);
void trit_child_kill(struct trit_child *child);
/* Waits for the end; STOPPED: a signal came first (runtime/base/stop.h), and it was killed. */
enum trit_child_state trit_child_wait(struct trit_child *child, double limit);
/* What was wrong, for a state FAILED or LATE: the line of its log that says so, else how it ended.
 */
void trit_child_complaint(const struct trit_child *child, enum trit_child_state state,
                          const char *log, char *line, size_t room);

/* A child is waited for in naps of that long. */
void trit_nap(void);

#endif

/* What must not outlive the program, however it ends: temporary files and folders, and groups of
   child processes. A list in memory that forked children share, so that the program removes what a
   child was writing when it was killed. */
#ifndef TRIT_LITTER_H
#define TRIT_LITTER_H

#include <sys/types.h>

/* Takes down a temporary file, or a folder with all that is in it; a relative path is of the
   current folder. The number is for trit_litter_forget; negative where the list is full or the path
   too long: it is not removed then. Threads may call these. */
int trit_litter_add(const char *path);
/* A process group, named by its leader, a child of this process. */
int trit_litter_add_group(pid_t leader);
void trit_litter_forget(int number); /* renamed, removed, or waited for; negative: nothing */

/* From now on this process, and no child of it, sweeps. */
void trit_litter_own(void);
/* Kills the groups and waits for their leaders, then removes files and folders. Safe in a signal
   handler. Does nothing in a process that has not called trit_litter_own. */
void trit_litter_sweep(void);

#endif

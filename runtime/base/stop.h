/* Long work that somebody may end: the flag that a signal sets, and how progress is reported.

   One rule for all programs: SIGINT, SIGTERM and SIGHUP end them with exit code 128 + the signal's
   number (130, 143, 129), and what they left in passing (runtime/base/litter.h) is gone by then. A
   command that wants to end in order asks for that with trit_catch_stop; its first signal then only
   sets a flag. */
#ifndef TRIT_STOP_H
#define TRIT_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* Progress of long work: done of total; returning false stops it (TRIT_ESTOPPED). */
typedef bool trit_progress_fn(void *arg, uint64_t done, uint64_t total);

/* For a program's start: from now on the three signals remove the litter and end the program.
   Forked children end without removing anything. SIGHUP stays ignored where it was (nohup). */
void trit_handle_stop(void);
/* From now on the first such signal sets the flag, and the second ends the program as above. */
void trit_catch_stop(void);
/* Back to trit_handle_stop's way. */
void trit_release_stop(void);
bool trit_stopped(void);
/* The signal was heeded, and the program goes on: the flag is down, the next one is the first. */
void trit_forget_stop(void);
int trit_stop_signal(void); /* the number of the signal that set the flag; 0: none did */

#endif

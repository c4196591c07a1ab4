/* Code that may fault or hang, tried in a child process. */
#ifndef TRIT_CHILD_H
#define TRIT_CHILD_H

#include <stdbool.h>

/* To be called first in a forked child: every signal has its default effect and none is blocked,
   nothing dumps core, and the child ends with its parent. Takes no locks. */
void trit_child_confine(void);

/* How a child ended that waitpid gave `status` for (negative: it could not be asked), as a static
   text: "died with SIGSEGV", "did not end in time" (SIGALRM, SIGXCPU), "exited early". */
const char *trit_child_end(int status);

/* Runs probe(arg) in a confined child with a time limit of TRIT_TRY_SECONDS. NULL when it returned
   true, else a static text: trit_child_end's, or "gave wrong results" where it returned false.
   Where no child can be had the probe counts as passed. Thread-safe. */
enum { TRIT_TRY_SECONDS = 5 };
const char *trit_try(bool (*probe)(void *), void *arg);

#endif

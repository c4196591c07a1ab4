/* Long work that somebody may end: a flag that a signal sets, and how progress is reported. */
#ifndef TRIT_STOP_H
#define TRIT_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* Progress of long work: done of total; returning false stops it (TRIT_ESTOPPED). */
typedef bool trit_progress_fn(void *arg, uint64_t done, uint64_t total);

/* Ctrl-C and SIGTERM: sets a flag that long work looks at. A second one kills. */
void trit_catch_stop(void);
bool trit_stopped(void);

#endif

/* The clock that durations are measured with. */
#ifndef TRIT_CLOCK_H
#define TRIT_CLOCK_H

#include <stdint.h>

/* Nanoseconds of a clock that only goes forward. */
uint64_t trit_clock(void);
/* The same in seconds. */
double trit_now(void);

#endif

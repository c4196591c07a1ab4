/* Allocations that fail when a test says so: malloc and its kin, and anonymous mappings, asked for
   by tritmill itself. The test has a line `wraps: NAMES` that names them (tests/CMakeLists.txt). */
#ifndef TRIT_LIB_MEMORY_H
#define TRIT_LIB_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* From now on allocation `at` (the first is 0) fails; lasting: and all after it. */
void trit_memory_deny(size_t at, bool lasting);
/* From now on none fails; returns how many did. */
size_t trit_memory_grant(void);

#endif

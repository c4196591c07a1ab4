/* One kernel held to the definition, for commands other than `tritmill check`. */
#ifndef TRIT_CHECK_H
#define TRIT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/kernel.h"

typedef void trit_check_fn(const struct trit_kernel *kernel);

/* Runs check on a kernel; false when a case failed or a signal came, trit_check_failure() then
   says which and how. One at a time in a process. */
bool trit_check_run(trit_check_fn *check, const struct trit_kernel *kernel, uint64_t seed);
const char *trit_check_failure(void);
size_t trit_check_cases(void); /* cases begun by the last run */

trit_check_fn trit_check_head;

#endif

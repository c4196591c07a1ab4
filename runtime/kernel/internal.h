/* Private to runtime/library*.c. */
#ifndef TRIT_LIBRARY_PARTS_H
#define TRIT_LIBRARY_PARTS_H

#include <stdbool.h>

#include "runtime/library.h"

/* Whether the bytes are a shared object for this machine that executes nothing when it is loaded
   and needs nothing but libc and libm; else TRIT_EFORMAT or TRIT_EUNSUPPORTED with the reason. */
enum trit_code trit_elf_check(const char *path, const uint8_t *data, size_t bytes,
                              struct trit_error *error);

/* The kernel that a row declares, in *kernel, and NULL; else why the row is refused. */
const char *trit_library_row_kernel(const struct trit_library_row *row, struct trit_kernel *kernel);

#endif

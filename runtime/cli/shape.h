/* Shapes of matrices on the command line. */
#ifndef TRIT_CLI_SHAPE_H
#define TRIT_CLI_SHAPE_H

#include <stddef.h>

#include "runtime/base/error.h"

enum { TRIT_MAX_N = 1 << 24 };

/* "6912x2560": N outputs, 1 to TRIT_MAX_N, by K inputs, 1 to TRIT_MAX_K. TRIT_EARGUMENT with a text
   that begins with the command and --shape. */
enum trit_code trit_cli_shape(const char *command, const char *text, size_t *n, size_t *k,
                              struct trit_error *error);

#endif

/* Shapes and forms of matrices on the command line. */
#ifndef TRIT_CLI_SHAPE_H
#define TRIT_CLI_SHAPE_H

#include <stddef.h>

#include "runtime/base/error.h"
#include "runtime/kernel/pack.h"

enum { TRIT_MAX_N = 1 << 24 };

/* "6912x2560": N outputs, 1 to TRIT_MAX_N, by K inputs, 1 to TRIT_MAX_K. TRIT_EARGUMENT with a text
   that begins with the command and --shape. */
enum trit_code trit_cli_shape(const char *command, const char *text, size_t *n, size_t *k,
                              struct trit_error *error);

/* The words of --weights, in the order of their numbers, as the choices of an option; number 0 are
   trits with a scale for each row. */
#define TRIT_CLI_FORMS "trits|trits128|trits64|twos128|twos64|signs128"
#define TRIT_CLI_FORMS_HELP                                                                      \
    "what the matrix holds: trits, 'twos' (-1 to 2) or signs, with a scale for each row or for " \
    "so many columns"

/* The form of that number. TRIT_EARGUMENT, with the command, where k is no multiple of its group.
 */
enum trit_code trit_cli_form(const char *command, int number, size_t k, struct trit_form *form,
                             struct trit_error *error);

#endif

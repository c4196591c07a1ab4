/* Private to `tritmill cpu`: the measured limits as text and as JSON. */
#ifndef TRIT_CMD_CPU_H
#define TRIT_CMD_CPU_H

#include "runtime/cli.h"
#include "runtime/cli_json.h"

/* Surveys the limits with each thread count, with progress on stderr, and prints tables. */
enum trit_code trit_cpu_print_limits(const struct trit_ints *threads, struct trit_error *error);

/* The same as the member "limits" of root. */
enum trit_code trit_cpu_add_limits(json_t *root, const struct trit_ints *threads,
                                   struct trit_error *error);

#endif

/* What the commands' JSON outputs share. */
#ifndef TRIT_CLI_JSON_H
#define TRIT_CLI_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/format/gguf.h"

/* A string of any bytes: each that is not UTF-8 becomes U+FFFD. NULL: no memory. */
json_t *trit_json_text(struct trit_text text);

/* An integer, or a string of digits where JSON libraries would make less of it: from 2^63 on. */
json_t *trit_json_u64(uint64_t value);

/* Writes json, indented and with a newline at its end, to stdout, and releases it. NULL is told as
   no memory, so that a failed construction can be handed over as it is. */
enum trit_code trit_json_print(json_t *json, struct trit_error *error);

/* The values of an object as a line of CSV on stdout, after one of its names where they are wanted.
 */
void trit_csv_line(json_t *json, bool names);

#endif

/* SHA-256, as hubs and Modelfiles name files by it. */
#ifndef TRIT_DIGEST_H
#define TRIT_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/error.h"
#include "runtime/base/stop.h"

enum { TRIT_DIGEST_HEX = 64 };

struct trit_digest; /* being computed */

struct trit_digest *trit_digest_begin(void); /* NULL: no memory */
/* NULL bytes of data allowed where n is 0. */
void trit_digest_add(struct trit_digest *digest, const void *data, size_t n);
/* 64 hexadecimal digits and a NUL; frees it. "": something had failed. */
void trit_digest_end(struct trit_digest *digest, char hex[TRIT_DIGEST_HEX + 1]);
void trit_digest_abandon(struct trit_digest *digest); /* NULL allowed */

/* Adds all that is left of an open file; path is for messages. progress: NULL allowed. */
enum trit_code trit_digest_file(struct trit_digest *digest, int fd, const char *path,
                                trit_progress_fn *progress, void *arg, struct trit_error *error);

/* 64 digits of lower case out of "sha256:HEX", "sha256-HEX" or HEX in any case. */
bool trit_digest_parse(const char *text, char hex[TRIT_DIGEST_HEX + 1]);

#endif

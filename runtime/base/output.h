/* Where a file may be written: never over an input, never over a file of another kind. */
#ifndef TRIT_OUTPUT_H
#define TRIT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/error.h"

enum { TRIT_FILE_HEAD = 4096 };

/* A kind of file that is written. What is there already is replaced only where it is of the same
   kind, or empty. */
struct trit_file_kind {
    const char *name; /* "a GGUF file" */
    /* Whether a file that begins with these bytes (at most TRIT_FILE_HEAD) is of the kind. */
    bool (*is)(const char *head, size_t bytes);
    unsigned mode; /* of a new file, before the umask; what it lacks of 0666 is taken from an old
                      file's mode too */
};

/* Whether the bytes begin with that text. */
bool trit_head_is(const char *head, size_t bytes, const char *text);

/* Whether a file of the kind may be written at path: its folder exists and can be written, and what
   is there is of the kind, empty, or a device or pipe that is not a disk. TRIT_EARGUMENT where path
   is one of the n `others` (inputs and other outputs of the command, by device and inode; NULL ones
   do not count), else TRIT_EIO. To be asked before long work; trit_file_create_as asks again. */
enum trit_code trit_output_check(const char *path, const struct trit_file_kind *kind,
                                 const char *const *others, size_t n, struct trit_error *error);

#endif

/* What a library call that failed says: a code for programs and one line for people. */
#ifndef TRIT_ERROR_H
#define TRIT_ERROR_H

#include <stdarg.h>

enum trit_code {
    TRIT_OK,
    TRIT_EIO,          /* the system refused: open, read, write, map */
    TRIT_EFORMAT,      /* a file's bytes contradict its format */
    TRIT_EUNSUPPORTED, /* well formed, but nothing here handles it */
    TRIT_EARGUMENT,    /* the caller's value is out of range */
    TRIT_EMEMORY,
    TRIT_ESTOPPED, /* the caller asked to stop */
    TRIT_EBUSY,    /* there is too much to do already: ask again later */
};

struct trit_error {
    enum trit_code code;
    char text[1024]; /* one line, no newline at its end; control bytes shown as '?' */
};

/* Fills *error (which may be NULL) and returns code, so that callers can write
   `return trit_fail(error, TRIT_EIO, "%s: ...", path);`. */
enum trit_code trit_fail(struct trit_error *error, enum trit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

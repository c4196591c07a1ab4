/* Well-formed UTF-8 (Unicode, table 3-7): no surrogates, no overlong forms. */
#ifndef TRIT_UTF8_H
#define TRIT_UTF8_H

#include <stddef.h>

/* Bytes of the well-formed character at s (n >= 1): 1 .. 4; 0: none begins here; -1: the n bytes
   could be the beginning of one. */
int trit_utf8_at(const char *s, size_t n);
/* Bytes before the first that is not UTF-8, n if there is none. */
size_t trit_utf8_valid(const char *s, size_t n);
/* The bytes with U+FFFD for each that is no part of a well-formed character, into out, which has
   room for 3 * n. Returns their number. */
size_t trit_utf8_mend(const char *s, size_t n, char *out);

#endif

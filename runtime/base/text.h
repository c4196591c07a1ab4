/* Numbers and lists as people read them. */
#ifndef TRIT_TEXT_H
#define TRIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* 1234567 -> "1.2 MB" (powers of ten); out has 16 bytes. Returns out. */
char *trit_bytes_text(double bytes, char *out);

/* "'a', 'b' and 'c'": the n names with quote around each, cut where out has no room left. Returns
   out. */
char *trit_list_text(const char *const *names, size_t n, const char *quote, char *out, size_t room);

/* Whether it ends in that, in any case of letters, with something before it. */
bool trit_ends_with(const char *s, const char *end);

#endif

/* JSON that is not believed, counted before it is parsed. */
#ifndef TRIT_NESTING_H
#define TRIT_NESTING_H

#include <stddef.h>

/* What stands outside of strings; a text that is no JSON counts as it comes. */
struct trit_nesting {
    size_t deepest, objects, arrays, values;
};
struct trit_nesting trit_nesting_count(const char *text, size_t bytes);

#endif

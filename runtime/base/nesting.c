/* Brackets of JSON, outside of its strings. */
#include "runtime/base/nesting.h"

#include <stdbool.h>

struct trit_nesting trit_nesting_count(const char *s, size_t n)
{
    struct trit_nesting c = { .values = 1 };
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        if (quoted) {
            if (s[i] == '\\')
                i++;
            else
                quoted = s[i] != '"';
            continue;
        }
        const bool opens = s[i] == '{' || s[i] == '[';
        quoted = s[i] == '"';
        c.objects += s[i] == '{';
        c.arrays += s[i] == '[';
        c.values += s[i] == ',' || opens;
        depth += opens;
        c.deepest = depth > c.deepest ? depth : c.deepest;
        depth -= (s[i] == '}' || s[i] == ']') && depth > 0;
    }
    return c;
}

/* Numbers and lists as people read them. */
#include "runtime/base/text.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

char *trit_bytes_text(double bytes, char *out)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000;
        unit++;
    }
    snprintf(out, 16, "%.*f %s", unit && bytes < 99.95 ? 1 : 0, bytes, units[unit]);
    return out;
}

char *trit_list_text(const char *const *names, size_t n, const char *quote, char *out, size_t room)
{
    size_t at = 0;
    *out = '\0';
    for (size_t i = 0; i < n && at < room; i++) {
        const char *before = i == 0 ? "" : i + 1 < n ? ", " : " and ";
        at += (size_t)snprintf(out + at, room - at, "%s%s%s%s", before, quote, names[i], quote);
    }
    return out;
}

bool trit_ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n > m && !strcasecmp(s + n - m, end);
}

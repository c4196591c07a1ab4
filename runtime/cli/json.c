/* JSON made of bytes that may not be UTF-8, and its way to stdout; objects as lines of CSV. */
#include "runtime/cli/json.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/utf8.h"

json_t *trit_json_text(struct trit_text text)
{
    char *out = malloc(3 * text.n + 1);
    json_t *json = out ? json_stringn(out, trit_utf8_mend(text.s, text.n, out)) : NULL;
    free(out);
    return json;
}

json_t *trit_json_u64(uint64_t value)
{
    char digits[24];
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(digits, sizeof digits, "%ju", (uintmax_t)value);
    return json_string(digits);
}

enum trit_code trit_json_print(json_t *json, struct trit_error *error)
{
    if (!json)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the JSON text");
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(json);
    return TRIT_OK;
}

/* One CSV value: strings as they are, numbers as in JSON; quoted, quotes doubled. */
static void csv_value(const json_t *value)
{
    char *dumped =
        json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    const char *text = json_is_string(value) ? json_string_value(value) : dumped ? dumped : "";
    putchar('"');
    for (; *text; text++)
        printf("%s%c", *text == '"' ? "\"" : "", *text);
    putchar('"');
    free(dumped);
}

void trit_csv_line(json_t *json, bool names)
{
    const size_t n = json_object_size(json);
    const char *key;
    json_t *value;
    size_t i = 0;
    if (names)
        json_object_foreach(json, key, value) printf("%s%s", key, ++i < n ? "," : "\n");
    i = 0;
    json_object_foreach(json, key, value)
    {
        csv_value(value);
        putchar(++i < n ? ',' : '\n');
    }
}

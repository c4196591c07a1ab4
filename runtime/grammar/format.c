/* The formats of strings that are held to: as patterns. Others ask for nothing, as JSON Schema has
   it. */
#include <string.h>

#include "runtime/grammar/internal.h"

/* No leap second; of February the 29th in leap years alone. */
#define DATE                                                                                 \
    "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)" \
    "|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])"                   \
    "|([02468][048]|[13579][26])00)-02-29)"
#define TIME                                                                                       \
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+\\-]([01][0-9]|2[0-3]):[0-5][0-" \
    "9])"
#define BYTE  "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define LABEL "[0-9A-Za-z]([0-9A-Za-z\\-]{0,61}[0-9A-Za-z])?"

const char *trit_format_pattern(const char *format)
{
    static const struct {
        const char *name, *pattern;
    } formats[] = {
        { "date", DATE },
        { "time", TIME },
        { "date-time", DATE "T" TIME },
        { "uuid", "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}" },
        { "ipv4", BYTE "(\\." BYTE "){3}" },
        { "email",
          "[0-9A-Za-z_+\\-]{1,32}(\\.[0-9A-Za-z_+\\-]{1,32}){0,3}@" LABEL "(\\." LABEL "){1,3}" },
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(format, formats[i].name))
            return formats[i].pattern;
    return NULL;
}

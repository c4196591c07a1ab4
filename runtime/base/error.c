/* Builds the one-line text of an error. */
#include "runtime/base/error.h"

#include <stdio.h>

/* Names from files may hold anything: what a terminal would act on is masked. */
static void mask_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

enum trit_code trit_fail(struct trit_error *error, enum trit_code code, const char *format, ...)
{
    if (!error)
        return code;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    mask_controls(error->text);
    error->code = code;
    return code;
}

/* Reads NxK, and what such a matrix holds. */
#include "runtime/cli/shape.h"

#include <stdbool.h>

#include "runtime/kernel.h"

/* Decimal digits at *text, which moves past them; 1 to most. */
static bool take_number(const char **text, size_t most, size_t *number)
{
    for (*number = 0; **text >= '0' && **text <= '9'; ++*text)
        if ((*number = *number * 10 + (size_t)(**text - '0')) > most)
            return false;
    return *number > 0;
}

enum trit_code trit_cli_shape(const char *command, const char *text, size_t *n, size_t *k,
                              struct trit_error *error)
{
    const char *at = text;
    if (take_number(&at, TRIT_MAX_N, n) && *at++ == 'x' && take_number(&at, TRIT_MAX_K, k) && !*at)
        return TRIT_OK;
    return trit_fail(error, TRIT_EARGUMENT,
                     "%s: --shape %.64s: must be NxK, such as 6912x2560 (N up to %d, K up to %d)",
                     command, text, TRIT_MAX_N, TRIT_MAX_K);
}

/* In the order of TRIT_CLI_FORMS. */
static const struct trit_form forms[] = {
    { 0, TRIT_TRITS },  { 128, TRIT_TRITS }, { 64, TRIT_TRITS },
    { 128, TRIT_TWOS }, { 64, TRIT_TWOS },   { 128, TRIT_SIGNS },
};

enum trit_code trit_cli_form(const char *command, int number, size_t k, struct trit_form *form,
                             struct trit_error *error)
{
    *form = forms[number];
    if (form->group == 0 || k % form->group == 0)
        return TRIT_OK;
    return trit_fail(error, TRIT_EARGUMENT,
                     "%s: K of %zu: must be a multiple of %zu, the columns that share a scale "
                     "(--weights)",
                     command, k, form->group);
}

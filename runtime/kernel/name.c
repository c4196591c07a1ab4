/* The grammar of kernels' names (runtime/kernel/name.h). */
#include "runtime/kernel/name.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool take(const char **text, const char *what)
{
    const size_t n = strlen(what);
    if (strncmp(*text, what, n) != 0)
        return false;
    *text += n;
    return true;
}

static bool take_word(const char **text, char word[TRIT_NAME_WORD])
{
    size_t n = 0;
    while (is_letter((*text)[n]) || is_digit((*text)[n]))
        n++;
    if (n == 0 || n >= TRIT_NAME_WORD)
        return false;
    memcpy(word, *text, n);
    word[n] = 0;
    *text += n;
    return true;
}

static bool take_number(const char **text, uint64_t *number)
{
    int digits = 0;
    for (*number = 0; is_digit(**text) && digits < 10; digits++)
        *number = *number * 10 + (uint64_t)(*(*text)++ - '0');
    return digits > 0 && !is_digit(**text) && (digits == 1 || (*text)[-digits] != '0');
}

/* A number that stands only where it is not 0. */
static bool take_shape(const char **text, const char *label, uint64_t *number)
{
    *number = 0;
    return !take(text, label) || (take_number(text, number) && *number > 0);
}

bool trit_name_parse(const char *text, struct trit_name *name)
{
    if (!take(&text, "trit_") || is_digit(*text) || !take_word(&text, name->op) ||
        !take(&text, "_") || !take_word(&text, name->packing) || !take(&text, "_") ||
        !take_word(&text, name->act) || !take(&text, "_") || !take_number(&text, &name->mr) ||
        !take(&text, "x") || !take_number(&text, &name->nr) || !take(&text, "x") ||
        !take_number(&text, &name->kr) || !take_shape(&text, "_k", &name->k) ||
        !take_shape(&text, "_n", &name->n) || !take(&text, "__") || !take_word(&text, name->isa))
        return false;
    const bool more = take(&text, "_");
    name->technique = text;
    while (is_letter(*text) || is_digit(*text))
        text++;
    return !*text && more == (*name->technique != 0);
}

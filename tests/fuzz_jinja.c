/* Templates and their variables: template, a 0 byte, variables as JSON. Whatever they are, a
   rendering ends within its limits, and marks as given only what was. */
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { STEPS = 20000, VARIABLES = 16 };
    const char *text = (const char *)data;
    size_t n = size ? strnlen(text, size) : 0;
    struct trit_jinja *jinja;
    struct trit_jinja_output out;
    struct trit_jinja_variable variables[VARIABLES];
    struct trit_jinja_render with = { .variables = variables, .steps = STEPS };
    const char *key;
    json_t *value, *all = NULL;
    if (trit_jinja_compile(&jinja, (struct trit_text){ text, n }, NULL))
        return 0;
    if (n < size)
        all = json_loadb(text + n + 1, size - n - 1, 0, NULL);
    json_object_foreach(all, key, value) if (with.nvariables < VARIABLES)
        variables[with.nvariables++] = (struct trit_jinja_variable){ key, value, true };
    if (!trit_jinja_render(jinja, &with, &out, NULL)) {
        for (size_t i = 0; i < out.n; i++)
            if (out.given[i] > 1 || (out.given[i] && !with.nvariables))
                abort();
        free(out.text);
        free(out.given);
    }
    json_decref(all);
    trit_jinja_free(jinja);
    return 0;
}

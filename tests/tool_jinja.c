/* jinja: one JSON object a line in, {"template", "variables"}; one a line out: {"text"}, or
   {"error", "code"}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/jinja.h"

static json_t *answer(const json_t *ask)
{
    struct trit_jinja *jinja = NULL;
    struct trit_error error;
    struct trit_jinja_output out = { 0 };
    struct trit_jinja_variable variables[64];
    struct trit_jinja_render with = { .variables = variables };
    const json_t *source = json_object_get(ask, "template");
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(ask, "variables"), key, value)
        variables[with.nvariables++] = (struct trit_jinja_variable){ key, value, true };
    enum trit_code code = trit_jinja_compile(
        &jinja, (struct trit_text){ json_string_value(source), json_string_length(source) },
        &error);
    if (!code)
        code = trit_jinja_render(jinja, &with, &out, &error);
    json_t *said = code ? json_pack("{s:s,s:i}", "error", error.text, "code", (int)code)
                        : json_pack("{s:s%}", "text", out.text, out.n);
    trit_jinja_free(jinja);
    free(out.text);
    free(out.given);
    return said;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
        json_t *ask = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, NULL);
        json_t *said = answer(ask);
        json_dumpf(said, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(ask);
        json_decref(said);
    }
    free(line);
    return 0;
}

/* Modelfiles of any bytes: parsed or refused, and what was parsed is the same after it was written
   and parsed again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/store/modelfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_modelfile m, again;
    struct trit_error error = { 0 };
    char notes[512];
    if (!trit_modelfile_parse(&m, (const char *)data, size, "fuzz", &error)) {
        char *text = trit_modelfile_text(&m);
        check(text != NULL, "no text");
        trit_modelfile_notes(&m, notes, sizeof notes);
        if (!trit_modelfile_parse(&again, text, strlen(text), "again", &error)) {
            char *twice = trit_modelfile_text(&again);
            check(twice && !strcmp(text, twice), "another text");
            check(m.parameters.n == again.parameters.n, "other parameters");
            check(m.messages.n == again.messages.n, "other messages");
            check(!m.from == !again.from && (!m.from || !strcmp(m.from, again.from)), "FROM");
            free(twice);
        } else {
            check(strlen(text) > TRIT_MODELFILE_MOST, error.text);
        }
        trit_modelfile_free(&again);
        free(text);
    } else {
        check(*error.text != 0 && !strchr(error.text, '\n'), "no line of error");
    }
    trit_modelfile_free(&m);
    return 0;
}

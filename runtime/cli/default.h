/* Which model a command works on when none is named. */
#ifndef TRIT_CLI_MODEL_H
#define TRIT_CLI_MODEL_H

#include <stdbool.h>
#include <stddef.h>

/* Writes to path the file named by -m (NULL: the variable TRITMILL_MODEL, else the small trained
   model that comes with tritmill). False: none was named and none is there, or the name does not
   fit in room. Whether a named file exists is not looked at. */
bool trit_default_model(const char *given, char *path, size_t room);

#endif

/* Where the default model lies: the environment, the installation, the source tree. */
#include "runtime/cli/default.h"

#include <stdio.h>

#include "runtime/base/file.h"

bool trit_default_model(const char *given, char *path, size_t room)
{
    if (!given)
        return trit_file_locate("TRITMILL_MODEL", "tales.gguf",
                                TRIT_SOURCE_DIR "/runtime/train/recipe/tales.gguf", path, room);
    int n = snprintf(path, room, "%s", given);
    return n >= 0 && (size_t)n < room;
}

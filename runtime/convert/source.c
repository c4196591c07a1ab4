/* Which kind of source a path is. */
#include "runtime/convert/source.h"

#include <sys/stat.h>

enum trit_code trit_source_open(struct trit_source **source, const char *path,
                                struct trit_error *error)
{
    struct stat st;
    const bool folder = !stat(path, &st) && S_ISDIR(st.st_mode);
    return (folder ? trit_source_folder : trit_source_gguf)(source, path, error);
}

void trit_source_close(struct trit_source *source)
{
    if (source)
        source->kind->close(source);
}

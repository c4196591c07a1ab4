/* Folders as Hugging Face has them: not read yet. */
#include "runtime/convert/source.h"

enum trit_code trit_source_folder(struct trit_source **source, const char *path,
                                  struct trit_error *error)
{
    *source = NULL;
    return trit_fail(error, TRIT_EUNSUPPORTED, "%s: folders are not read yet", path);
}

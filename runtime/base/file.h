/* Writing a file so that its old content is there until the new one is whole. */
#ifndef TRIT_FILE_H
#define TRIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/base/output.h"

/* A file being written under a temporary name beside its place. The first failure sticks: later
   writes do nothing, and commit reports it. */
struct trit_file;

/* Whatever is at path will be replaced: for files in temporary folders of our own. */
enum trit_code trit_file_create(struct trit_file **file, const char *path,
                                struct trit_error *error);
/* For places that people name: trit_output_check is asked now and again when the file takes its
   place. The kind must outlive the file. */
enum trit_code trit_file_create_as(struct trit_file **file, const char *path,
                                   const struct trit_file_kind *kind, struct trit_error *error);
void trit_file_write(struct trit_file *file, const void *data, size_t bytes);
bool trit_file_failed(const struct trit_file *file);
uint64_t trit_file_size(const struct trit_file *file); /* bytes written so far */
/* Flush, fsync, rename into place; frees file whatever happens, and on failure removes the
 * temporary. */
enum trit_code trit_file_commit(struct trit_file *file, struct trit_error *error);
/* Removes the temporary and frees; the old file stays as it was. NULL allowed. */
void trit_file_abandon(struct trit_file *file);

/* What tells a file, and whether it is as it was: writing changes at least `changed`, which no
   program can set. Zeros: not a file. */
struct trit_file_id {
    uint64_t device, inode, bytes;
    int64_t modified, changed; /* nanoseconds since 1970 */
};
/* Of an open file; zeros where it cannot be asked. */
struct trit_file_id trit_file_identify(int fd);
static inline bool trit_file_same(const struct trit_file_id *a, const struct trit_file_id *b)
{
    return a->changed && a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->modified == b->modified && a->changed == b->changed;
}

/* A file of ours that nobody else can write, opened for reading: a regular one that belongs to this
   user or to root, and that neither group nor others may write; else TRIT_EUNSUPPORTED, or
   TRIT_EIO. flags: 0 or O_NOFOLLOW, which refuses a symbolic link. */
enum trit_code trit_file_open_own(const char *path, int flags, int *fd, size_t *bytes,
                                  struct trit_error *error);

/* A whole file (at most limit bytes) into memory, one NUL byte after its end. free() it. "-" is
 * stdin. */
enum trit_code trit_file_read(const char *path, size_t limit, char **data, size_t *bytes,
                              struct trit_error *error);

/* Where a file of ours lives: the environment variable (if not NULL and set), else beside the
   executable's install prefix (../share/tritmill/NAME), else in the source tree it was built from
   (source_path). The path if such a file or folder exists, else false. */
bool trit_file_locate(const char *env, const char *name, const char *source_path, char *path,
                      size_t room);

/* Where a file of this user lives that nobody named: folder/tritmill/NAME, of $XDG_CACHE_HOME or
   ~/.cache what can be made again, of $XDG_STATE_HOME or ~/.local/state what the program remembers,
   of $XDG_DATA_HOME or ~/.local/share what the user wants kept. Variables that are no absolute path
   are not heeded. */
enum trit_user_folder { TRIT_USER_CACHE, TRIT_USER_STATE, TRIT_USER_DATA };
enum trit_code trit_file_user_path(enum trit_user_folder folder, const char *name, char *path,
                                   size_t room, struct trit_error *error);
/* Makes the folders above path that are missing, 0700. */
enum trit_code trit_file_make_folders(const char *path, struct trit_error *error);

#endif

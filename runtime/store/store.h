/* The models folder: models by name. Nothing outside of it is opened by name, and no symbolic link
   leads out of it.

   DIR/OWNER/REPO/FILE.gguf     got from a hub: OWNER/REPO:FILE. OWNER/REPO alone serves where the
                                folder has one, and OWNER/REPO:TYPE where one file's name or type is
                                TYPE (ptq1_0)
   DIR/FILE.gguf, DIR/A/...     put there by hand: FILE; where several are called so, A/FILE
   DIR/.names/NAME/TAG          created from a Modelfile: NAME:TAG, or NAME where TAG is latest
   DIR/blobs/sha256-HEX         uploaded, or taken in by a created name
   DIR/.digests                 SHA-256 of files that were read once

   NAME and NAME:latest are the same, and names are compared without regard to ASCII case, but one
   with the same case goes first; created ones go before files. "hf.co/" and the like before
   OWNER/REPO are passed over.

   A store may be used by several threads, and a folder by several programs: what is written is
   renamed into place. */
#ifndef TRIT_STORE_H
#define TRIT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/store/modelfile.h"

struct trit_store;

enum { TRIT_STORE_NAME = 512, TRIT_STORE_PATH = 4096, TRIT_STORE_DIGEST = 65 };

/* The folder, NULL: $TRITMILL_MODELS, else tritmill/models of $XDG_DATA_HOME or ~/.local/share. It
   need not exist: it is made when something is written. TRIT_EIO: it is no folder. */
enum trit_code trit_store_open(struct trit_store **store, const char *folder,
                               struct trit_error *error);
void trit_store_close(struct trit_store *store); /* NULL allowed */
const char *trit_store_folder(const struct trit_store *store);

struct trit_store_model {
    char name[TRIT_STORE_NAME];     /* the shortest that finds it; without ":latest" */
    char path[TRIT_STORE_PATH];     /* of its GGUF file; it need not be there for a created one */
    bool created;                   /* from a Modelfile: trit_store_modelfile has it */
    bool missing;                   /* a created one whose file is gone */
    uint64_t bytes;                 /* of the GGUF file */
    int64_t modified;               /* seconds since 1970: of the file, or of the created name */
    char digest[TRIT_STORE_DIGEST]; /* of the file, hexadecimal; "": not yet known */
    /* From the file's header: general.architecture, elements of all tensors ("2.4B"), the type that
       most bytes have ("I2_S"). "": it cannot be read. */
    char family[32], parameters[16], type[16];
};

/* Fills in what the header of the file at model->path says; of one that cannot be read nothing. */
void trit_store_header(struct trit_store_model *model);

/* All of them, sorted by name; free() them. A folder that is not there has none. Costs a look at
   the folder, and at the headers of files that are new or have changed. */
enum trit_code trit_store_list(struct trit_store *store, struct trit_store_model **models,
                               size_t *count, struct trit_error *error);

/* TRIT_EARGUMENT: no name, or one of several (the text lists them); TRIT_EIO: there is none of that
   name. */
enum trit_code trit_store_find(struct trit_store *store, const char *name,
                               struct trit_store_model *model, struct trit_error *error);

/* Fills in model->digest: reads the whole file, the first time. progress: NULL allowed. */
enum trit_code trit_store_digest(struct trit_store *store, struct trit_store_model *model,
                                 trit_progress_fn *progress, void *arg, struct trit_error *error);
/* The file's digest is known from elsewhere: it was just verified. */
void trit_store_digest_known(struct trit_store *store, const char *path, const char *digest);

/* What a created one was made of, with all that it has from the one below it; of a file: its FROM
   alone. m is freed by trit_modelfile_free, whatever happened. */
enum trit_code trit_store_modelfile(struct trit_store *store, const struct trit_store_model *model,
                                    struct trit_modelfile *m, struct trit_error *error);

/* Makes NAME[:TAG], or replaces it. m->from is a name in the store, whose parameters and texts are
   taken where m has none; a digest "sha256:HEX" of a blob; or a path: relative to DIR, and inside
   of it. `beside` (NULL for requests from others): the folder that paths are relative to, which may
   lead out of DIR: such a file is linked or copied into blobs. Errors: TRIT_EARGUMENT (names, paths
   that lead out), TRIT_EIO (no such model or file), TRIT_EFORMAT (no GGUF file). */
enum trit_code trit_store_create(struct trit_store *store, const char *name,
                                 const struct trit_modelfile *m, const char *beside,
                                 struct trit_error *error);

/* A further name for a model. Errors as of find, and TRIT_EARGUMENT for a bad name. */
enum trit_code trit_store_copy(struct trit_store *store, const char *from, const char *to,
                               struct trit_error *error);

/* Removes a created name, and its blob where no other uses it; or a file, which is refused where
   created ones use it (TRIT_EBUSY). said: a line about what was removed. Errors as of find. */
enum trit_code trit_store_delete(struct trit_store *store, const char *name, char *said,
                                 size_t room, struct trit_error *error);

/* Whether the word is like a name of a model, and so not like a path: OWNER/REPO[:TYPE] or
   NAME[:TAG]. hub: likewise, and one that a hub can have, OWNER/REPO. */
bool trit_store_is_name(const char *word);
bool trit_store_is_hub_name(const char *word);
/* Whether the word is what owners, repositories, their files and tags are called here: ASCII
   letters, digits, '-', '_' and '.', a letter or digit first, no "..". */
bool trit_store_is_part(const char *word);
/* The name without "hf.co/" and the like before it. */
const char *trit_store_bare_name(const char *word);

/* Whether a file's name says that it is of that type: FILE-ptq1_0.gguf is of PTQ1_0. */
bool trit_store_file_is_type(const char *file, const char *type);

/* The path of a file of a hub's repository, into TRIT_STORE_PATH bytes, of which 16 stay free.
   TRIT_EARGUMENT: names that no file may have here. */
enum trit_code trit_store_hub_path(const struct trit_store *store, const char *owner,
                                   const char *repo, const char *file, char *path,
                                   struct trit_error *error);

/* Blobs: digest is "sha256:HEX" or "sha256-HEX". */
enum trit_code trit_store_blob_find(const struct trit_store *store, const char *digest, char *path,
                                    size_t room, struct trit_error *error); /* TRIT_EIO: none */
struct trit_store_blob;
/* An upload; failures of write are told by end, which verifies the digest (else TRIT_EFORMAT),
   renames into place and frees, whatever happened. A disk that has no room is TRIT_EIO. */
enum trit_code trit_store_blob_begin(struct trit_store *store, struct trit_store_blob **blob,
                                     const char *digest, struct trit_error *error);
void trit_store_blob_write(struct trit_store_blob *blob, const void *data, size_t bytes);
enum trit_code trit_store_blob_end(struct trit_store_blob *blob, struct trit_error *error);
void trit_store_blob_abandon(struct trit_store_blob *blob); /* NULL allowed */

#endif

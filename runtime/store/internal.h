/* What the files of the models folder share. */
#ifndef TRIT_STORE_INTERNAL_H
#define TRIT_STORE_INTERNAL_H

#include <pthread.h>

#include "runtime/base/file.h"
#include "runtime/store/digest.h"
#include "runtime/store/store.h"

#define TRIT_STORE_NAMES   ".names"
#define TRIT_STORE_BLOBS   "blobs"
#define TRIT_STORE_DIGESTS ".digests"
#define TRIT_STORE_SUFFIX  ".gguf"

/* What is known of a file as it is. */
struct trit_store_known {
    struct trit_file_id id;
    char family[32], parameters[16], type[16];
    bool read; /* its header was looked at */
};

struct trit_store {
    char folder[TRIT_STORE_PATH]; /* absolute, without a slash at its end */
    pthread_mutex_t lock;         /* of what follows */
    struct trit_store_known *known;
    size_t nknown;
};

/* A model with what it is found by. */
struct trit_store_entry {
    struct trit_store_model model;
    char place[TRIT_STORE_PATH]; /* relative to the folder: of the file, or of a name's record */
};
struct trit_store_entries {
    struct trit_store_entry *v;
    size_t n;
};

/* All of the folder, in order of names; free(entries->v), whatever happened. */
enum trit_code trit_store_scan(struct trit_store *store, struct trit_store_entries *entries,
                               struct trit_error *error);

/* The entry that the name means (trit_store_find). */
enum trit_code trit_store_pick(const struct trit_store_entries *entries, const char *name,
                               const struct trit_store_entry **entry, struct trit_error *error);

/* DIR/<a>/<b> into path; false where it is too long. b: NULL: none. */
bool trit_store_join(const struct trit_store *store, const char *a, const char *b, char *path,
                     size_t room);
/* Whether path, with links followed, leads to a regular file inside of the folder; then it is in
   `real`, which has TRIT_STORE_PATH bytes. */
bool trit_store_holds(const struct trit_store *store, const char *path, char *real);

/* NAME[:TAG] of a name to be created, as a path below .names, "NAME/TAG". TRIT_EARGUMENT. */
enum trit_code trit_store_record_place(const char *name, char *place, size_t room,
                                       struct trit_error *error);

/* Reads a record: its file's path relative to the folder into place (TRIT_STORE_PATH bytes), its
   digest, and, where m is not NULL, the rest into m. */
enum trit_code trit_store_record_read(const char *path, char *place, char *digest,
                                      struct trit_modelfile *m, struct trit_error *error);
enum trit_code trit_store_record_write(const struct trit_store *store, const char *record,
                                       const char *place, const char *digest,
                                       const struct trit_modelfile *m, struct trit_error *error);

/* Family, elements and type of an open file, from the store's memory or from its header. */
void trit_store_describe(struct trit_store *store, struct trit_store_model *model, int fd);
/* What .digests holds, to be freed; NULL: nothing. */
char *trit_store_digests(const struct trit_store *store);
/* The digest that it has of that file, "" where it has none. digests: NULL allowed. */
void trit_store_recall(const char *digests, const struct trit_file_id *id,
                       char digest[TRIT_STORE_DIGEST]);

/* Makes the file a blob: by a hard link, else by a copy. blob: its path, TRIT_STORE_PATH bytes. */
enum trit_code trit_store_take_in(struct trit_store *store, const char *path, char *blob,
                                  struct trit_error *error);

#endif

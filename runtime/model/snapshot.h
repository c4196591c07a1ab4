/* A sequence saved and brought back, bit for bit: its cache so far, its states, and the tokens it
   consists of, if the caller wants them kept. A snapshot belongs to the model file and to the kind
   of KV cache that it was made with, on any CPU (int8 caches: on CPUs that hold them alike).

   Taking one settles the last drafts that were kept: they can no longer be forgotten one by one. It
   costs one copy. A session belongs to one thread at a time, and its pool runs nothing else. */
#ifndef TRIT_SNAPSHOT_H
#define TRIT_SNAPSHOT_H

#include "runtime/base/output.h"
#include "runtime/model/model.h"

/* Bytes of a snapshot of the session as it is; with as many tokens as it has positions, or none. */
size_t trit_snapshot_bytes(const struct trit_session *session, bool tokens);

/* The snapshot to out, which has room for it. tokens: trit_session_position of them, or NULL. */
enum trit_code trit_snapshot_take(struct trit_session *session, const int32_t *tokens, void *out,
                                  struct trit_error *error);

/* The session becomes what the snapshot was; name is for messages. What is no snapshot, was cut or
   changed, is of another model, or does not fit the session's context, is TRIT_EFORMAT, and nothing
   has changed. *tokens (NULL: not wanted) points into the snapshot, where it has any, else is NULL.
   in is aligned to 8. */
enum trit_code trit_snapshot_put(struct trit_session *session, const void *in, size_t bytes,
                                 const char *name, const int32_t **tokens,
                                 struct trit_error *error);

/* The same in a file, whose old content is there until the new one is whole. */
enum trit_code trit_snapshot_write(struct trit_session *session, const int32_t *tokens,
                                   const char *path, struct trit_error *error);
/* free() *tokens; *ntokens: the session's position, or 0 where the file has none. Both NULL: not
   wanted. */
enum trit_code trit_snapshot_read(struct trit_session *session, const char *path, int32_t **tokens,
                                  size_t *ntokens, struct trit_error *error);

extern const struct trit_file_kind trit_output_snapshot;

#endif

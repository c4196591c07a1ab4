/* The packed cache: a model's weights as they lie in memory, kept in a file of ours, so that a load
   maps them instead of making them. What it holds is a list of sections, bytes with a name and a
   shape; it knows of which model file they were made, and nothing else of models.

   A cache may cost its space, never an answer: a section is handed out only where everything that
   says how its bytes are to be read agrees, and after its checksums were verified, once for a file
   that nobody has written to since. The file is used in place, so it must not be changed while it
   is open; trit_cache_write replaces it whole. */
#ifndef TRIT_CACHE_H
#define TRIT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/format/gguf.h"
#include "runtime/thread/pool.h"

enum {
    TRIT_CACHE_FORMAT = 2,
    TRIT_CACHE_PIECE = 1 << 20, /* bytes that one checksum stands for */
    TRIT_CACHE_HASH = 16,
};

/* The model file that a cache was made of. What it is made of is told by whole alone; the rest
   saves reading it. Where `file` agrees nobody wrote to the file since its bytes were hashed; where
   it does not (the file was copied, touched, restored) all of it is read once, and what came of
   that is remembered in the cache folder. */
struct trit_cache_source {
    uint64_t bytes;
    struct trit_file_id file; /* zeros: not a file, or one written so shortly before it was hashed
                                 that a clock may not tell the next write */
    uint8_t sample[TRIT_CACHE_HASH]; /* of size, header and some places in the tensors */
    uint8_t whole[TRIT_CACHE_HASH];  /* of every byte */
};

/* Bytes, and what they are. One section may stand for another where all but data agree. */
struct trit_section {
    char name[48]; /* "blk.0.attn_output" */
    char form[16]; /* how the bytes are laid out: "t5" */
    uint64_t n, k, nr, kr;
    uint64_t layout; /* a fingerprint of the code that laid them out, 0 where there is none */
    uint64_t lazy;   /* 1: neither read nor verified before it is asked for */
    uint64_t bytes;
    const void *data; /* aligned to TRIT_ALIGN */
};

extern const struct trit_file_kind trit_output_cache; /* the only files that are replaced by one */
/* Writes a cache: temporary name, synced, renamed. The pool (NULL: the calling thread alone) shares
   the checksums. */
enum trit_code trit_cache_write(const char *path, const struct trit_cache_source *source,
                                const struct trit_section *sections, size_t count,
                                struct trit_pool *pool, struct trit_error *error);

struct trit_cache;

/* Maps a cache and checks its table: TRIT_EUNSUPPORTED for another format or byte order,
   TRIT_EFORMAT for a damaged one. The bytes of its sections were not looked at yet. */
enum trit_code trit_cache_open(struct trit_cache **cache, const char *path,
                               struct trit_error *error);
/* The same over bytes in memory, which must outlive it; path is for messages (fuzzing, tests). */
enum trit_code trit_cache_parse(struct trit_cache **cache, const void *data, size_t size,
                                const char *path, struct trit_error *error);
void trit_cache_close(struct trit_cache *cache); /* NULL allowed; what was handed out goes too */

/* Reads and verifies every section that is not lazy, in parallel on pool (NULL: alone). A mapped
   file that the system does not keep in huge pages is moved to memory that is. */
enum trit_code trit_cache_verify(struct trit_cache *cache, struct trit_pool *pool,
                                 struct trit_error *error);

/* The bytes of the section like `wanted`, whose data is not looked at; NULL where there is none, or
   where it is damaged. Sections that were not verified before are now. One thread at a time. */
const void *trit_cache_get(struct trit_cache *cache, const struct trit_section *wanted,
                           struct trit_pool *pool);

const struct trit_cache_source *trit_cache_source(const struct trit_cache *cache);
const char *trit_cache_path(const struct trit_cache *cache);
/* Bytes of its file were gone when they were read (trit_mapping_survive). Any thread. */
bool trit_cache_broken(const struct trit_cache *cache);
/* NULL past the last. */
const struct trit_section *trit_cache_section(const struct trit_cache *cache, size_t i);
/* Resident bytes of the cache, and how many of them are on huge pages; zeros where the system does
   not tell. */
void trit_cache_resident(const struct trit_cache *cache, size_t *resident, size_t *huge);

/* What identifies a model file, all but `whole`. */
void trit_cache_identify(const struct trit_gguf *gguf, struct trit_cache_source *source);
/* Reads the whole file, and lets go of its pages again. TRIT_EIO where it was written to since it
   was opened. */
enum trit_code trit_cache_identify_whole(const struct trit_gguf *gguf, struct trit_pool *pool,
                                         struct trit_cache_source *source,
                                         struct trit_error *error);
/* Where the user's cache of that model file lives: $XDG_CACHE_HOME (absolute) or ~/.cache,
   tritmill/NAME.pack, NAME from its contents. */
enum trit_code trit_cache_user_path(const struct trit_cache_source *source, char *path, size_t room,
                                    struct trit_error *error);
/* Removes the user's cache of that model file, and what is remembered of the file. TRIT_EIO where
   there is no cache, or something else in its place. */
enum trit_code trit_cache_remove(const struct trit_cache_source *source, struct trit_error *error);
/* The verified cache of a model file: the one named (given, else TRITMILL_CACHE; "none": no cache),
   else the user's. NULL where there is none; where there is one that cannot be used, or whose model
   has to be read as a whole every time, log (room bytes, else "") says why in one line. */
struct trit_cache *trit_cache_find(const struct trit_gguf *gguf, const char *given,
                                   struct trit_pool *pool, char *log, size_t room);

#endif

/* The records of a packed cache's file: a header, a table of sections, a checksum for each piece of
   each section, then the sections' bytes, each from a multiple of TRIT_ALIGN on. All fields are the
   writing machine's own; `order` tells a machine with another byte order. Private to
   runtime/cache*.c. */
#ifndef TRIT_CACHE_PARTS_H
#define TRIT_CACHE_PARTS_H

#include <assert.h>

#include "runtime/cache/cache.h"

#define TRIT_CACHE_MAGIC "tritpack"
enum { TRIT_CACHE_ORDER = 0x01020304, TRIT_CACHE_SECTIONS = 1 << 20 };

struct trit_cache_header {
    char magic[8];
    uint32_t order, format;
    uint64_t bytes; /* of the file */
    uint64_t sections, pieces;
    struct trit_cache_source source;
    uint64_t hash; /* XXH3 of header (this field 0), table and checksums */
};
static_assert(sizeof(struct trit_cache_header) == 128, "no padding");

struct trit_cache_record {
    char name[48], form[16];
    uint64_t n, k, nr, kr, layout, lazy, offset, bytes;
};
static_assert(sizeof(struct trit_cache_record) == 128, "no padding");

/* Model files that were read as a whole: what they were like, and what their bytes hash to. Kept
   beside the user's cache of such a file. */

/* True, and source->whole filled, if the file is remembered as it is now. */
bool trit_cache_recall(struct trit_cache_source *source);
/* Nothing to do for a file without an identity that can be trusted. */
enum trit_code trit_cache_remember(const struct trit_cache_source *source,
                                   struct trit_error *error);
/* Where: as trit_cache_user_path. */
enum trit_code trit_cache_known_path(const struct trit_cache_source *source, char *path,
                                     size_t room, struct trit_error *error);

/* Clock of the file's times, in nanoseconds. */
int64_t trit_cache_now(void);
/* Whether an identity that was taken before the file was read, from `read` on, tells of writes to
   come: not where the last was so shortly before that the next may leave the same time. */
bool trit_cache_lasts(const struct trit_file_id *file, int fd, int64_t read);

/* Of an open cache: its file, zeros where its identity does not last; its table. */
const struct trit_file_id *trit_cache_file(const struct trit_cache *cache);
uint64_t trit_cache_table_hash(const struct trit_cache *cache);
/* As trit_cache_verify, but that the checksums are believed. */
void trit_cache_trust(struct trit_cache *cache, struct trit_pool *pool);

/* Pieces of a section of that many bytes. */
static inline size_t trit_cache_pieces(uint64_t bytes)
{
    return (size_t)(bytes / TRIT_CACHE_PIECE + (bytes % TRIT_CACHE_PIECE != 0));
}

#endif

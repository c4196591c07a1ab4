/* Memory: sizes that cannot wrap, aligned blocks, and large blocks on huge pages. */
#ifndef TRIT_MEM_H
#define TRIT_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRIT_ALIGN = 64 };

/* *out = a * b, a + b; false, and *out untouched, where that wraps. */
static inline bool trit_mul(size_t a, size_t b, size_t *out)
{
    size_t r;
    return !__builtin_mul_overflow(a, b, &r) && (*out = r, true);
}
static inline bool trit_add(size_t a, size_t b, size_t *out)
{
    size_t r;
    return !__builtin_add_overflow(a, b, &r) && (*out = r, true);
}

/* Smallest multiple of unit that is >= x; x + unit must not wrap. */
static inline size_t trit_round_up(size_t x, size_t unit)
{
    return (x + unit - 1) / unit * unit;
}

/* count * size zeroed bytes, aligned to TRIT_ALIGN; NULL when that wraps or there is no memory.
   Freed with free(). */
void *trit_alloc(size_t count, size_t size);

/* old, if it has room for count elements (*have), else a zeroed block that has, and old is freed:
   what was in it is lost. NULL, and *have 0, when there is no memory. Freed with free(). */
void *trit_outgrow(void *old, size_t *have, size_t count, size_t size);

/* Room in a list for n elements of so many bytes, those that are there kept: list is the address of
   a pointer, *have the elements that it has room for. False, and nothing has changed, where that
   wraps or there is no memory. Freed with free(). */
bool trit_grow(void *list, size_t *have, size_t n, size_t each);

/* A large block of its own pages, zeroed, lazily backed, on huge pages where the system gives them
   (less than a quarter of one at its end: on small ones). NULL on failure. bytes must be the same
   when it is freed; NULL may be freed. */
void *trit_map(size_t bytes);
void trit_unmap(void *block, size_t bytes);
/* The first bytes of an open file, read only, as a block like trit_map's; trit_unmap frees it.
   Huge pages where the system has the file in them. */
const void *trit_map_file(int fd, size_t bytes);

/* Whole pages of a mapped file enter this process; nothing where the system cannot be asked. */
void trit_map_read(const void *data, size_t bytes);
/* Whole pages of a mapped file leave this process; reading them brings them back. */
void trit_map_drop(const void *data, size_t bytes);

/* Peak and present resident size of this process in bytes, 0 where the system does not tell. */
size_t trit_resident_peak(void);
size_t trit_resident_now(void);
/* How much of trit_resident_now is on huge pages; 0 where the system does not tell. */
size_t trit_resident_huge(void);
/* Resident bytes of the mappings that a block lies in, and how many of them are on huge pages;
   zeros where the system does not tell. Exact for blocks of trit_map and trit_map_file. */
void trit_resident_at(const void *block, size_t bytes, size_t *resident, size_t *huge);

#endif

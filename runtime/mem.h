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

/* A large block of its own pages, zeroed, lazily backed, on huge pages where the system
   gives them. NULL on failure. bytes must be the same when it is freed; NULL may be freed. */
void *trit_map(size_t bytes);
void trit_unmap(void *block, size_t bytes);

/* Peak and present resident size of this process in bytes, 0 where the system does not tell. */
size_t trit_resident_peak(void);
size_t trit_resident_now(void);

#endif

/* The linker puts these in the place of the functions without __wrap_. */
#define _GNU_SOURCE
#include "tests/lib_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_bool armed;
static atomic_size_t asked, denied;
static size_t first;
static bool forever;

void trit_memory_deny(size_t at, bool lasting)
{
    first = at;
    forever = lasting;
    asked = denied = 0;
    armed = true;
}

size_t trit_memory_grant(void)
{
    armed = false;
    return denied;
}

/* Whether this allocation fails. */
static bool deny(void)
{
    if (!armed)
        return false;
    const size_t i = asked++;
    const bool no = forever ? i >= first : i == first;
    if (no) {
        denied++;
        errno = ENOMEM;
    }
    return no;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t bytes)
{
    return deny() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return deny() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    return deny() ? NULL : __real_realloc(old, bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
    return deny() ? NULL : __real_aligned_alloc(align, bytes);
}

char *__wrap_strdup(const char *s)
{
    return deny() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
    return deny() ? NULL : __real_strndup(s, n);
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return (flags & MAP_ANONYMOUS) && deny()
               ? MAP_FAILED
               : __real_mmap(at, bytes, protection, flags, fd, offset);
}

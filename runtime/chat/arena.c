/* Memory that is freed at once, with a cap, and the way out of what uses it. */
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/chat/internal.h"

enum { BLOCK = 32 << 10 };

struct trit_arena_block {
    struct trit_arena_block *next;
    alignas(16) char bytes[];
};

static void more(struct trit_arena *arena, size_t bytes)
{
    size_t room = arena->used / 4 > BLOCK ? arena->used / 4 : BLOCK;
    room = room < bytes ? bytes : room;
    if (arena->used + room > arena->cap)
        room = bytes;
    if (bytes > arena->cap || arena->used + room > arena->cap)
        trit_arena_fail(arena, TRIT_EUNSUPPORTED, "more than %zu MiB of memory", arena->cap >> 20);
    struct trit_arena_block *block = malloc(sizeof *block + room);
    if (!block)
        trit_arena_fail(arena, TRIT_EMEMORY, "no memory");
    block->next = arena->blocks;
    arena->blocks = block;
    arena->used += room;
    arena->at = block->bytes;
    arena->left = room;
}

void *trit_arena_get(struct trit_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        trit_arena_fail(arena, TRIT_EMEMORY, "no memory");
    bytes = trit_round_up(bytes ? bytes : 1, 16);
    if (bytes > arena->left)
        more(arena, bytes);
    void *got = arena->at;
    arena->at += bytes;
    arena->left -= bytes;
    return got;
}

void trit_arena_free(struct trit_arena *arena)
{
    for (struct trit_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->blocks = NULL;
}

_Noreturn void trit_arena_fail(struct trit_arena *arena, enum trit_code code, const char *format,
                               ...)
{
    char text[600];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    trit_fail(arena->error, code, "chat template, line %u: %s", arena->line, text);
    longjmp(arena->out, code);
}

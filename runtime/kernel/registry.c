/* All kernels, one row each: the built-in ones and those that libraries brought. */
#include "runtime/kernel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_set.h"

#define TRIT_KERNEL(name, op, packing, act, mr, nr, kr, k, n, isa, cost, source, hash) \
    trit_##op##_fn name;
#include "kernels.inc"
#undef TRIT_KERNEL

static const struct trit_kernel built_in[] = {
#define TRIT_KERNEL(name, op, packing, act, mr, nr, kr, k, n, isa, cost, source, hash) \
    { #name, TRIT_OP_##op, packing, act,           mr, nr, kr, k, n, TRIT_ISA_##isa,   \
      cost,  source,       hash,    { .op = name } },
#include "kernels.inc"
#undef TRIT_KERNEL
};

enum { NBUILT_IN = sizeof built_in / sizeof *built_in };
const char trit_kernel_set[] = TRIT_KERNEL_SET;

/* Rows that came together. A segment never changes but for its link, which is set once: whoever
   reads needs no lock. */
struct segment {
    const struct trit_kernel *rows;
    size_t n;
    struct segment *_Atomic next;
};

static struct segment first = { .rows = built_in, .n = NBUILT_IN };
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

static const struct segment *after(const struct segment *segment)
{
    return atomic_load_explicit(&segment->next, memory_order_acquire);
}

size_t trit_kernel_count(void)
{
    size_t n = 0;
    for (const struct segment *s = &first; s; s = after(s))
        n += s->n;
    return n;
}

const struct trit_kernel *trit_kernel_at(size_t i)
{
    const struct segment *s = &first;
    while (s && i >= s->n) {
        i -= s->n;
        s = after(s);
    }
    return s ? &s->rows[i] : NULL;
}

enum trit_code trit_kernels_add(const struct trit_kernel *rows, size_t n, struct trit_error *error)
{
    if (n == 0)
        return TRIT_OK;
    struct segment *new = malloc(sizeof *new), *last = &first;
    if (!new)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu more kernels", n);
    *new = (struct segment){ .rows = rows, .n = n };
    pthread_mutex_lock(&adding);
    for (struct segment *next; (next = atomic_load(&last->next));)
        last = next;
    atomic_store_explicit(&last->next, new, memory_order_release);
    pthread_mutex_unlock(&adding);
    return TRIT_OK;
}

#define OP_NAME(name, proof) [TRIT_OP_##name] = #name,
static const char *const op_names[TRIT_NOP] = { TRIT_OPS(OP_NAME) };

const char *trit_op_name(enum trit_op op)
{
    return op < TRIT_NOP ? op_names[op] : "?";
}

enum trit_op trit_op_find(const char *name)
{
    unsigned op = 0;
    while (op < TRIT_NOP && strcmp(op_names[op], name))
        op++;
    return (enum trit_op)op;
}

const struct trit_kernel *trit_kernel_find(const char *name)
{
    for (size_t i = trit_kernel_count(); i-- > 0;)
        if (!strcmp(trit_kernel_at(i)->name, name))
            return trit_kernel_at(i);
    return NULL;
}

/* Kernels that have to prove themselves before they are used: in a child process where they come
   from a library, once per process where they are picked. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/base/child.h"
#include "runtime/kernel/probe.h"

/* Shared with the child, which may die at any kernel. */
struct batch {
    const struct trit_kernel *kernels;
    size_t n;
    _Atomic size_t next; /* the kernel that is tried, or is to be tried next */
    _Atomic bool wrong[];
};

static bool try_rest(void *arg)
{
    struct batch *b = arg;
    for (; b->next < b->n; b->next++)
        b->wrong[b->next] = !trit_kernel_probe(&b->kernels[b->next]);
    return true;
}

/* Tries kernels from b->next on. One that ends its child is tried again as the first of a new one,
   since those before it may have spoilt its memory or used up its time. */
static void try_all(struct batch *b, const char **ends)
{
    while (b->next < b->n) {
        const size_t first = b->next;
        const char *died = trit_try(try_rest, b);
        if (b->next < b->n && !died)
            died = "no process could be had to try it";
        if (died && b->next == first)
            ends[b->next++] = died;
    }
    for (size_t i = 0; i < b->n; i++)
        if (b->wrong[i])
            ends[i] = "gave wrong results";
}

void trit_kernels_probe(const struct trit_kernel *kernels, size_t n, const char **ends)
{
    const size_t bytes = sizeof(struct batch) + n * sizeof(bool);
    struct batch *b = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < n; i++)
        ends[i] = b == MAP_FAILED ? "there was no memory to try it" : NULL;
    if (b == MAP_FAILED)
        return;
    b->kernels = kernels;
    b->n = n;
    try_all(b, ends);
    munmap(b, bytes);
}

/* Kernels that were tried in this process; there are about as many as a model has shapes. */
struct verdict {
    const struct trit_kernel *kernel;
    bool sound;
};

static struct {
    pthread_mutex_t lock;
    struct verdict *v;
    size_t n, room;
} verdicts = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void remember(const struct trit_kernel *kernel, bool sound)
{
    if (verdicts.n == verdicts.room) {
        const size_t room = verdicts.room ? 2 * verdicts.room : 16;
        struct verdict *v = realloc(verdicts.v, room * sizeof *v);
        if (!v)
            return; /* it will be tried again */
        verdicts.v = v;
        verdicts.room = room;
    }
    verdicts.v[verdicts.n++] = (struct verdict){ kernel, sound };
}

bool trit_kernel_sound(const struct trit_kernel *kernel)
{
    pthread_mutex_lock(&verdicts.lock);
    size_t i = 0;
    while (i < verdicts.n && verdicts.v[i].kernel != kernel)
        i++;
    bool sound = i < verdicts.n ? verdicts.v[i].sound : trit_kernel_probe(kernel);
    if (i == verdicts.n)
        remember(kernel, sound);
    pthread_mutex_unlock(&verdicts.lock);
    return sound;
}

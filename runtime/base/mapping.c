/* Files mapped read only, and a table of them that a signal handler can read: no locks, and lines
   made beforehand, since a handler may only write and leave. */
#define _GNU_SOURCE
#include "runtime/base/mapping.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/mem.h"

enum { ENTRIES = 64 };

/* begin is written last when an entry is filled, and first when it is emptied: who sees it not 0
   sees the rest. */
struct trit_mapped {
    atomic_bool taken;
    atomic_uintptr_t begin; /* 0: not to be looked at */
    uintptr_t end;
    atomic_bool broken;
    char *line;
    size_t n;
};
static struct trit_mapped entries[ENTRIES];

static struct trit_mapped *take_entry(void)
{
    for (size_t i = 0; i < ENTRIES; i++)
        if (!atomic_exchange(&entries[i].taken, true))
            return &entries[i];
    return NULL;
}

static void free_entry(struct trit_mapped *e)
{
    if (!e)
        return;
    atomic_store(&e->begin, 0);
    free(e->line);
    e->line = NULL;
    atomic_store(&e->broken, false);
    atomic_store(&e->taken, false);
}

/* The line a handler writes; NULL without memory. */
static char *make_line(const char *path)
{
    struct trit_error e;
    char *line = malloc(sizeof e.text + 16);
    trit_fail(&e, TRIT_EIO, "%s: the file became shorter while it was read", path);
    if (line)
        strcat(strcat(strcpy(line, "tritmill: "), e.text), "\n");
    return line;
}

static bool enter(struct trit_mapping *m, const char *path)
{
    struct trit_mapped *e = m->entry = take_entry();
    if (!e)
        return true;
    e->line = make_line(path);
    if (!e->line) {
        free_entry(e);
        m->entry = NULL;
        return false;
    }
    e->n = strlen(e->line);
    e->end = (uintptr_t)m->base + trit_round_up(m->bytes, (size_t)sysconf(_SC_PAGESIZE));
    atomic_store(&e->begin, (uintptr_t)m->base);
    return true;
}

enum trit_code trit_mapping_open(struct trit_mapping *m, int fd, size_t bytes, bool huge,
                                 const char *path, struct trit_error *error)
{
    *m = (struct trit_mapping){ .bytes = bytes, .huge = huge };
    if (bytes == 0)
        return TRIT_OK;
    const void *base =
        huge ? trit_map_file(fd, bytes) : mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (!base || base == MAP_FAILED)
        return trit_fail(error, errno == ENOMEM ? TRIT_EMEMORY : TRIT_EIO, "%s: cannot map: %s",
                         path, strerror(errno));
    m->base = base;
    if (enter(m, path))
        return TRIT_OK;
    trit_mapping_close(m);
    return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
}

void trit_mapping_close(struct trit_mapping *m)
{
    void *base = (void *)(uintptr_t)m->base;
    free_entry(m->entry);
    if (m->huge)
        trit_unmap(base, m->bytes);
    else if (base)
        munmap(base, m->bytes);
    *m = (struct trit_mapping){ 0 };
}

static struct trit_mapped *entry_at(uintptr_t at)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        const uintptr_t begin = atomic_load(&entries[i].begin);
        if (begin && at >= begin && at < entries[i].end)
            return &entries[i];
    }
    return NULL;
}

static void kill_as_ever(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

/* A page past the end of its file is BUS_ADRERR. Several threads may fault at once: one speaks. */
static void speak_and_end(int number, siginfo_t *info, void *context)
{
    static atomic_flag spoken = ATOMIC_FLAG_INIT;
    const struct trit_mapped *e =
        info->si_code == BUS_ADRERR ? entry_at((uintptr_t)info->si_addr) : NULL;
    (void)context;
    if (!e) {
        kill_as_ever(number);
        return;
    }
    while (atomic_flag_test_and_set(&spoken))
        pause();
    (void)!write(STDERR_FILENO, e->line, e->n);
    _exit(1);
}

/* The rest of the mapping at once: further faults come only before it, so there are few. */
static void go_on_with_zeros(int number, siginfo_t *info, void *context)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE),
                    at = (uintptr_t)info->si_addr / page * page;
    const int saved = errno;
    struct trit_mapped *e = info->si_code == BUS_ADRERR ? entry_at(at) : NULL;
    (void)context;
    if (!e || mmap((void *)at, e->end - at, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                   0) == MAP_FAILED) {
        kill_as_ever(number);
        return;
    }
    atomic_store(&e->broken, true);
    errno = saved;
}

static void handle(void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

void trit_mapping_guard(void)
{
    handle(speak_and_end);
}

void trit_mapping_survive(void)
{
    handle(go_on_with_zeros);
}

bool trit_mapping_broken(const struct trit_mapping *m)
{
    return m->entry && atomic_load(&m->entry->broken);
}

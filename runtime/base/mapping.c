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

/* A page past the end of its file is BUS_ADRERR. Several threads may fault at once: one speaks. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    static atomic_flag spoken = ATOMIC_FLAG_INIT;
    const uintptr_t at = (uintptr_t)info->si_addr;
    (void)context;
    for (size_t i = 0; i < ENTRIES && info->si_code == BUS_ADRERR; i++) {
        const uintptr_t begin = atomic_load(&entries[i].begin);
        if (!begin || at < begin || at >= entries[i].end)
            continue;
        while (atomic_flag_test_and_set(&spoken))
            pause();
        (void)!write(STDERR_FILENO, entries[i].line, entries[i].n);
        _exit(1);
    }
    signal(number, SIG_DFL); /* not ours */
    raise(number);
}

void trit_mapping_guard(void)
{
    struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

/* The list of what must not outlive the program, and how it is swept with nothing but system calls:
   a signal may have come in the middle of malloc. */
#define _GNU_SOURCE
#include "runtime/base/litter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SLOTS = 160, /* 64 compilers (autotune/build/build.c), a folder, files being written */
    DEEPEST = 8, /* folders in folders */
    TRIES = 50,  /* a killed process may still finish the system call that it is in */
    NAP_NS = 4000000,
};

enum state { FREE, TAKEN, PATH, GROUP };

struct slot {
    _Atomic int state;
    pid_t group;
    char path[PATH_MAX];
};

struct list {
    _Atomic int used; /* slots from here on were never taken, and their pages not touched */
    struct slot slots[SLOTS];
};

static struct list *_Atomic lists; /* shared with children that are forked after the first use */
static _Atomic pid_t owner;

/* The list; NULL where there is no memory. The loser of a race gives its pages back. */
static struct list *list(void)
{
    struct list *known = atomic_load(&lists), *fresh;
    if (known)
        return known;
    fresh = mmap(NULL, sizeof *fresh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED)
        return NULL;
    if (atomic_compare_exchange_strong(&lists, &known, fresh))
        return fresh;
    munmap(fresh, sizeof *fresh);
    return known;
}

/* A slot that is the caller's; negative: there is none. */
static int take(struct list *all)
{
    for (int i = 0; all && i < SLOTS; i++) {
        int expected = FREE, used = i;
        atomic_compare_exchange_strong(&all->used, &used, i + 1); /* before it holds anything */
        if (atomic_compare_exchange_strong(&all->slots[i].state, &expected, TAKEN))
            return i;
    }
    return -1;
}

int trit_litter_add(const char *path)
{
    struct list *all = list();
    const int i = strlen(path) < PATH_MAX ? take(all) : -1;
    if (i < 0)
        return -1;
    strcpy(all->slots[i].path, path);
    atomic_store(&all->slots[i].state, PATH);
    return i;
}

int trit_litter_add_group(pid_t leader)
{
    struct list *all = list();
    const int i = take(all);
    if (i < 0)
        return -1;
    all->slots[i].group = leader;
    atomic_store(&all->slots[i].state, GROUP);
    return i;
}

void trit_litter_forget(int number)
{
    if (number >= 0)
        atomic_store(&list()->slots[number].state, FREE);
}

void trit_litter_own(void)
{
    owner = getpid();
    list(); /* before any child is forked */
}

struct entry { /* of getdents64 */
    uint64_t inode, offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static void remove_in(int folder, const char *name, int depth);

/* What is in the folder; closes it. */
static void empty(int folder, int depth)
{
    _Alignas(struct entry) char buffer[2048];
    long n;
    while ((n = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < n;) {
            const struct entry *e = (const struct entry *)(const void *)(buffer + at);
            if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
                remove_in(folder, e->name, depth + 1);
            at += e->length;
        }
    close(folder);
}

static void remove_in(int folder, const char *name, int depth)
{
    if (!unlinkat(folder, name, 0) || errno == ENOENT || depth > DEEPEST)
        return;
    const int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        return;
    empty(inner, depth);
    (void)!unlinkat(folder, name, AT_REMOVEDIR);
}

static void remove_path(const char *path)
{
    for (int i = 0; i < TRIES; i++) {
        remove_in(AT_FDCWD, path, 0);
        if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
            return;
        nanosleep(&(struct timespec){ 0, NAP_NS }, NULL);
    }
}

void trit_litter_sweep(void)
{
    const int before = errno;
    struct list *list = atomic_load(&lists);
    if (!list || owner != getpid())
        return;
    struct slot *all = list->slots;
    const int n = list->used;
    for (int i = 0; i < n; i++)
        if (all[i].state == GROUP) {
            kill(-all[i].group, SIGKILL);
            kill(all[i].group, SIGKILL); /* before it has made the group its own */
        }
    for (int i = 0; i < n; i++)
        if (all[i].state == GROUP)
            while (waitpid(all[i].group, NULL, 0) < 0 && errno == EINTR)
                ;
    for (int i = 0; i < n; i++)
        if (all[i].state == PATH)
            remove_path(all[i].path);
    for (int i = 0; i < n; i++)
        all[i].state = FREE;
    errno = before;
}

/* The threads that share a job list. A region is one atomic counter of pieces not yet taken: who
   wants work takes one off it, and only then reads what the work is. So a thread that comes late
   finds nothing, or finds the next region, and nobody waits for it: a region ends when its pieces
   are done, not when all threads have looked. Threads that the crowd (runtime/thread/crowd.c) has
   no core for sleep until it has. */
#define _GNU_SOURCE
#include "runtime/thread/internal.h"

#include <assert.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/cpu/cpu.h"

/* Pauses before a wait becomes a futex: 66 us on Zen 5, about 130 on Skylake. 300 sleep in the
   serial gaps between a layer's regions (a region of 9 us then takes 23), 10,000 gain nothing more,
   100,000 take a competitor's time. */
enum { SPIN = 3000 };

/* Values of `left` above MAX_PIECES: STOP ends the threads. */
#define STOP       UINT32_MAX
#define MAX_PIECES (UINT32_MAX - 1)

enum { LINE = 128 }; /* two cache lines: x86 fetches them in pairs */

/* What a thread did last: the region, and when it was through with it. Written before its pieces
   are reported, read after the region's end. */
struct done {
    alignas(LINE) uint64_t region, at;
};

struct worker {
    struct trit_pool *pool;
    pthread_t id;
    int thread;
};

struct trit_pool {
    /* The region. Written while left is 0, read only by those who took a piece. */
    alignas(LINE) trit_job_fn *fn;
    void *arg;
    size_t count, grain;
    struct trit_watch *watch;
    uint64_t region; /* their number */
    uint32_t pieces;

    alignas(LINE) _Atomic uint32_t left; /* pieces not taken; threads without work wait here */
    _Atomic uint32_t sleepers;           /* of them, those in the futex */

    alignas(LINE) _Atomic uint32_t undone; /* pieces not reported done; the caller waits here */
    _Atomic uint32_t caller_sleeps;

    alignas(LINE) _Atomic uint32_t active; /* threads from it on sleep here */
    int threads, started, spin;
    struct worker *workers;    /* threads - 1 */
    struct done *done;         /* threads */
    struct trit_range *ranges; /* threads */
    struct trit_crowd crowd;
    _Atomic bool claimed;
};

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, uint32_t waiters)
{
    int n = waiters < INT_MAX ? (int)waiters : INT_MAX;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static inline void pause_cpu(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("isb" ::: "memory");
#endif
}

/* Takes a piece. Returns what was left with it: 0 where nothing is. */
static uint32_t take(struct trit_pool *pool)
{
    uint32_t left = atomic_load_explicit(&pool->left, memory_order_relaxed);
    while (left > 0 && left <= MAX_PIECES &&
           !atomic_compare_exchange_weak_explicit(&pool->left, &left, left - 1,
                                                  memory_order_acquire, memory_order_relaxed))
        continue;
    return left <= MAX_PIECES ? left : 0;
}

static void stamp(struct trit_watch *watch, int thread, uint64_t begin, uint64_t end,
                  uint64_t pieces)
{
    struct trit_stamp *s = &watch->stamps[thread];
    s->region = watch->region;
    s->begin = begin;
    s->end = end;
    s->pieces = pieces;
}

/* A thread found nothing more to take. */
static void finish(struct trit_pool *pool, int thread, uint64_t started, uint32_t pieces)
{
    struct done *d = &pool->done[thread];
    d->region = pool->region;
    d->at = trit_clock();
    if (pool->watch)
        stamp(pool->watch, thread, started, d->at, pieces);
    if (atomic_fetch_sub(&pool->undone, pieces) == pieces && atomic_load(&pool->caller_sleeps))
        futex_wake(&pool->undone, 1);
}

/* Works until nothing is left, then reports all its pieces at once; no region ends before that. */
static void work(struct trit_pool *pool, int thread)
{
    uint32_t done = 0, left;
    uint64_t started = 0;
    while ((left = take(pool)) > 0) {
        if (done == 0 && pool->watch)
            started = trit_clock();
        size_t begin = (size_t)(pool->pieces - left) * pool->grain, n = pool->count - begin;
        n = n < pool->grain ? n : pool->grain;
        pool->fn(pool->arg, begin, begin + n, thread);
        done++;
    }
    if (done > 0)
        finish(pool, thread, started, done);
}

/* Spins, then sleeps, while (*word == 0) == zero; returns the value that ended it. sleepers is
   counted up before the last look at word, and looked at by wakers after they change word: one of
   both sees the other. */
static uint32_t wait_while(_Atomic uint32_t *word, bool zero, _Atomic uint32_t *sleepers, int spin)
{
    uint32_t value;
    for (int i = 0; i < spin; i++) {
        value = atomic_load_explicit(word, memory_order_acquire);
        if ((value == 0) != zero)
            return value;
        pause_cpu();
    }
    atomic_fetch_add(sleepers, 1);
    while (((value = atomic_load(word)) == 0) == zero)
        futex_wait(word, value);
    atomic_fetch_sub(sleepers, 1);
    return value;
}

/* Sleeps while the crowd has no core for the thread. */
static void stay_away(struct trit_pool *pool, int thread)
{
    uint32_t active;
    while ((active = atomic_load(&pool->active)) <= (uint32_t)thread)
        futex_wait(&pool->active, active);
}

static void *run_worker(void *arg)
{
    const struct worker *self = arg;
    struct trit_pool *pool = self->pool;
    for (;;) {
        stay_away(pool, self->thread);
        if (wait_while(&pool->left, true, &pool->sleepers, pool->spin) == STOP)
            return NULL;
        if (atomic_load_explicit(&pool->active, memory_order_relaxed) > (uint32_t)self->thread)
            work(pool, self->thread);
    }
}

static void publish(struct trit_pool *pool, uint32_t left, uint32_t useful)
{
    atomic_store(&pool->left, left);
    uint32_t sleepers = atomic_load(&pool->sleepers);
    if (sleepers > 0)
        futex_wake(&pool->left, useful < sleepers ? useful : sleepers);
}

static void run_alone(struct trit_watch *watch, size_t count, size_t grain, trit_job_fn *fn,
                      void *arg)
{
    const uint64_t started = watch ? trit_clock() : 0;
    for (size_t begin = 0, n; begin < count; begin += n) {
        n = count - begin < grain ? count - begin : grain;
        fn(arg, begin, begin + n, 0);
    }
    if (watch && count > 0)
        stamp(watch, 0, started, trit_clock(), (count - 1) / grain + 1);
}

static void set_active(struct trit_pool *pool, int active)
{
    atomic_store(&pool->active, (uint32_t)active);
    futex_wake(&pool->active, UINT32_MAX);
}

/* Tells the crowd how the region went that began then, and does as it says. called: threads that
   there were pieces for. */
static void look_around(struct trit_pool *pool, uint64_t begin, uint64_t called)
{
    const uint64_t end = trit_clock();
    const int active = pool->crowd.active;
    uint64_t stood = 0, worked = 0;
    for (int i = 0; i < pool->threads; i++)
        if (pool->done[i].region == pool->region) {
            stood += end > pool->done[i].at ? end - pool->done[i].at : 0;
            worked++;
        }
    trit_crowd_add(&pool->crowd, end, end - begin, worked > 1 ? stood / (worked - 1) : 0,
                   worked < called ? (double)(called - worked) / (double)called : 0);
    if (pool->crowd.active != active)
        set_active(pool, pool->crowd.active);
}

void trit_pool_for(struct trit_pool *pool, size_t count, size_t grain, trit_job_fn *fn, void *arg)
{
    assert(grain > 0 && count / grain < MAX_PIECES);
    if (pool->started == 0 || count <= grain) {
        run_alone(pool->watch, count, grain, fn, arg);
        return;
    }
    const uint64_t begin = trit_clock();
    pool->region++;
    if (pool->crowd.active == 1) {
        run_alone(pool->watch, count, grain, fn, arg);
        look_around(pool, begin, 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    pool->count = count;
    pool->grain = grain;
    pool->pieces = (uint32_t)(count / grain + (count % grain != 0));
    atomic_store_explicit(&pool->undone, pool->pieces, memory_order_relaxed);
    publish(pool, pool->pieces, pool->pieces - 1);
    work(pool, 0);
    wait_while(&pool->undone, false, &pool->caller_sleeps, pool->spin);
    const uint32_t active = (uint32_t)pool->crowd.active;
    look_around(pool, begin, pool->pieces < active ? pool->pieces : active);
}

int trit_pool_active(const struct trit_pool *pool)
{
    return pool->crowd.active;
}

void trit_pool_set_active(struct trit_pool *pool, int active)
{
    pool->crowd.active = active;
    set_active(pool, active);
}

void trit_pool_meet(struct trit_pool *pool, trit_job_fn *fn, void *arg)
{
    const int active = trit_pool_active(pool);
    trit_pool_set_active(pool, pool->threads);
    trit_pool_for(pool, (size_t)pool->threads, 1, fn, arg);
    trit_pool_set_active(pool, active);
}

struct trit_range *trit_pool_ranges(struct trit_pool *pool)
{
    return pool->ranges;
}

bool trit_pool_claim(struct trit_pool *pool)
{
    return !atomic_exchange_explicit(&pool->claimed, true, memory_order_acquire);
}

void trit_pool_release(struct trit_pool *pool)
{
    atomic_store_explicit(&pool->claimed, false, memory_order_release);
}

int trit_pool_threads(const struct trit_pool *pool)
{
    return pool->threads;
}

void trit_pool_watch(struct trit_pool *pool, struct trit_watch *watch)
{
    pool->watch = watch;
}

struct trit_watch *trit_pool_watched(const struct trit_pool *pool)
{
    return pool->watch;
}

/* Signals are the caller's business: the new threads take none but those that their own
   instructions raise, which kill where they are blocked. */
static int start_workers(struct trit_pool *pool)
{
    static const int own[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    sigset_t all, before;
    int failed = 0;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->started < pool->threads - 1 && !failed) {
        struct worker *w = &pool->workers[pool->started];
        *w = (struct worker){ .pool = pool, .thread = pool->started + 1 };
        failed = pthread_create(&w->id, NULL, run_worker, w);
        pool->started += !failed;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void release_memory(struct trit_pool *pool)
{
    free(pool->workers);
    free(pool->done);
    free(pool->ranges);
    free(pool);
}

static struct trit_pool *allocate(size_t threads)
{
    struct trit_pool *p = aligned_alloc(LINE, sizeof *p);
    if (!p)
        return NULL;
    *p = (struct trit_pool){ .threads = (int)threads,
                             .active = (uint32_t)threads,
                             .crowd = { .threads = (int)threads, .active = (int)threads },
                             .workers = trit_alloc(threads, sizeof *p->workers),
                             .done = aligned_alloc(LINE, threads * sizeof *p->done),
                             .ranges = trit_alloc(threads, sizeof *p->ranges) };
    if (p->workers && p->done && p->ranges) {
        memset(p->done, 0, threads * sizeof *p->done);
        return p;
    }
    release_memory(p);
    return NULL;
}

enum trit_code trit_pool_create(struct trit_pool **pool, int threads, struct trit_error *error)
{
    *pool = NULL;
    if (threads < 1 || threads > TRIT_MAX_THREADS)
        return trit_fail(error, TRIT_EARGUMENT, "%d threads: 1 to %d are possible", threads,
                         TRIT_MAX_THREADS);
    struct trit_pool *p = allocate((size_t)threads);
    if (!p)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a pool of %d threads", threads);
    /* Who spins while another thread has no CPU to run on, spins against it. */
    p->spin = threads <= trit_cpu_get()->logical ? SPIN : 0;
    int failed = start_workers(p), started = p->started + 1;
    if (failed) {
        trit_pool_destroy(p);
        return trit_fail(error, TRIT_EIO, "cannot start more than %d of %d threads: %s", started,
                         threads, strerror(failed));
    }
    *pool = p;
    return TRIT_OK;
}

void trit_pool_destroy(struct trit_pool *pool)
{
    if (!pool)
        return;
    set_active(pool, pool->threads);
    publish(pool, STOP, STOP);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].id, NULL);
    release_memory(pool);
}

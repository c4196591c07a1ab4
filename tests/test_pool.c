/* labels: threads */
/* Does the pool run every job exactly once, show its results to the caller, and end beside busy
   competitors? `pool --bench` prints what a region costs instead. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cpu/cpu.h"
#include "runtime/thread/internal.h"

enum { JOBS_MAX = 4097, THREADS_MAX = 8, COMPETITORS = 2, GUARD_SECONDS = 120 };

struct tally {
    int threads;
    size_t count, grain;
    unsigned char hits[JOBS_MAX]; /* plain on purpose: TSan then watches the pool's ordering */
    atomic_int inside[THREADS_MAX];
    atomic_int wrong;
};

static void tally_jobs(void *arg, size_t begin, size_t end, int thread)
{
    struct tally *t = arg;
    if (thread < 0 || thread >= t->threads || begin >= end || end > t->count ||
        end - begin > t->grain || begin % t->grain || (end % t->grain && end != t->count)) {
        atomic_fetch_add(&t->wrong, 1);
        return;
    }
    if (atomic_exchange(&t->inside[thread], 1))
        atomic_fetch_add(&t->wrong, 1);
    for (size_t i = begin; i < end; i++)
        t->hits[i]++;
    atomic_store(&t->inside[thread], 0);
}

static void each_job_runs_once(void **state)
{
    static const size_t counts[] = { 0, 1, 2, 3, 7, 64, 1000, JOBS_MAX };
    static const size_t grains[] = { 1, 2, 5, 64, 10000 };
    static struct tally t;
    (void)state;
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        struct trit_pool *pool;
        assert_int_equal(trit_pool_create(&pool, threads, NULL), TRIT_OK);
        assert_int_equal(trit_pool_threads(pool), threads);
        for (size_t i = 0; i < sizeof counts / sizeof *counts * (sizeof grains / sizeof *grains);
             i++) {
            t = (struct tally){ .threads = threads };
            t.count = counts[i % (sizeof counts / sizeof *counts)];
            t.grain = grains[i / (sizeof counts / sizeof *counts)];
            trit_pool_for(pool, t.count, t.grain, tally_jobs, &t);
            assert_int_equal(t.wrong, 0);
            for (size_t j = 0; j < JOBS_MAX; j++)
                assert_int_equal(t.hits[j], j < t.count);
        }
        trit_pool_destroy(pool);
    }
}

static void add_extent(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    atomic_fetch_add((_Atomic size_t *)arg, end - begin);
}

static void ends_of_huge_counts_do_not_wrap(void **state)
{
    struct trit_pool *pool;
    _Atomic size_t sum = 0;
    (void)state;
    assert_int_equal(trit_pool_create(&pool, 3, NULL), TRIT_OK);
    trit_pool_for(pool, SIZE_MAX, SIZE_MAX / 5 - 1, add_extent, &sum);
    assert_true(sum == SIZE_MAX);
    trit_pool_destroy(pool);
}

struct chain {
    uint64_t cells[3], round;
};

static void next_round(void *arg, size_t begin, size_t end, int thread)
{
    struct chain *c = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        c->cells[i] += c->round;
}

/* Each region reads what the caller wrote after the one before: a lost or late write shows. */
static void run_chain(struct trit_pool *pool, uint64_t rounds)
{
    struct chain c = { 0 };
    for (uint64_t i = 1; i <= rounds; i++) {
        c.round = i;
        trit_pool_for(pool, 3, 1, next_round, &c);
        assert_true(c.cells[0] == i * (i + 1) / 2 && c.cells[1] == c.cells[0]);
        assert_true(c.cells[2] == c.cells[0]);
    }
}

static void many_short_regions_keep_order(void **state)
{
    (void)state;
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        struct trit_pool *pool;
        assert_int_equal(trit_pool_create(&pool, threads, NULL), TRIT_OK);
        run_chain(pool, threads <= 2 ? 100000 : 5000);
        trit_pool_destroy(pool);
    }
}

/* Pauses past the spin put the threads to sleep: every wake-up is one from the futex. */
static void regions_after_sleep_wake_up(void **state)
{
    struct trit_pool *pool;
    (void)state;
    assert_int_equal(trit_pool_create(&pool, 4, NULL), TRIT_OK);
    for (int i = 0; i < 200; i++) {
        run_chain(pool, 3);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    trit_pool_destroy(pool);
}

static void pools_come_and_go(void **state)
{
    (void)state;
    trit_pool_destroy(NULL);
    for (int i = 0; i < 400; i++) {
        struct trit_pool *pool;
        assert_int_equal(trit_pool_create(&pool, 1 + i % THREADS_MAX, NULL), TRIT_OK);
        if (i % 3)
            run_chain(pool, (uint64_t)(i % 3));
        trit_pool_destroy(pool);
    }
}

/* However many threads are sent away and called back, and however late they hear of it. */
static void each_job_runs_once_with_fewer_threads(void **state)
{
    static struct tally t;
    uint32_t seed = 1;
    struct trit_pool *pool;
    (void)state;
    assert_int_equal(trit_pool_create(&pool, THREADS_MAX, NULL), TRIT_OK);
    for (int round = 0; round < 3000; round++) {
        seed = seed * 1664525u + 1013904223u;
        t = (struct tally){ .threads = THREADS_MAX };
        t.count = (seed >> 8) % 200;
        t.grain = 1 + (seed >> 20) % 9;
        if (round % 3 == 0)
            trit_pool_set_active(pool, 1 + (int)(seed >> 28) % THREADS_MAX);
        trit_pool_for(pool, t.count, t.grain, tally_jobs, &t);
        assert_int_equal(t.wrong, 0);
        for (size_t j = 0; j < 200; j++)
            assert_int_equal(t.hits[j], j < t.count);
    }
    trit_pool_set_active(pool, 1); /* ends while threads are away */
    trit_pool_destroy(pool);
}

static void thread_counts_out_of_range_are_refused(void **state)
{
    static const int counts[] = { 0, -1, TRIT_MAX_THREADS + 1 };
    struct trit_error error;
    struct trit_pool *pool;
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        assert_int_equal(trit_pool_create(&pool, counts[i], &error), TRIT_EARGUMENT);
        assert_non_null(strstr(error.text, "threads"));
    }
}

static void start_competitors(pid_t pids[static COMPETITORS])
{
    for (int i = 0; i < COMPETITORS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (volatile unsigned n = 0;; n++)
                continue;
        }
    }
}

static void stop_competitors(const pid_t pids[static COMPETITORS])
{
    for (int i = 0; i < COMPETITORS; i++)
        if (pids[i] > 0) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
}

/* The alarm is the bound: with an unbounded spin and a barrier of all threads this took minutes. */
static void ends_beside_busy_competitors(void **state)
{
    pid_t pids[COMPETITORS];
    struct trit_pool *pool;
    (void)state;
    start_competitors(pids);
    assert_int_equal(trit_pool_create(&pool, trit_cpu_get()->logical, NULL), TRIT_OK);
    run_chain(pool, 20000);
    trit_pool_destroy(pool);
    stop_competitors(pids);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void spin_for(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    for (size_t i = begin; i < end; i++)
        for (volatile int n = *(const int *)arg; n > 0; n--)
            continue;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_one(const char *name, int threads, int work)
{
    enum { N = 20000, PIECES = 8 };
    static double us[N];
    struct trit_pool *pool;
    double sum = 0;
    if (trit_pool_create(&pool, threads, NULL))
        return;
    for (int i = 0; i < N; i++) {
        double start = now();
        trit_pool_for(pool, PIECES, 1, spin_for, &work);
        us[i] = (now() - start) * 1e6;
        sum += us[i];
    }
    trit_pool_destroy(pool);
    qsort(us, N, sizeof *us, by_value);
    printf(
        "%-10s %2d threads, 8 pieces of %4d: median %7.2f us, mean %7.2f, p99 %8.2f, max %8.1f\n",
        name, threads, work, us[N / 2], sum / N, us[N * 99 / 100], us[N - 1]);
}

static int bench(void)
{
    static const int work[] = { 0, 1000 };
    pid_t pids[COMPETITORS];
    for (int busy = 0; busy < 2; busy++) {
        if (busy)
            start_competitors(pids);
        for (int threads = 1; threads <= trit_cpu_get()->logical; threads *= 2)
            for (int i = 0; i < 2; i++)
                bench_one(busy ? "contended" : "idle", threads, work[i]);
    }
    stop_competitors(pids);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_job_runs_once),
        cmocka_unit_test(ends_of_huge_counts_do_not_wrap),
        cmocka_unit_test(many_short_regions_keep_order),
        cmocka_unit_test(regions_after_sleep_wake_up),
        cmocka_unit_test(pools_come_and_go),
        cmocka_unit_test(each_job_runs_once_with_fewer_threads),
        cmocka_unit_test(thread_counts_out_of_range_are_refused),
        cmocka_unit_test(ends_beside_busy_competitors),
    };
    if (argc > 1 && !strcmp(argv[1], "--bench"))
        return bench();
    alarm(GUARD_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
